"""Answers of the bank, good and bad: JSON, refusals, and what a fault makes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from roadstead.errors import RoadsteadError
from roadstead.sandbox.bank.connection import cut
from roadstead.sandbox.bank.faults import Fault, FaultKind

FORGED = "forged"
UNSIGNED = "unsigned"

_BEFORE_EXECUTION = {
    FaultKind.LOST_REQUEST,
    FaultKind.ERROR,
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.FORGED_ANSWER,
}
_AFTER_EXECUTION = {FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER_EXECUTION}


def answer(content: Any, status: int = 200) -> Response:
    """Return JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def refusal(error: RoadsteadError) -> Response:
    """Return what an error says."""
    return answer({"code": error.code, "message": error.message}, error.http_status)


async def under(
    fault: Fault | None, request: Request, carry_out: Callable[[], Awaitable[Response]]
) -> Response:
    """Answer as the fault has it; a call that fails by itself is cut or covered up like any other."""
    if fault is None:
        return await carry_out()
    if fault.kind in _BEFORE_EXECUTION:
        return _failure(fault, request)
    if fault.kind is FaultKind.LATE_EXECUTION:
        await asyncio.sleep(fault.delay_s)
    try:
        good = await carry_out()
    except RoadsteadError as error:
        good = refusal(error)
    if fault.kind in _AFTER_EXECUTION:
        return _failure(fault, request)
    if fault.kind is FaultKind.SLOW_ANSWER:
        await asyncio.sleep(fault.delay_s)
    if fault.kind is FaultKind.HALF_ANSWER:
        half = bytes(good.body)[: len(good.body) // 2]
        return Response(half, good.status_code, media_type="application/json")
    if fault.kind is FaultKind.UNSIGNED_ANSWER:
        request.state.seal = UNSIGNED
    return good


def seal_of(request: Request) -> str:
    """Return how the answer to a request is to be sealed: as usual (nothing), `FORGED` or `UNSIGNED`."""
    return getattr(request.state, "seal", "")


def _failure(fault: Fault, request: Request) -> Response:
    match fault.kind:
        case FaultKind.LOST_REQUEST | FaultKind.LOST_ANSWER:
            return cut(request)
        case FaultKind.TOO_MANY_REQUESTS:
            late = answer({"code": "too_many_requests", "message": "A fault of the plan."}, 429)
            late.headers["Retry-After"] = str(fault.retry_after_s)
            return late
        case FaultKind.FORGED_ANSWER:
            request.state.seal = FORGED
            return answer({"code": "bad_input", "message": "A fault of the plan."}, 400)
        case _:
            return answer({"code": "error", "message": "A fault of the plan."}, 500)
