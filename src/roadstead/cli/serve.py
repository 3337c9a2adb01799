"""`roadstead serve`: the server itself, all roles in one process or some of them."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, run
from roadstead.service.roles import Role


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    roles: Annotated[
        list[Role] | None,
        typer.Argument(help="Roles to run in this process; all of them when none is named."),
    ] = None,
) -> None:
    """Run the server: the API, the observer of the chain, workers and the scheduler."""
    from roadstead.cli.roles import serve_roles
    from roadstead.service import lifeline

    lifeline.watch()
    run(serve_roles(configuration_from_environment(), frozenset(roles or Role)))
