"""The stage: what a test asks this network to do that no real one would do on request."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import hal
from .face import Face
from .problems import Problem
from .submission_routes import limited_body

_Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
_Seconds = Annotated[int, msgspec.Meta(ge=-(10**9), le=10**9)]
LEDGERS_MAX = 1000


class CloseLedgers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Close ledgers now."""

    count: Annotated[int, msgspec.Meta(ge=1, le=LEDGERS_MAX)] = 1


class SetClosing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stop or resume the closing of ledgers."""

    paused: bool


class MoveClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Move the network's time ahead of the machine's."""

    advance_s: _Seconds


class Fail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer requests under a path with a status, for a time and perhaps for a number of requests."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 10.0
    requests: _Count | None = None
    path: str = "/"


class LoseAnswers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accept the next transactions, but answer that they timed out."""

    count: _Count = 1


class DisturbStreams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Break streams off, send events twice, or leave some out."""

    drop_after: _Count | None = None
    streams: _Count = 1
    duplicate: _Count = 0
    skip: _Count = 0


class LagHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let history show ledgers late: by a number of ledgers, or none beyond the present one."""

    ledgers: _Count = 0
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class StageRoutes:
    """The endpoints under /sandbox."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/sandbox", self.look),
            Route("/sandbox/ledgers", self.close, methods=["POST"]),
            Route("/sandbox/closing", self.set_closing, methods=["POST"]),
            Route("/sandbox/clock", self.move_clock, methods=["POST"]),
            Route("/sandbox/failures", self.failures, methods=["POST", "DELETE"]),
            Route("/sandbox/lost-answers", self.lose_answers, methods=["POST"]),
            Route("/sandbox/streams", self.disturb_streams, methods=["POST"]),
            Route("/sandbox/lag", self.lag, methods=["POST"]),
            Route("/sandbox/reset", self.reset, methods=["POST"]),
        ]

    def _present(self) -> Response:
        face, network = self.face, self.face.network
        return hal(
            {
                "latest_ledger": network.header.sequence,
                "visible_ledger": face.visible_ledger,
                "close_time": network.header.close_time,
                "clock_offset_s": network.offset_s,
                "closing_paused": face.paused,
                "waiting_transactions": len(network.pending.hashes),
                "lost_answers": face.faults.lost_answers,
                "failing_status": face.faults.status,
            }
        )

    async def look(self, _request: Request) -> Response:
        """How things stand."""
        return self._present()

    async def close(self, request: Request) -> Response:
        """Close ledgers now, also while closing is stopped."""
        asked = await _body(request, CloseLedgers)
        for _ in range(asked.count):
            self.face.network.close()
            await asyncio.sleep(0)
        return self._present()

    async def set_closing(self, request: Request) -> Response:
        """Stop or resume closing."""
        asked = await _body(request, SetClosing)
        self.face.paused = asked.paused
        if not asked.paused:
            for listener in list(self.face.network.accepted_listeners):
                listener()
        return self._present()

    async def move_clock(self, request: Request) -> Response:
        """Jump ahead in time. Ledgers never close earlier than the one before."""
        asked = await _body(request, MoveClock)
        self.face.network.offset_s += asked.advance_s
        return self._present()

    async def failures(self, request: Request) -> Response:
        """Fail for a while; DELETE ends every staged failure."""
        if request.method == "DELETE":
            self.face.faults.clear()
            self.face.announce()
            return self._present()
        asked = await _body(request, Fail)
        self.face.faults.fail(asked.status, seconds=asked.seconds, requests=asked.requests, paths=asked.path)
        return self._present()

    async def lose_answers(self, request: Request) -> Response:
        """Lose the answers to the next submissions."""
        self.face.faults.lost_answers = (await _body(request, LoseAnswers)).count
        return self._present()

    async def disturb_streams(self, request: Request) -> Response:
        """Disturb streams that begin, and events that are sent, from now on."""
        asked = await _body(request, DisturbStreams)
        faults = self.face.faults
        faults.drop_stream_after, faults.drop_streams_left = asked.drop_after, asked.streams
        faults.duplicate_events, faults.skipped_events = asked.duplicate, asked.skip
        return self._present()

    async def lag(self, request: Request) -> Response:
        """Let history lag behind; with neither, it catches up."""
        asked = await _body(request, LagHistory)
        faults = self.face.faults
        faults.lag = asked.ledgers
        faults.frozen_at = self.face.network.header.sequence if asked.frozen else None
        self.face.announce()
        return self._present()

    async def reset(self, _request: Request) -> Response:
        """Begin a new network with the same passphrase; open streams end."""
        self.face.network.reset()
        self.face.faults.clear()
        self.face.end_streams()
        return self._present()


_Asked = TypeVar("_Asked", bound=msgspec.Struct)


async def _body(request: Request, kind: type[_Asked]) -> _Asked:
    """The request's JSON, or what it says without one."""
    content = await limited_body(request)
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise Problem(400, "bad_request", "Bad Request", f"The stage cannot do that: {error}") from error
