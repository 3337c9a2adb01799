"""`roadstead batches`: files of payments and what became of them, and the bank's files."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.config.effective import Configuration
from roadstead.errors import BadInput, NotFound

app = typer.Typer(no_args_is_help=True, help="Files of payments, what became of them, and the bank's files.")

LIST_MAX = 1000

_Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
_Rail = Annotated[str | None, typer.Option(metavar="NAME", help="Only those of one rail.")]
_Limit = Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")]


@app.command("list")
def list_command(rail: _Rail = None, limit: _Limit = 50, as_json: _Json = False) -> None:
    """List batches, newest first."""
    run(_list(configuration_from_environment(), rail, limit, as_json=as_json))


async def _list(configuration: Configuration, rail: str | None, limit: int, *, as_json: bool) -> None:
    from roadstead.batches.listing import batches

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await batches(connection, rail=rail, limit=limit)
    if as_json:
        write_json(found)
        return
    headings = ("Opened", "Batch", "Rail", "Status", "Payouts", "Sum", "Sent", "Bank says")
    table = Table(*headings, box=None, pad_edge=False)
    for batch in found:
        table.add_row(
            f"{batch.opened_at:%Y-%m-%d %H:%M:%S}",
            str(batch.id),
            batch.rail,
            batch.status,
            str(batch.items),
            str(batch.amount),
            "" if batch.sent_at is None else f"{batch.sent_at:%Y-%m-%d %H:%M:%S}",
            " ".join(filter(None, (batch.bank_status, batch.reason))),
        )
    console.print(table, markup=False)


@app.command("show")
def show_command(
    name: Annotated[
        str, typer.Argument(metavar="BATCH", help="Its id or MsgId, or the key of an attempt in it.")
    ],
    limit: _Limit = 200,
    as_json: _Json = False,
) -> None:
    """Show a batch, what is in it, and what the bank told of each payment."""
    run(_show(configuration_from_environment(), name, limit, as_json=as_json))


async def _show(configuration: Configuration, name: str, limit: int, *, as_json: bool) -> None:
    from roadstead.batches.listing import batch, items

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await batch(connection, name)
        if found is None:
            raise NotFound("There is no such batch: see roadstead batches list.")
        inside = await items(connection, found, limit=limit)
    if as_json:
        write_json({"batch": found, "items": inside})
        return
    console.print(
        f"Batch {found.id} of {found.rail} is {found.status}: {found.items} payouts, {found.amount}",
        style="bold",
        highlight=False,
        markup=False,
    )
    none = (
        "none that is known"
        if found.closed_at
        else f"none yet; it closes at {found.closes_at:%Y-%m-%d %H:%M:%S}"
    )
    file = found.file_name or none
    console.print(f"MsgId {found.message_id}, file {file}", highlight=False, markup=False)
    table = Table("Attempt", "End-to-end id", "Amount", "UETR", "Told", "Adjusted", box=None, pad_edge=False)
    for item in inside:
        table.add_row(
            item.key,
            item.end_to_end_id,
            str(item.amount),
            str(item.uetr),
            ", ".join(item.told),
            ", ".join(item.adjustments),
        )
    console.print(table, markup=False)


@app.command("close")
def close_command(
    rail: Annotated[
        str, typer.Argument(metavar="RAIL", help="The rail whose open batch takes no more payouts.")
    ],
) -> None:
    """Let a rail's open batch take no more payouts; a worker sends its file."""
    run(_close(configuration_from_environment(), rail))


async def _close(configuration: Configuration, rail: str) -> None:
    from roadstead.batches.store import close_early
    from roadstead.cli.people import actor
    from roadstead.clock import SystemClock
    from roadstead.operations.audit import record
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.PROPOSE)
        async with database.transaction() as connection:
            batch_id = await close_early(connection, rail, SystemClock().now())
            if batch_id is None:
                raise NotFound(
                    f"Rail {rail[:40]!r} has no open batch with payouts: see roadstead batches list."
                )
            await record(
                connection,
                actor=who,
                action="batch.closed",
                subject=f"batch {batch_id}",
                detail={"rail": rail},
            )
    console.print(f"Batch {batch_id} takes no more payouts; a worker sends it.", highlight=False)


@app.command("files")
def files_command(rail: _Rail = None, limit: _Limit = 50, as_json: _Json = False) -> None:
    """List the bank's files, newest first."""
    run(_files(configuration_from_environment(), rail, limit, as_json=as_json))


async def _files(configuration: Configuration, rail: str | None, limit: int, *, as_json: bool) -> None:
    from roadstead.batches.listing import files

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await files(connection, rail=rail, limit=limit)
    if as_json:
        write_json(found)
        return
    table = Table(
        "Came", "File", "Rail", "Name", "Message", "Status", "What it tells", box=None, pad_edge=False
    )
    for file in found:
        table.add_row(
            f"{file.received_at:%Y-%m-%d %H:%M:%S}",
            str(file.id),
            file.rail,
            file.name,
            file.message or "",
            file.status,
            file.detail,
        )
    console.print(table, markup=False)


@app.command("read-again")
def read_again_command(
    file_id: Annotated[
        str, typer.Argument(metavar="FILE", help="The id of a file that could not be understood.")
    ],
) -> None:
    """Let a file of the bank that could not be understood be read once more, by the server's next look."""
    run(_read_again(configuration_from_environment(), file_id))


async def _read_again(configuration: Configuration, text: str) -> None:
    from roadstead.batches.inbox import read_again
    from roadstead.cli.people import actor
    from roadstead.operations.audit import record
    from roadstead.operations.roles import Right

    try:
        file_id = UUID(text)
    except ValueError as error:
        raise BadInput(f"{text[:60]!r} is no id: copy it from roadstead batches files.") from error
    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.PROPOSE)
        async with database.transaction() as connection:
            if not await read_again(connection, file_id):
                raise NotFound(f"There is no file {file_id} that could not be understood.")
            await record(
                connection, actor=who, action="file.read_again", subject=f"file {file_id}", detail={}
            )
    console.print(f"File {file_id} is read again by the server's next look.", highlight=False)
