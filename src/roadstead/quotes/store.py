"""The SQL of quotes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from roadstead.database.pool import Connection
from roadstead.money import Asset, Money, parse_asset
from roadstead.partners.receipts import KEY_CONSTRAINT, RECEIPT_COLUMNS, KeyTaken, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A firm price, as it was given."""

    id: UUID
    account: str
    context: str
    sell: Money
    fee: Money
    buy: Money
    delivery_method: str
    document: bytes
    """The JSON that the partner got."""
    given_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuote:
    """A quote, and whether a remittance was opened at it."""

    quote: Quote
    is_used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations:
    """What is promised at a moment."""

    exposure: Money
    """What is sold in quotes of the pair that still hold, or whose remittance may still turn out to be paid in time."""
    open_count: int
    """Unused quotes of the owner that still hold, in any pair."""


async def owner_of(connection: Connection, account: str) -> str:
    """Return whom quotes of an account are counted for: its partner, or itself when it has none."""
    partner_id = await connection.fetchval(
        "SELECT partner_id FROM partner_accounts WHERE account = $1", account
    )
    return account if partner_id is None else str(partner_id)


async def reservations(
    connection: Connection, *, sell: Asset, buy: Asset, owner: str, now: datetime
) -> Reservations:
    """Add up what is promised, and let nobody promise more in this pair or to this owner until the transaction ends."""
    # Always the pair first: two transactions never wait for each other.
    for name in (f"quotes of {sell} in {buy}", f"quotes of {owner}"):
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
    exposure_units = await connection.fetchval(
        """
        SELECT COALESCE(sum(units), 0)::bigint FROM (
            SELECT q.sell_units AS units
            FROM quotes AS q LEFT JOIN remittances AS r ON r.quote_id = q.id
            WHERE q.sell_asset = $1 AND q.buy_asset = $2 AND q.expires_at > $3 AND r.funded_by IS NULL
                AND (r.status IS NULL OR r.status NOT IN ('expired', 'error'))
            -- Whether a used quote was paid in time is known only when its remittance expires.
            UNION ALL
            SELECT q.sell_units
            FROM remittances AS r JOIN quotes AS q ON q.id = r.quote_id
            WHERE q.sell_asset = $1 AND q.buy_asset = $2 AND q.expires_at <= $3 AND r.funded_by IS NULL
                AND r.status IN ('pending_sender', 'pending_receiver', 'pending_customer_info_update')
        ) AS promised
        """,
        sell.id,
        buy.id,
        now,
    )
    open_count = await connection.fetchval(
        """
        SELECT count(*) FROM quotes AS q
        WHERE q.owner = $1 AND q.expires_at > $2
            AND NOT EXISTS (SELECT FROM remittances AS r WHERE r.quote_id = q.id)
        """,
        owner,
        now,
    )
    return Reservations(exposure=Money(sell, exposure_units), open_count=open_count)


_INSERT = """
INSERT INTO quotes (id, account, owner, context, sell_asset, sell_units, fee_units, buy_asset, buy_units,
    delivery_method, document, given_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_INSERT_WITH_RECEIPT = f"""
WITH given AS ({_INSERT} RETURNING id)
{RECEIPT_COLUMNS} SELECT $14, $15, $16::bytea, $17::smallint, $18::bytea, $19::timestamptz FROM given
"""  # noqa: S608 - composed of constants


async def insert(connection: Connection, quote: Quote, *, owner: str, receipt: Receipt | None = None) -> None:
    """Store a quote, and the receipt of the request for it if there is one.

    Raises:
        KeyTaken: The receipt's key has one already.
    """
    values = _values(quote, owner)
    if receipt is None:
        await connection.execute(_INSERT, *values)
        return
    try:
        await connection.execute(_INSERT_WITH_RECEIPT, *values, *receipt.values)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == KEY_CONSTRAINT:
            raise KeyTaken from error
        raise


def _values(quote: Quote, owner: str) -> tuple[object, ...]:
    return (
        quote.id,
        quote.account,
        owner,
        quote.context,
        quote.sell.asset.id,
        quote.sell.units,
        quote.fee.units,
        quote.buy.asset.id,
        quote.buy.units,
        quote.delivery_method,
        quote.document.decode(),
        quote.given_at,
        quote.expires_at,
    )


async def by_account(connection: Connection, account: str, quote_id: UUID) -> StoredQuote | None:
    """Look up a quote of an account; one of somebody else is as unknown as one that never was."""
    row = await connection.fetchrow(
        """
        SELECT q.*, EXISTS (SELECT FROM remittances AS r WHERE r.quote_id = q.id) AS is_used
        FROM quotes AS q WHERE q.id = $1 AND q.account = $2
        """,
        quote_id,
        account,
    )
    if row is None:
        return None
    sell = parse_asset(row["sell_asset"])
    quote = Quote(
        id=row["id"],
        account=row["account"],
        context=row["context"],
        sell=Money(sell, row["sell_units"]),
        fee=Money(sell, row["fee_units"]),
        buy=Money(parse_asset(row["buy_asset"]), row["buy_units"]),
        delivery_method=row["delivery_method"],
        document=row["document"].encode(),
        given_at=row["given_at"],
        expires_at=row["expires_at"],
    )
    return StoredQuote(quote=quote, is_used=row["is_used"])
