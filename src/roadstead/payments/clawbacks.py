"""Tokens that their issuer took out of our account: posted, alerted, and a stop to that asset's outgoing money."""

from __future__ import annotations

from collections.abc import Sequence

from roadstead.database.pool import Connection
from roadstead.ledger.postings import clawed_back
from roadstead.ledger.store import post
from roadstead.money import Money
from roadstead.operations.alerts import AlertKind, Severity, open_alert
from roadstead.operations.stops import Outgoing, stop
from roadstead.payments.verdicts import Clawback

OBSERVER = "observer"


async def record_clawbacks(connection: Connection, clawbacks: Sequence[Clawback]) -> int:
    """Record clawbacks and what follows from them; return how many are new. Safe to repeat; needs a transaction."""
    new = 0
    for clawback in clawbacks:
        if not await _insert(connection, clawback):
            continue
        new += 1
        amount = Money(clawback.asset, clawback.amount_units)
        await post(connection, [clawed_back(clawback.operation_id, amount)])
        reason = (
            f"{clawback.issuer} took {amount} out of the distribution account (transaction "
            f"{clawback.transaction_hash})."
        )
        await open_alert(
            connection,
            kind=AlertKind.CLAWBACK,
            subject=str(clawback.operation_id),
            message=f"{reason} Payouts and refunds of the asset are stopped: find out why, then resume them.",
            severity=Severity.CRITICAL,
        )
        # Tokens that were paid in are gone, so neither their payouts nor their refunds are covered any more.
        await stop(connection, what=Outgoing.ALL, asset=clawback.asset, reason=reason, actor=OBSERVER)
    return new


async def _insert(connection: Connection, clawback: Clawback) -> bool:
    row = await connection.fetchrow(
        """
        INSERT INTO clawbacks (operation_id, transaction_hash, ledger_closed_at, account, issuer, asset, amount_units)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (operation_id) DO NOTHING RETURNING operation_id
        """,
        clawback.operation_id,
        clawback.transaction_hash,
        clawback.ledger_closed_at,
        clawback.account,
        clawback.issuer,
        clawback.asset.id,
        clawback.amount_units,
    )
    return row is not None
