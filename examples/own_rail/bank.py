"""A double of Harbour Bank in this process: it books transfers, and loses or delays an answer on demand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from aiohttp import web

CLOSED_ACCOUNT = "DE56370400440000990101"
OPENING_CENTS = 1_000_000_00


@dataclass(slots=True)
class HarbourBank:
    """What the bank keeps."""

    transfers: dict[str, dict[str, object]] = field(default_factory=dict)
    journal: list[dict[str, object]] = field(default_factory=list)
    loses_next_answer: bool = False
    delays_next_s: float = 0.0

    def application(self) -> web.Application:
        """Return the bank as a web application."""
        application = web.Application()
        application.router.add_post("/transfers", self._transfer)
        application.router.add_get("/transfers/{ref}", self._find)
        application.router.add_get("/journal", self._told)
        application.router.add_get("/account", self._account)
        return application

    def booked(self, end_to_end: str) -> int:
        """Count what was really paid for an end-to-end id."""
        return sum(
            each["state"] == "booked" and each["end_to_end"] == end_to_end for each in self.transfers.values()
        )

    async def _transfer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        loses, self.loses_next_answer = self.loses_next_answer, False
        delay_s, self.delays_next_s = self.delays_next_s, 0.0
        await asyncio.sleep(delay_s)
        known = self.transfers.get(asked["ref"])
        if known is None:
            answer = _answer(self._book(asked), 201)
        elif all(known[name] == value for name, value in asked.items()):
            answer = _answer(known)
        else:
            answer = _answer({"error": "other_content"}, 409)
        if loses and request.transport is not None:
            request.transport.abort()
        return answer

    def _book(self, asked: dict[str, object]) -> dict[str, object]:
        is_closed = asked["iban"] == CLOSED_ACCOUNT
        transfer = {
            **asked,
            "id": f"T{len(self.transfers) + 1}",
            "state": "refused" if is_closed else "booked",
            "reason": "AC04" if is_closed else None,
        }
        self.transfers[str(asked["ref"])] = transfer
        self.journal.append({"number": len(self.journal) + 1, "transfer": transfer, "at": datetime.now(UTC)})
        return transfer

    async def _find(self, request: web.Request) -> web.Response:
        known = self.transfers.get(request.match_info["ref"])
        return _answer({"error": "unknown_ref"}, 404) if known is None else _answer(known)

    async def _told(self, request: web.Request) -> web.Response:
        after, limit = int(request.query["after"]), int(request.query["limit"])
        return _answer({"entries": self.journal[after : after + limit]})

    async def _account(self, _: web.Request) -> web.Response:
        paid = sum(int(str(each["cents"])) for each in self.transfers.values() if each["state"] == "booked")
        return _answer({"cents": OPENING_CENTS - paid, "at": datetime.now(UTC)})


def _answer(content: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")
