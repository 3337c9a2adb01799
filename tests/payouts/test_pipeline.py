"""From a funded remittance to the bank and back: what the worker does, with a rail that misbehaves on purpose."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.house import IBAN, PARTNER, House, house_on
from tests.fixtures.scripted_rail import Behaviour, ScriptedRail

from roadstead.customers.identity import Reference
from roadstead.partners.principal import Principal
from roadstead.payouts.events import poll_rail
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import FieldProblem, Outcome, PayoutAttempt, RailEvent, RailStatus
from roadstead.remittances.states import RemittanceStatus


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def funded(house: House, amount: str = "100", units: int = 1_000_000_000) -> UUID:
    opened = await house.open(amount)
    await house.pay(opened.memo, units)
    await house.match()
    return opened.id


class TestTheOrdinaryPayout:
    async def test_it_goes_from_ordered_to_completed(self, house: House) -> None:
        remittance_id = await funded(house)
        assert await house.work() == 1
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_EXTERNAL
        [attempt] = house.rail.submissions
        assert attempt.creditor.name == "Rosa Receiver"
        assert attempt.creditor.account_number == IBAN
        assert attempt.amount.text == "99.40"
        house.rail.tell(attempt.key, RailStatus.SETTLED)
        await house.hear()
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.COMPLETED
        assert remittance.reference == f"REF{attempt.key[-6:]}"
        assert remittance.completed_at is not None

    async def test_the_books_end_with_money_gone_and_the_fee_earned(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.SETTLE)
        await house.work()
        assert await house.books(remittance_id) == {
            "tokens:received EURX": "100.0000000",
            "fees:earned EURX": "-0.6000000",
            "fx:position EURX": "-99.4000000",
            "fx:position EUR": "99.40",
            "bank:sepa EUR": "-99.40",
        }

    async def test_identifiers_are_safe_for_every_rail_and_say_which_attempt(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        [attempt] = house.rail.submissions
        assert attempt.key.isalnum()
        assert len(attempt.key) <= 30
        assert attempt.key.endswith("001")
        assert attempt.end_to_end_id == (await house.payout(remittance_id)).end_to_end_id

    async def test_who_is_paid_stands_nowhere_in_clear(self, house: House) -> None:
        await funded(house)
        await house.work()
        stored = await house.value("SELECT content FROM payout_attempts")
        for secret in (IBAN.encode(), b"Rosa"):
            assert secret not in stored

    async def test_events_that_come_twice_or_late_change_nothing(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        key = house.rail.submissions[0].key
        house.rail.tell(key, RailStatus.SETTLED)
        house.rail.tell(key, RailStatus.ACCEPTED, identity="late")
        house.rail.tell(key, RailStatus.SETTLED, identity="copy")
        house.rail.tell(key, RailStatus.SETTLED)
        await house.hear()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert (await house.books(remittance_id))["bank:sepa EUR"] == "-99.40"
        assert await house.value("SELECT count(*) FROM rail_events") == 3

    async def test_two_pollers_store_every_event_once(self, house: House) -> None:
        await funded(house)
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
        await asyncio.gather(*(poll_rail(house.database, house.rail) for _ in range(4)))
        assert await house.value("SELECT count(*) FROM rail_events") == 1

    async def test_an_event_of_nobody_is_kept_and_marked(self, house: House) -> None:
        house.rail.tell("STRANGER", RailStatus.SETTLED)
        await house.hear()
        assert await house.value("SELECT conclusion FROM rail_events") == "not ours"


class TestNotKnowing:
    async def test_a_lost_answer_pays_once(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.UNKNOWN
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_EXTERNAL
        await house.make_due()
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert len(house.rail.attempts) == 1

    async def test_a_lost_request_is_sent_again_as_the_very_same_attempt(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.LOSE_REQUEST)
        await house.work()
        await house.make_due()
        await house.work()
        first, second = house.rail.submissions
        assert first == second
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_while_the_rail_cannot_say_nothing_is_sent_again(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        house.rail.away = True
        await house.work()
        for _ in range(3):
            await house.make_due()
            await house.work()
        assert len(house.rail.submissions) == 1
        assert (await house.payout(remittance_id)).status is PayoutStatus.UNKNOWN

    async def test_a_worker_that_died_while_sending_is_cleared_up_after(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.LOSE_ANSWER)

        class Killed(BaseException):
            pass

        class DyingRail(ScriptedRail):
            async def submit(self, attempt: PayoutAttempt) -> Outcome:
                await super().submit(attempt)
                raise Killed

        survivor = house.rail
        house.rail = DyingRail(script=survivor.script, known=survivor.known, attempts=survivor.attempts)
        with pytest.raises(Killed):
            await house.work()
        house.rail = survivor
        assert (await house.payout(remittance_id)).status is PayoutStatus.SUBMITTING
        assert await house.work() == 0, "the lease still holds"
        await house.make_due()
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert len(survivor.attempts) == 1

    async def test_a_rail_that_can_neither_find_nor_recognise_leaves_it_to_a_person(
        self, house: House
    ) -> None:
        remittance_id = await funded(house)
        house.rail.can_find = False
        house.rail.dedupe_window = timedelta(0)
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await house.work()
        await house.make_due()
        await house.work()
        payout = await house.payout(remittance_id)
        assert payout.status is PayoutStatus.HELD
        assert len(house.rail.submissions) == 1
        house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
        await house.hear()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED

    async def test_a_rail_that_recognises_a_key_for_ever_gets_the_same_attempt_again(
        self, house: House
    ) -> None:
        remittance_id = await funded(house)
        house.rail.can_find = False
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await house.work()
        await house.make_due()
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert len(house.rail.attempts) == 1


class TestRefusalAndReturn:
    async def test_a_refusal_is_told_and_nothing_more_is_sent(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        await house.work()
        payout = await house.payout(remittance_id)
        assert (payout.status, payout.reason) == (PayoutStatus.REFUSED, "AC01")
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        await house.work()
        await house.work()
        assert len(house.rail.submissions) == 1
        assert (await house.books(remittance_id))["payouts:owed EUR"] == "-99.40"

    async def test_a_refusal_after_acceptance_owes_the_money_again(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.REFUSED)
        await house.hear()
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert remittance.status_message is not None
        books = await house.books(remittance_id)
        assert books["payouts:owed EUR"] == "-99.40"
        assert "transit:sepa EUR" not in books

    async def test_returned_money_is_owed_again_and_its_fee_is_not_earned(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.SETTLE)
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.RETURNED)
        await house.hear()
        assert (await house.payout(remittance_id)).status is PayoutStatus.RETURNED
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        books = await house.books(remittance_id)
        assert books["payouts:owed EUR"] == "-99.40"
        assert books["fees:pending EURX"] == "-0.6000000"
        assert "bank:sepa EUR" not in books

    async def test_a_remittance_that_a_person_stopped_stays_stopped_and_the_books_tell_the_truth(
        self, house: House
    ) -> None:
        remittance_id = await funded(house)
        await house.work()
        await house.execute("UPDATE remittances SET status = 'error' WHERE id = $1", remittance_id)
        house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
        await house.hear()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.ERROR
        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
        assert (await house.books(remittance_id))["bank:sepa EUR"] == "-99.40"

    async def test_a_rail_that_contradicts_itself_is_held_for_a_person(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.SETTLE)
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.REFUSED)
        await house.hear()
        payout = await house.payout(remittance_id)
        assert payout.status is PayoutStatus.HELD
        assert "contradiction" in (payout.reason or "")


class TestTheLastGate:
    async def test_what_the_rail_would_refuse_is_asked_for_and_then_paid(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.problems.append(FieldProblem(field="bank_account_number", message="not an IBAN"))
        await house.work()
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        assert "bank_account_number" in (remittance.status_message or "")
        assert house.rail.submissions == []
        house.rail.problems.clear()
        await house.registry.register(
            Principal(account=PARTNER),
            Reference(memo="2"),
            {"bank_account_number": "FR1420041010050500013M02606"},
        )
        await house.make_due()
        await house.work()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_EXTERNAL
        assert house.rail.submissions[0].creditor.account_number == "FR1420041010050500013M02606"

    async def test_a_field_that_is_no_longer_accepted_stops_the_payout(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.execute("UPDATE customer_fields SET status = 'REJECTED' WHERE name = 'email_address'")
        await house.work()
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        assert "email_address" in (remittance.status_message or "")


class TestTogether:
    async def test_many_workers_pay_everything_once(self, house: House) -> None:
        ids = [await funded(house) for _ in range(12)]
        await asyncio.gather(*(house.work() for _ in range(6)))
        while await house.work():
            continue
        assert len(house.rail.submissions) == len(ids)
        assert len({attempt.key for attempt in house.rail.submissions}) == len(ids)


class TestWhatTheDatabaseRefuses:
    async def test_a_second_payout_of_a_remittance(self, house: House) -> None:
        await funded(house)
        with pytest.raises(asyncpg.UniqueViolationError):
            await house.execute(
                """
                INSERT INTO payouts (id, remittance_id, rail, asset, amount_units, end_to_end_id)
                SELECT gen_random_uuid(), remittance_id, rail, asset, amount_units, 'PX' FROM payouts
                """
            )

    async def test_a_second_attempt_while_the_first_may_pay(self, house: House) -> None:
        await funded(house)
        await house.work()
        with pytest.raises(asyncpg.UniqueViolationError):
            await house.execute(
                """
                INSERT INTO payout_attempts (key, payout_id, number, content)
                SELECT 'AX', payout_id, 2, content FROM payout_attempts
                """
            )

    async def test_any_change_of_an_attempts_content(self, house: House) -> None:
        await funded(house)
        await house.work()
        for change in ("content = 'x'", "key = 'AX'", "number = 7"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(f"UPDATE payout_attempts SET {change}")
        with pytest.raises(asyncpg.RestrictViolationError):
            await house.execute("DELETE FROM payout_attempts")

    async def test_the_revival_of_a_refused_attempt(self, house: House) -> None:
        await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        await house.work()
        with pytest.raises(asyncpg.RestrictViolationError, match="never pays"):
            await house.execute("UPDATE payout_attempts SET status = 'open'")


class TestPolling:
    async def test_pages_that_hold_nothing_of_ours_are_passed_over(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        key = house.rail.submissions[0].key
        told: list[str | None] = []

        class OthersFirst(ScriptedRail):
            async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
                told.append(cursor)
                pages = {None: ([], "1"), "1": ([], "2"), "2": (self.events, "3")}
                return pages.get(cursor, ([], cursor))

        house.rail.tell(key, RailStatus.SETTLED)
        house.rail = OthersFirst(
            known=house.rail.known, attempts=house.rail.attempts, events=house.rail.events
        )
        await house.hear()
        assert told == [None, "1", "2", "3"]
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED


class TestPoison:
    async def test_a_payout_that_cannot_go_on_does_not_hold_up_the_others(self, house: House) -> None:
        poisoned = await funded(house)
        await house.execute(
            "UPDATE customer_fields SET ciphertext = 'spoiled' WHERE name = 'bank_account_number'"
        )
        await house.work()
        assert (await house.payout(poisoned)).status is PayoutStatus.ORDERED
        await house.registry.register(
            Principal(account=PARTNER), Reference(memo="2"), {"bank_account_number": IBAN}
        )
        healthy = await funded(house)
        await house.work()
        assert (await house.remittance(healthy)).status is RemittanceStatus.PENDING_EXTERNAL
        await house.make_due()
        await house.execute(
            "UPDATE payouts SET due_at = now(), lease_until = now() - interval '1 s' WHERE lease_until > now()"
        )
        await house.work()
        assert (await house.remittance(poisoned)).status is RemittanceStatus.PENDING_EXTERNAL

    async def test_an_event_that_cannot_be_applied_does_not_hold_up_the_others(self, house: House) -> None:
        stuck, healthy = await funded(house), await funded(house)
        await house.work()
        keys = {attempt.end_to_end_id: attempt.key for attempt in house.rail.submissions}
        stuck_key = keys[(await house.payout(stuck)).end_to_end_id]
        healthy_key = keys[(await house.payout(healthy)).end_to_end_id]
        await house.execute(
            """
            WITH other AS (INSERT INTO postings (idempotency_key, event) VALUES ($1, 'payout_settled') RETURNING id)
            INSERT INTO entries SELECT id, 'bank:sepa', 'iso4217:EUR', 1 FROM other
            UNION ALL SELECT id, 'fees:bank', 'iso4217:EUR', -1 FROM other
            """,
            f"attempt:{stuck_key}:settled",
        )
        house.rail.tell(stuck_key, RailStatus.SETTLED)
        house.rail.tell(healthy_key, RailStatus.SETTLED)
        await house.hear()
        assert (await house.remittance(healthy)).status is RemittanceStatus.COMPLETED
        waiting = await house.value("SELECT failures FROM rail_events WHERE applied_at IS NULL")
        assert waiting == 1

    async def test_a_payment_that_cannot_be_disposed_of_is_undecided_and_the_others_go_on(
        self, house: House
    ) -> None:
        spoiled, healthy = await house.open(), await house.open()
        await house.execute("UPDATE remittances SET funding_method = 'GONE' WHERE id = $1", spoiled.id)
        operation_id = await house.pay(spoiled.memo)
        await house.pay(healthy.memo)
        disposed = await house.match()
        assert (disposed.matched, len(disposed.unmatched)) == (1, 1)
        reason = await house.value("SELECT reason FROM payments WHERE operation_id = $1", operation_id)
        assert reason == "undecided"
        assert (await house.remittance(healthy.id)).status is RemittanceStatus.PENDING_RECEIVER
        assert (await house.books())["suspense:chain EURX"] == "-100.0000000"
