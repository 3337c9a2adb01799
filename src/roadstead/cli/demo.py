"""`roadstead demo`: the sandbox, and one payment through it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
) -> None:
    """Watch a payment go from a sending anchor over Stellar to a bank account, all on this machine."""
    from rich.console import Console

    from roadstead.sandbox.demo import run_demo
    from roadstead.sandbox.foreground import run_in_foreground
    from roadstead.sandbox.sandbox import SandboxOptions

    raise typer.Exit(run_in_foreground(run_demo(Console(), SandboxOptions(state=state), once=once)))
