"""`roadstead refunds`: what goes back to payers, and how far each refund came."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.cli.people import actor
from roadstead.config.effective import Configuration
from roadstead.errors import BadInput, NotFound
from roadstead.operations.roles import Right
from roadstead.refunds.states import RefundStatus

app = typer.Typer(no_args_is_help=True, help="What goes back to payers, and how far each refund came.")

LIST_MAX = 1000

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id that the list shows.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]


@app.command("list")
def list_command(
    status: Annotated[RefundStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    as_json: _Json = False,
) -> None:
    """List refunds, newest first."""
    run(_list(configuration_from_environment(), status, limit, as_json=as_json))


async def _list(
    configuration: Configuration, status: RefundStatus | None, limit: int, *, as_json: bool
) -> None:
    from roadstead.refunds.listing import list_refunds

    async with open_configured_database(configuration) as database, database.connection() as connection:
        refunds = await list_refunds(connection, status=status, limit=limit)
    if as_json:
        write_json(refunds)
        return
    table = Table("Ordered", "Id", "Status", "Sends", "Keeps", "Cause", "Why held", box=None, pad_edge=False)
    for refund in refunds:
        table.add_row(
            f"{refund.ordered_at:%Y-%m-%d %H:%M:%S}",
            str(refund.id),
            refund.status,
            str(refund.sends),
            str(refund.keeps),
            refund.cause,
            refund.reason or "",
        )
    console.print(table, markup=False)


@app.command("show")
def show_command(refund_id: _Id, as_json: _Json = False) -> None:
    """Show one refund with everything that happened to it, and every envelope that was signed for it."""
    run(_show(configuration_from_environment(), refund_id, as_json=as_json))


async def _show(configuration: Configuration, text: str, *, as_json: bool) -> None:
    from roadstead.refunds.listing import show_refund

    wanted = _refund_id(text)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        shown = await show_refund(connection, wanted)
    if shown is None:
        raise NotFound(f"There is no refund {wanted}: see roadstead refunds list.")
    if as_json:
        write_json(shown)
        return
    refund = shown.refund
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in (
        ("Refund", refund.id),
        ("Payment", refund.operation_id),
        ("Remittance", refund.remittance_id or ""),
        ("Status", f"{refund.status} {refund.reason or ''}"),
        ("Sends", refund.sends),
        ("Keeps", refund.keeps),
        ("To", refund.destination),
        ("Cause", refund.cause),
        ("Transaction", refund.transaction_hash or ""),
    ):
        table.add_row(name, str(value))
    console.print(table, markup=False)
    for line in shown.history:
        console.print(
            f"{line.reached_at:%Y-%m-%d %H:%M:%S}  {line.status_from} -> {line.status_to}  {line.reason or ''}",
            markup=False,
        )
    for envelope in shown.envelopes:
        console.print(
            f"{envelope.signed_at:%Y-%m-%d %H:%M:%S}  envelope {envelope.hash} {envelope.status}, "
            f"sequence {envelope.sequence}, submitted {envelope.submissions} times  {envelope.reason or ''}",
            markup=False,
        )


@app.command("release")
def release_command(refund_id: _Id) -> None:
    """Ask for the release of a refund that is held; it goes out when somebody has decided so."""
    run(_release(configuration_from_environment(), refund_id))


async def _release(configuration: Configuration, text: str) -> None:
    from roadstead.refunds.holding import ask_again

    wanted = _refund_id(text)
    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.PROPOSE)
        async with database.transaction() as connection:
            hold_id = await ask_again(connection, wanted, actor=who)
    console.print(f"Hold {hold_id} waits for a decision: roadstead holds show {hold_id}", markup=False)


def _refund_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInput(f"{text[:60]!r} is no refund id: copy it from roadstead refunds list.") from error
