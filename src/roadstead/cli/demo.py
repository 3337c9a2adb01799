"""`roadstead demo`: the sandbox, and one payment through it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from roadstead.cli.sandbox import Friendbot, Horizon


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(demo)


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the payment instead of staying up.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps keys, ports, ledger, bank and database.",
            show_default="a temporary one",
            file_okay=False,
        ),
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(
            help="What happens: paid, or refused (the bank refuses the account, the partner corrects it).",
            metavar="NAME",
        ),
    ] = "paid",
    horizon: Horizon = None,
    friendbot: Friendbot = None,
    passphrase: Annotated[
        str | None,
        typer.Option(help="Name of the Stellar network.", show_default="Roadstead's own sandbox network"),
    ] = None,
) -> None:
    """Watch a payment go from a sending anchor over Stellar to a bank account, all on this machine."""
    from rich.console import Console

    from roadstead.sandbox.demo import Scenario, run_demo
    from roadstead.sandbox.foreground import run_in_foreground
    from roadstead.sandbox.options import SandboxOptions

    if scenario not in set(Scenario):
        raise typer.BadParameter(f"There is no scenario {scenario}: choose {' or '.join(Scenario)}.")
    options = SandboxOptions(state=state, horizon=horizon, friendbot=friendbot, passphrase=passphrase)
    raise typer.Exit(run_in_foreground(run_demo(Console(), options, once=once, scenario=Scenario(scenario))))
