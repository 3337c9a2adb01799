"""`roadstead payments`: what arrived on Stellar, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, open_configured_database, run
from roadstead.cli.options import AsJson, Limit
from roadstead.cli.output import write_json, write_table
from roadstead.cli.unmatched import register
from roadstead.config.effective import Configuration
from roadstead.payments.dispositions import Disposition

app = typer.Typer(no_args_is_help=True, help="What arrived on Stellar, and what became of it.")

register(app)


@app.command("list")
def list_command(
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Only those that belong to no open remittance.")
    ] = False,
    disposition: Annotated[Disposition | None, typer.Option(help="Only those of one disposition.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List incoming payments, newest first."""
    wanted = Disposition.UNMATCHED if unmatched else disposition
    run(_list(configuration_from_environment(), wanted, limit, as_json=as_json))


async def _list(
    configuration: Configuration, disposition: Disposition | None, limit: int, *, as_json: bool
) -> None:
    from roadstead.payments.listing import list_payments

    async with open_configured_database(configuration) as database, database.connection() as connection:
        payments = await list_payments(connection, disposition=disposition, limit=limit)
    if as_json:
        write_json(payments)
        return
    write_table(
        ("Closed", "Amount", "From", "Memo", "Became", "Reason", "Remittance"),
        [
            (
                payment.ledger_closed_at,
                str(payment.amount) if payment.amount else f"? {payment.asset}",
                f"{payment.payer[:6]}…{payment.payer[-4:]}",
                f"{payment.memo_kind} {payment.memo or ''}".strip(),
                payment.disposition,
                payment.reason,
                payment.remittance_id,
            )
            for payment in payments
        ],
    )


@app.command("undecodable")
def undecodable_command(
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List records of the chain that could not be understood; they are kept as they came."""
    run(_undecodable(configuration_from_environment(), limit, as_json=as_json))


async def _undecodable(configuration: Configuration, limit: int, *, as_json: bool) -> None:
    from roadstead.payments.listing import list_undecodable

    async with open_configured_database(configuration) as database, database.connection() as connection:
        records = await list_undecodable(connection, limit=limit)
    if as_json:
        write_json(records)
        return
    write_table(
        ("Stored", "Position", "Why", "Bytes"),
        [(record.stored_at, record.position, record.reason, len(record.record)) for record in records],
    )


@app.command("claimable")
def claimable_command(
    limit: Limit = 50,
    every: Annotated[bool, typer.Option("--all", help="Also those that were claimed or are gone.")] = False,
    as_json: AsJson = False,
) -> None:
    """List claimable balances that others made for us; nothing claims them by itself, and no books count them."""
    run(_claimable(configuration_from_environment(), None if every else "unclaimed", limit, as_json=as_json))


async def _claimable(configuration: Configuration, status: str | None, limit: int, *, as_json: bool) -> None:
    from roadstead.payments.claimable import list_balances

    async with open_configured_database(configuration) as database, database.connection() as connection:
        balances = await list_balances(connection, status=status, limit=limit)
    if as_json:
        write_json(balances)
        return
    write_table(
        ("Seen", "Id", "Amount", "Sponsor", "Status", "May be claimed"),
        [
            (balance.seen_at, balance.id, balance.amount, balance.sponsor, balance.status, balance.predicate)
            for balance in balances
        ],
    )
