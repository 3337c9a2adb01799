"""`roadstead screening`: the sanctions lists, and customers who are like somebody on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson, Limit
from roadstead.cli.output import write_json, write_line, write_table
from roadstead.config.effective import Configuration

app = typer.Typer(
    no_args_is_help=True, help="The sanctions lists, and customers who are like somebody on them."
)


@app.command("import")
def import_command(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The publisher's XML file.")] = None,
    name: Annotated[str, typer.Option("--list", help="The list: ofac, un, eu, or a name of your own.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="It is right that it is older or much shorter than the last one.")
    ] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Import the sample that comes with Roadstead, for rehearsals.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search a list from now on: every customer is screened again. The same file again says it is still current."""
    if sample == (file is not None) or (file is not None and not name):
        raise typer.BadParameter("Give --list NAME and FILE, or --sample alone.")
    run(_import(configuration_from_environment(), file, name, force=force, as_json=as_json))


async def _import(
    configuration: Configuration, file: Path | None, name: str, *, force: bool, as_json: bool
) -> None:
    from roadstead.cli.people import actor
    from roadstead.clock import SystemClock
    from roadstead.operations.roles import Right
    from roadstead.screening.importing import import_list, read_file, require_list_name
    from roadstead.screening.sample import SAMPLE_NAME, sample_list

    data = sample_list() if file is None else read_file(file)
    kept = SAMPLE_NAME if file is None else require_list_name(name)
    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.PROPOSE)
        outcome = await import_list(database, kept, data, actor=who, clock=SystemClock(), force=force)
    if as_json:
        write_json(outcome)
        return
    imported = outcome.imported
    if not outcome.is_new:
        write_line(f"The list {kept} is current: version {imported.version} was searched already.")
        return
    write_line(
        f"The list {kept} is imported: version {imported.version}, {imported.entries} entries, of them "
        f"{imported.added} new and {imported.changed} changed; {imported.removed} are gone."
    )


@app.command("lists")
def lists_command(limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show which lists are searched, how current they are, and what was imported."""
    run(_lists(configuration_from_environment(), limit, as_json=as_json))


async def _lists(configuration: Configuration, limit: int, *, as_json: bool) -> None:
    from roadstead.clock import SystemClock
    from roadstead.screening import lists_store
    from roadstead.screening.clearance import requirements_of, stale_lists

    async with open_configured_database(configuration) as database, database.connection() as connection:
        states = await lists_store.states(connection)
        imports = await lists_store.imports(connection, limit)
    stale = stale_lists(requirements_of(configuration), states, SystemClock().now())
    if as_json:
        write_json({"lists": states, "stops_payouts": stale, "imports": imports})
        return
    write_table(
        ("List", "Version", "Current at (UTC)"),
        [(state.name, state.version, state.current_at) for state in states],
    )
    for name, what in stale.items():
        console.print(f"{name} {what}: no payout goes out", style="red", markup=False, highlight=False)
    write_table(
        ("Imported (UTC)", "List", "Version", "Entries", "New", "Changed", "Gone", "By"),
        [
            (
                one.imported_at,
                one.list,
                one.version,
                one.entries,
                one.added,
                one.changed,
                one.removed,
                one.imported_by,
            )
            for one in imports
        ],
    )


@app.command("cases")
def cases_command(limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the customers about whom people have to decide; the decision is made with roadstead holds."""
    run(_cases(configuration_from_environment(), limit, as_json=as_json))


async def _cases(configuration: Configuration, limit: int, *, as_json: bool) -> None:
    from roadstead.operations.deciding import DIGEST_CHARACTERS_MIN, latest
    from roadstead.operations.holds import HoldKind

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await latest(connection, status=None, kind=HoldKind.SCREENING_HIT, limit=limit)
    if as_json:
        write_json(found)
        return
    write_table(
        ("Hold", "Placed (UTC)", "Customer", "Status", "People", "Digest", "Why"),
        [
            (
                hold.id,
                hold.placed_at,
                hold.subject,
                hold.status,
                hold.approvals,
                hold.digest[:DIGEST_CHARACTERS_MIN],
                hold.reason,
            )
            for hold in found
        ],
    )


@app.command("show")
def show_command(
    customer_id: Annotated[UUID, typer.Argument(metavar="CUSTOMER", help="The id of a customer.")],
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", help="Also decrypt what was compared, to compare it yourself; the audit log notes it."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show when a customer was screened, what it is like, and what the lists say of that."""
    run(_show(configuration_from_environment(), customer_id, reveal=reveal, as_json=as_json))


async def _show(configuration: Configuration, customer_id: UUID, *, reveal: bool, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.vault import local_keys
    from roadstead.screening.showing import record_of, reveal_subject

    revealed: Mapping[str, str] = {}
    async with open_configured_database(configuration) as database:
        record = await record_of(database, customer_id)
        if reveal:
            by = await acting_operator(database)
            keys = local_keys(configuration)
            revealed = await reveal_subject(database, keys, customer_id, by=by)
    if as_json:
        write_json({"screening": record, **({"compared": revealed} if reveal else {})})
        return
    write_line(f"Customer {customer_id} {record.sentence}")
    for name, value in revealed.items():
        write_line(f"         {name}: {value}")
    write_table(
        ("Score", "List", "Entry", "Status", "Names", "Born", "Countries"),
        [
            (
                f"{hit.score} %",
                f"{hit.list} {hit.list_version}",
                hit.entry_id,
                hit.status,
                "; ".join(hit.names),
                ", ".join(hit.births),
                ", ".join(hit.countries),
            )
            for hit in record.hits
        ],
    )


@app.command("rescreen")
def rescreen_command(
    customer_id: Annotated[
        UUID | None, typer.Argument(metavar="CUSTOMER", help="The id of a customer; without it, all of them.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Also let people decide anew what they decided of this customer.")
    ] = False,
) -> None:
    """Screen a customer, or all of them, again; payouts wait until it is done. Workers do it."""
    if anew and customer_id is None:
        raise typer.BadParameter("Name the customer about whom people decide anew.", param_hint="--anew")
    run(_rescreen(configuration_from_environment(), customer_id, anew=anew))


async def _rescreen(configuration: Configuration, customer_id: UUID | None, *, anew: bool) -> None:
    from roadstead.cli.people import actor
    from roadstead.operations.roles import Right
    from roadstead.screening.showing import rescreen

    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.APPROVE if anew else Right.PROPOSE)
        count = await rescreen(database, customer_id, anew=anew, actor=who)
    write_line(f"{count} customer(s) will be screened again.")
