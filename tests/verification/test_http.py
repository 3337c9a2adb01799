"""The http verifier at the wire: what is signed is what is sent, and documents go one by one until none is wanted."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.fixtures.authentication import serving
from tests.verification.benches import new_case

from roadstead.clock import SystemClock
from roadstead.config.secrets import Secret
from roadstead.contract.papers import Papers
from roadstead.errors import Conflict, Unauthenticated
from roadstead.verification.http import ROUNDS_MAX, HttpVerifier
from roadstead.verification.protocol import Refused, Started, Unknown, VerificationCase
from roadstead.verification.signatures import SIGNATURE_HEADER, require_request

SECRET = "between us"
Answer = tuple[int, Any]


@dataclass(slots=True)
class Adapter:
    """What an integrator writes: checks signatures, and answers as a test says."""

    answers: Callable[[str, str], Answer | None] = lambda _method, _path: None
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path as it was sent, of all whose signature holds."""
    documents: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Media type and digest of what came, by path."""
    wanted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        path, body = request.scope["raw_path"].decode(), await request.body()
        try:
            require_request(
                SECRET.encode(),
                request.headers.get(SIGNATURE_HEADER, ""),
                SystemClock().now(),
                method=request.method,
                path=path,
                body=body,
            )
        except Unauthenticated as error:
            self.refused.append(f"{path}: {error.message}")
            return Response(status_code=401)
        self.requests.append((request.method, path))
        status, content = self.answers(request.method, path) or self._usual(request, path, body)
        return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")

    def _usual(self, request: Request, path: str, body: bytes) -> Answer:
        if "/documents/" in path:
            self.documents[path] = (request.headers["content-type"], hashlib.sha256(body).hexdigest())
            name = path.rpartition("/")[2]
            self.wanted = [one for one in self.wanted if one != name]
            return 200, {}
        return (200, {"wanted": self.wanted}) if self.wanted else (200, {"reference": "has:it"})


@asynccontextmanager
async def line_to(adapter: Adapter) -> AsyncIterator[HttpVerifier]:
    application = Starlette(routes=[Route("/{rest:path}", adapter.answer, methods=["GET", "PUT", "DELETE"])])
    async with serving(application) as url:
        verifier = HttpVerifier(
            name="ours", base_url=f"{url}/v1/", secret=Secret(SECRET), clock=SystemClock(), timeout_s=2
        )
        try:
            yield verifier
        finally:
            await verifier.close()


def case_with(papers: Papers) -> VerificationCase:
    return new_case(documents=papers.both_sides())


class TestSigning:
    @pytest.mark.parametrize(
        "reference", ["plain-1", "app:17", "a/b", "dGVzdA==", "x@y+z", "100%", "q?a=1&b#c"]
    )
    async def test_covers_the_path_as_it_is_sent_whatever_is_in_the_reference(self, reference: str) -> None:
        adapter = Adapter(answers=lambda _method, _path: (404, {}))
        async with line_to(adapter) as verifier:
            assert await verifier.fetch(reference) == Refused(reason="unknown_reference")
        assert adapter.refused == []
        assert len(adapter.requests) == 1


class TestDocuments:
    async def test_that_nobody_wants_are_not_read(self) -> None:
        papers = Papers()
        async with line_to(Adapter()) as verifier:
            assert await verifier.start(case_with(papers)) == Started(reference="has:it")
        assert papers.opened == 0

    async def test_that_are_wanted_are_sent_between_two_puts_of_the_case(self) -> None:
        papers, adapter = Papers(), Adapter(wanted=["photo_id_front", "photo_id_back"])
        case = case_with(papers)
        async with line_to(adapter) as verifier:
            assert await verifier.start(case) == Started(reference="has:it")
        place = f"/v1/cases/{case.id}"
        assert adapter.requests == [
            ("PUT", place),
            ("PUT", f"{place}/documents/photo_id_front"),
            ("PUT", f"{place}/documents/photo_id_back"),
            ("PUT", place),
        ]
        for document in case.documents:
            assert adapter.documents[f"{place}/documents/{document.field}"] == ("image/png", document.sha256)

    async def test_go_on_where_they_were_interrupted(self) -> None:
        papers = Papers()
        adapter = Adapter(wanted=["photo_id_front", "photo_id_back"])
        adapter.answers = lambda _method, path: (503, {}) if path.endswith("back") else None
        case = case_with(papers)
        async with line_to(adapter) as verifier:
            assert isinstance(await verifier.start(case), Unknown)
            adapter.answers = lambda _method, _path: None
            assert await verifier.start(case) == Started(reference="has:it")
        sent = [path.rpartition("/")[2] for _, path in adapter.requests if "/documents/" in path]
        assert sent == ["photo_id_front", "photo_id_back", "photo_id_back"]

    @pytest.mark.parametrize("status", [400, 413, 415, 422])
    async def test_that_the_provider_will_not_take_refuse_the_case(self, status: int) -> None:
        adapter = Adapter(wanted=["photo_id_back"])
        adapter.answers = lambda _method, path: (
            (status, {"code": "BAD_FILE"}) if path.endswith("back") else None
        )
        async with line_to(adapter) as verifier:
            assert await verifier.start(case_with(Papers())) == Refused(reason="BAD_FILE")

    @pytest.mark.parametrize(
        "said", [{"wanted": ["photo_of_nobody"]}, {"wanted": "all"}, {}, {"reference": None}, []]
    )
    async def test_an_answer_that_makes_no_sense_is_unknown_and_sends_nothing(self, said: Any) -> None:
        papers, adapter = Papers(), Adapter(answers=lambda _method, _path: (200, said))
        async with line_to(adapter) as verifier:
            assert isinstance(await verifier.start(case_with(papers)), Unknown)
        assert papers.opened == 0

    async def test_that_are_wanted_again_and_again_are_not_sent_for_ever(self) -> None:
        papers = Papers()
        adapter = Adapter(
            answers=lambda _method, path: (
                (200, {}) if "/documents/" in path else (200, {"wanted": ["photo_id_back"]})
            )
        )
        async with line_to(adapter) as verifier:
            assert isinstance(await verifier.start(case_with(papers)), Unknown)
        assert papers.opened == ROUNDS_MAX

    async def test_that_were_replaced_meanwhile_are_for_the_house_to_know(self) -> None:
        papers = Papers(problem=Conflict("Document photo_id_back was replaced."))
        async with line_to(Adapter(wanted=["photo_id_back"])) as verifier:
            with pytest.raises(Conflict):
                await verifier.start(case_with(papers))
