"""`roadstead remittances`: where every remittance stands, and how it came there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson, Limit, read_remittance_id
from roadstead.cli.output import write_json, write_table
from roadstead.cli.proposing import propose_release
from roadstead.config.effective import Configuration
from roadstead.errors import Conflict, NotFound
from roadstead.remittances.states import RemittanceStatus

if TYPE_CHECKING:
    from roadstead.database.pool import Connection
    from roadstead.operations.operators import Operator

app = typer.Typer(no_args_is_help=True, help="Where every remittance stands, and how it came there.")


@app.command("list")
def list_command(
    status: Annotated[RemittanceStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List remittances, newest first."""
    run(_list(configuration_from_environment(), status, limit, as_json=as_json))


async def _list(
    configuration: Configuration, status: RemittanceStatus | None, limit: int, *, as_json: bool
) -> None:
    from roadstead.remittances.store import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        remittances = await latest(connection, status=status, limit=limit)
    if as_json:
        write_json(remittances)
        return
    write_table(
        ("Opened", "Id", "Status", "In", "Out", "Memo"),
        [
            (
                remittance.started_at,
                remittance.id,
                remittance.status,
                remittance.amount_in,
                remittance.amount_out,
                remittance.memo,
            )
            for remittance in remittances
        ],
    )


@app.command("show")
def show_command(
    remittance_id: Annotated[str, typer.Argument(metavar="ID", help="The id that the partner was given.")],
    as_json: AsJson = False,
) -> None:
    """Show one remittance with everything that happened to it, and what it left in the books."""
    run(_show(configuration_from_environment(), remittance_id, as_json=as_json))


async def _show(configuration: Configuration, text: str, *, as_json: bool) -> None:
    from roadstead.ledger.store import balances
    from roadstead.payouts.timeline import timeline
    from roadstead.remittances.store import by_id

    remittance_id = read_remittance_id(text)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        remittance = await by_id(connection, remittance_id)
        if remittance is None:
            raise NotFound(f"There is no remittance {remittance_id}: see roadstead remittances list.")
        events = await timeline(connection, remittance_id)
        accounts = await balances(connection, remittance_id)
    if as_json:
        write_json({"remittance": remittance, "timeline": events, "balances": accounts})
        return
    console.print(f"Remittance {remittance.id} is {remittance.status}", style="bold", highlight=False)
    console.print(
        f"{remittance.amount_in} in, fee {remittance.service_fee + remittance.rounding}, "
        f"{remittance.amount_out} out by {remittance.funding_method}, memo id {remittance.memo}",
        highlight=False,
    )
    write_table(
        ("When (UTC)", "Where", "What", "Detail"),
        [(f"{event.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], event.part, event.what, event.detail) for event in events],
    )
    write_table(("Account", "Balance"), [(account.account, account.amount) for account in accounts])


@app.command("refund")
def refund_command(
    remittance_id: Annotated[UUID, typer.Argument(metavar="ID", help="The id that the partner was given.")],
    reason: Annotated[str, typer.Option(help="Why; others judge by it, and it is kept.")],
    as_json: AsJson = False,
) -> None:
    """Propose that what arrived for a remittance goes back instead of being paid out; nothing is sent by this alone."""
    configuration = configuration_from_environment()

    async def place(connection: Connection, by: Operator) -> UUID:
        from roadstead.payouts.deciding import ask_for_refund
        from roadstead.remittances.policies import policies_of
        from roadstead.remittances.store import by_id

        remittance = await by_id(connection, remittance_id)
        if remittance is None:
            raise NotFound(f"There is no remittance {remittance_id}: see roadstead remittances list.")
        approvals = policies_of(configuration).approvals(remittance.amount_in)
        hold_id = await ask_for_refund(
            connection, remittance_id, why=reason, approvals=approvals, actor=by.actor
        )
        if hold_id is None:
            raise Conflict(
                f"Nothing has arrived for remittance {remittance_id}: there is nothing to send back."
            )
        return hold_id

    run(propose_release(configuration, place, reason=reason, as_json=as_json))
