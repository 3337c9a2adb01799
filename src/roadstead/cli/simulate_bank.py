"""`roadstead simulate-bank`: the simulated bank on its own, for test deployments and adapters."""

from __future__ import annotations

import sys

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command("simulate-bank", context_settings=settings)(simulate_bank)


def simulate_bank(context: typer.Context) -> None:
    """Run the simulated bank in the foreground; its own options are listed by --help."""
    from roadstead.sandbox.bank.process import run

    sys.exit(run(context.args))
