"""Cases: a customer is like somebody on a list, and people decide whether it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.operations.holds import (
    Decided,
    Decision,
    HoldKind,
    applied,
    decided,
    digest_of,
    place_hold,
    withdraw_hold,
)
from roadstead.screening import store
from roadstead.screening.store import HitStatus, StoredHit

log = structlog.get_logger()

CASES_MAX = 20
HITS_SHOWN_MAX = 40


def case_content(customer_id: UUID, hits: Sequence[StoredHit]) -> Mapping[str, str]:
    """Write what people decide about: ids, versions and scores, and nothing about the customer.

    The digest of the customer's data is under its own key: when the data change, it is another case.
    """
    lines = [f"{hit.list} {hit.entry_id} version {hit.entry_version} {hit.score} %" for hit in hits]
    content = {f"entry {number:02}": line for number, line in enumerate(lines[:HITS_SHOWN_MAX], start=1)}
    if lines[HITS_SHOWN_MAX:]:
        rest = {str(number): line for number, line in enumerate(lines[HITS_SHOWN_MAX:][:HITS_SHOWN_MAX])}
        content["and more"] = f"{len(lines) - HITS_SHOWN_MAX} {digest_of(rest)}"
    return {"customer": str(customer_id), "data": hits[0].digest if hits else "", **content}


async def follow_hits(connection: Connection, customer_id: UUID, *, approvals: int) -> None:
    """Open, change or take back the case of a customer, as its current hits are; the screening must be locked.

    A case that people have decided already stands until it is applied.
    """
    hits = [hit for hit in await store.current_hits(connection, customer_id) if hit.status is HitStatus.OPEN]
    subject = str(customer_id)
    if not hits:
        reason = "nothing is found of the customer any more"
        await withdraw_hold(connection, HoldKind.SCREENING_HIT, subject, reason=reason)
        await close_alert(connection, AlertKind.SCREENING_HIT, subject, reason=reason)
        return
    await place_hold(
        connection,
        kind=HoldKind.SCREENING_HIT,
        subject=subject,
        content=case_content(customer_id, hits),
        reason=f"{len(hits)} entries of lists may be this customer",
        approvals=approvals,
    )
    await open_alert(
        connection,
        kind=AlertKind.SCREENING_HIT,
        subject=subject,
        message=f"Customer {subject} is like {len(hits)} entries of sanctions lists; its payouts are held. Look "
        f"(roadstead screening show {subject}) and decide the hold. Tell the partner nothing of it.",
    )


async def apply_case_decisions(database: Database, clock: Clock, *, approvals: int) -> int:
    """Carry out what people decided about cases; return how many there were. Safe to run anywhere, at any time.

    A decision about what is no longer so is withdrawn, and people are asked anew.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        found = await decided(connection, HoldKind.SCREENING_HIT, CASES_MAX)
        for one in found:
            await _apply(connection, one, clock.now(), approvals)
    return len(found)


async def _apply(connection: Connection, one: Decided, now: datetime, approvals: int) -> None:
    customer_id = UUID(one.subject)
    await store.lock(connection, customer_id)
    current = await store.current_hits(connection, customer_id)
    hits = [hit for hit in current if hit.status is HitStatus.OPEN]
    if digest_of(case_content(customer_id, hits)) != one.digest:
        log.warning("screening_decision_outdated", hold_id=str(one.hold_id), customer_id=one.subject)
        await withdraw_hold(
            connection, HoldKind.SCREENING_HIT, one.subject, reason="what was decided about changed"
        )
        await follow_hits(connection, customer_id, approvals=approvals)
        return
    is_cleared = one.decision is Decision.RELEASE
    status = HitStatus.CLEARED if is_cleared else HitStatus.CONFIRMED
    await store.decide_hits(connection, customer_id, status, one.hold_id, now)
    await applied(connection, one.hold_id)
    await close_alert(connection, AlertKind.SCREENING_HIT, one.subject, reason=f"decided: {one.decision}")
    if not is_cleared:
        await open_alert(
            connection,
            kind=AlertKind.SCREENING_CONFIRMED,
            subject=one.subject,
            message=f"Customer {one.subject} stands on a sanctions list (hold {one.hold_id}): its payouts stay held, "
            "and nothing goes back by itself. Report it, and ask the authority what becomes of the money. Tell the "
            "partner nothing of it.",
            severity=Severity.CRITICAL,
        )
    log.info("screening_decided", hold_id=str(one.hold_id), customer_id=one.subject, decision=one.decision)
