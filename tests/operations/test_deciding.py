"""What people do with holds, alerts and stops, and what is written down of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from tests.fixtures.operators import add_operator

from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, Forbidden, NotFound
from roadstead.operations import attending, deciding, operators
from roadstead.operations.alerts import AlertKind, AlertStatus, Severity, open_alert
from roadstead.operations.holds import Decision, HoldKind, HoldStatus, digest_of, place_hold
from roadstead.operations.operators import Operator
from roadstead.operations.resuming import apply_resumes, request_resume
from roadstead.operations.stops import Outgoing, open_stops, stop

CONTENT = {"payout_id": "p1"}
DIGEST = digest_of(CONTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Those who decide."""

    olga: Operator
    piet: Operator
    anna: Operator
    vera: Operator


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as borrowed:
        yield borrowed


@pytest.fixture
async def people(connection: Connection) -> People:
    for name, role in (
        ("olga", "operator"),
        ("piet", "approver"),
        ("anna", "administrator"),
        ("vera", "viewer"),
    ):
        await add_operator(connection, name, role)
    return People(**{person.name: person for person in await operators.list_all(connection)})


@pytest.fixture
async def hold_id(connection: Connection) -> UUID:
    return await place_hold(
        connection,
        kind=HoldKind.PAYOUT_RELEASE,
        subject="p1",
        content=CONTENT,
        reason="above the limit",
        approvals=2,
    )


async def audited(connection: Connection) -> list[tuple[str, str]]:
    rows = await connection.fetch("SELECT actor, action FROM audit_log ORDER BY id")
    return [(row["actor"], row["action"]) for row in rows]


class TestDeciding:
    async def test_by_two_people_is_written_down_with_both(
        self, database: Database, connection: Connection, people: People, hold_id: UUID
    ) -> None:
        proposed = await deciding.propose(
            database, hold_id, decision=Decision.RELEASE, reason="known client", digest=DIGEST, by=people.olga
        )
        decided = await deciding.approve(database, hold_id, digest=DIGEST[:12], by=people.piet)

        assert (proposed.status, decided.status) == (HoldStatus.PROPOSED, HoldStatus.DECIDED)
        assert await audited(connection) == [
            (people.olga.actor, "hold.proposed"),
            (people.piet.actor, "hold.approved"),
        ]
        assert [(vote.operator, vote.reason) for vote in await deciding.votes(connection, hold_id)] == [
            ("olga", "known client"),
            ("piet", ""),
        ]

    async def test_refused_by_the_database_leaves_no_trace(
        self, database: Database, connection: Connection, people: People, hold_id: UUID
    ) -> None:
        await deciding.propose(
            database, hold_id, decision=Decision.RELEASE, reason="mine", digest=DIGEST, by=people.piet
        )

        with pytest.raises(Conflict, match="another person is needed"):
            await deciding.approve(database, hold_id, digest=DIGEST, by=people.piet)
        assert await audited(connection) == [(people.piet.actor, "hold.proposed")]

    @pytest.mark.parametrize("digest", [DIGEST[:11], "0" * 64, "", DIGEST + "0"])
    async def test_something_that_was_not_read_is_refused(
        self, digest: str, database: Database, people: People, hold_id: UUID
    ) -> None:
        with pytest.raises(Conflict, match="read it again"):
            await deciding.propose(
                database, hold_id, decision=Decision.RELEASE, reason="yes", digest=digest, by=people.piet
            )

    async def test_needs_a_reason_and_a_right(
        self, database: Database, people: People, hold_id: UUID
    ) -> None:
        with pytest.raises(BadInput, match="reason"):
            await deciding.propose(
                database, hold_id, decision=Decision.RELEASE, reason=" ", digest=DIGEST, by=people.piet
            )
        with pytest.raises(Forbidden, match="role viewer of vera"):
            await deciding.propose(
                database, hold_id, decision=Decision.RELEASE, reason="x", digest=DIGEST, by=people.vera
            )
        with pytest.raises(Forbidden, match="role operator of olga"):
            await deciding.approve(database, hold_id, digest=DIGEST, by=people.olga)

    async def test_turning_down_opens_it_again(
        self, database: Database, people: People, hold_id: UUID
    ) -> None:
        await deciding.propose(
            database, hold_id, decision=Decision.RELEASE, reason="mine", digest=DIGEST, by=people.piet
        )
        opened = await deciding.turn_down(database, hold_id, reason="not known", by=people.olga)

        assert (opened.status, opened.round) == (HoldStatus.OPEN, 2)
        with pytest.raises(Conflict, match="has no proposal"):
            await deciding.turn_down(database, hold_id, reason="again", by=people.olga)

    async def test_about_nothing_says_so(self, database: Database, people: People) -> None:
        with pytest.raises(NotFound, match="There is no hold"):
            await deciding.approve(database, uuid4(), digest=DIGEST, by=people.piet)

    async def test_lists_what_waits(self, connection: Connection, hold_id: UUID) -> None:
        async def listed(**filters: object) -> list[UUID]:
            asked = {"status": None, "kind": None, "limit": 10, **filters}
            return [hold.id for hold in await deciding.latest(connection, **asked)]  # type: ignore[arg-type]  # filters

        assert await listed() == [hold_id]
        assert await listed(kind=HoldKind.PAYOUT_RELEASE, status=HoldStatus.OPEN) == [hold_id]
        assert await listed(kind=HoldKind.RESUME) == []
        assert await listed(status=HoldStatus.DECIDED) == []


