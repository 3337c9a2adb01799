"""Claimable balances that others set aside for our account: listed and alerted, never claimed by ourselves.

They are not ours before we claim them, so they are in no books. A claim of ours is seen among the account's operations
and is a payment like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from roadstead.database.pool import Connection
from roadstead.errors import BadInput
from roadstead.money import Asset, Money, amount_from_text, parse_asset
from roadstead.operations.alerts import AlertKind, close_alert, open_alert
from roadstead.payments.effects import BalanceContent
from roadstead.payments.fields import asset_from_horizon, read_balance_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimableBalance:
    """A balance that an account may claim, as Horizon lists it."""

    id: str
    asset: Asset
    amount_units: int
    sponsor: str | None
    predicate: str
    """JSON: when the account may claim it."""


class _Claimant(msgspec.Struct, frozen=True):
    destination: str
    predicate: msgspec.Raw


class _Record(msgspec.Struct, frozen=True):
    id: str
    asset: str
    amount: str
    claimants: list[_Claimant]
    sponsor: str | None = None


_record = msgspec.json.Decoder(_Record)


def read_balance(record: bytes, claimant: str) -> ClaimableBalance | None:
    """Read a record of Horizon's list; None where it cannot be understood or the account may not claim it."""
    try:
        found = _record.decode(record)
        asset = asset_from_horizon(found.asset)
        balance_id = read_balance_id(found.id)
        units = amount_from_text(asset, found.amount).units
    except (BadInput, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    ours = [one for one in found.claimants if one.destination == claimant]
    if not ours or units <= 0:
        return None
    return ClaimableBalance(
        id=balance_id,
        asset=asset,
        amount_units=units,
        sponsor=found.sponsor,
        predicate=bytes(ours[0].predicate).decode(errors="replace").replace("\\u0000", ""),
    )


async def store_balances(
    connection: Connection, claimant: str, balances: Sequence[ClaimableBalance], *, is_all: bool
) -> int:
    """Store what Horizon lists for a claimant; return how many are new. Safe to repeat; needs a transaction.

    With `is_all` whatever is not listed any more is gone, unless we claimed it. One alert stays open while anything
    waits.
    """
    rows = await connection.fetch(
        """
        INSERT INTO claimable_balances (id, claimant, asset, amount_units, sponsor, predicate)
        SELECT id, $1, asset, amount_units, sponsor, predicate::jsonb
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
            AS listed (id, asset, amount_units, sponsor, predicate)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        claimant,
        [balance.id for balance in balances],
        [balance.asset.id for balance in balances],
        [balance.amount_units for balance in balances],
        [balance.sponsor for balance in balances],
        [balance.predicate for balance in balances],
    )
    if is_all:
        await connection.execute(
            """
            UPDATE claimable_balances SET status = 'gone', status_at = now()
            WHERE claimant = $1 AND status = 'unclaimed' AND id <> ALL ($2::text[])
            """,
            claimant,
            [balance.id for balance in balances],
        )
    await _keep_alert(connection, claimant, new=len(rows))
    return len(rows)


async def mark_claimed(connection: Connection, claims: Mapping[int, str]) -> None:
    """Note which balances were claimed by which payments (by operation key); a claim overrules `gone`."""
    if not claims:
        return
    await connection.execute(
        """
        UPDATE claimable_balances AS b SET status = 'claimed', status_at = now(), claimed_by = p.operation_id
        FROM unnest($1::bigint[], $2::text[]) AS claim (operation_id, id)
        JOIN payments AS p ON p.operation_id = claim.operation_id
        WHERE b.id = claim.id AND b.status <> 'claimed'
        """,
        list(claims),
        list(claims.values()),
    )


async def stored_content(connection: Connection, balance_id: str) -> BalanceContent | None:
    """Return what a balance held when it was listed; None when it never was."""
    row = await connection.fetchrow(
        "SELECT asset, amount_units, sponsor FROM claimable_balances WHERE id = $1", balance_id
    )
    if row is None:
        return None
    return BalanceContent(
        asset=parse_asset(row["asset"]), amount_units=row["amount_units"], sponsor=row["sponsor"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBalance:
    """A claimable balance as people see it."""

    id: str
    amount: Money
    sponsor: str | None
    predicate: str
    status: str
    seen_at: datetime
    status_at: datetime
    claimed_by: int | None


async def list_balances(
    connection: Connection, *, status: str | None = None, limit: int
) -> list[ListedBalance]:
    """List the newest claimable balances that were ever seen: all, or those of one status."""
    rows = await connection.fetch(
        """
        SELECT id, asset, amount_units, sponsor, predicate, status, seen_at, status_at, claimed_by
        FROM claimable_balances WHERE $1::text IS NULL OR status = $1
        ORDER BY seen_at DESC, id LIMIT $2
        """,
        status,
        limit,
    )
    return [
        ListedBalance(
            id=row["id"],
            amount=Money(parse_asset(row["asset"]), row["amount_units"]),
            sponsor=row["sponsor"],
            predicate=row["predicate"],
            status=row["status"],
            seen_at=row["seen_at"],
            status_at=row["status_at"],
            claimed_by=row["claimed_by"],
        )
        for row in rows
    ]


async def _keep_alert(connection: Connection, claimant: str, *, new: int) -> None:
    waiting = await connection.fetchval(
        "SELECT count(*) FROM claimable_balances WHERE claimant = $1 AND status = 'unclaimed'", claimant
    )
    if not waiting:
        await close_alert(
            connection, AlertKind.CLAIMABLE_BALANCE, claimant, reason="No claimable balance waits any more."
        )
        return
    if new:
        await open_alert(
            connection,
            kind=AlertKind.CLAIMABLE_BALANCE,
            subject=claimant,
            message=f"{waiting} claimable balances wait for the distribution account: roadstead payments claimable.",
        )
