"""`roadstead alerts`: what a person has to know."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, open_configured_database, run
from roadstead.cli.options import AsJson, Limit
from roadstead.cli.output import write_json, write_line, write_table
from roadstead.config.effective import Configuration
from roadstead.operations.alerts import AlertStatus, Severity
from roadstead.operations.attending import Alert

app = typer.Typer(no_args_is_help=True, help="What a person has to know, and saying that somebody does.")

_Id = Annotated[int, typer.Argument(metavar="ID", help="The number that the list shows.")]


@app.command("list")
def list_command(
    status: Annotated[
        AlertStatus | None, typer.Option(help="Only those of one status; else those that are not closed.")
    ] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only those of one severity.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first."""
    run(_list(configuration_from_environment(), status, severity, limit, as_json=as_json))


async def _list(
    configuration: Configuration,
    status: AlertStatus | None,
    severity: Severity | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from roadstead.operations.attending import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await latest(connection, status=status, severity=severity, limit=limit)
    _write(found, as_json=as_json)


@app.command("show")
def show_command(alert_id: _Id, as_json: AsJson = False) -> None:
    """Show one alert, and whether it was delivered."""
    run(_show(configuration_from_environment(), alert_id, as_json=as_json))


async def _show(configuration: Configuration, alert_id: int, *, as_json: bool) -> None:
    from roadstead.operations.attending import by_id, notices

    async with open_configured_database(configuration) as database, database.connection() as connection:
        alert = await by_id(connection, alert_id)
        told = await notices(connection, alert_id)
    if as_json:
        write_json({"alert": alert, "notices": told})
        return
    _write([alert], as_json=False)
    write_line(alert.message)
    if alert.closed_reason is not None:
        write_line(f"closed: {alert.closed_reason}")
    write_table(
        ("Written (UTC)", "Channel", "Event", "Status", "Tries", "Failure"),
        [
            (notice.written_at, notice.channel, notice.event, notice.status, notice.tries, notice.failure)
            for notice in told
        ],
    )


@app.command("acknowledge")
def acknowledge_command(alert_id: _Id, as_json: AsJson = False) -> None:
    """Say that you look after an alert."""
    run(_acknowledge(configuration_from_environment(), alert_id, as_json=as_json))


async def _acknowledge(configuration: Configuration, alert_id: int, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations.attending import acknowledge

    async with open_configured_database(configuration) as database:
        alert = await acknowledge(database, alert_id, by=await acting_operator(database))
    _write([alert], as_json=as_json)


@app.command("close")
def close_command(
    alert_id: _Id,
    reason: Annotated[str, typer.Option(help="Why it is over; it is kept.")],
    as_json: AsJson = False,
) -> None:
    """Close an alert by hand; what still holds opens another one."""
    run(_close(configuration_from_environment(), alert_id, reason, as_json=as_json))


async def _close(configuration: Configuration, alert_id: int, reason: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations.attending import close_by_hand

    async with open_configured_database(configuration) as database:
        alert = await close_by_hand(database, alert_id, reason=reason, by=await acting_operator(database))
    _write([alert], as_json=as_json)


def _write(found: list[Alert], *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    write_table(
        ("Id", "Last (UTC)", "Severity", "Kind", "About", "Status", "Times", "Message"),
        [
            (
                alert.id,
                alert.last_at,
                alert.severity,
                alert.kind,
                alert.subject,
                alert.status,
                alert.count,
                alert.message,
            )
            for alert in found
        ],
    )