class TestResuming:
    @pytest.fixture
    async def stop_id(self, connection: Connection, people: People) -> UUID:
        return await stop(connection, what=Outgoing.ALL, asset=None, reason="leak", actor=people.olga.actor)

    async def test_takes_two_people_and_closes_the_alert(
        self, database: Database, connection: Connection, people: People, stop_id: UUID
    ) -> None:
        hold = await request_resume(database, stop_id, reason="found it", by=people.olga)
        assert not await apply_resumes(database)
        assert len(await open_stops(connection)) == 1
        await deciding.approve(database, hold.id, digest=hold.digest, by=people.piet)

        assert await apply_resumes(database)
        assert not await apply_resumes(database)
        assert await open_stops(connection) == []
        assert (await deciding.by_id(connection, hold.id)).status is HoldStatus.APPLIED
        assert await connection.fetchval("SELECT status FROM alerts") == "closed"
        assert (await audited(connection))[-1] == ("system", "outgoing.resumed")

    async def test_refused_by_two_keeps_the_stop(
        self, database: Database, connection: Connection, people: People, stop_id: UUID
    ) -> None:
        hold = await request_resume(database, stop_id, reason="found it", by=people.olga)
        await deciding.turn_down(database, hold.id, reason="not yet", by=people.piet)
        await deciding.propose(
            database, hold.id, decision=Decision.REFUSE, reason="not yet", digest=hold.digest, by=people.piet
        )
        await deciding.approve(database, hold.id, digest=hold.digest, by=people.anna)

        assert await apply_resumes(database)
        assert len(await open_stops(connection)) == 1
        again = await request_resume(database, stop_id, reason="now", by=people.olga)
        assert again.id != hold.id

    async def test_is_proposed_once(self, database: Database, people: People, stop_id: UUID) -> None:
        await request_resume(database, stop_id, reason="found it", by=people.olga)

        with pytest.raises(Conflict, match="has a proposal already"):
            await request_resume(database, stop_id, reason="me too", by=people.piet)

    async def test_of_what_is_not_stopped_says_so(self, database: Database, people: People) -> None:
        with pytest.raises(NotFound, match="There is no stop"):
            await request_resume(database, uuid4(), reason="x", by=people.olga)

    async def test_is_not_a_viewers(self, database: Database, people: People, stop_id: UUID) -> None:
        with pytest.raises(Forbidden):
            await request_resume(database, stop_id, reason="x", by=people.vera)


class TestAttendingAlerts:
    @pytest.fixture
    async def alert_id(self, connection: Connection) -> int:
        await open_alert(connection, kind=AlertKind.OUTGOING_STOPPED, subject="1", message="Look.")
        (alert,) = await attending.latest(connection, status=None, severity=None, limit=10)
        return alert.id

    async def test_the_first_who_acknowledges_stays(
        self, database: Database, connection: Connection, people: People, alert_id: int
    ) -> None:
        await attending.acknowledge(database, alert_id, by=people.olga)
        second = await attending.acknowledge(database, alert_id, by=people.piet)

        assert (second.status, second.acknowledged_by) == (AlertStatus.ACKNOWLEDGED, people.olga.actor)
        assert await audited(connection) == [(people.olga.actor, "alert.acknowledged")]

    async def test_a_person_closes_with_a_reason(
        self, database: Database, connection: Connection, people: People, alert_id: int
    ) -> None:
        with pytest.raises(BadInput, match="reason"):
            await attending.close_by_hand(database, alert_id, reason="", by=people.olga)
        closed = await attending.close_by_hand(database, alert_id, reason="was a drill", by=people.olga)

        assert (closed.status, closed.closed_reason) == (AlertStatus.CLOSED, "was a drill")
        assert await attending.latest(connection, status=None, severity=None, limit=10) == []
        with pytest.raises(Conflict, match="closed already: was a drill"):
            await attending.acknowledge(database, alert_id, by=people.olga)

    async def test_a_viewer_only_looks(self, database: Database, people: People, alert_id: int) -> None:
        with pytest.raises(Forbidden):
            await attending.acknowledge(database, alert_id, by=people.vera)

    async def test_filters_find_what_hurries(self, connection: Connection, alert_id: int) -> None:
        async def found(severity: Severity, status: AlertStatus | None = None) -> int:
            return len(await attending.latest(connection, status=status, severity=severity, limit=10))

        assert await found(Severity.WARNING) == 1
        assert await found(Severity.CRITICAL) == 0
        assert await found(Severity.WARNING, AlertStatus.CLOSED) == 0
