"""Acting on what the verifier found: money of the assets concerned stays where it is, and people are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput
from roadstead.ledger.checks.table import CHECKS
from roadstead.ledger.verify import MIGRATIONS, Finding, Report, verify
from roadstead.money import Asset, parse_asset
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.operations.stops import Outgoing, stop

log = structlog.get_logger()

ACTOR = "ledger"
SUBJECTS_TOLD_MAX = 5
ASSETS_MAX = 20
"""When more assets than this are concerned, all money is stopped at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What the verifier found, and which stops are in force because of it."""

    report: Report
    stops: tuple[UUID, ...]


async def guard(database: Database) -> Guarded:
    """Verify the books; where they are not sound, stop the money of the assets concerned and raise critical alerts.

    A finding that concerns no single asset stops all of them, except one of the migrations' checks, which only alerts:
    those are about rows of every kind. A stop ends when two people resume it, never by itself; an alert ends when its
    check finds nothing any more. Safe to repeat and to run twice at once.

    Raises:
        Unavailable: The database does not answer; nothing was stopped that is not stopped.
    """
    report = await verify(database)
    async with database.transaction() as connection:
        stops = await _stop(connection, report.findings)
        for outcome in report.outcomes:
            if outcome.findings:
                await _alert(connection, outcome.name, outcome.findings, has_more=outcome.has_more)
            else:
                await close_alert(
                    connection,
                    AlertKind.BOOKS_UNSOUND,
                    outcome.name,
                    reason="The check finds nothing any more.",
                )
    if not report.is_sound:
        log.error("books_unsound", checks=sorted({finding.check for finding in report.findings}))
    return Guarded(report=report, stops=stops)


async def _stop(connection: Connection, findings: Iterable[Finding]) -> tuple[UUID, ...]:
    checks: dict[Asset | None, dict[str, None]] = {}
    for finding in findings:
        if finding.check != MIGRATIONS:
            checks.setdefault(_asset(finding), {})[finding.check] = None
    if len(checks) > ASSETS_MAX:
        checks = {
            None: {
                check.name: None for check in CHECKS if any(check.name in names for names in checks.values())
            }
        }
    return tuple(
        [
            await stop(
                connection,
                what=Outgoing.ALL,
                asset=asset,
                reason=f"The books are not sound: {', '.join(names)}. See roadstead ledger verify.",
                actor=ACTOR,
            )
            for asset, names in sorted(checks.items(), key=lambda item: str(item[0]))
        ]
    )


async def _alert(
    connection: Connection, check: str, findings: tuple[Finding, ...], *, has_more: bool
) -> None:
    told = list(dict.fromkeys(finding.subject for finding in findings))
    more = " and more" if has_more or len(told) > SUBJECTS_TOLD_MAX else ""
    await open_alert(
        connection,
        kind=AlertKind.BOOKS_UNSOUND,
        subject=check,
        message=f"The check {check} of the books found {', '.join(told[:SUBJECTS_TOLD_MAX])}{more}. "
        "Run roadstead ledger verify, and see docs/operating/books.md.",
        severity=Severity.CRITICAL,
    )


def _asset(finding: Finding) -> Asset | None:
    try:
        return None if finding.asset is None else parse_asset(finding.asset)
    except BadInput:
        return None
