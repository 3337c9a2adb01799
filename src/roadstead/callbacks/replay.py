"""Sending a callback again because an operator says so."""

from __future__ import annotations

import json

from roadstead.callbacks import store
from roadstead.callbacks.store import Callback
from roadstead.database.pool import Database
from roadstead.errors import InvariantViolated, NotFound


async def replay(database: Database, callback_id: int, actor: str) -> Callback:
    """Make a callback due now and write down who did it; safe to repeat, the receiver may get it again.

    One that was delivered or given up begins a new day of tries, with the same bytes. One that waits for its next try
    is tried at once. Later callbacks of the same subject that still wait are sent after it.

    Raises:
        NotFound: There is no such callback.
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        found = await store.by_id(connection, callback_id, lock=True)
        if found is None:
            raise NotFound(f"There is no callback {callback_id}: see roadstead callbacks list.")
        await store.wait_again(connection, callback_id)
        await connection.execute(
            "INSERT INTO audit_log (actor, action, subject, detail) VALUES ($1, $2, $3, $4::jsonb)",
            actor,
            "callback.replayed",
            f"callback {callback_id}",
            json.dumps(
                {
                    "about": f"{found.subject_kind} {found.subject_id}",
                    "event": found.event,
                    "was": found.status,
                }
            ),
        )
        again = await store.by_id(connection, callback_id)
    if again is None:
        raise InvariantViolated(
            f"Callback {callback_id} vanished inside a transaction that holds it: call again."
        )
    return again
