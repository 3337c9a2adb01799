"""The queue of people: two decide, they look under audit, they may ask instead, and a case may begin anew."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fixtures.operators import add_operator
from tests.fixtures.verification import CALLER, VerifiedHouse

from roadstead.customers import case_store
from roadstead.customers.cases import Say
from roadstead.customers.identity import Reference
from roadstead.customers.requirements import CustomerStatus
from roadstead.errors import BadInput, Conflict, Forbidden
from roadstead.operations.holds import HoldKind
from roadstead.operations.operators import Operator, OperatorStatus
from roadstead.operations.roles import OperatorRole
from roadstead.verification.people import ask_for, begin_anew, history, latest, reveal_data
from roadstead.verification.protocol import Decision, Verification
from roadstead.verification.upkeep import WAITING_AFTER, ring_decided, watch_silence

OTHER_IBAN = "FR7630006000011234567890189"


@pytest.fixture
def queue(at: VerifiedHouse) -> VerifiedHouse:
    """The house where people verify everybody."""
    anchor = replace(at.house.configuration.anchor, verifiers=())
    at.house.configuration = replace(at.house.configuration, anchor=anchor)
    return at


async def person(at: VerifiedHouse, role: OperatorRole = OperatorRole.APPROVER) -> Operator:
    now = at.house.clock.now()
    async with at.house.database.transaction() as connection:
        person_id = await add_operator(connection, f"a person {uuid4()}", role=role)
    return Operator(
        id=person_id,
        name=f"a person, {role}",
        email="person@anchor.example",
        role=role,
        status=OperatorStatus.ACTIVE,
        created_at=now,
        token_at=now,
        disabled_at=None,
    )


async def decided(at: VerifiedHouse, decision: str) -> None:
    await at.house.decide(HoldKind.VERIFICATION, decision, people=2)
    await ring_decided(at.house.database)
    await at.verify()


class TestDeciding:
    @pytest.mark.parametrize(
        ("decision", "status"), [("release", CustomerStatus.ACCEPTED), ("refuse", CustomerStatus.REJECTED)]
    )
    async def test_two_people_confirm_or_reject_a_customer(
        self, queue: VerifiedHouse, decision: str, status: CustomerStatus
    ) -> None:
        await queue.verify()
        assert await queue.house.held() == ["verification", "verification"]
        await decided(queue, decision)
        assert (await queue.look()).status is status

    async def test_one_is_not_enough(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        await queue.house.decide(HoldKind.VERIFICATION, "release", people=1)
        await ring_decided(queue.house.database)
        await queue.verify()
        assert await queue.status() == "in_review"

    async def test_what_they_are_shown_is_ids_and_names_of_fields(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        shown = str(await queue.house.value("SELECT string_agg(content || reason, ' ') FROM holds"))
        assert "bank_account_number" in shown
        assert "Rosa" not in shown
        assert "DE89370400440532013000" not in shown

    async def test_what_they_began_to_decide_is_void_when_the_data_change(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        await queue.put(bank_account_number=OTHER_IBAN)
        assert await queue.house.held() == ["verification"]
        await queue.verify()
        assert await queue.house.held() == ["verification", "verification"]

    async def test_a_decision_that_was_made_about_former_data_confirms_nothing(
        self, queue: VerifiedHouse
    ) -> None:
        await queue.verify()
        await queue.house.decide(HoldKind.VERIFICATION, "release", people=2)
        await queue.put(bank_account_number=OTHER_IBAN)
        await ring_decided(queue.house.database)
        await queue.verify()
        assert await queue.status() == "in_review"


class TestErasing:
    async def test_tells_nobody_that_a_verifier_is_silent_about_who_is_gone(
        self, queue: VerifiedHouse
    ) -> None:
        await queue.verify()
        for memo in ("1", "2"):
            await queue.house.registry.delete(CALLER, Reference(memo=memo))
        await watch_silence(queue.house.database, queue.house.clock.now() + 2 * WAITING_AFTER)
        assert await queue.house.alerts() == []

    async def test_ends_the_questions_about_a_customer(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        await queue.house.registry.delete(CALLER, Reference(memo="2"))
        assert await queue.house.held() == ["verification"]
        await queue.house.execute("UPDATE verification_cases SET due_at = now()")
        await queue.verify()
        assert await queue.status() == "in_review"


class TestLooking:
    async def test_shows_the_data_and_is_written_down(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        case_id = (await queue.case())["id"]
        house = queue.house
        values = await reveal_data(
            house.database,
            house.keys,
            house.configuration.anchor,
            case_id,
            reason="to compare with the register",
            by=await person(queue),
        )
        assert values["first_name"] == "Rosa"
        query = (
            "SELECT detail->>'reason' FROM audit_log WHERE action = 'verification.revealed' AND subject = $1"
        )
        assert await house.value(query, f"verification {case_id}") == "to compare with the register"

    @pytest.mark.parametrize(
        ("role", "reason", "error"),
        [(OperatorRole.VIEWER, "curious", Forbidden), (OperatorRole.APPROVER, "  ", BadInput)],
    )
    async def test_needs_the_right_and_a_reason(
        self, queue: VerifiedHouse, role: OperatorRole, reason: str, error: type[Exception]
    ) -> None:
        house, case_id = queue.house, (await queue.case())["id"]
        by = await person(queue, role)
        with pytest.raises(error):
            await reveal_data(
                house.database, house.keys, house.configuration.anchor, case_id, reason=reason, by=by
            )

    async def test_lists_and_histories_have_codes_alone(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        async with queue.house.database.connection() as connection:
            listed = await latest(connection, status=None, limit=10)
            lines = await history(connection, (await queue.case())["id"])
        assert "Rosa" not in str(listed) + str(lines)
        assert [line.status_to for line in lines] == ["collecting", "submitted", "in_review"]


class TestAskingInstead:
    async def ask(self, at: VerifiedHouse, *fields: str) -> None:
        await ask_for(
            at.house.database,
            at.rules,
            (await at.case())["id"],
            fields,
            say=Say.UNREADABLE,
            reason="the number is smudged",
            by=await person(at),
            now=at.house.clock.now(),
        )

    async def test_asks_for_the_fields_and_goes_on_with_them(self, queue: VerifiedHouse) -> None:
        await queue.verify()
        await self.ask(queue, "bank_account_number")
        view = await queue.look()
        assert view.required_missing == ("bank_account_number",)
        assert view.said == {"bank_account_number": Say.UNREADABLE}
        assert await queue.house.held() == ["verification"]

        await queue.put(bank_account_number=OTHER_IBAN)
        await queue.verify()
        await decided(queue, "release")
        assert (await queue.look()).status is CustomerStatus.ACCEPTED

    async def test_is_not_undone_by_a_worker_that_was_just_looking(self, queue: VerifiedHouse) -> None:
        """The worker has asked the queue before, and writes after: nobody would ever look at the case again."""
        await queue.verify()
        case = await queue.case()
        people = queue.desk.verifiers["people"]
        before = await people.fetch(case["reference"])
        await queue.house.execute(
            "UPDATE verification_cases SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 min'"
        )
        token = (await queue.case())["lease_token"]
        await self.ask(queue, "bank_account_number")
        async with queue.house.database.transaction() as connection:
            with pytest.raises(Conflict):
                await case_store.lock_leased(connection, case["id"], token)
        assert isinstance(before, Verification)
        assert await queue.status() == "needs_info"

    async def test_refuses_while_nobody_knows_whether_the_verifier_has_the_case(
        self, at: VerifiedHouse
    ) -> None:
        at.identity.away = True
        await at.verify()
        assert await at.status() == "submitted"
        with pytest.raises(Conflict):
            await self.ask(at, "first_name")

    async def test_refuses_what_nobody_judges_and_what_was_not_submitted(self, queue: VerifiedHouse) -> None:
        with pytest.raises(Conflict):
            await self.ask(queue, "first_name")
        await queue.verify()
        with pytest.raises(BadInput):
            await self.ask(queue, "shoe_size")


class TestBeginningAnew:
    @pytest.mark.parametrize("decision", [Decision.REJECTED, Decision.ACCEPTED])
    async def test_ends_what_was_decided_and_asks_once_more(
        self, at: VerifiedHouse, decision: Decision
    ) -> None:
        await at.hear(decision)
        starts = len(at.identity.starts)
        await begin_anew(
            at.house.database,
            at.rules,
            (await at.case())["id"],
            reason="a new rule",
            by=await person(at),
            now=at.house.clock.now(),
        )
        assert (await at.look()).status is CustomerStatus.PROCESSING
        await at.hear(Decision.ACCEPTED)
        assert len(at.identity.starts) == starts + 1
        assert (await at.look()).status is CustomerStatus.ACCEPTED
