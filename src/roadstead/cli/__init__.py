"""The roadstead command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from roadstead import __version__


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"roadstead {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Run and operate a receiving anchor on the Stellar network."""


def application() -> typer.Typer:
    """Put the commands together; each module imports what is slow only when its command runs."""
    from roadstead.cli import (
        alerts,
        backup,
        batches,
        callbacks,
        chain,
        config,
        customers,
        demo,
        holds,
        ledger,
        migrate,
        network,
        operators,
        partners,
        payments,
        payouts,
        refunds,
        remittances,
        sandbox,
        screening,
        send,
        serve,
        simulate_bank,
        statements,
        stops,
        verifications,
    )

    app = typer.Typer(
        name="roadstead",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    app.add_typer(config.app, name="config")
    app.add_typer(partners.app, name="partners")
    app.add_typer(remittances.app, name="remittances")
    app.add_typer(customers.app, name="customers")
    app.add_typer(payments.app, name="payments")
    app.add_typer(payouts.app, name="payouts")
    app.add_typer(batches.app, name="batches")
    app.add_typer(refunds.app, name="refunds")
    app.add_typer(screening.app, name="screening")
    app.add_typer(chain.app, name="chain")
    app.add_typer(ledger.app, name="ledger")
    app.add_typer(statements.app, name="statements")
    app.add_typer(backup.app, name="backup")
    app.add_typer(network.app, name="network")
    app.add_typer(callbacks.app, name="callbacks")
    app.add_typer(operators.app, name="operators")
    app.add_typer(holds.app, name="holds")
    app.add_typer(alerts.app, name="alerts")
    app.add_typer(verifications.app, name="verifications")
    for module in (serve, migrate, stops, sandbox, send, demo, simulate_bank):
        module.register(app)
    return app


def main() -> None:
    """Run the command line."""
    try:
        application()()
    except KeyboardInterrupt:
        # Whoever interrupts before a command has its own way of ending wants no traceback.
        sys.exit(130)
