"""Ringing the anchor's bell: once for all news of a moment, signed; lost, doubled and forged where that is planned."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import msgspec

from roadstead.clock import Clock
from roadstead.sandbox.verifier.faults import FaultKind, FaultPlan
from roadstead.sandbox.verifier.provider import Provider
from roadstead.verification.signatures import SIGNATURE_HEADER, event_signature

LOOK_S = 0.1
TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class Bell:
    """Rings at `<address>/<verifier>/events`. A bell that nobody answers is not rung again: it was only a bell."""

    def __init__(
        self, *, provider: Provider, plan: FaultPlan, address: str | None, secret: bytes, clock: Clock
    ) -> None:
        self._provider = provider
        self._plan = plan
        self._address = address
        self._secret = secret
        self._clock = clock

    async def run(self) -> None:
        """Ring until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                for verifier, reference in self._provider.bells_due():
                    if self._address is not None:
                        await self._ring(session, f"{self._address}/{verifier}/events", reference)
                await asyncio.sleep(LOOK_S)

    async def _ring(self, session: aiohttp.ClientSession, url: str, reference: str) -> None:
        fault = self._plan.take(FaultKind.LOST_BELL, FaultKind.DOUBLE_BELL, FaultKind.FORGED_BELL)
        if fault is FaultKind.LOST_BELL:
            return
        body = msgspec.json.encode({"references": [reference]})
        secret = b"somebody else's secret" if fault is FaultKind.FORGED_BELL else self._secret
        for _ in range(2 if fault is FaultKind.DOUBLE_BELL else 1):
            headers = {
                "Content-Type": "application/json",
                SIGNATURE_HEADER: event_signature(secret, self._clock.now(), body),
            }
            try:
                async with session.post(url, data=body, headers=headers) as response:
                    log.info("rang %s: %s", reference, response.status)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                log.info("rang %s: nobody answered (%s)", reference, type(error).__name__)
