"""Delivering alerts: what was written with an alert is sent later, at least once, outside any transaction.

A batch of notices is leased, sent as one message, and the outcome is written down. A process that dies in between
leaves a lease that runs out; the same notices are then sent again. Each carries an id, by which a receiver knows it
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import structlog

from roadstead.boundaries import boundary
from roadstead.database.pool import Connection, Database
from roadstead.errors import Unavailable
from roadstead.operations.alerts import Severity
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

BATCH_MAX = 50
"""Most notices that one message carries, so that a flood of alerts is no flood of messages."""
SEND_TIMEOUT_S = 30.0
LEASE = timedelta(seconds=60)
"""Longer than the whole call and the writing of its outcome."""
FIRST_PAUSE = timedelta(seconds=5)
PAUSE_MAX = timedelta(minutes=15)
AGE_MAX = timedelta(hours=24)
TRIES_MAX = 200
UNWANTED_AFTER = timedelta(hours=1)
"""How long a notice waits for a process in which its channel is configured, before it is ended as unwanted."""
_FAILURE_MAX = 500


class ChannelName(StrEnum):
    """The ways in which alerts leave the house."""

    WEBHOOK = "webhook"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one channel has to tell of an alert, as it was at that moment."""

    id: int
    """Unique; the same when it is sent again."""
    alert_id: int
    kind: str
    subject: str
    event: str
    """`opened`, `raised` (it became more severe) or `closed`."""
    severity: Severity
    message: str
    count: int
    written_at: datetime


class NotDelivered(Unavailable):
    """A channel did not take a message, or it is not known whether it did; it is sent again."""

    code = "alert_not_delivered"


class Channel(Protocol):
    """A way in which alerts leave the house."""

    @property
    def name(self) -> ChannelName:
        """Which one it is."""
        ...

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send some notices as one message, oldest first. The caller sets a deadline.

        Raises:
            NotDelivered: It was not taken, or nobody knows; the message says why, without a secret.
        """
        ...

    async def close(self) -> None:
        """Release what the channel holds."""
        ...


class AlertSender:
    """Sends what one channel has to tell. Any number may run at once, in any number of processes."""

    def __init__(
        self, *, database: Database, channel: Channel, randomness: Randomness, lease: timedelta = LEASE
    ) -> None:
        """Take what delivery stands on."""
        self._database = database
        self._channel = channel
        self._randomness = randomness
        self._lease = lease

    async def step(self) -> bool:
        """Send the notices that are due, as one message; return whether there were any.

        Raises:
            Unavailable: The database does not answer; what was sent meanwhile is sent again.
        """
        token = new_id(self._randomness)
        async with self._database.connection() as connection:
            claimed = await _claim(connection, self._channel.name, token, self._lease)
        if not claimed:
            return False
        failure = await self._send([entry.notice for entry in claimed])
        async with self._database.transaction() as connection:
            for entry in claimed:
                await self._record(connection, entry, token, failure)
        return True

    async def close(self) -> None:
        """Release what the channel holds."""
        await self._channel.close()

    async def _send(self, notices: Sequence[Notice]) -> str | None:
        """Send and return why it failed, or None."""
        about = {"channel": str(self._channel.name), "notices": [notice.id for notice in notices]}
        boundary("alert.send.before")
        try:
            await self._channel.send(notices)
        except NotDelivered as error:
            log.warning("alerts_not_delivered", reason=error.message, **about)
            return error.message
        except Exception as error:
            # A channel with a bug must not lose alerts, nor hold up the others.
            log.exception("alerts_not_delivered", **about)
            return type(error).__name__
        boundary("alert.send.after")
        log.info("alerts_delivered", **about)
        return None

    async def _record(
        self, connection: Connection, entry: _Claimed, token: UUID, failure: str | None
    ) -> None:
        chance = self._randomness.token_bytes(1)[0]
        pause = None if failure is None else next_pause(tries=entry.tries + 1, age=entry.age, chance=chance)
        status = "delivered" if failure is None else "given_up" if pause is None else "waiting"
        await connection.execute(
            """
            UPDATE alert_notices SET tries = tries + 1, lease_token = NULL, lease_until = NULL, status = $3,
                failure = $4, due_at = now() + coalesce($5::interval, interval '0'),
                ended_at = CASE $3 WHEN 'waiting' THEN NULL ELSE now() END
            WHERE id = $1 AND lease_token = $2
            """,
            entry.notice.id,
            token,
            status,
            None if failure is None else failure[:_FAILURE_MAX].replace("\0", "\ufffd"),
            pause,
        )
        if status == "given_up":
            log.error("alert_given_up", channel=str(self._channel.name), alert_id=entry.notice.alert_id)


def next_pause(*, tries: int, age: timedelta, chance: int) -> timedelta | None:
    """Return how long a notice rests after a failed try; None when it is given up.

    The pause doubles from 5 seconds up to 15 minutes; `chance` (0 to 255) shortens it by up to a half.
    """
    if tries >= TRIES_MAX or age >= AGE_MAX:
        return None
    pause = min(FIRST_PAUSE * (1 << min(tries - 1, 16)), PAUSE_MAX)
    return pause * (512 - chance) / 512


async def skip_unwanted(database: Database, configured: frozenset[ChannelName]) -> int:
    """End notices for channels that nobody configured, after an hour in which another process could have sent them.

    Returns how many. Without it they would all be sent at once on the day on which a channel is configured.

    Raises:
        Unavailable: The database does not answer.
    """
    unwanted = sorted(frozenset(ChannelName) - configured)
    if not unwanted:
        return 0
    async with database.connection() as connection:
        rows = await connection.fetch(
            """
            UPDATE alert_notices SET status = 'skipped', ended_at = now() WHERE id IN (
                SELECT id FROM alert_notices
                WHERE status = 'waiting' AND channel = ANY($1::text[]) AND lease_token IS NULL
                    AND written_at < now() - $2::interval LIMIT 1000 FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            unwanted,
            UNWANTED_AFTER,
        )
    return len(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    notice: Notice
    tries: int
    age: timedelta


async def _claim(
    connection: Connection, channel: ChannelName, token: UUID, lease: timedelta
) -> list[_Claimed]:
    rows = await connection.fetch(
        """
        UPDATE alert_notices AS n SET lease_token = $2, lease_until = now() + $3::interval
        FROM alerts AS a
        WHERE a.id = n.alert_id AND n.id IN (
            SELECT id FROM alert_notices
            WHERE status = 'waiting' AND channel = $1 AND due_at <= now()
                AND (lease_until IS NULL OR lease_until < now())
            ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED)
        RETURNING n.id, n.alert_id, a.kind, a.subject, n.event, n.severity, n.message, n.count, n.written_at, n.tries,
            now() - n.written_at AS age
        """,
        channel,
        token,
        lease,
        BATCH_MAX,
    )
    return [
        _Claimed(
            notice=Notice(
                id=row["id"],
                alert_id=row["alert_id"],
                kind=row["kind"],
                subject=row["subject"],
                event=row["event"],
                severity=Severity(row["severity"]),
                message=row["message"],
                count=row["count"],
                written_at=row["written_at"],
            ),
            tries=row["tries"],
            age=row["age"],
        )
        for row in sorted(rows, key=lambda row: int(row["id"]))
    ]
