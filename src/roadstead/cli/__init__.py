"""The roadstead command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from roadstead import __version__

_GROUPS = (
    "config",
    "partners",
    "remittances",
    "customers",
    "payments",
    "payouts",
    "batches",
    "refunds",
    "screening",
    "chain",
    "ledger",
    "statements",
    "backup",
    "network",
    "callbacks",
    "operators",
    "holds",
    "alerts",
    "verifications",
)
"""The modules of commands that are called by two words, such as `roadstead payouts list`; the first is the module's."""
_COMMANDS = ("serve", "migrate", "stops", "sandbox", "send", "demo", "simulate_bank")
"""The modules of commands that are called by one word."""


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
    app = typer.Typer(
        name="roadstead",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    for name in _GROUPS:
        app.add_typer(_module(name).app, name=name)
    for name in _COMMANDS:
        _module(name).register(app)
    return app


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


def main() -> None:
    """Run the command line."""
    try:
        application()()
    except KeyboardInterrupt:
        # Whoever interrupts before a command has its own way of ending wants no traceback.
        sys.exit(130)
