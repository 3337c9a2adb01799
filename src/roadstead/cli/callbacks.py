"""`roadstead callbacks`: what partners were told, what they answered, and telling them again."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.callbacks.store import Callback, CallbackStatus
from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson, Limit, read_remittance_id
from roadstead.cli.output import write_json, write_line, write_table
from roadstead.cli.people import actor
from roadstead.config.effective import Configuration
from roadstead.errors import NotFound
from roadstead.operations.roles import Right

app = typer.Typer(
    no_args_is_help=True, help="What partners were told, what they answered, and telling them again."
)

TRIES_SHOWN_MAX = 200
_ANSWER_SHOWN_MAX = 160

_Id = Annotated[int, typer.Argument(metavar="ID", help="The number that the list shows.")]


@app.command("list")
def list_command(
    status: Annotated[CallbackStatus | None, typer.Option(help="Only those of one status.")] = None,
    remittance: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those of one remittance.")
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List callbacks, newest first."""
    run(_list(configuration_from_environment(), status, remittance, limit, as_json=as_json))


async def _list(
    configuration: Configuration,
    status: CallbackStatus | None,
    remittance: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from roadstead.callbacks.store import latest

    subject_id = None if remittance is None else read_remittance_id(remittance)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        callbacks = await latest(connection, status=status, subject_id=subject_id, limit=limit)
    _write(callbacks, as_json=as_json)


@app.command("show")
def show_command(callback_id: _Id, as_json: AsJson = False) -> None:
    """Show one callback: what it says, and every try to deliver it."""
    run(_show(configuration_from_environment(), callback_id, as_json=as_json))


async def _show(configuration: Configuration, callback_id: int, *, as_json: bool) -> None:
    from roadstead.callbacks.store import by_id, tries

    async with open_configured_database(configuration) as database, database.connection() as connection:
        callback = await by_id(connection, callback_id)
        if callback is None:
            raise NotFound(f"There is no callback {callback_id}: see roadstead callbacks list.")
        log = await tries(connection, callback_id, TRIES_SHOWN_MAX)
    if as_json:
        write_json({"callback": callback, "tries": log})
        return
    _write([callback], as_json=False)
    console.print(f"to {callback.url}", markup=False, highlight=False)
    body = "not written yet" if callback.body is None else callback.body.decode("utf-8", "replace")
    write_line(body)
    write_table(
        ("Ended (UTC)", "Took", "Outcome", "Status", "Answer"),
        [
            (
                entry.ended_at,
                f"{entry.duration_ms} ms",
                entry.outcome,
                entry.http_status,
                entry.answer[:_ANSWER_SHOWN_MAX],
            )
            for entry in log
        ],
    )


@app.command("replay")
def replay_command(
    callback_ids: Annotated[
        list[int], typer.Argument(metavar="ID...", help="The numbers that the list shows.")
    ],
    as_json: AsJson = False,
) -> None:
    """Send callbacks again, the same bytes; those that wait are tried at once. It is written to the audit log."""
    run(_replay(configuration_from_environment(), callback_ids, as_json=as_json))


async def _replay(configuration: Configuration, callback_ids: list[int], *, as_json: bool) -> None:
    from roadstead.callbacks.replay import replay

    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.ATTEND)
        callbacks = [await replay(database, callback_id, who) for callback_id in sorted(set(callback_ids))]
    _write(callbacks, as_json=as_json)


def _write(callbacks: list[Callback], *, as_json: bool) -> None:
    if as_json:
        write_json(callbacks)
        return
    write_table(
        ("Id", "Occurred (UTC)", "Partner", "About", "Event", "Status", "Tries", "Due"),
        [
            (
                callback.id,
                callback.occurred_at,
                callback.partner,
                f"{callback.subject_kind} {callback.subject_id}",
                callback.event,
                callback.status,
                callback.tries,
                callback.due_at if callback.status is CallbackStatus.WAITING else None,
            )
            for callback in callbacks
        ],
    )
