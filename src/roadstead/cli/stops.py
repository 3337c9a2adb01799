"""`roadstead stop`, `roadstead stops` and `roadstead resume`: the emergency stop."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson
from roadstead.cli.output import write_json, write_table
from roadstead.config.effective import Configuration
from roadstead.errors import BadInput
from roadstead.money import Asset
from roadstead.operations.stops import Outgoing, Stop


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("stop")(stop_command)
    app.command("stops")(stops_command)
    app.command("resume")(resume_command)


def stop_command(
    what: Annotated[Outgoing, typer.Argument(help="Which money must not go out.")],
    reason: Annotated[str, typer.Option(help="Why; everybody reads it, and it is kept.")],
    asset: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Only one token or one currency, by its code; else everything."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep money from going out, at once; one operator is enough. Payments that arrive are still matched."""
    run(_stop(configuration_from_environment(), what, asset, reason, as_json=as_json))


async def _stop(
    configuration: Configuration, what: Outgoing, code: str | None, reason: str, *, as_json: bool
) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations.roles import Right
    from roadstead.operations.stops import open_stops, stop

    asset = None if code is None else _asset(configuration, code)
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database, Right.STOP)
        async with database.transaction() as connection:
            stop_id = await stop(connection, what=what, asset=asset, reason=reason, actor=by.actor)
            found = [entry for entry in await open_stops(connection) if entry.id == stop_id]
    _write(found, as_json=as_json)


def stops_command(as_json: AsJson = False) -> None:
    """List the stops that are in force."""
    run(_stops(configuration_from_environment(), as_json=as_json))


async def _stops(configuration: Configuration, *, as_json: bool) -> None:
    from roadstead.operations.stops import open_stops

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await open_stops(connection)
    _write(found, as_json=as_json)


def resume_command(
    stop_id: Annotated[UUID, typer.Argument(metavar="STOP_ID", help="The id that roadstead stops shows.")],
    reason: Annotated[str, typer.Option(help="Why it is safe again; the other person judges by it.")],
    as_json: AsJson = False,
) -> None:
    """Propose that money goes out again; it does when another person has approved (roadstead holds approve)."""
    run(_resume(configuration_from_environment(), stop_id, reason, as_json=as_json))


async def _resume(configuration: Configuration, stop_id: UUID, reason: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations.resuming import request_resume

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        hold = await request_resume(database, stop_id, reason=reason, by=by)
    if as_json:
        write_json(hold)
        return
    console.print(
        f"Another person has to approve: roadstead holds approve {hold.id} --digest {hold.digest[:12]}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _asset(configuration: Configuration, code: str) -> Asset:
    # A token before a currency of the same code: stopping it stops what is paid out for it as well.
    known = {rail.currency.code: rail.currency for rail in configuration.rails}
    known |= {accepted.code: accepted.asset for accepted in configuration.assets}
    if code not in known:
        raise BadInput(
            f"{code[:20]!r} is neither a token nor a currency of this anchor: use one of {', '.join(sorted(known))}."
        )
    return known[code]


def _write(found: list[Stop], *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    write_table(
        ("Id", "Since (UTC)", "What", "Asset", "By", "Reason"),
        [
            (
                entry.id,
                entry.stopped_at,
                entry.what,
                entry.asset or "every asset",
                entry.stopped_by,
                entry.reason,
            )
            for entry in found
        ],
    )
