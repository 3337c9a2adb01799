"""The books as an accountant reads them: posting by posting, each with its entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.ledger.postings import Entry
from roadstead.money import Money, parse_asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A posting as it stands in the books."""

    number: int
    """Its place in the books; later postings have higher numbers."""
    posted_at: datetime
    event: str
    idempotency_key: str
    remittance_id: UUID | None
    entries: tuple[Entry, ...]
    """Debits first, then credits, each by account."""


async def booked(connection: Connection, *, remittance_id: UUID | None, limit: int) -> list[Booked]:
    """Return the postings of one remittance in the order of their posting, or the newest of all, oldest first."""
    rows = await connection.fetch(
        """
        SELECT p.id, p.posted_at, p.event, p.idempotency_key, p.remittance_id, e.account, e.asset, e.amount_units
        FROM (SELECT * FROM postings WHERE $1::uuid IS NULL OR remittance_id = $1 ORDER BY id DESC LIMIT $2) AS p
        JOIN entries AS e ON e.posting_id = p.id
        ORDER BY p.id, e.amount_units < 0, e.account, e.asset
        """,
        remittance_id,
        limit,
    )
    found = []
    for number, group in groupby(rows, key=lambda row: row["id"]):
        lines = list(group)
        first = lines[0]
        found.append(
            Booked(
                number=number,
                posted_at=first["posted_at"],
                event=first["event"],
                idempotency_key=first["idempotency_key"],
                remittance_id=first["remittance_id"],
                entries=tuple(
                    Entry(
                        account=line["account"],
                        amount=Money(parse_asset(line["asset"]), line["amount_units"]),
                    )
                    for line in lines
                ),
            )
        )
    return found
