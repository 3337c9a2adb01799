"""`roadstead customers`: finding and showing them, legal holds, deletion and retention, and the rotation of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.output import write_json
from roadstead.config.effective import Configuration
from roadstead.customers.indexes import IndexKind
from roadstead.errors import BadInput, NotFound

if TYPE_CHECKING:
    from roadstead.customers.showing import ShownCustomer

app = typer.Typer(name="customers", help="Look after customers' data.", no_args_is_help=True)

LISTED_MAX = 1_000

_Id = Annotated[UUID, typer.Argument(metavar="CUSTOMER_ID", help="The id that PUT /customer gave.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
_Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log, so write no personal data.")]


@app.command("find")
def find_command(
    kind: Annotated[IndexKind, typer.Argument(help="What you know of the customer.")],
    value: Annotated[
        str | None,
        typer.Argument(
            help="The value, exactly. Left out, you are asked for it: no history of a shell keeps it."
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Find customers by one value. What you look for is not written down; that you looked is."""
    wanted: str = value if value is not None else typer.prompt("Value", hide_input=True)
    run(_find(configuration_from_environment(), kind, wanted, as_json=as_json))


async def _find(configuration: Configuration, kind: IndexKind, value: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.showing import find
    from roadstead.customers.vault import local_keys
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.CUSTOMERS)
        found = await find(database, local_keys(configuration), kind, value, actor=by.actor)
    if as_json:
        write_json(found)
        return
    if not found:
        raise NotFound("No customer is found by this: check the spelling.")
    for customer_id in found:
        console.print(str(customer_id), markup=False, highlight=False)


@app.command("show")
def show_command(
    customer_id: _Id,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show values in clear; needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why you need to see them; it is kept.")] = None,
    as_json: _Json = False,
) -> None:
    """Show a customer with the status of each field; values are masked. Every look is written to the audit log."""
    run(_show(configuration_from_environment(), customer_id, reason, reveal=reveal, as_json=as_json))


async def _show(
    configuration: Configuration, customer_id: UUID, reason: str | None, *, reveal: bool, as_json: bool
) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.showing import show
    from roadstead.customers.vault import local_keys
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right

    if reveal != (reason is not None):
        raise BadInput("--reveal and --reason go together: say why you need to see the values.")
    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.REVEAL if reveal else Right.CUSTOMERS)
        shown = await show(database, local_keys(configuration), customer_id, actor=by.actor, reason=reason)
    if as_json:
        write_json(shown)
        return
    _write(shown)


