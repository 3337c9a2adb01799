"""The emergency stop: one person is enough to keep money from going out, two are needed to let it go again.

While a stop is open the claim queries of payouts and refunds pass its rows over (`outgoing_stopped` in SQL), and the
same question is asked again in the transaction that writes what is about to be sent. What a bank may already have is
still asked about, and payments that arrive are still stored and matched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.errors import BadInput
from roadstead.money import Asset
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, Severity, open_alert

REASON_MAX = 1000
STOPS_SHOWN_MAX = 1000


class Outgoing(StrEnum):
    """Which money is stopped."""

    PAYOUTS = "payouts"
    REFUNDS = "refunds"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop that is in force."""

    id: UUID
    what: Outgoing
    asset: str | None
    """SEP-38 identifier of the only asset that is stopped; None stops every asset."""
    reason: str
    stopped_by: str
    stopped_at: datetime


async def stop(
    connection: Connection, *, what: Outgoing, asset: Asset | None, reason: str, actor: str
) -> UUID:
    """Stop money from going out when the transaction commits, tell everybody, and return the stop's id; safe to repeat.

    A stop of the same money that is in force already is kept. A payout whose call to the bank has begun is not called
    back.

    Raises:
        BadInput: No reason was given, or it is too long.
    """
    if not 1 <= len(reason.strip()) <= REASON_MAX:
        raise BadInput(f"Give the reason of the stop in at most {REASON_MAX} characters.")
    asset_id = None if asset is None else asset.id
    new = await connection.fetchval(
        """
        INSERT INTO stops (id, what, asset, reason, stopped_by) VALUES (gen_random_uuid(), $1, $2, $3, $4)
        ON CONFLICT (what, asset) WHERE resumed_at IS NULL DO NOTHING RETURNING id
        """,
        what,
        asset_id,
        reason.strip(),
        actor,
    )
    if new is None:
        standing: UUID | None = await connection.fetchval(
            "SELECT id FROM stops WHERE resumed_at IS NULL AND what = $1 AND asset IS NOT DISTINCT FROM $2",
            what,
            asset_id,
        )
        if standing is not None:
            return standing
        # It ended between the two statements.
        return await stop(connection, what=what, asset=asset, reason=reason, actor=actor)
    stop_id: UUID = new
    detail = {"what": str(what), "asset": asset_id or "every asset", "reason": reason.strip()}
    await audit.record(
        connection, actor=actor, action="outgoing.stopped", subject=f"stop {stop_id}", detail=detail
    )
    await open_alert(
        connection,
        kind=AlertKind.OUTGOING_STOPPED,
        subject=str(stop_id),
        message=f"Outgoing money is stopped: {what}, {asset_id or 'every asset'}. Two people let it go again with "
        f"roadstead resume {stop_id}.",
        severity=Severity.CRITICAL,
    )
    return stop_id


async def open_stops(connection: Connection) -> list[Stop]:
    """List the stops that are in force, oldest first, at most `STOPS_SHOWN_MAX`."""
    rows = await connection.fetch(
        """
        SELECT id, what, asset, reason, stopped_by, stopped_at FROM stops
        WHERE resumed_at IS NULL ORDER BY stopped_at, id LIMIT $1
        """,
        STOPS_SHOWN_MAX,
    )
    return [Stop(**{**row, "what": Outgoing(row["what"])}) for row in rows]


async def is_stopped(connection: Connection, what: Outgoing, assets: tuple[Asset, ...]) -> bool:
    """Whether money must not go out now, in any of the assets that it touches."""
    found: bool = await connection.fetchval(
        "SELECT coalesce(bool_or(outgoing_stopped($1, asset)), false) FROM unnest($2::text[]) AS asset",
        what,
        [asset.id for asset in assets],
    )
    return found
