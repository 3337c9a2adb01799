"""Data change while somebody decides about them: no decision about the former ever counts for the new."""

from __future__ import annotations

import asyncio

import pytest
from tests.fixtures.verification import CALLER, VerifiedHouse

from roadstead.customers.cases import FieldDecision
from roadstead.customers.identity import Reference
from roadstead.customers.registry import reveal
from roadstead.customers.requirements import CustomerStatus, FieldStatus
from roadstead.verification.protocol import Decision

OTHER_IBAN = "FR7630006000011234567890189"
THIRD_IBAN = "GB82WEST12345698765432"


class TestADecisionRestsOnItsData:
    @pytest.mark.parametrize("decision", [Decision.ACCEPTED, Decision.NEEDS_INFO, Decision.IN_REVIEW])
    async def test_a_changed_field_reopens_it_in_the_same_transaction(
        self, at: VerifiedHouse, decision: Decision
    ) -> None:
        await at.hear(decision)
        await at.put(bank_account_number=OTHER_IBAN)
        assert await at.status() == "collecting"
        assert (await at.look()).status is CustomerStatus.PROCESSING

    async def test_the_same_value_again_reopens_nothing(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.put(bank_account_number="DE89 3704 0044 0532 0130 00", first_name="Rosa")
        assert await at.status() == "accepted"
        assert (await at.look()).status is CustomerStatus.ACCEPTED

    async def test_a_field_that_nobody_judged_reopens_nothing(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.put(additional_name="Luz")
        assert await at.status() == "accepted"

    async def test_what_a_payout_is_made_from_is_judged_though_its_type_does_not_ask_for_it(
        self, at: VerifiedHouse
    ) -> None:
        await at.accept_both()
        await at.house.registry.register(
            CALLER, Reference(id=str(at.house.receiver_id)), {"organization.name": "Somebody Else Ltd"}
        )
        assert await at.status() == "collecting"

    async def test_a_value_that_was_turned_down_stays_so_until_another_is_sent(
        self, at: VerifiedHouse
    ) -> None:
        turned_down = {"bank_account_number": FieldDecision(status=FieldStatus.REJECTED)}
        await at.hear(Decision.NEEDS_INFO, fields=turned_down)
        await at.put(bank_account_number="DE89370400440532013000")
        assert (await at.look()).status is CustomerStatus.NEEDS_INFO

        await at.put(bank_account_number=OTHER_IBAN)
        assert (await at.look()).status is CustomerStatus.PROCESSING

    async def test_a_rejection_is_undone_by_nothing_that_is_sent(self, at: VerifiedHouse) -> None:
        await at.hear(Decision.REJECTED)
        await at.put(bank_account_number=OTHER_IBAN)
        await at.verify()
        assert await at.status() == "rejected"
        assert (await at.look()).status is CustomerStatus.REJECTED

    async def test_and_where_the_verifier_lifts_it_the_new_data_are_judged_anew(
        self, at: VerifiedHouse
    ) -> None:
        await at.hear(Decision.REJECTED)
        await at.put(bank_account_number=OTHER_IBAN)
        at.identity.says(Decision.ACCEPTED)
        await at.house.execute("UPDATE verification_cases SET due_at = now()")
        await at.verify(rounds=1)
        assert await at.status() == "collecting"
        await at.verify()
        assert await at.status() == "accepted"
        assert at.identity.starts[-1].fields["bank_account_number"] == OTHER_IBAN


class TestAtTheSameTime:
    async def test_a_decision_on_its_way_does_not_accept_what_came_meanwhile(self, at: VerifiedHouse) -> None:
        await at.verify()
        changed = False

        async def meanwhile() -> None:
            nonlocal changed
            if not changed:
                changed = True
                await at.put(bank_account_number=OTHER_IBAN)

        at.identity.before_answer = meanwhile
        await at.house.execute("UPDATE verification_cases SET due_at = now()")
        at.identity.says(Decision.ACCEPTED)
        await at.verify(rounds=1)
        assert changed
        assert await at.status() == "collecting"
        assert (await at.look()).status is CustomerStatus.PROCESSING

        await at.verify()
        judged = at.identity.cases[(await at.case())["reference"]]
        assert await at.status() == "accepted"
        assert judged.fields["bank_account_number"] == OTHER_IBAN

    async def test_data_that_change_while_they_are_submitted_are_submitted_again(
        self, at: VerifiedHouse
    ) -> None:
        changed = False

        async def meanwhile() -> None:
            nonlocal changed
            if not changed:
                changed = True
                await at.put(bank_account_number=OTHER_IBAN)

        at.identity.before_answer = meanwhile
        at.identity.says(Decision.ACCEPTED)
        await at.verify(rounds=6)
        judged = at.identity.cases[(await at.case())["reference"]]
        assert judged.fields["bank_account_number"] == OTHER_IBAN
        assert await at.status() == "accepted"

    @pytest.mark.parametrize("round_number", range(5))
    async def test_two_changes_at_once_and_a_decision_leave_nothing_accepted_that_was_not_judged(
        self, at: VerifiedHouse, round_number: int
    ) -> None:
        await at.verify()
        at.identity.says(Decision.ACCEPTED)
        await at.house.execute("UPDATE verification_cases SET due_at = now()")
        await asyncio.gather(
            at.put(bank_account_number=OTHER_IBAN), at.verify(), at.put(bank_account_number=THIRD_IBAN)
        )
        await at.verify(rounds=6)
        case = await at.case()
        judged = at.identity.cases[case["reference"]]
        async with at.house.database.connection() as connection:
            there = await reveal(connection, at.house.keys, at.house.receiver_id, ["bank_account_number"])
        assert case["status"] == "accepted"
        assert judged.fields["bank_account_number"] == there["bank_account_number"]

    async def test_many_workers_submit_a_case_once(self, at: VerifiedHouse) -> None:
        await asyncio.gather(*(at.verify() for _ in range(5)))
        assert len({case.id for case in at.identity.starts}) == 2
        assert len(at.identity.starts) == 2

    async def test_two_begin_a_case_at_once_and_there_is_one(self, at: VerifiedHouse) -> None:
        await at.house.execute(
            "UPDATE customers SET registered_type = NULL WHERE id = $1", at.house.receiver_id
        )
        await asyncio.gather(*(at.look(type_name="sep31-receiver-wire") for _ in range(5)))
        assert await at.house.value("SELECT count(*) FROM verification_cases") == 2


class TestACrash:
    async def test_after_the_verifier_has_the_case_and_before_that_is_noted(self, at: VerifiedHouse) -> None:
        class Killed(BaseException):
            pass

        async def die() -> None:
            raise Killed

        await at.house.execute(
            "UPDATE verification_cases SET due_at = NULL WHERE customer_type = 'sep31-sender'"
        )
        at.identity.before_answer = die
        with pytest.raises(Killed):
            await at.verify(rounds=1)
        at.identity.before_answer = None
        assert await at.status() == "submitted"
        assert (await at.case())["reference"] is None

        await at.house.execute(
            "UPDATE verification_cases SET lease_until = now() - interval '1 s', due_at = now() "
            "WHERE lease_token IS NOT NULL"
        )
        await at.hear(Decision.ACCEPTED)
        ids = [case.id for case in at.identity.starts if case.customer_type == "sep31-receiver"]
        assert len(ids) == 2
        assert len(set(ids)) == 1
        assert await at.status() == "accepted"

    async def test_a_worker_that_comes_back_after_its_lease_writes_nothing(self, at: VerifiedHouse) -> None:
        await at.verify()

        async def take_over() -> None:
            await at.house.execute("UPDATE verification_cases SET lease_token = gen_random_uuid()")

        at.identity.before_answer = take_over
        at.identity.says(Decision.ACCEPTED)
        await at.house.execute("UPDATE verification_cases SET due_at = now()")
        await at.verify(rounds=1)
        assert await at.status() == "in_review"
