"""`roadstead serve`: the server itself, all roles in one process or some of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, run


class Role(StrEnum):
    """The roles of the server. Any number of each may run on one database."""

    API = "api"
    OBSERVER = "observer"
    WORKER = "worker"
    SCHEDULER = "scheduler"


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
