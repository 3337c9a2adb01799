"""Decisions that wait for people: the database counts who agrees to what, and no code can talk it out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.database import Administrator
from tests.fixtures.operators import add_operator, vote

from roadstead.database.migrate import APP_ROLE
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict
from roadstead.operations.holds import (
    Decision,
    HoldKind,
    applied,
    canonical,
    decided,
    digest_of,
    place_hold,
    withdraw_hold,
)

CONTENT = {"payout_id": "p1", "amount": "99.40", "asset": "iso4217:EUR"}
KIND = HoldKind.PAYOUT_RELEASE


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Those who decide."""

    olga: UUID
    piet: UUID
    anna: UUID
    vera: UUID


@pytest.fixture
async def people(database: Database) -> People:
    async with database.transaction() as connection:
        return People(
            olga=await add_operator(connection, "olga", "operator"),
            piet=await add_operator(connection, "piet", "approver"),
            anna=await add_operator(connection, "anna", "administrator"),
            vera=await add_operator(connection, "vera", "viewer"),
        )


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as borrowed:
        yield borrowed


async def placed(connection: Connection, approvals: int = 2, **changes: str) -> UUID:
    return await place_hold(
        connection,
        kind=KIND,
        subject="p1",
        content={**CONTENT, **changes},
        reason="above the limit",
        approvals=approvals,
    )


async def status(connection: Connection, hold_id: UUID) -> str:
    found: str = await connection.fetchval("SELECT status FROM holds WHERE id = $1", hold_id)
    return found


class TestTheDigest:
    def test_is_the_same_for_the_same_content_in_any_order(self) -> None:
        assert digest_of(CONTENT) == digest_of(dict(reversed(CONTENT.items())))

    def test_differs_when_anything_does(self) -> None:
        assert digest_of(CONTENT) != digest_of({**CONTENT, "amount": "99.41"})

    def test_is_taken_of_text_that_every_machine_writes_alike(self) -> None:
        assert canonical({"ö": "ü", "a": "b"}) == '{"a":"b","\\u00f6":"\\u00fc"}'

    def test_has_a_limit(self) -> None:
        with pytest.raises(BadInput, match="at most 50 entries"):
            canonical({str(number): "" for number in range(51)})

    async def test_is_checked_by_the_database(self, connection: Connection) -> None:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO holds (id, kind, subject, content, digest, reason, approvals, placed_by) "
                "VALUES (gen_random_uuid(), 'resume', '1', '{}', repeat('0', 64), 'why', 1, 'system')"
            )


class TestPlacing:
    async def test_the_same_again_keeps_the_hold(self, connection: Connection) -> None:
        assert await placed(connection) == await placed(connection)

    async def test_other_content_takes_the_place_of_what_nobody_may_approve_any_more(
        self, connection: Connection, people: People
    ) -> None:
        first = await placed(connection)
        await vote(connection, first, people.olga, "propose")
        second = await placed(connection, amount="1.00")

        assert second != first
        assert await status(connection, first) == "withdrawn"
        with pytest.raises(asyncpg.RestrictViolationError, match="is withdrawn"):
            await vote(connection, first, people.piet, "approve")

    async def test_what_is_decided_is_not_replaced_before_it_is_applied(
        self, connection: Connection, people: People
    ) -> None:
        first = await placed(connection, 1)
        await vote(connection, first, people.piet, "propose")

        assert await placed(connection, 1, amount="1.00") == first

    async def test_another_one_follows_when_the_first_is_over(self, connection: Connection) -> None:
        first = await placed(connection)
        await withdraw_hold(connection, KIND, "p1", reason="not needed")
        await withdraw_hold(connection, KIND, "p1", reason="not needed")

        assert await placed(connection) != first

    @pytest.mark.parametrize("approvals", [0, 6])
    async def test_nobody_asks_for_nobody_or_a_crowd(self, approvals: int, connection: Connection) -> None:
        with pytest.raises(BadInput, match="1 to 5 people"):
            await placed(connection, approvals)


