"""A Horizon on loopback that does what a test tells it to: a real HTTP server, a made-up chain, and faults on demand.

It speaks as Horizon does where the observer listens (paging, server-sent events, problems), so that faults can
be scripted which a healthy network never shows.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from roadstead.clock import utc_text

PASSPHRASE = "Scripted Network ; 2026"
ACCOUNT = "G" + "A" * 55
PAYER = "G" + "B" * 55
ISSUER = "G" + "C" * 55
GENESIS = datetime(2026, 1, 1, tzinfo=UTC)

Fault = Callable[[Request], Awaitable[Response | None]]


def operation_id(ledger: int, transaction: int = 1, operation: int = 1) -> int:
    """Return the id of an operation, as Horizon counts them."""
    return ledger << 32 | transaction << 12 | operation


def payment_record(ledger: int, **changes: Any) -> dict[str, Any]:
    """Return a record of a payment of 100 EURT to our account; a change to None takes the field away."""
    number = int(changes.pop("id", operation_id(ledger)))
    record = {
        "id": str(number),
        "paging_token": str(number),
        "transaction_successful": True,
        "source_account": PAYER,
        "type": "payment",
        "type_i": 1,
        "created_at": closed_at(ledger).isoformat().replace("+00:00", "Z"),
        "transaction_hash": f"{number:064x}",
        "asset_type": "credit_alphanum4",
        "asset_code": "EURT",
        "asset_issuer": ISSUER,
        "from": PAYER,
        "to": ACCOUNT,
        "amount": "100.0000000",
        "transaction": {"memo_type": "id", "memo": str(ledger)},
    }
    record.update(changes)
    return {name: value for name, value in record.items() if value is not None}


def text_memo_fields(raw: bytes) -> dict[str, str]:
    """Return a transaction with a text memo as Horizon shows it."""
    return {
        "memo_type": "text",
        "memo": raw.decode(errors="replace"),
        "memo_bytes": base64.b64encode(raw).decode(),
    }


def closed_at(ledger: int) -> datetime:
    """Return when a ledger closed: one every five seconds."""
    return GENESIS + timedelta(seconds=5 * ledger)


@dataclass
class ScriptedHorizon:
    """The chain and the faults. Change the attributes while it runs."""

    url: str = ""
    passphrase: str = PASSPHRASE
    latest_ledger: int = 100
    elder_ledger: int = 1
    genesis: datetime = GENESIS
    """When the network's life began; a later one is another life."""
    behind_by: int | None = None
    """How many ledgers the server behind a list has not got yet, as its answers say; None says nothing."""
    records: list[bytes] = field(default_factory=list)
    """The raw records of the account, oldest first."""
    effects: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """The effects of operations, by their ids."""
    balances: list[dict[str, Any]] = field(default_factory=list)
    """Claimable balances."""
    root_fault: Fault | None = None
    page_fault: Fault | None = None
    stream_fault: Fault | None = None
    effects_fault: Fault | None = None
    requests: list[str] = field(default_factory=list)
    streams_open: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, *records: dict[str, Any] | bytes) -> None:
        """Close a ledger with these records and tell the streams."""
        for record in records:
            raw = record if isinstance(record, bytes) else json.dumps(record).encode()
            self.records.append(raw)
            self.latest_ledger = max(self.latest_ledger, (token(raw) or 0) >> 32)
        self.changed.set()
        self.changed = asyncio.Event()

    def after(self, cursor: int) -> list[bytes]:
        """Return the records after a cursor; one without a token stands where the record before it does."""
        found, reached = [], 0
        for raw in self.records:
            reached = token(raw) or reached
            if reached > cursor:
                found.append(raw)
        return found

    def application(self) -> Starlette:
        """Build the HTTP face."""
        return Starlette(
            routes=[
                Route("/", self._root),
                Route("/ledgers/{sequence:int}", self._ledger),
                Route("/accounts/{account}/operations", self._operations),
                Route("/operations/{operation_id:int}/effects", self._effects),
                Route("/claimable_balances", self._balances),
            ]
        )

    def closed_at(self, ledger: int) -> datetime:
        """Return when a ledger of this life closed."""
        return closed_at(ledger) + (self.genesis - GENESIS)

    def begin_anew(self, *, latest_ledger: int) -> None:
        """Reset the network: its ledgers count from one again, and nothing of before is left."""
        self.genesis = self.closed_at(self.latest_ledger) + timedelta(hours=1)
        self.latest_ledger, self.elder_ledger = latest_ledger, 1
        self.records.clear()
        self.changed.set()
        self.changed = asyncio.Event()

    def now(self) -> datetime:
        """Return the time: the moment at which the last ledger closed. Serves as a clock."""
        return self.closed_at(self.latest_ledger)

    async def _ledger(self, request: Request) -> Response:
        sequence = int(request.path_params["sequence"])
        self.requests.append("ledger")
        if not self.elder_ledger <= sequence <= self.latest_ledger:
            return json_response({"title": "Resource Missing", "status": 404}, 404)
        return json_response({"sequence": sequence, "closed_at": utc_text(self.closed_at(sequence))})

    async def _effects(self, request: Request) -> Response:
        self.requests.append("effects")
        if self.effects_fault and (response := await self.effects_fault(request)):
            return response
        found = self.effects.get(int(request.path_params["operation_id"]), [])
        return page_response([json.dumps(effect).encode() for effect in found])

    async def _balances(self, request: Request) -> Response:
        self.requests.append("balances")
        after = request.query_params.get("cursor")
        start = next((n + 1 for n, one in enumerate(self.balances) if one["paging_token"] == after), 0)
        limit = int(request.query_params["limit"])
        return page_response([json.dumps(one).encode() for one in self.balances[start : start + limit]])

    async def _root(self, request: Request) -> Response:
        self.requests.append("root")
        if self.root_fault and (response := await self.root_fault(request)):
            return response
        return json_response(
            {
                "network_passphrase": self.passphrase,
                "history_latest_ledger": self.latest_ledger,
                "history_latest_ledger_closed_at": utc_text(self.closed_at(self.latest_ledger)),
                "history_elder_ledger": self.elder_ledger,
            }
        )

    async def _operations(self, request: Request) -> Response:
        cursor, limit = int(request.query_params["cursor"]), int(request.query_params["limit"])
        assert request.query_params["join"] == "transactions"
        assert request.query_params["order"] == "asc"
        if request.headers.get("accept") == "text/event-stream":
            self.requests.append("stream")
            if self.stream_fault and (response := await self.stream_fault(request)):
                return response
            return event_stream(self._events(cursor, limit))
        self.requests.append("page")
        if self.page_fault and (response := await self.page_fault(request)):
            return response
        response = page_response(self.after(cursor)[:limit])
        if self.behind_by is not None:
            response.headers["Latest-Ledger"] = str(self.latest_ledger - self.behind_by)
        return response

    async def _events(self, cursor: int, limit: int) -> AsyncIterator[bytes]:
        self.streams_open += 1
        try:
            yield b'retry: 1000\nevent: open\ndata: "hello"\n\n'
            for _ in range(limit):
                while not (records := self.after(cursor)):
                    await self.changed.wait()
                cursor = token(records[0]) or cursor + 1
                yield b"id: %d\ndata: %s\n\n" % (cursor, records[0])
            yield b'retry: 10\nevent: close\ndata: "byebye"\n\n'
        finally:
            self.streams_open -= 1


def token(raw: bytes) -> int | None:
    """Return the paging token of a raw record, if it has one."""
    try:
        return int(json.loads(raw)["paging_token"])
    except (ValueError, LookupError, TypeError):
        return None


def json_response(content: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(content), status_code=status, media_type="application/hal+json")


def page_response(records: list[bytes]) -> Response:
    """Answer with a page of raw records."""
    return Response(
        b'{"_embedded": {"records": [' + b",".join(records) + b"]}}", media_type="application/hal+json"
    )


def event_stream(pieces: AsyncIterator[bytes]) -> Response:
    """Answer with server-sent events."""
    return StreamingResponse(pieces, media_type="text/event-stream")


def problem(status: int, title: str) -> Fault:
    """Make a fault that always answers with a problem."""

    async def fault(_: Request) -> Response:
        return json_response({"type": "x", "title": title, "status": status}, status)

    return fault


@asynccontextmanager
async def serve(application: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of loopback; yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        application, ws="none", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        listener.close()


@asynccontextmanager
async def scripted_horizon() -> AsyncIterator[ScriptedHorizon]:
    """Run a scripted Horizon."""
    horizon = ScriptedHorizon()
    async with serve(horizon.application()) as url:
        horizon.url = url
        yield horizon
