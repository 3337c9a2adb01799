"""What one request costs the API process: CPU time, latency and memory, with default configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle
from pathlib import Path
from uuid import uuid4

from bench.client import RECEIVER, SENDER, TEN_FIELDS, Partner, Request, partner_of, send
from bench.house import House, running_house
from bench.process import usage_of

WARM_UP = 500
QUOTES_MAX = 850
QUOTES_WARM_UP = 100
"""A partner may have 1,000 open quotes of a pair by default."""
MEMORY_MAX_MB = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of request, measured."""

    name: str
    requests: int
    cpu_ms: float
    """CPU time of the API process for one request, user and system."""
    system_ms: float
    """The system's part of it."""
    p50_ms: float
    p99_ms: float
    requests_per_s: float
    target_ms: float | None

    @property
    def is_met(self) -> bool:
        """Whether the target, if there is one, is met."""
        return self.target_ms is None or self.cpu_ms <= self.target_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The result of a run."""

    rows: tuple[Row, ...]
    memory_peak_mb: float
    log_lines: int

    @property
    def are_met(self) -> bool:
        """Whether all targets are met."""
        return self.memory_peak_mb <= MEMORY_MAX_MB and all(row.is_met for row in self.rows)


async def measure(*, requests: int, concurrency: int, profile: Path | None = None) -> Figures:
    """Start a server, load it from this process, and return what it used."""
    async with running_house(profile=profile) as house, partner_of(house, connections=concurrency) as partner:
        sender_id = await partner.register(SENDER, customer_type="sep31-sender", memo=1)
        receiver_id = await partner.register(RECEIVER, customer_type="sep31-receiver", memo=2)
        opened: list[str] = []
        row = partial(_measure, house, concurrency=concurrency)
        rows = (
            await row(
                "POST /sep31/transactions",
                _opening(partner, sender_id, receiver_id, opened),
                requests,
                target_ms=0.9,
            ),
            await row(
                "POST /sep31/transactions, Idempotency-Key",
                _opening(partner, sender_id, receiver_id, opened, keyed=True),
                requests,
                target_ms=1.0,
            ),
            await row("GET /sep31/transactions/{id}", _following(partner, opened), requests, target_ms=0.5),
            await row(
                "PUT /kyc/customer, ten fields", _registering(partner), max(1, requests // 5), target_ms=3.0
            ),
            await row("GET and POST /auth", _authenticating(partner), max(1, requests // 5)),
            await row("GET /sep38/price", _pricing(partner), max(1, requests // 5)),
            await row(
                "POST /sep38/quote",
                _quoting(partner),
                min(QUOTES_MAX, max(1, requests // 5)),
                warm_up=QUOTES_WARM_UP,
            ),
        )
        usage = usage_of(house.process_id)
        with house.log_file.open("rb") as log:
            log_lines = sum(1 for _ in log)
    return Figures(rows=rows, memory_peak_mb=usage.memory_peak_bytes / 1e6, log_lines=log_lines)


async def _measure(
    house: House,
    name: str,
    make: Callable[[int], Iterator[Request]],
    requests: int,
    *,
    concurrency: int,
    target_ms: float | None = None,
    warm_up: int = WARM_UP,
) -> Row:
    await send(make(min(warm_up, requests)), concurrency=concurrency)
    before = usage_of(house.process_id)
    timing = await send(make(requests), concurrency=concurrency)
    after = usage_of(house.process_id)
    return Row(
        name=name,
        requests=requests,
        cpu_ms=(after.cpu_s - before.cpu_s) / requests * 1000,
        system_ms=(after.system_s - before.system_s) / requests * 1000,
        p50_ms=timing.percentile_ms(50),
        p99_ms=timing.percentile_ms(99),
        requests_per_s=requests / timing.total_s,
        target_ms=target_ms,
    )


def _opening(
    partner: Partner, sender_id: str, receiver_id: str, opened: list[str], *, keyed: bool = False
) -> Callable[[int], Iterator[Request]]:
    body = {
        "amount": "100.50",
        "asset_code": "EURX",
        "funding_method": "SEPA",
        "sender_id": sender_id,
        "receiver_id": receiver_id,
    }

    async def open_one() -> None:
        headers = {"Idempotency-Key": uuid4().hex} if keyed else {}
        answer = await partner.call("POST", "/sep31/transactions", 201, json=body, headers=headers)
        opened.append(answer["id"])

    return lambda requests: iter([open_one] * requests)


def _following(partner: Partner, opened: list[str]) -> Callable[[int], Iterator[Request]]:
    async def follow_one(remittance_id: str) -> None:
        await partner.call("GET", f"/sep31/transactions/{remittance_id}", 200)

    def make(requests: int) -> Iterator[Request]:
        ids = cycle(opened)
        return (partial(follow_one, next(ids)) for _ in range(requests))

    return make


def _registering(partner: Partner) -> Callable[[int], Iterator[Request]]:
    memos = count(1_000)

    async def register_one() -> None:
        await partner.register(TEN_FIELDS, customer_type="sep31-large-receiver", memo=next(memos))

    return lambda requests: iter([register_one] * requests)


def _authenticating(partner: Partner) -> Callable[[int], Iterator[Request]]:
    async def authenticate_one() -> None:
        await partner.authenticate()

    return lambda requests: iter([authenticate_one] * requests)


def _exchange(partner: Partner) -> dict[str, str]:
    return {
        "sell_asset": f"stellar:USDC:{partner.house.issuer}",
        "buy_asset": "iso4217:JPY",
        "sell_amount": "100",
        "context": "sep31",
    }


def _pricing(partner: Partner) -> Callable[[int], Iterator[Request]]:
    async def ask_one() -> None:
        await partner.call("GET", "/sep38/price", 200, params=_exchange(partner))

    return lambda requests: iter([ask_one] * requests)


def _quoting(partner: Partner) -> Callable[[int], Iterator[Request]]:
    async def quote_one() -> None:
        await partner.call("POST", "/sep38/quote", 201, json=_exchange(partner))

    return lambda requests: iter([quote_one] * requests)


def table(figures: Figures) -> str:
    """Write figures as a table in Markdown."""
    lines = [
        "| request | number | CPU ms each | of it system | target | p50 ms | p99 ms | requests/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in figures.rows:
        target = "none" if row.target_ms is None else f"{row.target_ms:g} {'met' if row.is_met else 'MISSED'}"
        lines.append(
            f"| `{row.name}` | {row.requests} | {row.cpu_ms:.2f} | {row.system_ms:.2f} | {target} "
            f"| {row.p50_ms:.1f} | {row.p99_ms:.1f} | {row.requests_per_s:.0f} |"
        )
    met = "met" if figures.memory_peak_mb <= MEMORY_MAX_MB else "MISSED"
    lines += [
        "",
        f"Memory of the API process at its highest: {figures.memory_peak_mb:.0f} MB (target {MEMORY_MAX_MB:g}: {met}).",
        f"Lines in its log: {figures.log_lines}.",
    ]
    return "\n".join(lines)


def run(*, requests: int, concurrency: int, profile: Path | None) -> Figures:
    """Measure, in an event loop of its own."""
    return asyncio.run(measure(requests=requests, concurrency=concurrency, profile=profile))