def _write(shown: ShownCustomer) -> None:
    state = "erased" if shown.erased_at else "restricted" if shown.restricted_at else "living"
    standing = sum(hold.lifted_at is None for hold in shown.holds)
    console.print(
        f"Customer {shown.id}, {state}, registered {shown.created_at:%Y-%m-%d} by {shown.account} as "
        f"{shown.registered_type or 'no type'}; legal holds: {standing}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    table = Table("Field", "Status", "Since (UTC)", "Value", box=None, pad_edge=False)
    for field in shown.fields:
        table.add_row(field.name, field.status, f"{field.updated_at:%Y-%m-%d %H:%M:%S}", field.value)
    console.print(table, markup=False)


@app.command("hold")
def hold_command(customer_id: _Id, reason: _Reason, as_json: _Json = False) -> None:
    """Place a legal hold: nothing of the customer is erased until it is lifted."""
    run(_hold(configuration_from_environment(), customer_id, reason, as_json=as_json))


async def _hold(configuration: Configuration, customer_id: UUID, reason: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.erasing import place_hold
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right
    from roadstead.randomness import SystemRandomness

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.CUSTOMERS)
        hold = await place_hold(
            database, customer_id, reason=reason, actor=by.actor, randomness=SystemRandomness()
        )
    if as_json:
        write_json(hold)
        return
    console.print(f"Nothing of customer {customer_id} is erased until the hold is lifted.", markup=False)


@app.command("lift")
def lift_command(customer_id: _Id, reason: _Reason, as_json: _Json = False) -> None:
    """Lift the legal holds of a customer: what is due is erased again."""
    run(_lift(configuration_from_environment(), customer_id, reason, as_json=as_json))


async def _lift(configuration: Configuration, customer_id: UUID, reason: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.customers.erasing import lift_holds
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.APPROVE)
        lifted = await lift_holds(database, customer_id, reason=reason, actor=by.actor)
    if as_json:
        write_json(lifted)
        return
    console.print(f"{len(lifted)} legal hold(s) of customer {customer_id} lifted.", markup=False)


@app.command("erase")
def erase_command(customer_id: _Id, reason: _Reason, as_json: _Json = False) -> None:
    """Delete a customer as DELETE /customer does: restricted at once, erased when nothing has to be kept."""
    run(_erase(configuration_from_environment(), customer_id, reason, as_json=as_json))


async def _erase(configuration: Configuration, customer_id: UUID, reason: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.customers.erasing import delete
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.APPROVE)
        async with database.transaction() as connection:
            deletion = await delete(
                connection,
                configuration.anchor,
                customer_id,
                actor=by.actor,
                now=SystemClock().now(),
                detail={"reason": reason.strip()[:500]},
            )
    if deletion is None:
        raise NotFound(f"There is no living customer {customer_id}: it is not known, or deleted already.")
    if as_json:
        write_json(deletion)
        return
    verdict = deletion.verdict
    until = f" Until {verdict.until:%Y-%m-%d}." if verdict.until else ""
    told = "Erased." if verdict.cause is None else f"Restricted. {verdict.cause}{until}"
    console.print(told, markup=False, soft_wrap=True)


@app.command("retention")
def retention_command(as_json: _Json = False) -> None:
    """List the deleted customers whose data are still kept: why, and until when."""
    run(_retention(configuration_from_environment(), as_json=as_json))


async def _retention(configuration: Configuration, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.customers.erasing import restricted
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database)
        require(by, Right.CUSTOMERS)
        async with database.connection() as connection:
            found = await restricted(connection, configuration.anchor, SystemClock().now(), LISTED_MAX)
    if as_json:
        write_json(
            [
                {"id": customer_id, "standing": standing, "verdict": verdict}
                for customer_id, standing, verdict in found
            ]
        )
        return
    table = Table("Customer", "Deleted (UTC)", "Erased not before", "Held", "Why", box=None, pad_edge=False)
    for customer_id, standing, verdict in found:
        table.add_row(
            str(customer_id),
            f"{standing.restricted_at:%Y-%m-%d}",
            f"{verdict.until:%Y-%m-%d}" if verdict.until else "",
            "yes" if standing.is_held else "no",
            verdict.cause or "Due: the scheduler erases it.",
        )
    console.print(table, markup=False)


@app.command("rotate-keys")
def rotate_command(as_json: _Json = False) -> None:
    """Move customers' keys from ROADSTEAD_DATA_KEY_PREVIOUS to ROADSTEAD_DATA_KEY; safe to break off and repeat."""
    run(_rotate(configuration_from_environment(), as_json=as_json))


async def _rotate(configuration: Configuration, *, as_json: bool) -> None:
    from roadstead.cli.people import actor
    from roadstead.customers.rotating import rotate_keys
    from roadstead.customers.vault import local_keys
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        by = await actor(database, Right.MANAGE)
        rotated = await rotate_keys(database, local_keys(configuration), actor=by)
    if as_json:
        write_json(rotated)
        return
    console.print(
        f"{rotated.customers} customer(s) and {rotated.files} other sealed thing(s) moved; everything is under version "
        f"{rotated.version} now. Take ROADSTEAD_DATA_KEY_PREVIOUS away, and keep that key as long as your backups.",
        markup=False,
        soft_wrap=True,
    )


@app.command("messages")
def messages_command(as_json: _Json = False) -> None:
    """Show the messages that the messenger of kind file wrote, codes included; for rehearsals only."""
    from roadstead.customers.messengers import messages_path, read_messages

    found = read_messages(messages_path(configuration_from_environment()))
    if as_json:
        write_json([{name: getattr(line, name) for name in line.__struct_fields__} for line in found])
        return
    table = Table("At (UTC)", "By", "To", "Message", box=None, pad_edge=False)
    for line in found:
        table.add_row(line.written_at, line.channel, line.address, line.text)
    console.print(table, markup=False)
