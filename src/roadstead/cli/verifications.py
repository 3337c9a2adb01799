"""`roadstead verifications`: where the verification of every customer stands, and what people do with it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.config.effective import Configuration
from roadstead.customers.cases import CaseStatus, Say

app = typer.Typer(no_args_is_help=True, help="Who is verified, and what people do with their cases.")

LIST_MAX = 1000

_Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
_Id = Annotated[UUID, typer.Argument(metavar="ID", help="The id that the list shows.")]
_Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]


@app.command("list")
def list_command(
    status: Annotated[CaseStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    as_json: _Json = False,
) -> None:
    """List cases by ids and codes, those first that moved last."""
    run(_list(configuration_from_environment(), status, limit, as_json=as_json))


async def _list(
    configuration: Configuration, status: CaseStatus | None, limit: int, *, as_json: bool
) -> None:
    from roadstead.verification.people import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await latest(connection, status=status, limit=limit)
    if as_json:
        write_json(found)
        return
    table = Table(
        *("Since (UTC)", "Case", "Status", "Type", "Customer", "Verifier", "Reasons"),
        box=None,
        pad_edge=False,
    )
    for case in found:
        table.add_row(
            f"{case.status_at:%Y-%m-%d %H:%M:%S}",
            str(case.id),
            case.status,
            case.customer_type,
            str(case.customer_id),
            case.verifier or "",
            ", ".join(case.reasons),
        )
    console.print(table, markup=False)


@app.command("show")
def show_command(case_id: _Id, as_json: _Json = False) -> None:
    """Show how a case came to where it is."""
    run(_show(configuration_from_environment(), case_id, as_json=as_json))


async def _show(configuration: Configuration, case_id: UUID, *, as_json: bool) -> None:
    from roadstead.verification.people import history

    async with open_configured_database(configuration) as database, database.connection() as connection:
        lines = await history(connection, case_id)
    if as_json:
        write_json(lines)
        return
    table = Table("When (UTC)", "From", "To", "Because", "Verifier", "Reasons", box=None, pad_edge=False)
    for line in lines:
        table.add_row(
            f"{line.reached_at:%Y-%m-%d %H:%M:%S}",
            line.status_from,
            line.status_to,
            line.cause,
            line.verifier or "",
            ", ".join(line.reasons),
        )
    console.print(table, markup=False)


@app.command("reveal")
def reveal_command(case_id: _Id, reason: _Reason) -> None:
    """Show the data of a customer to whoever decides about them; that you looked is written to the audit log."""
    run(_reveal(configuration_from_environment(), case_id, reason))


async def _reveal(configuration: Configuration, case_id: UUID, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.vault import LocalKeyProvider
    from roadstead.verification.people import reveal_data

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        keys = LocalKeyProvider(configuration.data_key)
        values = await reveal_data(database, keys, configuration.anchor, case_id, reason=reason, by=by)
    for name, value in values.items():
        console.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)


@app.command("ask")
def ask_command(
    case_id: _Id,
    field: Annotated[list[str], typer.Option(help="A field of SEP-9 to ask for anew; may be repeated.")],
    reason: _Reason,
    say: Annotated[Say, typer.Option(help="What the customer is told of each.")] = Say.NOT_CONFIRMED,
) -> None:
    """Ask for data in place of deciding; the partner sees which, and the case goes on when they come."""
    run(_ask(configuration_from_environment(), case_id, field, say, reason))


async def _ask(configuration: Configuration, case_id: UUID, fields: list[str], say: Say, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.verification.consequences import Consequences
    from roadstead.verification.people import ask_for

    rules = Consequences(anchor=configuration.anchor, verified_types=configuration.verified_types)
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        await ask_for(
            database, rules, case_id, fields, say=say, reason=reason, by=by, now=SystemClock().now()
        )
    console.print(f"Case {case_id} asks for {', '.join(fields)}.", highlight=False)


@app.command("again")
def again_command(case_id: _Id, reason: _Reason) -> None:
    """Let a case be put before its verifier once more, whatever was decided."""
    run(_again(configuration_from_environment(), case_id, reason))


async def _again(configuration: Configuration, case_id: UUID, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.verification.consequences import Consequences
    from roadstead.verification.people import begin_anew

    rules = Consequences(anchor=configuration.anchor, verified_types=configuration.verified_types)
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        await begin_anew(database, rules, case_id, reason=reason, by=by, now=SystemClock().now())
    console.print(f"Case {case_id} begins anew.", highlight=False)
