"""What commands share that place a hold and propose, in the name of whoever types, to release it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

from roadstead.cli.context import open_configured_database
from roadstead.cli.output import write_json, write_line
from roadstead.config.effective import Configuration

if TYPE_CHECKING:
    from roadstead.database.pool import Connection
    from roadstead.operations.deciding import Hold
    from roadstead.operations.operators import Operator

DIGEST_CHARACTERS = 12


async def propose_release(
    configuration: Configuration,
    place: Callable[[Connection, Operator], Awaitable[UUID]],
    *,
    reason: str,
    as_json: bool,
) -> None:
    """Place a hold in a transaction, propose to release it, and tell what is agreed to and what happens next.

    Where one person is enough and this one may not decide alone, nothing is placed.
    """
    from roadstead.cli.people import acting_operator
    from roadstead.operations import deciding
    from roadstead.operations.holds import Decision
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right

    async with open_configured_database(configuration) as database:
        by = await acting_operator(database, Right.PROPOSE)
        async with database.transaction() as connection:
            placed = await deciding.by_id(connection, await place(connection, by))
            require(by, Right.APPROVE if placed.approvals == 1 else Right.PROPOSE)
        hold = await deciding.propose(
            database, placed.id, decision=Decision.RELEASE, reason=reason, digest=placed.digest, by=by
        )
    if as_json:
        write_json({"hold": hold})
        return
    _tell(hold)


def _tell(hold: Hold) -> None:
    for name, text in hold.content.items():
        write_line(f"{name:<12}{text}")
    if hold.status == "decided":
        write_line("It is decided; a worker carries it out now.")
        return
    write_line("Another person has to agree:")
    write_line(f"    roadstead holds approve {hold.id} --digest {hold.digest[:DIGEST_CHARACTERS]}")
