"""The SQL of the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated
from roadstead.ledger.postings import Posting
from roadstead.money import Money, parse_asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What stands on one account in one asset."""

    account: str
    amount: Money


async def post(connection: Connection, postings: Sequence[Posting]) -> None:
    """Write postings into the books, inside the transaction of the event that caused them.

    Repeating a posting changes nothing: its idempotency key is known. The database checks the balance at commit.

    Raises:
        InvariantViolated: A key is known, but with other entries.
    """
    if not postings:
        return
    rows = await connection.fetch(
        """
        INSERT INTO postings (idempotency_key, event, remittance_id)
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[])
        ON CONFLICT (idempotency_key) DO NOTHING
        RETURNING id, idempotency_key
        """,
        [posting.idempotency_key for posting in postings],
        [posting.event for posting in postings],
        [posting.remittance_id for posting in postings],
    )
    ids = {row["idempotency_key"]: row["id"] for row in rows}
    entries = [
        (ids[posting.idempotency_key], entry.account, entry.amount.asset.id, entry.amount.units)
        for posting in postings
        if posting.idempotency_key in ids
        for entry in posting.entries
    ]
    if entries:
        await connection.execute(
            """
            INSERT INTO entries (posting_id, account, asset, amount_units)
            SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
            """,
            *map(list, zip(*entries, strict=True)),
        )
    for posting in postings:
        if posting.idempotency_key not in ids:
            await _require_same(connection, posting)


async def _require_same(connection: Connection, posting: Posting) -> None:
    rows = await connection.fetch(
        """
        SELECT e.account, e.asset, e.amount_units
        FROM entries AS e JOIN postings AS p ON p.id = e.posting_id WHERE p.idempotency_key = $1
        """,
        posting.idempotency_key,
    )
    known = {(row["account"], row["asset"], row["amount_units"]) for row in rows}
    wanted = {(entry.account, entry.amount.asset.id, entry.amount.units) for entry in posting.entries}
    if known != wanted:
        raise InvariantViolated(
            f"Posting {posting.idempotency_key} stands in the books with other entries than it would have now."
        )


async def balances(connection: Connection, remittance_id: UUID | None = None) -> list[Balance]:
    """Add up every account, of all postings or of those of one remittance; accounts at zero are left out."""
    rows = await connection.fetch(
        """
        SELECT e.account, e.asset, sum(e.amount_units)::bigint AS units
        FROM entries AS e JOIN postings AS p ON p.id = e.posting_id
        WHERE $1::uuid IS NULL OR p.remittance_id = $1
        GROUP BY e.account, e.asset HAVING sum(e.amount_units) <> 0
        ORDER BY e.account, e.asset
        """,
        remittance_id,
    )
    return [
        Balance(account=row["account"], amount=Money(parse_asset(row["asset"]), row["units"])) for row in rows
    ]
