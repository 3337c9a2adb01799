"""`roadstead verifications`: where the verification of every customer stands, and what people do with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.config.effective import Configuration
from roadstead.customers.cases import CaseStatus, Say
from roadstead.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="Who is verified, and what people do with their cases.")

LIST_MAX = 1000

_Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
_Id = Annotated[UUID, typer.Argument(metavar="ID", help="The id that the list shows.")]
_Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]


@app.command("list")
def list_command(
    status: Annotated[CaseStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")] = 50,
    as_json: _Json = False,
) -> None:
    """List cases by ids and codes, those first that moved last."""
    run(_list(configuration_from_environment(), status, limit, as_json=as_json))


async def _list(
    configuration: Configuration, status: CaseStatus | None, limit: int, *, as_json: bool
) -> None:
    from roadstead.verification.people import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await latest(connection, status=status, limit=limit)
    if as_json:
        write_json(found)
        return
    table = Table(
        *("Since (UTC)", "Case", "Status", "Type", "Customer", "Verifier", "Reasons"),
        box=None,
        pad_edge=False,
    )
    for case in found:
        table.add_row(
            f"{case.status_at:%Y-%m-%d %H:%M:%S}",
            str(case.id),
            case.status,
            case.customer_type,
            str(case.customer_id),
            case.verifier or "",
            ", ".join(case.reasons),
        )
    console.print(table, markup=False)


@app.command("show")
def show_command(case_id: _Id, as_json: _Json = False) -> None:
    """Show how a case came to where it is."""
    run(_show(configuration_from_environment(), case_id, as_json=as_json))


async def _show(configuration: Configuration, case_id: UUID, *, as_json: bool) -> None:
    from roadstead.verification.people import history

    async with open_configured_database(configuration) as database, database.connection() as connection:
        lines = await history(connection, case_id)
    if as_json:
        write_json(lines)
        return
    table = Table("When (UTC)", "From", "To", "Because", "Verifier", "Reasons", box=None, pad_edge=False)
    for line in lines:
        table.add_row(
            f"{line.reached_at:%Y-%m-%d %H:%M:%S}",
            line.status_from,
            line.status_to,
            line.cause,
            line.verifier or "",
            ", ".join(line.reasons),
        )
    console.print(table, markup=False)


@app.command("reveal")
def reveal_command(case_id: _Id, reason: _Reason) -> None:
    """Show the data of a customer to whoever decides about them; that you looked is written to the audit log."""
    run(_reveal(configuration_from_environment(), case_id, reason))


async def _reveal(configuration: Configuration, case_id: UUID, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.vault import local_keys
    from roadstead.verification.people import reveal_data

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        values = await reveal_data(
            database, local_keys(configuration), configuration.anchor, case_id, reason=reason, by=by
        )
    for name, value in values.items():
        console.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)


@app.command("documents")
def documents_command(case_id: _Id, as_json: _Json = False) -> None:
    """List the documents that a case is about: their fields, types and sizes."""
    run(_documents(configuration_from_environment(), case_id, as_json=as_json))


async def _documents(configuration: Configuration, case_id: UUID, *, as_json: bool) -> None:
    from roadstead.verification.people import documents_of

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await documents_of(connection, configuration.anchor, case_id)
    if as_json:
        write_json(
            [
                {"field": file.field, "media_type": file.media_type, "size_bytes": file.size_bytes}
                for file in found
            ]
        )
        return
    table = Table("Field", "Type", "Bytes", box=None, pad_edge=False)
    for file in found:
        table.add_row(file.field or "", file.media_type, str(file.size_bytes))
    console.print(table, markup=False)


@app.command("fetch")
def fetch_command(
    case_id: _Id,
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="The field of SEP-9, such as photo_id_front.")
    ],
    to: Annotated[Path, typer.Option(help="The file to write, which must not be there yet.")],
    reason: _Reason,
) -> None:
    """Write a document of a customer to a file that only you can read; that you have it is in the audit log."""
    run(_fetch(configuration_from_environment(), case_id, field, to, reason))


async def _fetch(configuration: Configuration, case_id: UUID, field: str, to: Path, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.vault import local_keys
    from roadstead.verification.people import fetch_document

    with _private(to) as file:
        async with open_configured_database(configuration) as database:
            by = await acting_operator(database)
            document = await fetch_document(
                database,
                local_keys(configuration),
                configuration.anchor,
                case_id,
                field,
                reason=reason,
                by=by,
            )
        file.write(document.content)
    console.print(
        f"{to} holds {field} ({document.media_type}, {len(document.content)} bytes). Delete it when you have decided.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _private(path: Path) -> Iterator[BinaryIO]:
    """Make a new file that only its owner reads; where what writes it fails, it is gone again."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be made ({error.strerror}): name a file that is not there yet."
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@app.command("erasures")
def erasures_command(
    limit: Annotated[
        int, typer.Option(min=1, max=LIST_MAX, help="How many, those first that wait longest.")
    ] = 50,
    as_json: _Json = False,
) -> None:
    """List the verifiers that have not said yet that they forgot an erased customer."""
    run(_erasures(configuration_from_environment(), limit, as_json=as_json))


