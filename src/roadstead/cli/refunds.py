"""`roadstead refunds`: what goes back to payers, and how far each refund came."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson, Limit, read_id
from roadstead.cli.output import moment, write_json, write_line, write_pairs, write_table
from roadstead.cli.people import actor
from roadstead.config.effective import Configuration
from roadstead.errors import NotFound
from roadstead.operations.roles import Right
from roadstead.refunds.states import RefundStatus

app = typer.Typer(no_args_is_help=True, help="What goes back to payers, and how far each refund came.")

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id that the list shows.")]


@app.command("list")
def list_command(
    status: Annotated[RefundStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
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
    write_table(
        ("Ordered", "Id", "Status", "Sends", "Keeps", "Cause", "Why held"),
        [
            (
                refund.ordered_at,
                refund.id,
                refund.status,
                refund.sends,
                refund.keeps,
                refund.cause,
                refund.reason,
            )
            for refund in refunds
        ],
    )


@app.command("show")
def show_command(refund_id: _Id, as_json: AsJson = False) -> None:
    """Show one refund with everything that happened to it, and every envelope that was signed for it."""
    run(_show(configuration_from_environment(), refund_id, as_json=as_json))


async def _show(configuration: Configuration, text: str, *, as_json: bool) -> None:
    from roadstead.refunds.listing import show_refund

    wanted = read_id(text, of="refund", listed_by="roadstead refunds list")
    async with open_configured_database(configuration) as database, database.connection() as connection:
        shown = await show_refund(connection, wanted)
    if shown is None:
        raise NotFound(f"There is no refund {wanted}: see roadstead refunds list.")
    if as_json:
        write_json(shown)
        return
    refund = shown.refund
    write_pairs(
        {
            "Refund": refund.id,
            "Payment": refund.operation_id,
            "Remittance": refund.remittance_id,
            "Status": f"{refund.status} {refund.reason or ''}",
            "Sends": refund.sends,
            "Keeps": refund.keeps,
            "To": refund.destination,
            "Cause": refund.cause,
            "Transaction": refund.transaction_hash,
        }
    )
    for line in shown.history:
        write_line(f"{moment(line.reached_at)}  {line.status_from} -> {line.status_to}  {line.reason or ''}")
    for envelope in shown.envelopes:
        write_line(
            f"{moment(envelope.signed_at)}  envelope {envelope.hash} {envelope.status}, sequence {envelope.sequence}, "
            f"submitted {envelope.submissions} times  {envelope.reason or ''}"
        )


@app.command("release")
def release_command(refund_id: _Id) -> None:
    """Ask for the release of a refund that is held; it goes out when somebody has decided so."""
    run(_release(configuration_from_environment(), refund_id))


async def _release(configuration: Configuration, text: str) -> None:
    from roadstead.refunds.holding import ask_again

    wanted = read_id(text, of="refund", listed_by="roadstead refunds list")
    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.PROPOSE)
        async with database.transaction() as connection:
            hold_id = await ask_again(connection, wanted, actor=who)
    console.print(f"Hold {hold_id} waits for a decision: roadstead holds show {hold_id}", markup=False)
