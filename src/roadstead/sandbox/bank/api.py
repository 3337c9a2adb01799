"""The bank over HTTP: reads requests, asks the teller, and answers only what is durable."""

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.clock import utc_text
from roadstead.errors import BadInput, NotFound, RoadsteadError, TooLarge, Unauthenticated
from roadstead.sandbox.bank.connection import cut
from roadstead.sandbox.bank.events import Instruction
from roadstead.sandbox.bank.faults import Fault, FaultKind, FaultPlan, Operation, take
from roadstead.sandbox.bank.teller import Teller
from roadstead.sandbox.bank.views import (
    PayoutFilter,
    account_views,
    balance_view,
    event_id,
    event_number,
    event_view,
    executed_views,
    payout_view,
)

BODY_MAX_BYTES = 64 * 1024
EVENTS_LIMIT_DEFAULT = 200
EVENTS_LIMIT_MAX = 1000

_BEFORE_EXECUTION = {FaultKind.LOST_REQUEST, FaultKind.ERROR, FaultKind.TOO_MANY_REQUESTS}
_AFTER_EXECUTION = {FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER_EXECUTION}
_Body = TypeVar("_Body")
_Handler = Callable[[Request], Awaitable[Response]]


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of `GET /events`."""

    after: str = ""
    limit: int = EVENTS_LIMIT_DEFAULT


class BankApi:
    """The routes of the bank. With a token, all but the list of executed payouts and health require it."""

    def __init__(self, *, teller: Teller, token: str | None, kept_on_disk: bool) -> None:
        self._teller = teller
        self._token = token
        self._kept_on_disk = kept_on_disk
        self._plan = FaultPlan()

    def application(self) -> Starlette:
        """Build the ASGI application."""
        routes = [
            self._route("/health", "GET", self._health, is_open=True),
            self._route("/payouts", "GET", self._executed, is_open=True),
            self._route("/payouts/{key}", "PUT", self._submit),
            self._route("/payouts/{key}", "GET", self._find),
            self._route("/events", "GET", self._events),
            self._route("/balances", "GET", self._balances),
            self._route("/accounts", "GET", self._accounts),
            self._route("/faults", "GET", self._faults),
            self._route("/faults", "PUT", self._set_faults),
        ]
        return Starlette(routes=routes)

    def _route(self, path: str, method: str, handler: _Handler, *, is_open: bool = False) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request, is_open=is_open)
                return await handler(request)
            except RoadsteadError as error:
                return _refusal(error)

        return Route(path, endpoint, methods=[method])

    def _admit(self, request: Request, *, is_open: bool) -> None:
        if self._token is None or (is_open and _is_local(request)):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._token.encode()):
            raise Unauthenticated("This bank wants its token: send `Authorization: Bearer ...`.")

    async def _health(self, _request: Request) -> Response:
        book = self._teller.book
        return await self._durable(
            {
                "status": "ok",
                "bank_id": book.bank_id,
                "state": "disk" if self._kept_on_disk else "memory",
                "payouts": len(book.payouts),
                "executed": len(book.executed),
            }
        )

    async def _executed(self, request: Request) -> Response:
        wanted = _query(request, PayoutFilter)
        if wanted.limit is not None and wanted.limit < 0:
            raise BadInput("limit is 0 or more.")
        return await self._durable({"payouts": executed_views(self._teller.book, wanted)})

    async def _submit(self, request: Request) -> Response:
        key = request.path_params["key"]
        instruction = await _body(request, Instruction)

        async def carry_out() -> Response:
            payout, is_new = self._teller.submit(key, instruction)
            return await self._durable(payout_view(payout), 201 if is_new else 200)

        fault = self._next_fault(Operation.SUBMIT, key=key, account=instruction.account)
        return await _under(fault, request, carry_out)

    async def _find(self, request: Request) -> Response:
        key = request.path_params["key"]

        async def carry_out() -> Response:
            payout = self._teller.book.payouts.get(key)
            if payout is None:
                raise NotFound(f"No payout has the key {key[:40]!r}.")
            return await self._durable(payout_view(payout))

        return await _under(self._next_fault(Operation.FIND, key=key), request, carry_out)

    async def _events(self, request: Request) -> Response:
        query = _query(request, EventsQuery)
        if not 1 <= query.limit <= EVENTS_LIMIT_MAX:
            raise BadInput(f"limit is 1 to {EVENTS_LIMIT_MAX}.")

        async def carry_out() -> Response:
            book = self._teller.book
            told = book.told_after(event_number(book, query.after), query.limit)
            cursor = event_id(book, told[-1][0]) if told else query.after or None
            events = [event_view(book, number, event) for number, event in told]
            return await self._durable({"events": events, "cursor": cursor})

        return await _under(self._next_fault(Operation.EVENTS), request, carry_out)

    async def _balances(self, request: Request) -> Response:
        async def carry_out() -> Response:
            as_of = utc_text(self._teller.clock.now())
            balances = sorted(self._teller.book.balances.items())
            return await self._durable({"balances": [balance_view(*each, as_of) for each in balances]})

        return await _under(self._next_fault(Operation.BALANCES), request, carry_out)

    async def _accounts(self, _request: Request) -> Response:
        return await self._durable({"accounts": account_views(self._teller.book)})

    async def _faults(self, _request: Request) -> Response:
        return _answer(self._plan)

    async def _set_faults(self, request: Request) -> Response:
        self._plan = await _body(request, FaultPlan)
        return _answer(self._plan)

    def _next_fault(self, on: Operation, *, key: str = "", account: str = "") -> Fault | None:
        fault, self._plan = take(self._plan, on=on, key=key, account=account)
        return fault

    async def _durable(self, content: Any, status: int = 200) -> Response:
        """Render first, then wait: what is said was on disk before it is sent."""
        answer = _answer(content, status)
        await self._teller.durable()
        return answer


async def _under(
    fault: Fault | None, request: Request, carry_out: Callable[[], Awaitable[Response]]
) -> Response:
    """Answer as the fault has it; a call that fails by itself is cut or covered up like any other."""
    if fault is None:
        return await carry_out()
    if fault.kind in _BEFORE_EXECUTION:
        return _failure(fault.kind, request)
    if fault.kind is FaultKind.LATE_EXECUTION:
        await asyncio.sleep(fault.delay_s)
    try:
        answer = await carry_out()
    except RoadsteadError as error:
        answer = _refusal(error)
    if fault.kind in _AFTER_EXECUTION:
        return _failure(fault.kind, request)
    if fault.kind is FaultKind.SLOW_ANSWER:
        await asyncio.sleep(fault.delay_s)
    return answer


def _failure(kind: FaultKind, request: Request) -> Response:
    if kind in {FaultKind.LOST_REQUEST, FaultKind.LOST_ANSWER}:
        return cut(request)
    if kind is FaultKind.TOO_MANY_REQUESTS:
        return _answer({"code": "too_many_requests", "message": "A fault of the plan."}, 429)
    return _answer({"code": "error", "message": "A fault of the plan."}, 500)


def _refusal(error: RoadsteadError) -> Response:
    return _answer({"code": error.code, "message": error.message}, error.http_status)


def _answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _is_local(request: Request) -> bool:
    if request.client is None:
        return False
    return ipaddress.ip_address(request.client.host).is_loopback


def _query(request: Request, kind: type[_Body]) -> _Body:
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"The query is not valid: {error}.") from error


async def _body(request: Request, kind: type[_Body]) -> _Body:
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > BODY_MAX_BYTES:
            raise TooLarge(f"A body has at most {BODY_MAX_BYTES} bytes.")
    try:
        return msgspec.json.decode(bytes(received), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The body is not valid: {error}.") from error
