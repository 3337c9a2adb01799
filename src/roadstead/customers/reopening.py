"""What a change of a customer's data does to decisions that rested on them, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from roadstead.config.anchor import Anchor
from roadstead.customers import case_store
from roadstead.customers.cases import Case, CaseStatus, judged_fields
from roadstead.customers.judged import read_judged
from roadstead.customers.vault import Vault
from roadstead.database.pool import Connection
from roadstead.operations.holds import HoldKind, withdraw_hold

CHANGED = "data changed"

FORGET_AFTER = timedelta(minutes=2)
"""How long after an erasure verifiers are told of it: longer than a submission that is on its way can still arrive."""

_STAYS = frozenset({CaseStatus.COLLECTING, CaseStatus.REJECTED})
"""What other data do not reopen: what waits for them anyway, and a rejection, which nothing that is sent undoes."""


async def note_change(
    connection: Connection,
    anchor: Anchor,
    vault: Vault,
    customer_id: UUID,
    *,
    begins: Collection[str],
    now: datetime,
) -> None:
    """Reopen what was decided about data that are others now, and begin the cases of some types.

    Call it after the fields were written, in the same transaction, with the customer locked: whoever decides holds the
    customer too, so that a decision and a change come one after the other. The same data again reopen nothing.
    """
    cases = await case_store.lock_of_customer(connection, customer_id)
    for case in cases:
        if case.status is CaseStatus.COLLECTING:
            await case_store.make_due(connection, case.id)
        if case.status in _STAYS:
            continue
        if await current_digest(connection, anchor, vault, case) != case.digest:
            await reopen(connection, case, CHANGED, now)
    known = {case.customer_type for case in cases}
    for name in begins:
        if name not in known:
            await case_store.begin(connection, customer_id, name, now)


async def reopen(connection: Connection, case: Case, cause: str, now: datetime) -> None:
    """Take a locked case back to where data are collected; people who were asked about the former are asked no more."""
    if case.submission_id is not None:
        await withdraw_hold(connection, HoldKind.VERIFICATION, str(case.submission_id), reason=cause)
    await case_store.reopen(connection, case.id, cause, now)


async def close_cases(connection: Connection, customer_id: UUID) -> None:
    """End the cases of a customer who was erased in this transaction; they stay as codes.

    Nobody looks at them any more, and everybody who was given something of the customer will be told to forget it.
    """
    for case in await case_store.lock_of_customer(connection, customer_id):
        if case.submission_id is not None:
            await withdraw_hold(
                connection, HoldKind.VERIFICATION, str(case.submission_id), reason="the customer was erased"
            )
        await case_store.rest(connection, case.id)
    await case_store.order_forgetting(connection, customer_id, FORGET_AFTER)


async def current_digest(connection: Connection, anchor: Anchor, vault: Vault, case: Case) -> str | None:
    """Return the digest of what would be judged now; None when the type is not offered any more."""
    kind = next((kind for kind in anchor.customer_types if kind.name == case.customer_type), None)
    if kind is None:
        return None
    judged = await read_judged(connection, vault, case.customer_id, judged_fields(kind))
    return judged.digest(vault)
