"""`roadstead payments unmatched`, `show`, `match` and `refund`: the queue of what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from roadstead.cli.context import configuration_from_environment, open_configured_database, run
from roadstead.cli.options import LIST_MAX, AsJson
from roadstead.cli.output import moment, write_json, write_line, write_table
from roadstead.cli.proposing import propose_release
from roadstead.config.effective import Configuration
from roadstead.errors import NotFound

if TYPE_CHECKING:
    from roadstead.database.pool import Connection
    from roadstead.operations.operators import Operator


_Id = Annotated[int, typer.Argument(metavar="ID", help="The operation id that the list shows.")]
_Reason = Annotated[str, typer.Option(help="Why; others judge by it, and it is kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those about payments."""
    app.command("unmatched")(unmatched_command)
    app.command("show")(show_command)
    app.command("match")(match_command)
    app.command("refund")(refund_command)


def unmatched_command(
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, longest waiting first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person, longest first."""
    run(_unmatched(configuration_from_environment(), limit, as_json=as_json))


async def _unmatched(configuration: Configuration, limit: int, *, as_json: bool) -> None:
    from roadstead.payments.queue import waiting

    async with open_configured_database(configuration) as database, database.connection() as connection:
        entries = await waiting(connection, limit=limit)
    if as_json:
        write_json(entries)
        return
    write_table(
        ("Waits since", "Id", "Part", "Amount", "Reason", "From", "Memo", "Remittance"),
        [
            (
                entry.waiting_since,
                entry.operation_id,
                entry.part,
                str(entry.amount) if entry.amount else f"? {entry.asset}",
                entry.reason,
                f"{entry.payer[:6]}…{entry.payer[-4:]}",
                f"{entry.memo_kind} {entry.memo or ''}".strip(),
                entry.remittance_id,
            )
            for entry in entries
        ],
    )


def show_command(operation_id: _Id, as_json: AsJson = False) -> None:
    """Show one payment with everything that became of it."""
    run(_show(configuration_from_environment(), operation_id, as_json=as_json))


async def _show(configuration: Configuration, operation_id: int, *, as_json: bool) -> None:
    from roadstead.payments.listing import by_operation
    from roadstead.payments.queue import history

    async with open_configured_database(configuration) as database, database.connection() as connection:
        payment = await by_operation(connection, operation_id)
        if payment is None:
            raise NotFound(f"There is no payment {operation_id}: see roadstead payments list.")
        lines = await history(connection, operation_id)
    if as_json:
        write_json({"payment": payment, "history": lines})
        return
    write_line(f"Payment {operation_id} is {payment.disposition}")
    write_line(f"{payment.amount or payment.asset} from {payment.payer}")
    write_line(f"in {payment.transaction_hash}, {moment(payment.ledger_closed_at)} UTC")
    write_line(f"memo {payment.memo_kind} {payment.memo or ''}".rstrip())
    if payment.remittance_id:
        write_line(f"remittance {payment.remittance_id}")
    write_table(
        ("When (UTC)", "Part", "From", "To", "Reason", "By"),
        [
            (line.reached_at, line.part, line.disposition_from, line.disposition_to, line.reason, line.cause)
            for line in lines
        ],
    )


def match_command(
    operation_id: _Id,
    remittance_id: Annotated[UUID, typer.Option("--remittance", help="The remittance that it pays for.")],
    reason: _Reason,
    as_json: AsJson = False,
) -> None:
    """Propose that a payment funds a remittance that still waits; above a limit a second person agrees."""
    configuration = configuration_from_environment()

    async def place(connection: Connection, by: Operator) -> UUID:
        from roadstead.remittances.deciding import ask_to_match
        from roadstead.remittances.policies import policies_of

        policies = policies_of(configuration)
        asked = await ask_to_match(
            connection, operation_id, remittance_id, policies=policies, reason=reason, actor=by.actor
        )
        return asked.hold_id

    run(propose_release(configuration, place, reason=reason, as_json=as_json))


def refund_command(operation_id: _Id, reason: _Reason, as_json: AsJson = False) -> None:
    """Propose that what waits of a payment goes back to its payer; above a limit a second person agrees."""
    configuration = configuration_from_environment()

    async def place(connection: Connection, by: Operator) -> UUID:
        from roadstead.remittances.deciding import ask_to_refund
        from roadstead.remittances.policies import policies_of

        policies = policies_of(configuration)
        asked = await ask_to_refund(
            connection, operation_id, policies=policies, reason=reason, actor=by.actor
        )
        return asked.hold_id

    run(propose_release(configuration, place, reason=reason, as_json=as_json))
