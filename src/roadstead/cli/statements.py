"""`roadstead statements`: what banks say was booked, and how it stands beside the books."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from roadstead.cli import suspense
from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.config.effective import Configuration
from roadstead.errors import NotFound
from roadstead.statements.chaining import StatementStatus
from roadstead.statements.matching import LineStatus

app = typer.Typer(no_args_is_help=True, help="What banks say was booked, beside the books.")
suspense.register(app)

LIST_MAX = 1000
REASON_MAX = 500

Rail = Annotated[str | None, typer.Option(help="Only those of one rail.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]


@app.command("list")
def list_command(
    rail: Rail = None,
    status: Annotated[StatementStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List statements, those first that were stored last."""
    run(_list(configuration_from_environment(), rail, status, limit, as_json=as_json))


async def _list(
    configuration: Configuration,
    rail: str | None,
    status: StatementStatus | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from roadstead.statements.listing import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        statements = await latest(connection, rail=rail, status=status, limit=limit)
    if as_json:
        write_json(statements)
        return
    table = Table("Id", "Rail", "Number", "Day", "Status", box=None, pad_edge=False)
    for heading in ("Opening", "Closing", "Lines", "Waiting", "Suspense"):
        table.add_column(heading, justify="right")
    for one in statements:
        table.add_row(
            str(one.id),
            one.rail,
            str(one.sequence or ""),
            str(one.closed_on or ""),
            f"{one.status}: {one.fault}" if one.fault else one.status,
            str(one.opening or ""),
            str(one.closing or ""),
            *(str(count) for count in (one.lines, one.waiting, one.suspended)),
        )
    console.print(table, markup=False)


@app.command("show")
def show_command(
    statement_id: Annotated[int, typer.Argument(metavar="ID", help="The number of a statement.")],
    status: Annotated[LineStatus | None, typer.Option(help="Only lines of one status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many lines.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show one statement with its lines and what became of each; whom they name is not shown."""
    run(_show(configuration_from_environment(), statement_id, status, limit, as_json=as_json))


async def _show(
    configuration: Configuration,
    statement_id: int,
    status: LineStatus | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from roadstead.statements.listing import shown_lines, summary

    async with open_configured_database(configuration) as database, database.connection() as connection:
        statement = await summary(connection, statement_id)
        if statement is None:
            raise NotFound(f"There is no statement {statement_id}: see roadstead statements list.")
        lines = await shown_lines(connection, statement_id, status=status, limit=limit)
    if as_json:
        write_json({"statement": statement, "lines": lines})
        return
    fault = f" ({statement.fault})" if statement.fault else ""
    console.print(
        f"Statement {statement.id} of {statement.rail} is {statement.status}{fault}: from {statement.opening} to "
        f"{statement.closing}, {statement.lines} lines",
        style="bold",
        highlight=False,
        markup=False,
    )
    table = Table("Line", "Day", box=None, pad_edge=False)
    table.add_column("Amount", justify="right")
    for heading in ("Status", "End-to-end id", "Reference", "Attempt"):
        table.add_column(heading)
    for line in lines:
        table.add_row(
            str(line.id),
            str(line.booked_on or ""),
            str(line.amount),
            line.state,
            line.end_to_end_id or "",
            line.bank_reference or "",
            line.attempt_key or "",
        )
    console.print(table, markup=False)


@app.command("balance")
def balance_command(rail: Rail = None, as_json: AsJson = False) -> None:
    """Put each bank's last closing balance beside the books, and name every difference."""
    run(_balance(configuration_from_environment(), rail, as_json=as_json))


async def _balance(configuration: Configuration, rail: str | None, *, as_json: bool) -> None:
    from roadstead.statements.listing import positions

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await positions(connection, rail)
    if as_json:
        write_json(found)
        return
    for one in found:
        console.print(
            f"{one.rail}: the bank closed at {one.closing} ({one.closed_on}, statement {one.statement_id}); the books "
            f"have {one.booked}; {one.suspense} of it is in suspense",
            style="bold",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        table = Table("Since (UTC)", "Why", "What", box=None, pad_edge=False)
        table.add_column("Books less bank", justify="right")
        for item in one.items:
            table.add_row(f"{item.since:%Y-%m-%d %H:%M}", item.kind, item.subject, str(item.amount))
        if one.unnamed.units:
            table.add_row("", "more", f"beyond the first {len(one.items)}", str(one.unnamed))
        if one.items:
            console.print(table, markup=False)
    if not found:
        console.print("No bank has sent a statement yet.")


@app.command("set-aside")
def set_aside_command(
    statement_id: Annotated[int, typer.Argument(metavar="ID", help="The number of a broken statement.")],
    reason: Annotated[str, typer.Option(help="Why it tells nothing that the books need.")],
) -> None:
    """Put a broken statement aside for good; it is never booked, and its alert closes when no other is broken."""
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise typer.BadParameter(
            f"Give the reason in at most {REASON_MAX} characters.", param_hint="--reason"
        )
    run(_set_aside(configuration_from_environment(), statement_id, reason.strip()))


async def _set_aside(configuration: Configuration, statement_id: int, reason: str) -> None:
    from roadstead.cli.people import actor
    from roadstead.operations.roles import Right
    from roadstead.statements.taking import set_aside

    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.APPROVE)
        async with database.transaction() as connection:
            await set_aside(connection, statement_id, reason=reason, actor=who)
    console.print(f"Statement {statement_id} is set aside.", highlight=False)


@app.command("take-back")
def take_back_command(
    statement_id: Annotated[
        int, typer.Argument(metavar="ID", help="The number of a statement that was set aside.")
    ],
    reason: Annotated[str, typer.Option(help="Why the books need it after all.")],
) -> None:
    """Let a statement that was set aside wait again for the one before it, and be linked where it follows."""
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise typer.BadParameter(
            f"Give the reason in at most {REASON_MAX} characters.", param_hint="--reason"
        )
    run(_take_back(configuration_from_environment(), statement_id, reason.strip()))


async def _take_back(configuration: Configuration, statement_id: int, reason: str) -> None:
    from roadstead.cli.people import actor
    from roadstead.clock import SystemClock
    from roadstead.operations.roles import Right
    from roadstead.statements.taking import take_back

    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.APPROVE)
        async with database.transaction() as connection:
            status = await take_back(
                connection, statement_id, reason=reason, actor=who, now=SystemClock().now()
            )
    console.print(f"Statement {statement_id} is {status}.", highlight=False)


@app.command("import")
def import_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A camt.053 that the bank's portal gave.")],
    rail: Annotated[
        str, typer.Option(metavar="NAME", help="The rail of kind iso20022 whose account it is of.")
    ],
    as_json: AsJson = False,
) -> None:
    """Take in a statement that was fetched by hand, as if the bank's channel had brought it."""
    run(_import(configuration_from_environment(), path, rail, as_json=as_json))


async def _import(configuration: Configuration, path: Path, name: str, *, as_json: bool) -> None:
    from roadstead.batches.opening import file_rails
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.customers.vault import local_keys
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right
    from roadstead.rails.opening import open_rail
    from roadstead.randomness import SystemRandomness
    from roadstead.statements.importing import import_file, read_given

    declared = configuration.anchor.rail(name)
    configured = next(one for one in configuration.rails if one.name == declared.name)
    content = read_given(path)
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.APPROVE)
        keys = local_keys(configuration)
        kinds = file_rails(configuration.anchor, database, keys, SystemClock(), SystemRandomness())
        opened = open_rail(configured, kinds)
        try:
            done = await import_file(opened, path.name, content, actor=by.actor)
        finally:
            await opened.close()
    if as_json:
        write_json(done)
        return
    if not done.is_new:
        console.print("This file is known already; nothing of it is taken in twice.")
    if not done.statements:
        console.print("It is kept; the scheduler takes its statements in after those that came before.")
    for one in done.statements:
        fault = f": {one.fault}" if one.fault else ""
        number = "" if one.sequence is None else f" (number {one.sequence})"
        console.print(f"Statement {one.id}{number} is {one.status}{fault}", highlight=False, markup=False)
