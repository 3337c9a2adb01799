"""Pushing to the customer: what happened is sent, signed, to the customer's own address, until it is taken.

A push is a courtesy. What is not taken after some tries, or was not yet sent when the bank ended, can still be polled.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from roadstead.rails.message_signatures import MessageSigner, Request
from roadstead.sandbox.bank.faults import Fault, FaultKind, Operation
from roadstead.sandbox.bank.misfortune import Misfortune
from roadstead.sandbox.bank.signed_door import SignedDoor
from roadstead.sandbox.bank.teller import Teller
from roadstead.sandbox.bank.views import event_view

EVENTS_MAX = 50
_TICK_S = 0.1
_TIMEOUT_S = 10.0
_TRIES_MAX = 10
_WAIT_MAX_S = 60.0
_TAKEN = range(200, 300)


class Pusher:
    """Tells one customer what happens from now on."""

    def __init__(self, *, teller: Teller, misfortune: Misfortune, door: SignedDoor, url: str) -> None:
        self._teller = teller
        self._misfortune = misfortune
        self._door = door
        self._url = url
        self._number = teller.book.event_count
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Push what happens, for ever."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session:
            while True:
                book = self._teller.book
                told = book.told_after(self._number, EVENTS_MAX)
                if told:
                    events = [event_view(book, number, event) for number, event in told]
                    await self._teller.durable()
                    self._number = told[-1][0]
                    sending = asyncio.create_task(self._send_under_fault(session, events))
                    self._sending.add(sending)
                    sending.add_done_callback(self._sending.discard)
                await asyncio.sleep(_TICK_S)

    async def _send_under_fault(
        self, session: aiohttp.ClientSession, events: Sequence[dict[str, Any]]
    ) -> None:
        fault = self._misfortune.next(Operation.PUSH, key=events[0]["key"])
        kind = None if fault is None else fault.kind
        if kind is FaultKind.MISSING:
            return
        if isinstance(fault, Fault) and kind is FaultKind.DELAYED:
            await asyncio.sleep(fault.delay_s)
        told = list(reversed(events)) if kind is FaultKind.REORDERED else list(events)
        body = msgspec.json.encode({"events": told})
        signer = {FaultKind.FORGED: self._door.forger, FaultKind.UNSIGNED: None}.get(
            kind or FaultKind.ERROR, self._door.signer
        )
        for _ in range(2 if kind is FaultKind.REPEATED else 1):
            await self._send(session, body, signer)

    async def _send(self, session: aiohttp.ClientSession, body: bytes, signer: MessageSigner | None) -> None:
        for number in range(_TRIES_MAX):
            request = Request(
                method="POST", url=self._url, headers={"Content-Type": "application/json"}, body=body
            )
            signed = request if signer is None else signer.signed(request)
            try:
                async with session.post(
                    self._url, data=body, headers=signed.headers, allow_redirects=False
                ) as response:
                    if response.status in _TAKEN or signer is not self._door.signer:
                        return
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(min(_WAIT_MAX_S, 2.0**number))
