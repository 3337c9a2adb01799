"""The bank over HTTP: reads requests, asks the teller, and answers only what is durable."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.clock import utc_text
from roadstead.errors import BadInput, NotFound, RoadsteadError
from roadstead.sandbox.bank.answers import answer, refusal, under
from roadstead.sandbox.bank.doors import SIGNED_PATH, Door, PlainDoor, content_of
from roadstead.sandbox.bank.events import Instruction
from roadstead.sandbox.bank.faults import STATEMENT_FAULTS, FaultPlan, Operation
from roadstead.sandbox.bank.misfortune import Misfortune
from roadstead.sandbox.bank.statements import damaged
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
    statement_cursor,
    statement_id,
    statement_view,
)

EVENTS_LIMIT_DEFAULT = 200
EVENTS_LIMIT_MAX = 1000
STATEMENTS_LIMIT_DEFAULT = 10
STATEMENTS_LIMIT_MAX = 100

_Body = TypeVar("_Body")
_Handler = Callable[[Request], Awaitable[Response]]


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of `GET /events`."""

    after: str = ""
    limit: int = EVENTS_LIMIT_DEFAULT


class StatementsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of `GET /statements`."""

    after: str = ""
    limit: int = STATEMENTS_LIMIT_DEFAULT


class ClockMove(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /clock/advance`."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 0
    seconds: Annotated[float, msgspec.Meta(ge=0, le=3660 * 86_400)] = 0.0


class BankApi:
    """The routes of the bank, through its doors. The signed door is there only when the bank knows a customer's key."""

    def __init__(
        self,
        *,
        teller: Teller,
        misfortune: Misfortune,
        token: str | None,
        signed_door: Door | None,
        kept_on_disk: bool,
    ) -> None:
        self._teller = teller
        self._misfortune = misfortune
        self._token = token
        self._signed_door = signed_door
        self._kept_on_disk = kept_on_disk

    def application(self) -> Starlette:
        """Build the ASGI application."""
        here, plain = PlainDoor(self._token, is_open_here=True), PlainDoor(self._token)
        routes = [
            _route(here, "/health", "GET", self._health),
            _route(here, "/payouts", "GET", self._executed),
            _route(plain, "/payouts/{key}", "PUT", self._submit),
            _route(plain, "/accounts", "GET", self._accounts),
            _route(plain, "/faults", "GET", self._faults),
            _route(plain, "/faults", "PUT", self._set_faults),
            _route(plain, "/clock", "GET", self._clock),
            _route(plain, "/clock/advance", "POST", self._advance_clock),
            *self._reading_routes(plain, ""),
        ]
        if self._signed_door is not None:
            routes += self._reading_routes(self._signed_door, SIGNED_PATH)
            routes += [_route(self._signed_door, f"{SIGNED_PATH}/payouts", "POST", self._submit_by_header)]
        return Starlette(routes=routes)

    def _reading_routes(self, door: Door, prefix: str) -> list[Route]:
        return [
            _route(door, f"{prefix}/payouts/{{key}}", "GET", self._find),
            _route(door, f"{prefix}/events", "GET", self._events),
            _route(door, f"{prefix}/balances", "GET", self._balances),
            _route(door, f"{prefix}/statements", "GET", self._statements),
        ]

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
        return await self._submit_under(request, request.path_params["key"])

    async def _submit_by_header(self, request: Request) -> Response:
        return await self._submit_under(request, request.headers.get("idempotency-key", ""))

    async def _submit_under(self, request: Request, key: str) -> Response:
        instruction = await _body(request, Instruction)

        async def carry_out() -> Response:
            payout, is_new = self._teller.submit(key, instruction)
            return await self._durable(payout_view(payout), 201 if is_new else 200)

        fault = self._misfortune.next(Operation.SUBMIT, key=key, account=instruction.account)
        return await under(fault, request, carry_out)

    async def _find(self, request: Request) -> Response:
        key = request.path_params["key"]

        async def carry_out() -> Response:
            payout = self._teller.book.payouts.get(key)
            if payout is None:
                raise NotFound(f"No payout has the key {key[:40]!r}.")
            return await self._durable(payout_view(payout))

        return await under(self._misfortune.next(Operation.FIND, key=key), request, carry_out)

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

        return await under(self._misfortune.next(Operation.EVENTS), request, carry_out)

    async def _balances(self, request: Request) -> Response:
        async def carry_out() -> Response:
            as_of = utc_text(self._teller.now())
            balances = sorted(self._teller.book.balances.items())
            return await self._durable({"balances": [balance_view(*each, as_of) for each in balances]})

        return await under(self._misfortune.next(Operation.BALANCES), request, carry_out)

    async def _statements(self, request: Request) -> Response:
        query = _query(request, StatementsQuery)
        if not 1 <= query.limit <= STATEMENTS_LIMIT_MAX:
            raise BadInput(f"limit is 1 to {STATEMENTS_LIMIT_MAX}.")
        fault = self._misfortune.next(Operation.STATEMENTS)

        async def carry_out() -> Response:
            teller, book = self._teller, self._teller.book
            now = teller.now()
            sound = teller.statements.after(statement_cursor(book, query.after), query.limit, now)
            cursor = statement_id(book, sound[-1]) if sound else query.after or None
            told = sound if fault is None else damaged(sound, fault.kind)
            views = [statement_view(book, each, utc_text(now)) for each in told]
            return await self._durable({"statements": views, "cursor": cursor})

        is_of_the_call = fault is not None and fault.kind not in STATEMENT_FAULTS
        return await under(fault if is_of_the_call else None, request, carry_out)

    async def _accounts(self, _request: Request) -> Response:
        return await self._durable({"accounts": account_views(self._teller.book)})

    async def _clock(self, _request: Request) -> Response:
        return answer({"now": utc_text(self._teller.now())})

    async def _advance_clock(self, request: Request) -> Response:
        move = await _body(request, ClockMove)
        self._teller.advance(timedelta(days=move.days, seconds=move.seconds))
        return await self._durable({"now": utc_text(self._teller.now())})

    async def _faults(self, _request: Request) -> Response:
        return answer(self._misfortune.plan)

    async def _set_faults(self, request: Request) -> Response:
        self._misfortune.set(await _body(request, FaultPlan))
        return answer(self._misfortune.plan)

    async def _durable(self, content: Any, status: int = 200) -> Response:
        """Render first, then wait: what is said was on disk before it is sent."""
        rendered = answer(content, status)
        await self._teller.durable()
        return rendered


def _route(door: Door, path: str, method: str, handler: _Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            await door.admit(request)
            response = await handler(request)
        except RoadsteadError as error:
            response = refusal(error)
        return await door.sealed(request, response)

    return Route(path, endpoint, methods=[method])


def _query(request: Request, kind: type[_Body]) -> _Body:
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"The query is not valid: {error}.") from error


async def _body(request: Request, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(await content_of(request), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The body is not valid: {error}.") from error
