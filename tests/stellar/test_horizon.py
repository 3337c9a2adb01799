"""The client of Horizon: good answers are read, and everything else is one error with a reason."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tests.stellar.scripted_horizon import (
    ACCOUNT,
    PASSPHRASE,
    Fault,
    ScriptedHorizon,
    closed_at,
    event_stream,
    json_response,
    operation_id,
    payment_record,
    problem,
    scripted_horizon,
)

from roadstead.stellar.horizon import AnswerTooLarge, HorizonClient, HorizonFault
from roadstead.stellar.records import position_of, read_page


@pytest.fixture
async def horizon() -> AsyncIterator[ScriptedHorizon]:
    async with scripted_horizon() as scripted:
        yield scripted


@pytest.fixture
async def client(horizon: ScriptedHorizon) -> AsyncIterator[HorizonClient]:
    opened = HorizonClient(
        horizon.url + "/",
        answer_timeout_s=1.0,
        stream_idle_timeout_s=1.0,
        answer_bytes_max=100_000,
        event_bytes_max=10_000,
    )
    yield opened
    await opened.close()


def answering(make: Callable[[], Response]) -> Fault:
    async def fault(_: Request) -> Response:
        return make()

    return fault


def streaming(*pieces: bytes) -> Fault:
    async def sent() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return answering(lambda: event_stream(sent()))


async def hang(_: Request) -> Response:
    await asyncio.sleep(60)
    return Response()


BAD_ANSWERS: list[tuple[Fault, str]] = [
    (problem(429, "Rate Limit Exceeded"), "status_429"),
    (problem(503, "Still Ingesting"), "status_503"),
    (problem(504, "Timeout"), "status_504"),
    (problem(404, "Resource Missing"), "status_404"),
    (answering(lambda: Response(b"\xff" * 50_000, status_code=500)), "status_500"),
    (answering(lambda: RedirectResponse("https://elsewhere.example/")), "status_307"),
    (answering(lambda: Response(b"")), "unreadable"),
    (answering(lambda: Response(b"<html>")), "unreadable"),
    (answering(lambda: json_response({})), "unreadable"),
    (answering(lambda: json_response([])), "unreadable"),
    (answering(lambda: Response(b"[" * 99_000)), "unreadable"),
    (answering(lambda: Response(b"no gzip" * 9, headers={"content-encoding": "gzip"})), "connection"),
    (answering(lambda: Response(b" " * 200_000)), "too_large"),
    (
        answering(lambda: Response(gzip.compress(b" " * 2_000_000), headers={"content-encoding": "gzip"})),
        "too_large",
    ),
    (hang, "timeout"),
]


class TestRoot:
    async def test_the_network_and_the_last_ledger_are_read(self, client: HorizonClient) -> None:
        root = await client.root()
        assert root.network_passphrase == PASSPHRASE
        assert (root.latest_ledger, root.latest_ledger_closed_at) == (100, closed_at(100))
        assert root.elder_ledger == 1

    @pytest.mark.parametrize(("fault", "reason"), BAD_ANSWERS, ids=[reason for _, reason in BAD_ANSWERS])
    async def test_whatever_is_no_good_answer_is_a_fault(
        self, horizon: ScriptedHorizon, client: HorizonClient, fault: Fault, reason: str
    ) -> None:
        horizon.root_fault = fault
        with pytest.raises(HorizonFault) as caught:
            await client.root()
        assert caught.value.reason == reason

    async def test_a_moment_outside_of_the_calendar_is_unreadable(
        self, horizon: ScriptedHorizon, client: HorizonClient
    ) -> None:
        content = {
            "network_passphrase": "x",
            "history_latest_ledger": 1,
            "history_latest_ledger_closed_at": "0001-01-01T00:00:00+14:00",
        }
        horizon.root_fault = answering(lambda: json_response(content))
        with pytest.raises(HorizonFault, match="ROADSTEAD_HORIZON_URLS"):
            await client.root()

    async def test_nobody_at_the_address_is_a_fault(self, horizon: ScriptedHorizon) -> None:
        client = HorizonClient("http://127.0.0.1:1")
        with pytest.raises(HorizonFault):
            await client.root()
        await client.close()


class TestOperations:
    async def test_pages_follow_each_other(self, horizon: ScriptedHorizon, client: HorizonClient) -> None:
        horizon.add(*(payment_record(ledger) for ledger in range(2, 7)))
        first = await client.operations(ACCOUNT, "0", 3)
        second = await client.operations(ACCOUNT, str(position_of(first.records[-1])), 3)
        assert [position_of(record) for record in first.records + second.records] == [
            operation_id(ledger) for ledger in range(2, 7)
        ]

    @pytest.mark.parametrize(("fault", "reason"), BAD_ANSWERS, ids=[reason for _, reason in BAD_ANSWERS])
    async def test_whatever_is_no_page_is_a_fault(
        self, horizon: ScriptedHorizon, client: HorizonClient, fault: Fault, reason: str
    ) -> None:
        horizon.page_fault = fault
        with pytest.raises(HorizonFault) as caught:
            await client.operations(ACCOUNT, "0")
        assert caught.value.reason == reason
        horizon.page_fault = None
        assert (await client.operations(ACCOUNT, "0")).records == ()

    @pytest.mark.parametrize("text", [b'"\\ud800"', b'"\x01"', b'"\xff"', b"NaN", b"1e999"])
    def test_a_record_that_is_no_json_spoils_no_other(self, text: bytes) -> None:
        good, bad = b'{"paging_token": "1"}', b'{"paging_token": "2", "memo": ' + text + b"}"
        page = read_page(b'{"_embedded": {"records": [' + good + b", " + bad + b"]}}")
        assert [position_of(record) for record in page.records] == [1, 2]


class TestStream:
    async def test_what_happens_is_told_until_the_goodbye(
        self, horizon: ScriptedHorizon, client: HorizonClient
    ) -> None:
        horizon.add(payment_record(101))
        async with aclosing(client.stream(ACCOUNT, "0")) as events:
            identifier, record = await anext(events)
            assert identifier == str(operation_id(101))
            assert json.loads(record) == payment_record(101)
            horizon.add(payment_record(102))
            assert (await anext(events))[0] == str(operation_id(102))

    async def test_torn_lines_are_put_together(self, horizon: ScriptedHorizon, client: HorizonClient) -> None:
        horizon.stream_fault = streaming(
            b'event: open\ndata: "hel', b'lo"\n\nid: 1', b'7\ndata: {"a"', b": 1}\n", b"\nid: 18\ndata: {torn"
        )
        assert [event async for event in client.stream(ACCOUNT, "0")] == [("17", b'{"a": 1}')]

    async def test_nothing_after_the_goodbye_is_told(
        self, horizon: ScriptedHorizon, client: HorizonClient
    ) -> None:
        horizon.stream_fault = streaming(b'event: close\ndata: "byebye"\n\nid: 1\ndata: {}\n\n')
        assert [event async for event in client.stream(ACCOUNT, "0")] == []

    async def test_an_error_event_is_a_fault(self, horizon: ScriptedHorizon, client: HorizonClient) -> None:
        horizon.stream_fault = streaming(b"event: error\ndata: problem\n\n")
        with pytest.raises(HorizonFault) as caught:
            await anext(client.stream(ACCOUNT, "0"))
        assert caught.value.reason == "stream_error"

    async def test_silence_is_a_fault(self, horizon: ScriptedHorizon, client: HorizonClient) -> None:
        with pytest.raises(HorizonFault) as caught:
            await anext(client.stream(ACCOUNT, "0"))
        assert caught.value.reason == "timeout"
        assert horizon.requests == ["stream"]

    async def test_an_event_without_end_is_a_fault(
        self, horizon: ScriptedHorizon, client: HorizonClient
    ) -> None:
        horizon.stream_fault = streaming(*[b"data: " + b"x" * 1000 + b"\n"] * 20)
        with pytest.raises(AnswerTooLarge):
            await anext(client.stream(ACCOUNT, "0"))

    async def test_a_page_in_place_of_a_stream_is_a_fault(
        self, horizon: ScriptedHorizon, client: HorizonClient
    ) -> None:
        horizon.stream_fault = answering(lambda: json_response({}))
        with pytest.raises(HorizonFault) as caught:
            await anext(client.stream(ACCOUNT, "0"))
        assert caught.value.reason == "unreadable"

    async def test_a_refusal_is_a_fault(self, horizon: ScriptedHorizon, client: HorizonClient) -> None:
        horizon.stream_fault = problem(503, "Stale History")
        with pytest.raises(HorizonFault) as caught:
            await anext(client.stream(ACCOUNT, "0"))
        assert caught.value.reason == "status_503"
