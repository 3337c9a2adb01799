"""The roadstead command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from roadstead import __version__
from roadstead.service.roles import Role

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
_COMMANDS = {
    "serve": "serve",
    "migrate": "migrate",
    "stop": "stops",
    "stops": "stops",
    "resume": "stops",
    "sandbox": "sandbox",
    "send": "send",
    "demo": "demo",
    "simulate-bank": "simulate_bank",
}
"""Commands that are called by one word, each with its module."""


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


def application(word: str | None = None) -> typer.Typer:
    """Put the commands together: those that a first word leads to, or, where it leads to none, all of them.

    What a command does not need is not loaded for it: neither the other commands, nor what is slow before it runs.
    """
    app = typer.Typer(
        name="roadstead",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    is_known = word in _GROUPS or word in _COMMANDS
    for name in _GROUPS:
        if name == word or not is_known:
            app.add_typer(_module(name).app, name=name)
    for name in dict.fromkeys(
        module for command, module in _COMMANDS.items() if command == word or not is_known
    ):
        _module(name).register(app)
    return app


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


def main() -> None:
    """Run the command line."""
    try:
        roles = _roles_to_serve(sys.argv[1:])
        if roles is None:
            application(*sys.argv[1:2])()
        else:
            _serve(roles)
    except KeyboardInterrupt:
        # Whoever interrupts before a command has its own way of ending wants no traceback.
        sys.exit(130)


def _roles_to_serve(words: Sequence[str]) -> list[Role] | None:
    """Read `serve` with nothing but roles behind it; None where anything else was typed, which typer reads.

    Typer loads a whole library to read arguments. A server would keep its 7 MB for as long as it runs.
    """
    if not words or words[0] != "serve" or not set(words[1:]) <= set(Role):
        return None
    return [Role(word) for word in words[1:]]


def _serve(roles: list[Role]) -> None:
    from roadstead.cli.serve import serve

    try:
        serve(roles)
    except typer.Exit as end:
        sys.exit(end.exit_code)