class TestADecisionOfTwo:
    async def test_is_taken_when_another_person_approves(
        self, connection: Connection, people: People
    ) -> None:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.olga, "propose")
        assert await status(connection, hold_id) == "proposed"
        await vote(connection, hold_id, people.piet, "approve")

        async with connection.transaction():
            (found,) = await decided(connection, KIND, 10)
            await applied(connection, hold_id)
        assert (found.decision, found.content, found.digest) == (
            Decision.RELEASE,
            CONTENT,
            digest_of(CONTENT),
        )
        assert (found.proposer, found.approvers) == (people.olga, (people.piet,))
        assert await status(connection, hold_id) == "applied"
        assert await decided(connection, KIND, 10) == []

    async def test_is_not_taken_by_the_proposer_alone(self, connection: Connection, people: People) -> None:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.piet, "propose")

        with pytest.raises(asyncpg.RestrictViolationError, match="another person is needed"):
            await vote(connection, hold_id, people.piet, "approve")

    async def test_is_not_taken_by_one_person_who_approves_twice(
        self, connection: Connection, people: People
    ) -> None:
        hold_id = await placed(connection, 3)
        await vote(connection, hold_id, people.olga, "propose")
        await vote(connection, hold_id, people.piet, "approve")

        with pytest.raises(asyncpg.RestrictViolationError, match="another person is needed"):
            await vote(connection, hold_id, people.piet, "approve")

    async def test_is_not_taken_on_another_digest(self, connection: Connection, people: People) -> None:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.olga, "propose")

        with pytest.raises(asyncpg.RestrictViolationError, match="digest is not that of hold"):
            await vote(connection, hold_id, people.piet, "approve", digest=digest_of({}))

    async def test_is_not_taken_by_approving_the_opposite(
        self, connection: Connection, people: People
    ) -> None:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.olga, "propose", decision="refuse")

        with pytest.raises(asyncpg.RestrictViolationError, match="is to refuse it"):
            await vote(connection, hold_id, people.piet, "approve")

    @pytest.mark.parametrize("act", ["propose", "approve", "object"])
    async def test_a_disabled_person_has_no_voice(
        self, act: str, connection: Connection, people: People
    ) -> None:
        hold_id = await placed(connection)
        if act != "propose":
            await vote(connection, hold_id, people.olga, "propose")
        await connection.execute(
            "UPDATE operators SET status = 'disabled', disabled_at = now() WHERE id = $1", people.piet
        )

        with pytest.raises(asyncpg.RestrictViolationError, match="piet is disabled"):
            await vote(connection, hold_id, people.piet, act)

    async def test_a_proposal_of_somebody_disabled_since_does_not_count(
        self, connection: Connection, people: People
    ) -> None:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.olga, "propose")
        await connection.execute(
            "UPDATE operators SET status = 'disabled', disabled_at = now() WHERE id = $1", people.olga
        )
        await vote(connection, hold_id, people.piet, "approve")

        assert await status(connection, hold_id) == "proposed"

    async def test_roles_limit_who_decides(self, connection: Connection, people: People) -> None:
        hold_id = await placed(connection)
        with pytest.raises(asyncpg.RestrictViolationError, match="role viewer"):
            await vote(connection, hold_id, people.vera, "propose")
        await vote(connection, hold_id, people.anna, "propose")
        with pytest.raises(asyncpg.RestrictViolationError, match="role operator"):
            await vote(connection, hold_id, people.olga, "approve")

    async def test_an_objection_ends_the_round_and_everybody_may_speak_again(
        self, connection: Connection, people: People
    ) -> None:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.piet, "propose")
        await vote(connection, hold_id, people.olga, "object")
        assert await status(connection, hold_id) == "open"
        with pytest.raises(asyncpg.RestrictViolationError, match="no proposal"):
            await vote(connection, hold_id, people.anna, "approve")
        await vote(connection, hold_id, people.olga, "propose", decision="refuse")
        await vote(connection, hold_id, people.piet, "approve", decision="refuse")

        (found,) = await decided(connection, KIND, 10)
        assert (found.decision, found.proposer) == (Decision.REFUSE, people.olga)


class TestADecisionOfOne:
    async def test_is_taken_by_proposing_it(self, connection: Connection, people: People) -> None:
        hold_id = await placed(connection, 1)
        await vote(connection, hold_id, people.piet, "propose", decision="refuse")

        (found,) = await decided(connection, KIND, 10)
        assert (found.decision, found.reason, found.approvers) == (Decision.REFUSE, "because", ())

    async def test_needs_somebody_who_may_approve(self, connection: Connection, people: People) -> None:
        hold_id = await placed(connection, 1)

        with pytest.raises(asyncpg.RestrictViolationError, match="role operator does not propose"):
            await vote(connection, hold_id, people.olga, "propose")


