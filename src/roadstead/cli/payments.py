"""`roadstead payments`: what arrived on Stellar, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.cli.unmatched import register
from roadstead.config.effective import Configuration
from roadstead.payments.dispositions import Disposition

app = typer.Typer(no_args_is_help=True, help="What arrived on Stellar, and what became of it.")

LIST_MAX = 1000

register(app)


@app.command("list")
def list_command(
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Only those that belong to no open remittance.")
    ] = False,
    disposition: Annotated[Disposition | None, typer.Option(help="Only those of one disposition.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
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
    table = Table(
        "Closed", "Amount", "From", "Memo", "Became", "Reason", "Remittance", box=None, pad_edge=False
    )
    for payment in payments:
        table.add_row(
            f"{payment.ledger_closed_at:%Y-%m-%d %H:%M:%S}",
            str(payment.amount) if payment.amount else f"? {payment.asset}",
            f"{payment.payer[:6]}…{payment.payer[-4:]}",
            f"{payment.memo_kind} {payment.memo or ''}".strip(),
            payment.disposition,
            payment.reason or "",
            str(payment.remittance_id or ""),
        )
    console.print(table, markup=False)


@app.command("undecodable")
def undecodable_command(
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
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
    table = Table("Stored", "Position", "Why", "Bytes", box=None, pad_edge=False)
    for record in records:
        table.add_row(
            f"{record.stored_at:%Y-%m-%d %H:%M:%S}", record.position, record.reason, str(len(record.record))
        )
    console.print(table, markup=False)


@app.command("claimable")
def claimable_command(
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="Also those that were claimed or are gone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
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
    table = Table("Seen", "Id", "Amount", "Sponsor", "Status", "May be claimed", box=None, pad_edge=False)
    for balance in balances:
        table.add_row(
            f"{balance.seen_at:%Y-%m-%d %H:%M:%S}",
            balance.id,
            str(balance.amount),
            balance.sponsor or "",
            balance.status,
            balance.predicate,
        )
    console.print(table, markup=False)
