"""`roadstead operators`: the people who look after the anchor."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson
from roadstead.cli.output import write_json, write_line, write_table
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.operations.operators import Credential, Operator
from roadstead.operations.roles import OperatorRole

app = typer.Typer(no_args_is_help=True, help="The people who look after the anchor, their roles and tokens.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The operator's name.")]


@app.command("add")
def add_command(
    name: _Name,
    email: Annotated[str, typer.Option(help="Where this person is reached; one address, one person.")],
    role: Annotated[OperatorRole, typer.Option(help="What this person may do.")],
    as_json: AsJson = False,
) -> None:
    """Add an operator and show their token, once. The first one is an administrator; later only administrators may."""
    run(_add(configuration_from_environment(), name, email, role, as_json=as_json))


async def _add(
    configuration: Configuration, name: str, email: str, role: OperatorRole, *, as_json: bool
) -> None:
    from roadstead.operations import operators
    from roadstead.randomness import SystemRandomness

    async with open_configured_database(configuration) as database:
        by = await _whoever_types(database)
        credential = await operators.add(
            database, name=name, email=email, role=role, by=by, randomness=SystemRandomness()
        )
    _write_credential(credential, as_json=as_json)


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List all operators, the disabled ones too."""
    run(_list(configuration_from_environment(), as_json=as_json))


async def _list(configuration: Configuration, *, as_json: bool) -> None:
    from roadstead.operations.operators import list_all

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await list_all(connection)
    _write(found, as_json=as_json)


@app.command("disable")
def disable_command(name: _Name, as_json: AsJson = False) -> None:
    """Disable an operator for good, from this moment on."""
    run(_disable(configuration_from_environment(), name, as_json=as_json))


async def _disable(configuration: Configuration, name: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations import operators

    async with open_configured_database(configuration) as database:
        disabled = await operators.disable(database, name, by=await acting_operator(database))
    _write([disabled], as_json=as_json)


@app.command("rotate")
def rotate_command(name: _Name, as_json: AsJson = False) -> None:
    """Make a new token for an operator, or for yourself, and show it once; the old one is dead at once."""
    run(_rotate(configuration_from_environment(), name, as_json=as_json))


async def _rotate(configuration: Configuration, name: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations import operators
    from roadstead.randomness import SystemRandomness

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        credential = await operators.rotate(database, name, by=by, randomness=SystemRandomness())
    _write_credential(credential, as_json=as_json)


async def _whoever_types(database: Database) -> Operator | None:
    """Find out who types, unless there is nobody yet who could."""
    from roadstead.cli.people import acting_operator
    from roadstead.operations.operators import list_all

    async with database.connection() as connection:
        is_first = not await list_all(connection)
    return None if is_first else await acting_operator(database)


def _write_credential(credential: Credential, *, as_json: bool) -> None:
    if as_json:
        write_json(credential)
        return
    _write([credential.operator], as_json=False)
    console.print(
        "\nThe token, which nobody can show again. Hand it over by a safe way:", markup=False, highlight=False
    )
    write_line(credential.token)


def _write(found: list[Operator], *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    write_table(
        ("Name", "Role", "Status", "Email", "Token since (UTC)", "Id"),
        [
            (
                operator.name,
                operator.role,
                operator.status,
                operator.email,
                f"{operator.token_at:%Y-%m-%d %H:%M}",
                operator.id,
            )
            for operator in found
        ],
    )