async def _erasures(configuration: Configuration, limit: int, *, as_json: bool) -> None:
    from roadstead.verification.forgetting_store import waiting

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await waiting(connection, limit)
    if as_json:
        write_json(found)
        return
    table = Table("Since (UTC)", "Customer", "Verifier", "Tries", box=None, pad_edge=False)
    for erasure in found:
        table.add_row(
            f"{erasure.ordered_at:%Y-%m-%d %H:%M:%S}",
            str(erasure.customer_id),
            erasure.verifier,
            str(erasure.tries),
        )
    console.print(table, markup=False)


@app.command("forgotten")
def forgotten_command(
    customer_id: Annotated[UUID, typer.Argument(metavar="CUSTOMER", help="The erased customer's id.")],
    verifier: Annotated[str, typer.Argument(metavar="VERIFIER", help="The name of the verifier.")],
    reason: _Reason,
) -> None:
    """Note that you told a verifier to forget a customer, because it cannot be told otherwise."""
    run(_forgotten(configuration_from_environment(), customer_id, verifier, reason))


async def _forgotten(configuration: Configuration, customer_id: UUID, verifier: str, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.verification.forgetting import note_told

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        await note_told(database, customer_id, verifier, reason=reason, by=by)
    console.print(f"Noted that {verifier} forgot customer {customer_id}.", markup=False, highlight=False)


@app.command("ask")
def ask_command(
    case_id: _Id,
    field: Annotated[list[str], typer.Option(help="A field of SEP-9 to ask for anew; may be repeated.")],
    reason: _Reason,
    say: Annotated[Say, typer.Option(help="What the customer is told of each.")] = Say.NOT_CONFIRMED,
) -> None:
    """Ask for data in place of deciding; the partner sees which, and the case goes on when they come."""
    run(_ask(configuration_from_environment(), case_id, field, say, reason))


async def _ask(configuration: Configuration, case_id: UUID, fields: list[str], say: Say, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.verification.consequences import Consequences
    from roadstead.verification.people import ask_for

    rules = Consequences(anchor=configuration.anchor, verified_types=configuration.verified_types)
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        await ask_for(
            database, rules, case_id, fields, say=say, reason=reason, by=by, now=SystemClock().now()
        )
    console.print(f"Case {case_id} asks for {', '.join(fields)}.", highlight=False)


@app.command("again")
def again_command(case_id: _Id, reason: _Reason) -> None:
    """Let a case be put before its verifier once more, whatever was decided."""
    run(_again(configuration_from_environment(), case_id, reason))


async def _again(configuration: Configuration, case_id: UUID, reason: str) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.verification.consequences import Consequences
    from roadstead.verification.people import begin_anew

    rules = Consequences(anchor=configuration.anchor, verified_types=configuration.verified_types)
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        await begin_anew(database, rules, case_id, reason=reason, by=by, now=SystemClock().now())
    console.print(f"Case {case_id} begins anew.", highlight=False)
