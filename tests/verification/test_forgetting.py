"""Verifiers are told to forget whom the anchor erased: each that was given something, until it says that it did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.fixtures.provider_process import SECRET, ProviderProcess
from tests.fixtures.verification import CALLER, IDENTITY, ScriptedVerifier, VerifiedHouse, verified_house_on
from tests.verification.test_people import person

from roadstead.clock import SystemClock
from roadstead.config.secrets import Secret
from roadstead.customers.identity import Reference
from roadstead.customers.reopening import FORGET_AFTER
from roadstead.errors import BadInput, Forbidden, NotFound
from roadstead.operations.roles import OperatorRole
from roadstead.verification.desk import CALL_S, LEASE, verify_due
from roadstead.verification.forgetting import LATE_AFTER, forget_due, note_told, watch_erasures
from roadstead.verification.http import HttpVerifier
from roadstead.verification.protocol import Decision, Forgotten, Unknown


@dataclass(slots=True)
class Forgetting(ScriptedVerifier):
    """A verifier whose provider keeps data, and forgets when it is told."""

    told: list[tuple[UUID, tuple[UUID, ...]]] = field(default_factory=list)
    """Every call of `forget`."""
    next_answers: list[Unknown | Exception] = field(default_factory=list)

    async def forget(self, customer_id: UUID, case_ids: Sequence[UUID]) -> Forgotten | Unknown:
        self.told.append((customer_id, tuple(case_ids)))
        if self.next_answers:
            answer = self.next_answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return Forgotten()


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[VerifiedHouse]:
    async with verified_house_on(database_url) as found:
        found.identity = Forgetting()
        yield found


def provider(at: VerifiedHouse) -> Forgetting:
    assert isinstance(at.identity, Forgetting)
    return at.identity


async def erase(at: VerifiedHouse) -> None:
    """Erase the receiving client, and let the time pass until verifiers are told."""
    await at.house.registry.delete(CALLER, Reference(memo="2"))
    await make_due(at)


async def make_due(at: VerifiedHouse) -> None:
    await at.house.execute("UPDATE verifier_erasures SET due_at = now() WHERE due_at IS NOT NULL")


async def outcomes(at: VerifiedHouse) -> dict[str, str | None]:
    async with at.house.database.connection() as connection:
        rows = await connection.fetch("SELECT verifier, outcome FROM verifier_erasures")
    return {row["verifier"]: row["outcome"] for row in rows}


class TestWhoIsTold:
    async def test_is_every_verifier_that_was_given_something_with_all_that_it_was_given(
        self, at: VerifiedHouse
    ) -> None:
        await at.verify()
        await at.put(bank_account_number="FR7630006000011234567890189")
        await at.verify()
        given = {case.id for case in at.identity.starts if case.customer_type == "sep31-receiver"}
        await erase(at)
        assert await forget_due(at.desk) == 1
        ((customer_id, case_ids),) = provider(at).told
        assert customer_id == at.house.receiver_id
        assert set(case_ids) == given
        assert len(given) == 2
        assert await outcomes(at) == {IDENTITY: "forgotten"}

    async def test_is_nobody_when_nobody_was_given_anything(self, at: VerifiedHouse) -> None:
        await erase(at)
        assert await outcomes(at) == {}

    async def test_is_nobody_while_the_customer_is_only_restricted(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.house.open()
        await erase(at)
        assert await outcomes(at) == {}

    async def test_is_told_only_when_no_submission_can_be_on_its_way(self, at: VerifiedHouse) -> None:
        await at.verify()
        await at.house.registry.delete(CALLER, Reference(memo="2"))
        assert await forget_due(at.desk) == 0
        assert FORGET_AFTER > LEASE
        assert LEASE.total_seconds() > CALL_S

    async def test_a_worker_that_is_just_asking_writes_nothing_about_who_is_gone(
        self, at: VerifiedHouse
    ) -> None:
        await at.verify()
        history = await at.history()

        async def meanwhile() -> None:
            at.identity.before_answer = None
            await at.house.registry.delete(CALLER, Reference(memo="2"))

        at.identity.before_answer = meanwhile
        at.identity.says(Decision.ACCEPTED)
        await at.house.execute(
            "UPDATE verification_cases SET due_at = CASE WHEN customer_type = 'sep31-receiver' THEN now() END"
        )
        await at.verify()
        assert at.identity.before_answer is None
        assert await at.history() == history

    async def test_one_without_forget_keeps_nothing_and_that_is_written_down(self, at: VerifiedHouse) -> None:
        at.identity = ScriptedVerifier()
        await at.verify()
        await erase(at)
        await forget_due(at.desk)
        assert await outcomes(at) == {IDENTITY: "keeps_nothing"}


class TestUntilItSaysSo:
    @pytest.mark.parametrize("answer", [Unknown(detail="lost"), ValueError("Rosa"), TimeoutError()])
    async def test_it_is_told_again_after_a_pause(
        self, at: VerifiedHouse, answer: Unknown | Exception
    ) -> None:
        await at.verify()
        await erase(at)
        provider(at).next_answers = [answer]
        await forget_due(at.desk)
        assert await outcomes(at) == {IDENTITY: None}
        assert await forget_due(at.desk) == 0
        await make_due(at)
        await forget_due(at.desk)
        assert len(provider(at).told) == 2
        assert await outcomes(at) == {IDENTITY: "forgotten"}

    async def test_and_once_more_by_another_where_a_worker_died(self, at: VerifiedHouse) -> None:
        await at.verify()
        await erase(at)
        await at.house.execute(
            "UPDATE verifier_erasures SET lease_token = $1, lease_until = now() + interval '1 min'", uuid4()
        )
        assert await forget_due(at.desk) == 0
        await at.house.execute("UPDATE verifier_erasures SET lease_until = now() - interval '1 s'")
        assert await forget_due(at.desk) == 1
        assert await outcomes(at) == {IDENTITY: "forgotten"}

    async def test_it_stands_in_the_audit_log(self, at: VerifiedHouse) -> None:
        await at.verify()
        await erase(at)
        await forget_due(at.desk)
        query = "SELECT detail->>'outcome' FROM audit_log WHERE action = 'customer.forgotten_by_verifier'"
        assert await at.house.value(query) == "forgotten"

    async def test_people_are_told_when_it_takes_a_day_and_when_it_is_over(self, at: VerifiedHouse) -> None:
        await at.verify()
        await erase(at)
        later = at.house.clock.now() + 2 * LATE_AFTER
        await watch_erasures(at.house.database, later + timedelta(days=400))
        assert await at.house.alerts() == ["verifier_remembers"]
        await forget_due(at.desk)
        await watch_erasures(at.house.database, later + timedelta(days=400))
        assert await at.house.alerts() == []

    async def test_what_ended_is_not_begun_again(self, at: VerifiedHouse) -> None:
        await at.verify()
        await erase(at)
        await forget_due(at.desk)
        with pytest.raises(asyncpg.RestrictViolationError):
            await at.house.execute(
                "UPDATE verifier_erasures SET outcome = NULL, ended_at = NULL, due_at = now()"
            )


class TestByHand:
    async def test_where_a_verifier_is_gone_people_tell_it_and_write_that_down(
        self, at: VerifiedHouse
    ) -> None:
        await at.verify()
        await erase(at)
        desk = replace(at.desk, verifiers={})
        assert await forget_due(desk) == 1
        assert await outcomes(at) == {IDENTITY: None}
        house = at.house
        for role, reason, error in (
            (OperatorRole.OPERATOR, "By letter", Forbidden),
            (OperatorRole.APPROVER, " ", BadInput),
        ):
            with pytest.raises(error):
                await note_told(
                    house.database, house.receiver_id, IDENTITY, reason=reason, by=await person(at, role)
                )
        approver = await person(at)
        await note_told(house.database, house.receiver_id, IDENTITY, reason="By letter", by=approver)
        assert await outcomes(at) == {IDENTITY: "by_hand"}
        with pytest.raises(NotFound):
            await note_told(house.database, house.receiver_id, IDENTITY, reason="By letter", by=approver)


class TestTheSimulatedProvider:
    async def test_forgets_over_http_and_still_after_a_restart(
        self, at: VerifiedHouse, tmp_path: Path
    ) -> None:
        async with ProviderProcess(state=tmp_path / "provider", delay_s=60) as process:
            verifier = HttpVerifier(
                name=IDENTITY,
                base_url=f"{process.url}/{IDENTITY}",
                secret=Secret(SECRET),
                clock=SystemClock(),
                timeout_s=2,
            )
            desk = replace(at.desk, verifiers={**at.desk.verifiers, IDENTITY: verifier})
            for _ in range(3):
                await verify_due(desk)
            reference = (await at.case())["reference"]
            await process.plan({"kind": "lost_answer"})
            await erase(at)
            await forget_due(desk)
            assert await outcomes(at) == {IDENTITY: None}
            await make_due(at)
            await forget_due(desk)
            assert await outcomes(at) == {IDENTITY: "forgotten"}
            for _ in range(2):
                references = [case["reference"] for case in await process.cases()]
                assert len(references) == 1
                assert reference not in references
                process.kill()
                process.start()
            await verifier.close()
