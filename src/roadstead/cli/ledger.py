"""`roadstead ledger`: the books, as an accountant reads them, and whether they are sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Table

from roadstead.cli.context import (
    configuration_from_environment,
    console,
    errors,
    open_configured_database,
    run,
)
from roadstead.cli.output import write_json
from roadstead.config.effective import Configuration
from roadstead.errors import BadInput

if TYPE_CHECKING:
    from roadstead.ledger.verify import Report

app = typer.Typer(no_args_is_help=True, help="The books, and whether they are sound.")

LIST_MAX = 1000
EXIT_UNSOUND = 1


@app.command("verify")
def verify_command(
    rows: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many rows of each check to tell.")] = 20,
    act: Annotated[
        bool, typer.Option("--act", help="Stop outgoing money of the assets concerned, and alert.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """Check the books against themselves and against everything beside them; exit with 1 when anything is wrong."""
    configuration = configuration_from_environment()
    report = run(_guard(configuration) if act else _verify(configuration, rows))
    if as_json:
        write_json({"sound": report.is_sound, "report": report})
    else:
        _tell(report)
    if not report.is_sound:
        raise typer.Exit(EXIT_UNSOUND)


async def _verify(configuration: Configuration, rows_max: int) -> Report:
    from roadstead.ledger.verify import verify

    async with open_configured_database(configuration) as database:
        return await verify(database, rows_max=rows_max)


async def _guard(configuration: Configuration) -> Report:
    from roadstead.ledger.guarding import guard

    async with open_configured_database(configuration) as database:
        guarded = await guard(database)
    for stop_id in guarded.stops:
        errors.print(f"Outgoing money is stopped: stop {stop_id}", style="red", markup=False, highlight=False)
    return guarded.report


def _tell(report: Report) -> None:
    for outcome in report.outcomes:
        console.print(
            f"{'wrong' if outcome.findings else 'ok':6}{outcome.name}: {outcome.sentence}",
            style="red" if outcome.findings else None,
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        for finding in outcome.findings:
            console.print(f"      {finding}", markup=False, highlight=False, soft_wrap=True)
        if outcome.has_more:
            console.print("      ... and more: ask for them with --rows", markup=False, highlight=False)
    wrong = sum(bool(outcome.findings) for outcome in report.outcomes)
    verdict = "The books are sound" if report.is_sound else f"{wrong} of {len(report.outcomes)} checks failed"
    console.print(
        f"{verdict}: {report.postings_count} postings, {report.duration_s:.1f} s.",
        markup=False,
        highlight=False,
    )


@app.command("balances")
def balances_command(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """Show what stands on every account: debits positive, credits negative; accounts at zero are left out."""
    run(_balances(configuration_from_environment(), as_json=as_json))


async def _balances(configuration: Configuration, *, as_json: bool) -> None:
    from roadstead.ledger.store import balances

    async with open_configured_database(configuration) as database, database.connection() as connection:
        accounts = await balances(connection)
    if as_json:
        write_json(accounts)
        return
    table = Table("Account", box=None, pad_edge=False)
    table.add_column("Debit", justify="right")
    table.add_column("Credit", justify="right")
    table.add_column("Asset")
    for account in accounts:
        debit, credit = _sides(account.amount.units, account.amount.text)
        table.add_row(account.account, debit, credit, account.amount.asset.code)
    console.print(table, markup=False)


@app.command("postings")
def postings_command(
    remittance: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those of one remittance, from its first on.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """Show postings with their entries, oldest first."""
    run(_postings(configuration_from_environment(), remittance, limit, as_json=as_json))


async def _postings(configuration: Configuration, text: str | None, limit: int, *, as_json: bool) -> None:
    from roadstead.ledger.reading import booked

    remittance_id = None if text is None else _remittance_id(text)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await booked(connection, remittance_id=remittance_id, limit=limit)
    if as_json:
        write_json(found)
        return
    table = Table("Posted (UTC)", "Event", "Account", box=None, pad_edge=False)
    table.add_column("Debit", justify="right")
    table.add_column("Credit", justify="right")
    table.add_column("Asset")
    table.add_column("Key")
    for posting in found:
        head = (f"{posting.posted_at:%Y-%m-%d %H:%M:%S}", posting.event)
        key = posting.idempotency_key
        for entry in posting.entries:
            debit, credit = _sides(entry.amount.units, entry.amount.text)
            table.add_row(*head, entry.account, debit, credit, entry.amount.asset.code, key)
            head, key = ("", ""), ""
    console.print(table, markup=False)


def _sides(units: int, text: str) -> tuple[str, str]:
    return (text, "") if units > 0 else ("", text.removeprefix("-"))


def _remittance_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInput(
            f"{text[:60]!r} is no remittance id: copy it from roadstead remittances list."
        ) from error