class TestADecidedHold:
    @pytest.fixture
    async def hold_id(self, connection: Connection, people: People) -> UUID:
        hold_id = await placed(connection)
        await vote(connection, hold_id, people.olga, "propose")
        await vote(connection, hold_id, people.piet, "approve")
        return hold_id

    @pytest.mark.parametrize(
        "change",
        [
            "decision = 'refuse'",
            "status = 'open', decision = NULL, round = round + 1",
            "status = 'proposed'",
            "content = '{}', digest = encode(sha256('{}'), 'hex')",
            "approvals = 1",
            "subject = 'p2'",
            "status = 'applied', decision = 'refuse'",
            "status = 'withdrawn', withdrawn_reason = 'x', decision = 'refuse'",
        ],
    )
    async def test_is_never_changed(self, change: str, hold_id: UUID, connection: Connection) -> None:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(f"UPDATE holds SET {change} WHERE id = $1", hold_id)

    async def test_hears_no_more_votes(self, hold_id: UUID, connection: Connection, people: People) -> None:
        with pytest.raises(asyncpg.RestrictViolationError, match="is decided"):
            await vote(connection, hold_id, people.anna, "object")

    async def test_is_applied_once(self, hold_id: UUID, connection: Connection) -> None:
        await applied(connection, hold_id)

        with pytest.raises(Conflict, match="applied already"):
            await applied(connection, hold_id)

    async def test_is_in_one_hand_at_a_time(self, hold_id: UUID, database: Database) -> None:
        async with database.transaction() as first, database.transaction() as second:
            assert [found.hold_id for found in await decided(first, KIND, 10)] == [hold_id]
            assert await decided(second, KIND, 10) == []


class TestWithoutVotes:
    @pytest.mark.parametrize(
        "change",
        [
            "status = 'decided', decision = 'release'",
            "status = 'proposed', decision = 'release'",
            "status = 'applied', decision = 'release'",
        ],
    )
    async def test_nobody_moves_a_hold(self, change: str, connection: Connection) -> None:
        hold_id = await placed(connection)

        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(f"UPDATE holds SET {change} WHERE id = $1", hold_id)

    async def test_no_hold_is_born_decided(self, connection: Connection) -> None:
        with pytest.raises(asyncpg.RestrictViolationError, match="begins open"):
            await connection.execute(
                "INSERT INTO holds (id, kind, subject, content, digest, reason, approvals, placed_by, status, "
                "decision) VALUES (gen_random_uuid(), 'resume', '1', '{}', encode(sha256('{}'), 'hex'), 'why', 1, 'x', "
                "'decided', 'release')"
            )

    async def test_tables_that_only_look_like_ours_convince_nobody(
        self, connection: Connection, database_url: str, administrator: Administrator
    ) -> None:
        hold_id = await placed(connection)
        # The server may make none; this shows what would happen if it could.
        administrator.execute(f"GRANT TEMPORARY ON DATABASE {urlsplit(database_url).path[1:]} TO {APP_ROLE}")
        async with connection.transaction():
            await connection.execute(
                "CREATE TEMPORARY TABLE hold_votes (LIKE public.hold_votes INCLUDING DEFAULTS) ON COMMIT DROP"
            )
            await connection.execute(
                "CREATE TEMPORARY TABLE operators (LIKE public.operators INCLUDING DEFAULTS) ON COMMIT DROP"
            )
            for name in ("eve", "mallory"):
                eve = await add_operator(connection, name)
                await connection.execute(
                    "INSERT INTO hold_votes (id, hold_id, round, operator_id, act, decision, digest, reason, at) "
                    "VALUES (1, $1, 1, $2, 'approve', 'release', '', '', now())",
                    hold_id,
                    eve,
                )
            with pytest.raises(asyncpg.RestrictViolationError, match="nothing leads from open to decided"):
                await connection.execute(
                    "UPDATE holds SET status = 'decided', decision = 'release' WHERE id = $1", hold_id
                )


class TestPeopleWhoSpeakAtOnce:
    async def test_are_counted_one_after_the_other(self, database: Database, people: People) -> None:
        async with database.connection() as connection:
            hold_id = await placed(connection, 3)
            await vote(connection, hold_id, people.olga, "propose")

        async def approve(operator_id: UUID) -> None:
            async with database.transaction() as own:
                await vote(own, hold_id, operator_id, "approve")

        results = await asyncio.gather(
            *(approve(person) for person in (people.piet, people.piet, people.anna, people.anna)),
            return_exceptions=True,
        )
        async with database.connection() as connection:
            assert await status(connection, hold_id) == "decided"
            assert await connection.fetchval("SELECT count(*) FROM hold_votes") == 3
        assert sum(isinstance(result, asyncpg.RestrictViolationError) for result in results) == 2

    async def test_place_one_hold(self, database: Database) -> None:
        async def place() -> UUID:
            async with database.transaction() as own:
                return await placed(own)

        assert len(set(await asyncio.gather(*(place() for _ in range(4))))) == 1
