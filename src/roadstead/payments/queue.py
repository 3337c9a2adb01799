"""The queue of what waits for a person: payments that fund nothing, and what payments brought too much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.money import Asset, Money, parse_asset
from roadstead.payments.listing import readable_memo


class Part(StrEnum):
    """What of a payment waits."""

    PAYMENT = "payment"
    """All of it: it funds nothing."""
    EXCESS = "excess"
    """What it brought above what it funded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPayment:
    """One entry of the queue."""

    operation_id: int
    part: Part
    reason: str
    asset: str
    amount: Money | None
    payer: str
    memo_kind: str
    memo: str | None
    remittance_id: UUID | None
    """The remittance that the memo names, or that it funded."""
    ledger_closed_at: datetime
    waiting_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTotal:
    """What waits in one asset for one reason."""

    asset: Asset
    reason: str
    count: int
    amount: Money
    """The sum of what is known; the amount of a merged account is not."""
    oldest_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """One line of the history of a payment."""

    part: Part
    disposition_from: str
    disposition_to: str
    reason: str | None
    cause: str
    reached_at: datetime


async def waiting(connection: Connection, *, limit: int) -> list[WaitingPayment]:
    """List what waits for a person, longest first."""
    rows = await connection.fetch(
        """
        SELECT operation_id, part, reason, asset, amount_units, payer, memo_kind, memo, remittance_id,
            ledger_closed_at, waiting_since
        FROM waiting_payments ORDER BY waiting_since, operation_id LIMIT $1
        """,
        limit,
    )
    return [
        WaitingPayment(
            operation_id=row["operation_id"],
            part=Part(row["part"]),
            reason=row["reason"],
            asset=row["asset"],
            amount=None
            if row["amount_units"] is None
            else Money(parse_asset(row["asset"]), row["amount_units"]),
            payer=row["payer"],
            memo_kind=row["memo_kind"],
            memo=readable_memo(row["memo_kind"], row["memo"]),
            remittance_id=row["remittance_id"],
            ledger_closed_at=row["ledger_closed_at"],
            waiting_since=row["waiting_since"],
        )
        for row in rows
    ]


async def totals(connection: Connection) -> list[QueueTotal]:
    """Add up what waits for a person, by asset and reason."""
    rows = await connection.fetch(
        """
        SELECT asset, reason, count(*) AS count, COALESCE(sum(amount_units), 0) AS units,
            min(waiting_since) AS oldest_since
        FROM waiting_payments GROUP BY asset, reason ORDER BY asset, reason
        """
    )
    return [
        QueueTotal(
            asset=parse_asset(row["asset"]),
            reason=row["reason"],
            count=row["count"],
            amount=Money(parse_asset(row["asset"]), int(row["units"])),
            oldest_since=row["oldest_since"],
        )
        for row in rows
    ]


async def history(connection: Connection, operation_id: int) -> list[Disposal]:
    """Tell what became of a payment, oldest first."""
    rows = await connection.fetch(
        """
        SELECT part, disposition_from, disposition_to, reason, cause, reached_at FROM payment_history
        WHERE operation_id = $1 ORDER BY id
        """,
        operation_id,
    )
    return [Disposal(**{**row, "part": Part(row["part"])}) for row in rows]
