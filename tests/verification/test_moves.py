"""Every move of a case, taken as it is taken in production, and none that is not in the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from tests.fixtures.verification import VerifiedHouse

from roadstead.customers.cases import MOVES, NEW, CaseStatus, FieldDecision, Say
from roadstead.customers.requirements import CustomerStatus, FieldStatus
from roadstead.verification.protocol import Decision, Refused, Unknown
from roadstead.verification.upkeep import expire_confirmations

REJECTED_ACCOUNT = {
    "bank_account_number": FieldDecision(status=FieldStatus.REJECTED, say=Say.MISMATCH),
    "first_name": FieldDecision(status=FieldStatus.ACCEPTED),
}
OTHER_IBAN = "FR7630006000011234567890189"


class TestTheTable:
    async def test_the_database_has_the_very_same(self, at: VerifiedHouse) -> None:
        async with at.house.database.connection() as connection:
            rows = await connection.fetch("SELECT status_from, status_to FROM verification_moves")
        assert {(row["status_from"], row["status_to"]) for row in rows} == {
            (origin, target.value) for origin, target in MOVES
        }

    def test_every_status_is_reached_and_left(self) -> None:
        assert {target for _, target in MOVES} == set(CaseStatus)
        assert {origin for origin, _ in MOVES} == {NEW, *CaseStatus}

    @pytest.mark.parametrize("status", ["accepted", "in_review", "expired"])
    async def test_no_statement_takes_a_case_where_it_may_not_go(
        self, at: VerifiedHouse, status: str
    ) -> None:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await at.house.execute(
                "UPDATE verification_cases SET status = $1, status_cause = 'a bug'", status
            )

    async def test_no_statement_gives_a_decision_to_other_data(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        with pytest.raises(asyncpg.RestrictViolationError):
            await at.house.execute("UPDATE verification_cases SET digest = repeat('0', 64)")
        with pytest.raises(asyncpg.RestrictViolationError):
            await at.house.execute(
                "UPDATE verification_cases SET submission_id = gen_random_uuid(), digest = repeat('0', 64)"
            )

    async def test_history_is_only_added_to(self, at: VerifiedHouse) -> None:
        with pytest.raises(asyncpg.RestrictViolationError):
            await at.house.execute("DELETE FROM verification_history")


class TestTheWayIn:
    async def test_registering_under_a_type_begins_its_case(self, at: VerifiedHouse) -> None:
        assert await at.status() == "collecting"
        assert (await at.look()).status is CustomerStatus.PROCESSING

    async def test_what_is_complete_is_submitted_whole(self, at: VerifiedHouse) -> None:
        await at.verify(rounds=1)
        assert await at.status() == "submitted"
        case = next(case for case in at.identity.starts if case.customer_type == "sep31-receiver")
        assert case.fields["first_name"] == "Rosa"
        assert case.fields["bank_account_number"] == "DE89370400440532013000"
        assert case.customer_id == at.house.receiver_id

    async def test_what_is_not_complete_waits_for_data_and_goes_on_with_them(self, at: VerifiedHouse) -> None:
        await at.house.execute(
            "DELETE FROM customer_fields WHERE name = 'bank_account_number' AND customer_id = $1",
            at.house.receiver_id,
        )
        await at.verify()
        assert await at.status() == "collecting"
        assert (await at.case())["due_at"] is None

        await at.put(bank_account_number=OTHER_IBAN)
        await at.verify()
        assert await at.status() == "in_review"

    async def test_what_is_out_of_date_waits_for_data_too(self, at: VerifiedHouse) -> None:
        await at.house.execute(
            "UPDATE customer_fields SET valid_until = $1 WHERE name = 'last_name'", at.house.clock.now()
        )
        await at.verify()
        assert at.identity.starts == []
        assert (await at.case())["due_at"] is None

        await at.put(last_name="Receiver")
        await at.verify()
        assert await at.status() == "in_review"

    async def test_it_is_in_review_until_the_verifier_decides(self, at: VerifiedHouse) -> None:
        await at.verify()
        assert await at.status() == "in_review"
        assert (await at.look()).status is CustomerStatus.PROCESSING

    @pytest.mark.parametrize(
        ("decision", "status", "stands"),
        [
            (Decision.ACCEPTED, "accepted", CustomerStatus.ACCEPTED),
            (Decision.NEEDS_INFO, "needs_info", CustomerStatus.NEEDS_INFO),
            (Decision.REJECTED, "rejected", CustomerStatus.REJECTED),
        ],
    )
    @pytest.mark.parametrize("at_once", [True, False])
    async def test_and_then_stands_as_it_decided(
        self, at: VerifiedHouse, decision: Decision, status: str, stands: CustomerStatus, *, at_once: bool
    ) -> None:
        if not at_once:
            await at.verify()
        await at.hear(decision)
        assert await at.status() == status
        assert (await at.look()).status is stands
        assert ("in_review" in await at.history()) is not at_once

    async def test_data_that_change_on_the_way_are_submitted_anew(self, at: VerifiedHouse) -> None:
        await at.verify(rounds=1)
        await at.put(bank_account_number=OTHER_IBAN)
        await at.verify()
        assert await at.history() == ["collecting", "submitted", "collecting", "submitted", "in_review"]
        first, second = (case for case in at.identity.starts if case.customer_type == "sep31-receiver")
        assert first.id != second.id
        assert first.digest != second.digest

    async def test_what_a_verifier_will_not_judge_people_judge(self, at: VerifiedHouse) -> None:
        at.identity.next_starts = [Refused(reason="bad_case"), Refused(reason="bad_case")]
        await at.verify()
        assert await at.status() == "in_review"
        assert (await at.case())["verifier"] == "people"
        assert await at.house.held() == ["verification", "verification"]


class TestATypeThatIsNotOfferedForAWhile:
    async def test_is_carried_on_when_it_is_offered_again(self, at: VerifiedHouse) -> None:
        configuration = at.house.configuration
        at.house.configuration = replace(
            configuration, anchor=replace(configuration.anchor, customer_types=())
        )
        await at.verify()
        assert await at.status() == "collecting"
        at.house.configuration = configuration
        await at.house.execute("UPDATE verification_cases SET due_at = now() WHERE due_at IS NOT NULL")
        await at.verify()
        assert await at.status() == "in_review"


class TestADeletedCustomer:
    async def test_is_put_before_nobody_when_only_the_law_keeps_the_data(self, at: VerifiedHouse) -> None:
        await at.hear(Decision.ACCEPTED, valid_until=at.house.clock.now() + timedelta(days=1))
        await at.house.execute("UPDATE customers SET restricted_at = now()")
        at.house.clock.advance(timedelta(days=1))
        await expire_confirmations(at.house.database, at.rules, at.house.clock.now())
        starts = len(at.identity.starts)
        await at.verify()
        assert len(at.identity.starts) == starts
        assert await at.house.value("SELECT count(*) FROM verification_cases WHERE due_at IS NOT NULL") == 0

    async def test_is_put_before_a_verifier_while_money_is_under_way(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.house.open()
        await at.hear(Decision.ACCEPTED, valid_until=at.house.clock.now() + timedelta(days=1))
        await at.house.execute("UPDATE customers SET restricted_at = now()")
        at.house.clock.advance(timedelta(days=1))
        await expire_confirmations(at.house.database, at.rules, at.house.clock.now())
        starts = len(at.identity.starts)
        await at.verify()
        assert len(at.identity.starts) == starts + 2


class TestAfterADecision:
    async def test_an_acceptance_can_become_a_question_about_a_field(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.hear(Decision.NEEDS_INFO, fields=REJECTED_ACCOUNT)
        view = await at.look()
        assert await at.status() == "needs_info"
        assert view.required_missing == ("bank_account_number",)
        assert view.said == {"bank_account_number": Say.MISMATCH}

    async def test_an_acceptance_that_turns_down_a_field_is_a_question(self, at: VerifiedHouse) -> None:
        await at.hear(Decision.ACCEPTED, fields=REJECTED_ACCOUNT)
        assert await at.status() == "needs_info"

    async def test_an_acceptance_can_be_taken_back_and_everything_is_asked_anew(
        self, at: VerifiedHouse
    ) -> None:
        await at.accept_both()
        await at.hear(Decision.REVOKED)
        view = await at.look()
        assert (await at.status(), view.status) == ("revoked", CustomerStatus.NEEDS_INFO)
        assert set(view.required_missing) >= {"first_name", "last_name", "bank_account_number"}

    async def test_what_was_taken_back_comes_again_with_other_data(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.hear(Decision.REVOKED)
        await at.put(bank_account_number=OTHER_IBAN)
        await at.hear(Decision.ACCEPTED)
        assert (await at.look()).status is CustomerStatus.ACCEPTED

    async def test_a_question_about_what_nobody_sent_asks_for_everything_that_is_required(
        self, at: VerifiedHouse
    ) -> None:
        unheard_of = {"photo_id_back": FieldDecision(status=FieldStatus.REJECTED)}
        await at.hear(Decision.NEEDS_INFO, fields=unheard_of)
        view = await at.look()
        assert view.status is CustomerStatus.NEEDS_INFO
        assert set(view.required_missing) >= {"first_name", "last_name", "bank_account_number"}

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (Decision.ACCEPTED, Decision.REJECTED),
            (Decision.ACCEPTED, Decision.IN_REVIEW),
            (Decision.NEEDS_INFO, Decision.ACCEPTED),
            (Decision.NEEDS_INFO, Decision.REJECTED),
            (Decision.NEEDS_INFO, Decision.IN_REVIEW),
            (Decision.REJECTED, Decision.ACCEPTED),
            (Decision.REJECTED, Decision.NEEDS_INFO),
            (Decision.REJECTED, Decision.IN_REVIEW),
        ],
    )
    async def test_a_later_word_counts(self, at: VerifiedHouse, first: Decision, then: Decision) -> None:
        await at.hear(first)
        await at.hear(then)
        assert await at.status() == then.value

    @pytest.mark.parametrize(
        "then", [Decision.ACCEPTED, Decision.NEEDS_INFO, Decision.REJECTED, Decision.IN_REVIEW]
    )
    async def test_and_so_does_one_after_a_revocation(self, at: VerifiedHouse, then: Decision) -> None:
        await at.accept_both()
        await at.hear(Decision.REVOKED)
        await at.hear(then)
        assert await at.status() == then.value

    async def test_an_acceptance_ends_with_its_time_and_the_data_are_submitted_again(
        self, at: VerifiedHouse
    ) -> None:
        until = at.house.clock.now() + timedelta(days=30)
        await at.hear(Decision.ACCEPTED, valid_until=until)
        at.house.clock.advance(timedelta(days=30))
        assert (await at.look()).status is CustomerStatus.PROCESSING

        assert await expire_confirmations(at.house.database, at.rules, at.house.clock.now()) == 2
        assert await at.status() == "expired"
        starts = len(at.identity.starts)
        await at.hear(Decision.ACCEPTED, valid_until=until + timedelta(days=30))
        assert len(at.identity.starts) == starts + 2
        assert (await at.look()).status is CustomerStatus.ACCEPTED

    async def test_what_ended_and_is_not_complete_any_more_waits_for_data(self, at: VerifiedHouse) -> None:
        await at.hear(Decision.ACCEPTED, valid_until=at.house.clock.now() + timedelta(days=1))
        at.house.clock.advance(timedelta(days=1))
        await expire_confirmations(at.house.database, at.rules, at.house.clock.now())
        await at.house.execute(
            "UPDATE customer_fields SET status = 'REJECTED' WHERE name = 'bank_account_number'"
        )
        await at.verify()
        assert await at.status() == "collecting"
        assert (await at.case())["due_at"] is None

    async def test_a_revocation_of_what_was_never_accepted_is_a_question(self, at: VerifiedHouse) -> None:
        await at.hear(Decision.REVOKED)
        assert await at.status() == "needs_info"


class TestSilence:
    async def test_a_start_without_an_answer_is_repeated_as_the_very_same(self, at: VerifiedHouse) -> None:
        at.identity.next_starts = [Unknown(detail="lost"), Unknown(detail="lost")]
        await at.verify()
        assert await at.status() == "submitted"
        await at.hear(Decision.ACCEPTED)
        ids = [case.id for case in at.identity.starts if case.customer_type == "sep31-receiver"]
        assert len(ids) == 2
        assert len(set(ids)) == 1
        assert await at.status() == "accepted"

    async def test_silence_decides_nothing_and_is_asked_after_more_and_more_slowly(
        self, at: VerifiedHouse
    ) -> None:
        await at.accept_both()
        at.identity.away = True
        await at.hear(Decision.REJECTED)
        assert await at.status() == "accepted"
        assert (await at.case())["tries"] == 1

    async def test_a_reference_that_the_verifier_lost_is_started_again(self, at: VerifiedHouse) -> None:
        await at.verify(rounds=1)
        at.identity.cases.clear()
        await at.verify(rounds=1)
        assert await at.status() == "submitted"
        await at.hear(Decision.ACCEPTED)
        assert await at.status() == "accepted"

    async def test_a_decision_about_another_case_counts_for_nothing(self, at: VerifiedHouse) -> None:
        await at.verify()
        await at.hear(Decision.ACCEPTED, case_id=at.house.sender_id)
        assert await at.status() == "in_review"
