"""`roadstead ledger`: the books, as an accountant reads them, and whether they are sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from roadstead.cli.context import (
    configuration_from_environment,
    console,
    errors,
    open_configured_database,
    run,
)
from roadstead.cli.options import LIST_MAX, AsJson, read_remittance_id
from roadstead.cli.output import write_json, write_line, write_table
from roadstead.config.effective import Configuration
from roadstead.money import Money

if TYPE_CHECKING:
    from roadstead.ledger.reading import Booked
    from roadstead.ledger.verify import Report

app = typer.Typer(no_args_is_help=True, help="The books, and whether they are sound.")

EXIT_UNSOUND = 1
_SIDES = ("Debit", "Credit")


@app.command("verify")
def verify_command(
    rows: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many rows of each check to tell.")] = 20,
    act: Annotated[
        bool, typer.Option("--act", help="Stop outgoing money of the assets concerned, and alert.")
    ] = False,
    as_json: AsJson = False,
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
            write_line(f"      {finding}")
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
    as_json: AsJson = False,
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
    write_table(
        ("Account", *_SIDES, "Asset"),
        [(account.account, *_sides(account.amount), account.amount.asset.code) for account in accounts],
        right=_SIDES,
    )


@app.command("postings")
def postings_command(
    remittance: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those of one remittance, from its first on.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show postings with their entries, oldest first."""
    run(_postings(configuration_from_environment(), remittance, limit, as_json=as_json))


async def _postings(configuration: Configuration, text: str | None, limit: int, *, as_json: bool) -> None:
    from roadstead.ledger.reading import booked

    remittance_id = None if text is None else read_remittance_id(text)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await booked(connection, remittance_id=remittance_id, limit=limit)
    if as_json:
        write_json(found)
        return
    write_table(
        ("Posted (UTC)", "Event", "Account", *_SIDES, "Asset", "Key"),
        [row for posting in found for row in _rows(posting)],
        right=_SIDES,
    )


def _rows(posting: Booked) -> Iterator[Sequence[object]]:
    """Write what is the same for all entries of a posting once, at its first."""
    head: tuple[object, object] = (posting.posted_at, posting.event)
    key: str | None = posting.idempotency_key
    for entry in posting.entries:
        yield *head, entry.account, *_sides(entry.amount), entry.amount.asset.code, key
        head, key = (None, None), None


def _sides(amount: Money) -> tuple[str, str]:
    return (amount.text, "") if amount.units > 0 else ("", amount.text.removeprefix("-"))
