"""Verifying the books: every check over one picture of the database, and what it found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from roadstead.database.migrate import migrations
from roadstead.database.pool import Connection, Database, Row, limit_transaction
from roadstead.errors import BadInput
from roadstead.ledger.checks.form import Sweep
from roadstead.ledger.checks.table import SWEEPS
from roadstead.money import Asset, Money, parse_asset

ROWS_MAX = 20
"""How many rows of one check are told unless more are asked for."""
ROWS_LIMIT = 1000
"""Most rows of one check that may be asked for."""
STATEMENT_TIMEOUT_S = 120
"""How long one statement of the verifier may take."""

MIGRATIONS = "migrations"
"""Name of the check that runs what each migration checked when it was applied."""
MIGRATIONS_SENTENCE = "What each migration checked is still true."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row that contradicts a check."""

    check: str
    subject: str
    """What it is about: the id of a remittance, payout or payment, the key of a posting or attempt, or an account."""
    asset: str | None
    """SEP-38 identifier of the asset concerned; None where the finding concerns no single one."""
    detail: str
    expected: Money | None = None
    actual: Money | None = None

    def __str__(self) -> str:
        """The finding as a line for people."""
        if self.actual is None:
            return f"{self.subject}: {self.detail}"
        wanted = "" if self.expected is None else f" instead of {self.expected}"
        return f"{self.subject}: {self.detail}: {self.actual}{wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one check came to."""

    name: str
    sentence: str
    findings: tuple[Finding, ...]
    has_more: bool
    """Whether there are more rows than were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the verifier found, in one picture of the database."""

    taken_at: datetime
    duration_s: float
    postings_count: int
    outcomes: tuple[Outcome, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, in the order of the checks."""
        return tuple(finding for outcome in self.outcomes for finding in outcome.findings)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


async def verify(database: Database, *, rows_max: int = ROWS_MAX) -> Report:
    """Run every check over one picture of the database; work goes on meanwhile and is neither seen nor held up.

    Raises:
        Unavailable: The database does not answer, or a check took longer than `STATEMENT_TIMEOUT_S`.
    """
    started = time.monotonic()
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
        await limit_transaction(connection, 0)
        taken_at = await connection.fetchval("SELECT now()")
        postings_count = await connection.fetchval("SELECT count(*) FROM postings")
        outcomes: list[Outcome] = []
        for sweep in SWEEPS:
            outcomes.extend(await _sweep(connection, sweep, rows_max))
        outcomes.append(await _migrations(connection, rows_max))
    return Report(
        taken_at=taken_at,
        duration_s=time.monotonic() - started,
        postings_count=postings_count,
        outcomes=tuple(outcomes),
    )


async def _sweep(connection: Connection, sweep: Sweep, rows_max: int) -> list[Outcome]:
    rows = await connection.fetch(sweep.statement(), rows_max + 1, timeout=STATEMENT_TIMEOUT_S)
    return [
        _outcome(
            check.name,
            check.sentence,
            [_finding(row) for row in rows if row["check_name"] == check.name],
            rows_max,
        )
        for check in sweep.checks
    ]


async def _migrations(connection: Connection, rows_max: int) -> Outcome:
    """Run the checks of the migrations, which otherwise run only when these are applied."""
    findings = [
        Finding(check=MIGRATIONS, subject=migration.name, asset=None, detail=found)
        for migration in migrations()
        if (found := await connection.fetchval(migration.check, timeout=STATEMENT_TIMEOUT_S)) is not None
    ]
    return _outcome(MIGRATIONS, MIGRATIONS_SENTENCE, findings, rows_max)


def _outcome(name: str, sentence: str, findings: Sequence[Finding], rows_max: int) -> Outcome:
    return Outcome(
        name=name,
        sentence=sentence,
        findings=tuple(findings[:rows_max]),
        has_more=len(findings) > rows_max,
    )


def _finding(row: Row) -> Finding:
    asset = _asset(row["asset"])
    return Finding(
        check=row["check_name"],
        subject=row["subject"],
        asset=row["asset"],
        detail=row["detail"],
        expected=None if asset is None or row["expected"] is None else Money(asset, row["expected"]),
        actual=None if asset is None or row["actual"] is None else Money(asset, row["actual"]),
    )


def _asset(text: str | None) -> Asset | None:
    """Read an asset; one that nobody can read is no reason not to tell the finding."""
    try:
        return None if text is None else parse_asset(text)
    except BadInput:
        return None
