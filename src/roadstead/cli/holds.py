"""`roadstead holds`: decisions that wait for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

from roadstead.cli.context import configuration_from_environment, open_configured_database, run
from roadstead.cli.options import AsJson, Limit
from roadstead.cli.output import write_json, write_line, write_table
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.operations.deciding import DIGEST_CHARACTERS_MIN, Hold, Vote
from roadstead.operations.holds import Decision, HoldKind, HoldStatus
from roadstead.operations.operators import Operator

app = typer.Typer(no_args_is_help=True, help="Decisions that wait for people, and deciding them.")

_Id = Annotated[UUID, typer.Argument(metavar="ID", help="The id that the list shows.")]
_Reason = Annotated[str, typer.Option(help="Why; others judge by it, and it is kept.")]
_Digest = Annotated[
    str,
    typer.Option(
        help=f"What you have read: the first {DIGEST_CHARACTERS_MIN} characters or more of the digest that show tells."
    ),
]


@app.command("list")
def list_command(
    status: Annotated[
        HoldStatus | None, typer.Option(help="Only those of one status; else those that are not over.")
    ] = None,
    kind: Annotated[HoldKind | None, typer.Option(help="Only those of one kind.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List holds, newest first."""
    run(_list(configuration_from_environment(), status, kind, limit, as_json=as_json))


async def _list(
    configuration: Configuration,
    status: HoldStatus | None,
    kind: HoldKind | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from roadstead.operations.deciding import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        found = await latest(connection, status=status, kind=kind, limit=limit)
    _write(found, as_json=as_json)


@app.command("show")
def show_command(hold_id: _Id, as_json: AsJson = False) -> None:
    """Show what is held, its digest, and what people said about it."""
    run(_show(configuration_from_environment(), hold_id, as_json=as_json))


async def _show(configuration: Configuration, hold_id: UUID, *, as_json: bool) -> None:
    from roadstead.operations.deciding import by_id, votes

    async with open_configured_database(configuration) as database, database.connection() as connection:
        hold = await by_id(connection, hold_id)
        said = await votes(connection, hold_id)
    if as_json:
        write_json({"hold": hold, "votes": said})
        return
    _write([hold], as_json=False)
    write_line(f"because  {hold.reason}")
    for name, text in hold.content.items():
        write_line(f"         {name}: {text}")
    write_line(f"digest   {hold.digest}")
    _write_votes(said)


@app.command("propose")
def propose_command(
    hold_id: _Id,
    decision: Annotated[Decision, typer.Argument(help="What you propose.")],
    reason: _Reason,
    digest: _Digest,
    as_json: AsJson = False,
) -> None:
    """Propose a decision; where one person is enough, it is decided."""

    async def work(database: Database, by: Operator) -> Hold:
        from roadstead.operations import deciding

        return await deciding.propose(
            database, hold_id, decision=decision, reason=reason, digest=digest, by=by
        )

    run(_act(configuration_from_environment(), work, as_json=as_json))


@app.command("approve")
def approve_command(
    hold_id: _Id,
    digest: _Digest,
    reason: Annotated[str, typer.Option(help="Anything to add; it is kept.")] = "",
    as_json: AsJson = False,
) -> None:
    """Agree to the decision that another person proposed."""

    async def work(database: Database, by: Operator) -> Hold:
        from roadstead.operations import deciding

        return await deciding.approve(database, hold_id, digest=digest, by=by, reason=reason)

    run(_act(configuration_from_environment(), work, as_json=as_json))


@app.command("refuse")
def refuse_command(hold_id: _Id, reason: _Reason, as_json: AsJson = False) -> None:
    """Turn down the decision that somebody proposed, yourself too; the hold is open again for another proposal."""

    async def work(database: Database, by: Operator) -> Hold:
        from roadstead.operations import deciding

        return await deciding.turn_down(database, hold_id, reason=reason, by=by)

    run(_act(configuration_from_environment(), work, as_json=as_json))


async def _act(
    configuration: Configuration, work: Callable[[Database, Operator], Awaitable[Hold]], *, as_json: bool
) -> None:
    from roadstead.cli.people import acting_operator

    async with open_configured_database(configuration) as database:
        hold = await work(database, await acting_operator(database))
    _write([hold], as_json=as_json)


def _write(found: list[Hold], *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    write_table(
        ("Id", "Placed (UTC)", "Kind", "About", "Status", "Decision", "People", "Digest"),
        [
            (
                hold.id,
                hold.placed_at,
                hold.kind,
                hold.subject,
                hold.status,
                hold.decision,
                hold.approvals,
                hold.digest[:DIGEST_CHARACTERS_MIN],
            )
            for hold in found
        ],
    )


def _write_votes(said: list[Vote]) -> None:
    write_table(
        ("Said (UTC)", "Round", "Operator", "What", "Reason"),
        [
            (vote.at, vote.round, vote.operator, f"{vote.act} {vote.decision or ''}".strip(), vote.reason)
            for vote in said
        ],
    )
