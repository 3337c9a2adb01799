"""A partner's side of the measurement: authentication, two customers, and requests by the thousand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from stellar_sdk import Keypair, TransactionEnvelope

from bench.house import House

TIMEOUT_S = 10.0

SENDER = {"first_name": "Wilhelmina", "last_name": "Quarterdeck", "email_address": "mina@example.com"}
RECEIVER = {
    "first_name": "Bartholomew",
    "last_name": "Mizzenmast",
    "bank_account_number": "DE89370400440532013000",
    "address_country_code": "DEU",
}
TEN_FIELDS = {
    **RECEIVER,
    "address": "1 Quay\nPorttown",
    "birth_date": "1984-02-29",
    "email_address": "bart@example.com",
    "mobile_number": "+49 151 23456789",
    "tax_id": "36 574 261 809",
    "tax_id_name": "IdNr",
}
"""A receiving client of whom ten fields are known, three of them numbers with rules of their own."""

Request = Callable[[], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Partner:
    """A partner with open connections, which stay open."""

    house: House
    session: aiohttp.ClientSession
    headers: dict[str, str]

    async def call(self, method: str, path: str, expected: int, **arguments: Any) -> Any:
        """Send a request and return the answer's JSON; another status than the expected one ends the measurement."""
        headers = {**self.headers, **arguments.pop("headers", {})}
        async with self.session.request(
            method, f"{self.house.api}{path}", headers=headers, **arguments
        ) as answer:
            body = await answer.read()
            if answer.status != expected:
                raise RuntimeError(f"{method} {path} was answered {answer.status}: {body[:500]!r}")
            return await answer.json()

    async def authenticate(self) -> str:
        """Get a token by SEP-10: one challenge, one signature, one token."""
        challenge = await self.call("GET", "/auth", 200, params={"account": self.house.partner})
        envelope = TransactionEnvelope.from_xdr(challenge["transaction"], self.house.passphrase)
        envelope.sign(Keypair.from_secret(self.house.partner_seed))
        answer = await self.call("POST", "/auth", 200, json={"transaction": envelope.to_xdr()})
        return str(answer["token"])

    async def register(self, fields: dict[str, str], *, customer_type: str, memo: int) -> str:
        """Register a customer (SEP-12) and return its id."""
        body = {"type": customer_type, "memo": str(memo), "memo_type": "id", **fields}
        answer = await self.call("PUT", "/kyc/customer", 202, json=body)
        return str(answer["id"])


@asynccontextmanager
async def partner_of(house: House, *, connections: int) -> AsyncIterator[Partner]:
    """Connect to a house as its partner, with a token."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        partner = Partner(house=house, session=session, headers={})
        token = await partner.authenticate()
        partner.headers["Authorization"] = f"Bearer {token}"
        yield partner


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long requests took, as their sender saw it."""

    total_s: float
    latencies_s: list[float]
    """Sorted."""

    def percentile_ms(self, percent: float) -> float:
        """Return the latency within which so many percent of the requests were answered."""
        last = len(self.latencies_s) - 1
        return self.latencies_s[min(last, round(last * percent / 100))] * 1000


async def send(requests: Iterator[Request], *, concurrency: int) -> Timing:
    """Send requests, so many at a time."""
    latencies_s: list[float] = []

    async def work() -> None:
        for request in requests:
            started_s = time.perf_counter()
            await request()
            latencies_s.append(time.perf_counter() - started_s)

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    total_s = time.perf_counter() - started_s
    return Timing(total_s=total_s, latencies_s=sorted(latencies_s))
