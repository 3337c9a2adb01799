"""What has to happen by the clock: confirmations end, silent verifiers are told of, people's decisions are rung."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import asyncpg
import structlog

from roadstead.customers import case_store
from roadstead.database.pool import Database
from roadstead.operations.alerts import AlertKind, keep_alerts
from roadstead.operations.holds import HoldKind, applied, decided
from roadstead.verification.consequences import Consequences, follow

log = structlog.get_logger()

BATCH_MAX = 50
SILENT_AFTER = timedelta(hours=1)
"""How long a verifier gives no answer about a case before people are told."""
WAITING_AFTER = timedelta(days=3)
"""How long a case is in review before people are told."""


async def expire_confirmations(database: Database, rules: Consequences, now: datetime) -> int:
    """End the confirmations whose time is over, and let what rested on them wait; return how many there were.

    The data are then put before a verifier again. Safe to run anywhere, at any time.

    Raises:
        Unavailable: The database does not answer; nothing was changed.
    """
    async with database.transaction() as connection:
        customers = await case_store.expire_due(connection, now, BATCH_MAX)
        for customer_id in dict.fromkeys(customers):
            await follow(connection, rules, customer_id, now)
    return len(customers)


async def ring_decided(database: Database) -> int:
    """Let the cases be asked about that people decided; return how many there were.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        found = await decided(connection, HoldKind.VERIFICATION, BATCH_MAX)
        for hold in found:
            await applied(connection, hold.hold_id)
            await connection.execute(
                "UPDATE verification_cases SET due_at = now(), tries = 0 WHERE submission_id = $1::uuid",
                hold.subject,
            )
            log.info("verification_ruled", hold_id=str(hold.hold_id), decision=hold.decision)
    return len(found)


async def watch_silence(database: Database, now: datetime) -> None:
    """Keep an alert open for each verifier that gives no answer, and for each case that waits for too long.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(
            """
            SELECT verifier, count(*) AS cases, min(COALESCE(heard_at, submitted_at)) AS since
            FROM verification_cases WHERE status IN ('submitted', 'in_review') AND verifier IS NOT NULL
                AND due_at IS NOT NULL AND COALESCE(heard_at, submitted_at) < $1
            GROUP BY verifier
            """,
            now - SILENT_AFTER,
        )
        await keep_alerts(
            connection, AlertKind.VERIFIER_SILENT, _silent(rows), over="The verifier answers again."
        )
        old = await connection.fetch(
            """
            SELECT id, verifier, submitted_at FROM verification_cases
            WHERE status IN ('submitted', 'in_review') AND due_at IS NOT NULL AND submitted_at < $1
            ORDER BY submitted_at LIMIT $2
            """,
            now - WAITING_AFTER,
            BATCH_MAX,
        )
        messages = {
            str(row["id"]): (
                f"Case {row['id']} has waited for {row['verifier']} since {row['submitted_at']:%Y-%m-%d %H:%M} UTC. "
                "Ask it, or decide: roadstead verifications show."
            )
            for row in old
        }
        await keep_alerts(
            connection, AlertKind.VERIFICATION_WAITS, messages, over="The case does not wait any more."
        )


def _silent(rows: list[asyncpg.Record]) -> Mapping[str, str]:
    return {
        row["verifier"]: (
            f"The verifier {row['verifier']} has given no answer about {row['cases']} case(s) since "
            f"{row['since']:%Y-%m-%d %H:%M} UTC. They are asked about on; check that it is reached."
        )
        for row in rows
    }
