"""People: the first vouches for the others, a token is seen once, and who is disabled is nobody from then on."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import asyncpg
import pytest
from tests.fixtures.operators import add_operator, vote

from roadstead.database.pool import Database
from roadstead.errors import BadInput, Conflict, Forbidden, NotFound, Unauthenticated
from roadstead.operations import operators
from roadstead.operations.holds import HoldKind, place_hold
from roadstead.operations.operators import Credential, Operator
from roadstead.operations.roles import OperatorRole, Right, may
from roadstead.randomness import SystemRandomness

RANDOM = SystemRandomness()


async def added(
    database: Database, name: str, role: OperatorRole = OperatorRole.ADMINISTRATOR, by: Operator | None = None
) -> Credential:
    return await operators.add(
        database, name=name, email=f"{name}@anchor.example", role=role, by=by, randomness=RANDOM
    )


async def who(database: Database, token: str) -> Operator:
    async with database.connection() as connection:
        return await operators.authenticate(connection, token)


class TestTheFirst:
    async def test_is_an_administrator_whom_nobody_vouches_for(self, database: Database) -> None:
        anna = await added(database, "anna")

        assert (await who(database, anna.token)).role is OperatorRole.ADMINISTRATOR

    async def test_is_nothing_less(self, database: Database) -> None:
        with pytest.raises(Conflict, match="first operator must be an administrator"):
            await added(database, "vera", OperatorRole.VIEWER)

    async def test_is_one_even_when_two_try_at_once(self, database: Database) -> None:
        results = await asyncio.gather(
            *(added(database, name) for name in ("anna", "bert", "cleo")), return_exceptions=True
        )

        assert sum(isinstance(result, Credential) for result in results) == 1
        assert sum(isinstance(result, Unauthenticated) for result in results) == 2


class TestTheOthers:
    async def test_are_added_by_an_administrator(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        piet = await added(database, "piet", OperatorRole.APPROVER, anna)

        assert (await who(database, piet.token)).name == "piet"

    @pytest.mark.parametrize("role", [role for role in OperatorRole if role != "administrator"])
    async def test_are_added_by_nobody_else(self, role: OperatorRole, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        other = (await added(database, "other", role, anna)).operator

        with pytest.raises(Forbidden, match=f"role {role} of other"):
            await added(database, "friend", OperatorRole.APPROVER, other)

    @pytest.mark.parametrize(
        ("name", "email"), [("anna", "new@anchor.example"), ("new", "ANNA@anchor.example")]
    )
    async def test_are_nobody_who_is_there_already(self, name: str, email: str, database: Database) -> None:
        anna = (await added(database, "anna")).operator

        with pytest.raises(Conflict, match="already"):
            await operators.add(
                database, name=name, email=email, role=OperatorRole.VIEWER, by=anna, randomness=RANDOM
            )

    @pytest.mark.parametrize(("name", "email"), [("", "a@b.example"), ("a\nb", "a@b.example"), ("a", "a b")])
    async def test_have_a_name_and_an_address(self, name: str, email: str, database: Database) -> None:
        with pytest.raises(BadInput):
            await operators.add(
                database,
                name=name,
                email=email,
                role=OperatorRole.ADMINISTRATOR,
                by=None,
                randomness=RANDOM,
            )

    async def test_are_told_of_to_everybody_and_written_down(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        piet = (await added(database, "piet", OperatorRole.APPROVER, anna)).operator

        async with database.connection() as connection:
            entries = await connection.fetch("SELECT actor, action, subject FROM audit_log ORDER BY id")
            alerts = await connection.fetch("SELECT subject FROM alerts WHERE kind = 'operator_changed'")
        assert [tuple(entry) for entry in entries] == [
            ("whoever has the database", "operator.added", f"operator {anna.id}"),
            (f"operator {anna.id}", "operator.added", f"operator {piet.id}"),
        ]
        assert {row["subject"] for row in alerts} == {str(anna.id), str(piet.id)}

    async def test_each_change_is_told_also_when_nobody_attended_to_the_one_before(
        self, database: Database
    ) -> None:
        anna = (await added(database, "anna")).operator
        await operators.rotate(database, "anna", by=anna, randomness=RANDOM)

        async with database.connection() as connection:
            told = await connection.fetch(
                "SELECT event FROM alert_notices WHERE channel = 'email' ORDER BY id"
            )
        assert [row["event"] for row in told] == ["opened", "closed", "opened"]


class TestATokens:
    async def test_hash_is_all_that_is_stored(self, database: Database) -> None:
        anna = await added(database, "anna")

        async with database.connection() as connection:
            stored = await connection.fetchval("SELECT operators::text FROM operators")
        assert anna.token.removeprefix("rso_") not in stored

    @pytest.mark.parametrize("token", ["", "rso_", "rso_" + "A" * 43, "anna", "rso_" + "\0" * 43])
    async def test_likeness_opens_nothing(self, token: str, database: Database) -> None:
        await added(database, "anna")

        with pytest.raises(Unauthenticated):
            await who(database, token)

    async def test_life_ends_when_another_is_made(self, database: Database) -> None:
        anna = await added(database, "anna")
        renewed = await operators.rotate(database, "anna", by=anna.operator, randomness=RANDOM)

        assert (await who(database, renewed.token)).id == anna.operator.id
        with pytest.raises(Unauthenticated):
            await who(database, anna.token)

    async def test_renewal_is_ones_own_or_an_administrators(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        piet = (await added(database, "piet", OperatorRole.APPROVER, anna)).operator

        await operators.rotate(database, "piet", by=piet, randomness=RANDOM)
        await operators.rotate(database, "piet", by=anna, randomness=RANDOM)
        with pytest.raises(Forbidden):
            await operators.rotate(database, "anna", by=piet, randomness=RANDOM)


class TestDisabling:
    async def test_ends_everything_at_once_and_for_good(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        piet = await added(database, "piet", OperatorRole.APPROVER, anna)
        for _ in range(2):
            disabled = await operators.disable(database, "piet", by=anna)
            assert disabled.disabled_at is not None

        with pytest.raises(Unauthenticated):
            await who(database, piet.token)
        with pytest.raises(Conflict, match="gets no token"):
            await operators.rotate(database, "piet", by=anna, randomness=RANDOM)
        async with database.connection() as connection:
            with pytest.raises(asyncpg.RestrictViolationError, match="stays disabled"):
                await connection.execute("UPDATE operators SET status = 'active', disabled_at = NULL")

    async def test_never_leaves_the_house_without_an_administrator(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        bert = (await added(database, "bert", by=anna)).operator
        results = await asyncio.gather(
            operators.disable(database, "anna", by=bert),
            operators.disable(database, "bert", by=anna),
            return_exceptions=True,
        )

        refused = [result for result in results if isinstance(result, Conflict | Unauthenticated)]
        assert len(refused) == 1

    async def test_works_against_what_they_had_begun(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator
        bert = (await added(database, "bert", by=anna)).operator
        await operators.disable(database, "bert", by=anna)

        with pytest.raises(Unauthenticated, match="disabled meanwhile"):
            await added(database, "eve", by=bert)

    async def test_of_nobody_says_so(self, database: Database) -> None:
        anna = (await added(database, "anna")).operator

        with pytest.raises(NotFound, match="no operator 'nobody'"):
            await operators.disable(database, "nobody", by=anna)

    async def test_needs_somebody_who_does_it(self, database: Database) -> None:
        with pytest.raises(Unauthenticated, match="ROADSTEAD_OPERATOR_TOKEN"):
            await operators.disable(database, "anna", by=None)


class TestWhoSomebodyIs:
    @pytest.mark.parametrize("change", ["role = 'administrator'", "name = 'other'", "email = 'o@x.example'"])
    async def test_never_changes(self, change: str, database: Database) -> None:
        async with database.connection() as connection:
            await add_operator(connection, "piet")
            with pytest.raises(asyncpg.RestrictViolationError, match="add them anew"):
                await connection.execute(f"UPDATE operators SET {change}")


class TestRoles:
    def test_each_has_the_rights_of_those_before_it(self) -> None:
        rights = [{right for right in Right if may(role, right)} for role in OperatorRole]

        assert all(lesser < greater for lesser, greater in pairwise(rights))
        assert rights[-1] == set(Right)

    @pytest.mark.parametrize("role", OperatorRole)
    @pytest.mark.parametrize(
        ("act", "approvals", "right"),
        [
            ("propose", 2, Right.PROPOSE),
            ("propose", 1, Right.APPROVE),
            ("approve", 2, Right.APPROVE),
            ("object", 2, Right.PROPOSE),
        ],
    )
    async def test_mean_the_same_to_the_database(
        self, role: OperatorRole, act: str, approvals: int, right: Right, database: Database
    ) -> None:
        async with database.connection() as connection:
            hold_id = await place_hold(
                connection,
                kind=HoldKind.RESUME,
                subject="1",
                content={},
                reason="tests",
                approvals=approvals,
            )
            if act != "propose":
                await vote(connection, hold_id, await add_operator(connection, "first"), "propose")
            somebody = await add_operator(connection, "somebody", role)
            try:
                await vote(connection, hold_id, somebody, act)
            except asyncpg.RestrictViolationError:
                let = False
            else:
                let = True

        assert let is may(role, right)
