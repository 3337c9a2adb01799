"""Asking Horizon who signs for an account: a real HTTP server on loopback says what a Horizon, or a bad one, says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from tests.fixtures.authentication import key

from roadstead.errors import Unavailable
from roadstead.stellar.accounts import (
    ANSWER_BYTES_MAX,
    AccountSigner,
    AccountSigners,
    HorizonAccountReader,
)

ACCOUNT, OTHER = key("client").public_key, key("other").public_key
FOUND: dict[str, Any] = {
    "id": ACCOUNT,
    "account_id": ACCOUNT,
    "sequence": "12345",
    "subentry_count": 3,
    "thresholds": {"low_threshold": 1, "med_threshold": 2, "high_threshold": 3},
    "signers": [
        {"weight": 1, "key": OTHER, "type": "ed25519_public_key"},
        {
            "weight": 5,
            "key": "XCHH5K5BWIYSBQ7JWAKMEHJNCIIZTBYKA5BTOXPO6Q5VH2PBSUQPCMFK",
            "type": "sha256_hash",
        },
        {
            "weight": 5,
            "key": "TAN2E4ZNVS4FMJVQNJMLGZA6YLZ4UTLXVMPLJ6S7AVTMCYYWPHSUHRSY",
            "type": "preauth_tx",
        },
        {"weight": 0, "key": ACCOUNT, "type": "ed25519_public_key"},
    ],
}
MISSING = {
    "type": "https://stellar.org/horizon-errors/not_found",
    "title": "Resource Missing",
    "status": 404,
    "detail": "The resource at the url requested was not found.",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def horizon(handler: Handler, *, timeout_s: float = 5.0) -> AsyncIterator[HorizonAccountReader]:
    """A reader whose Horizon answers with `handler`."""
    application = web.Application()
    application.router.add_get("/accounts/{account}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    reader = HorizonAccountReader(f"http://{host}:{port}/", timeout_s=timeout_s)
    try:
        yield reader
    finally:
        await reader.close()
        await runner.cleanup()


def saying(status: int, content: object) -> Handler:
    """Answer every question alike."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type="application/json")

    return answer


class TestAnswers:
    async def test_an_account_has_its_thresholds_and_its_keys_and_no_other_signers(self) -> None:
        async with horizon(saying(200, FOUND)) as reader:
            assert await reader.signers(ACCOUNT) == AccountSigners(
                low_threshold=1,
                medium_threshold=2,
                high_threshold=3,
                signers=(AccountSigner(key=OTHER, weight=1), AccountSigner(key=ACCOUNT, weight=0)),
            )

    async def test_an_account_that_horizon_does_not_find_does_not_exist(self) -> None:
        async with horizon(saying(404, MISSING)) as reader:
            assert await reader.signers(ACCOUNT) is None

    async def test_each_question_is_asked_anew(self) -> None:
        asked: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            asked.append(request.path)
            return web.json_response(
                FOUND if len(asked) == 1 else MISSING, status=200 if len(asked) == 1 else 404
            )

        async with horizon(answer) as reader:
            assert await reader.signers(ACCOUNT) is not None
            assert await reader.signers(ACCOUNT) is None
        assert asked == [f"/accounts/{ACCOUNT}"] * 2

    async def test_it_may_be_closed_and_asked_again(self) -> None:
        async with horizon(saying(404, MISSING)) as reader:
            await reader.close()
            assert await reader.signers(ACCOUNT) is None
            await reader.close()
            assert await reader.signers(ACCOUNT) is None


class TestWhatIsNoAnswer:
    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (404, b"<html>404 page not found</html>"),
            (404, {"type": "https://proxy.example/unknown_host"}),
            (404, {"status": 404}),
            (404, b""),
            (200, b""),
            (200, b"{"),
            (200, b"\xff\xfe"),
            (200, {}),
            (200, MISSING),
            (200, {**FOUND, "account_id": OTHER}),
            (200, {**FOUND, "signers": None}),
            (200, {**FOUND, "thresholds": {"low_threshold": 1, "high_threshold": 3}}),
            (200, {**FOUND, "signers": [{"weight": "1", "key": OTHER, "type": "ed25519_public_key"}]}),
            (204, b""),
            (301, FOUND),
            (400, MISSING),
            (429, MISSING),
            (500, FOUND),
            (503, MISSING),
            (504, b""),
        ],
    )
    async def test_it_leaves_open_whether_the_account_exists(self, status: int, content: object) -> None:
        async with horizon(saying(status, content)) as reader:
            with pytest.raises(Unavailable, match="could not be asked"):
                await reader.signers(ACCOUNT)

    async def test_a_redirect_is_not_followed(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.query:
                return web.json_response(FOUND)
            raise web.HTTPFound(f"{request.path}?elsewhere=1")

        async with horizon(answer) as reader:
            with pytest.raises(Unavailable, match="status 302"):
                await reader.signers(ACCOUNT)

    async def test_an_endless_answer_is_cut_off(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(ANSWER_BYTES_MAX // 65_536 + 2):
                await response.write(b" " * 65_536)
            return response

        async with horizon(answer) as reader:
            with pytest.raises(Unavailable, match="more than"):
                await reader.signers(ACCOUNT)

    async def test_a_slow_answer_is_not_waited_for(self) -> None:
        released = asyncio.Event()

        async def answer(_request: web.Request) -> web.StreamResponse:
            await released.wait()
            return web.json_response(MISSING, status=404)

        async with horizon(answer, timeout_s=0.2) as reader:
            with pytest.raises(Unavailable, match="TimeoutError"):
                await reader.signers(ACCOUNT)
            released.set()

    async def test_a_horizon_that_is_not_there_is_no_missing_account(self) -> None:
        async with horizon(saying(404, MISSING)) as reader:
            gone = HorizonAccountReader(reader._horizon_url)
        with pytest.raises(Unavailable):
            await gone.signers(ACCOUNT)
        await gone.close()
