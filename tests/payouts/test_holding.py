"""Payouts that wait for people: approvals above a limit, what became of the unknown, refunds that people decide."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from tests.fixtures.house import IBAN, PARTNER, House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.customers.identity import Reference
from roadstead.operations.holds import HoldKind
from roadstead.operations.stops import Outgoing, stop
from roadstead.partners.principal import Principal
from roadstead.payouts.deciding import ask_for_refund
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus

OTHER_IBAN = "FR1420041010050500013M02606"
RELEASE, UNKNOWN = HoldKind.PAYOUT_RELEASE, HoldKind.PAYOUT_UNKNOWN


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def funded(house: House) -> UUID:
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    return opened.id


class TestAboveTheLimit:
    @pytest.fixture(autouse=True)
    def limited(self, house: House) -> None:
        """Let every payout by SEPA above 50 wait for two people."""
        anchor = house.configuration.anchor
        methods = tuple(
            replace(method, approval_above=Decimal(50), approvals=2) if method.name == "SEPA" else method
            for method in anchor.funding_methods
        )
        house.configuration = replace(house.configuration, anchor=replace(anchor, funding_methods=methods))

    async def test_a_payout_waits_for_two_people(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()

        assert house.rail.submissions == []
        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        await house.decide(RELEASE, "release", people=1)
        await house.work()
        assert house.rail.submissions == [], "one person is not enough"
        await house.execute("UPDATE holds SET status = 'withdrawn', withdrawn_reason = 'a test'")

    async def test_goes_out_when_both_agree(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        await house.decide(RELEASE, "release", people=2)
        await house.work()

        assert len(house.rail.submissions) == 1
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert (await house.held(), await house.alerts()) == ([], [])

    async def test_goes_back_when_both_refuse(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        await house.decide(RELEASE, "refuse", people=2)

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert len(house.ordered_refunds) == 1

    async def test_an_approval_does_not_count_for_another_account(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        await self._change_account(house)
        await house.decide(RELEASE, "release", people=2)
        await house.work()

        assert house.rail.submissions == []
        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        await house.decide(RELEASE, "release", people=2)
        await house.work()
        assert [one.creditor.account_number for one in house.rail.submissions] == [OTHER_IBAN]

    async def test_the_same_content_is_not_approved_again_for_its_next_attempt(self, house: House) -> None:
        await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("TM01")
        await house.work()
        await house.decide(RELEASE, "release", people=2)
        for _ in range(3):
            await house.make_due()
            await house.work()

        assert len(house.rail.submissions) == 2

    async def test_a_corrected_account_has_to_be_approved_anew(self, house: House) -> None:
        await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        await house.work()
        await house.decide(RELEASE, "release", people=2)
        await house.work()
        await house.work()
        await self._change_account(house)
        await house.make_due()
        await house.work()

        assert len(house.rail.submissions) == 1
        assert await house.held() == [RELEASE]

    async def test_what_people_approve_tells_nothing_of_who_is_paid(self, house: House) -> None:
        await funded(house)
        await house.work()
        content = await house.value("SELECT content FROM holds")

        for secret in (IBAN, "Rosa", hashlib.sha256(IBAN.encode()).hexdigest()):
            assert secret not in content

    async def test_a_release_does_not_pass_an_emergency_stop(self, house: House) -> None:
        await funded(house)
        await house.work()
        async with house.database.transaction() as connection:
            await stop(connection, what=Outgoing.PAYOUTS, asset=None, reason="a test", actor="tests")
        await house.decide(RELEASE, "release", people=2)
        await house.work()

        assert house.rail.submissions == []

    async def _change_account(self, house: House) -> None:
        await house.registry.register(
            Principal(account=PARTNER), Reference(memo="2"), {"bank_account_number": OTHER_IBAN}
        )


class TestNobodyKnows:
    async def test_people_are_asked_once_after_the_limit_and_the_rail_is_asked_on(self, house: House) -> None:
        remittance_id = await self._unknown(house)
        assert await house.held() == []
        house.clock.advance(timedelta(minutes=16))
        for _ in range(3):
            await house.make_due()
            await house.work()

        assert (await house.payout(remittance_id)).status is PayoutStatus.UNKNOWN
        assert await house.held() == [UNKNOWN]
        assert await house.alerts() == ["payout_unknown"]
        assert await house.value("SELECT count FROM alerts") == 1

    async def test_when_the_rail_says_it_after_all_nobody_is_asked_any_more(self, house: House) -> None:
        remittance_id = await self._asked(house)
        house.rail.away = False
        await house.make_due()
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
        await house.hear()

        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
        assert (await house.held(), await house.alerts()) == ([], [])

    async def test_two_people_say_that_it_was_paid(self, house: House) -> None:
        remittance_id = await self._asked(house)
        await house.decide(UNKNOWN, "release", people=2)

        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert (await house.books(remittance_id))["bank:sepa EUR"] == "-99.40"
        assert (await house.held(), await house.alerts()) == ([], [])

    async def test_two_people_say_that_it_never_was_and_then_people_decide_what_follows(
        self, house: House
    ) -> None:
        remittance_id = await self._asked(house)
        await house.decide(UNKNOWN, "refuse", people=2)
        await house.work()

        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [RELEASE]
        house.rail.away = False
        house.rail.known.clear()
        await house.decide(RELEASE, "release")
        await house.work()
        assert len(house.rail.attempts) == 2
        assert len(house.rail.submissions) == 2

    async def test_the_word_of_one_person_is_not_enough(self, house: House) -> None:
        remittance_id = await self._asked(house)
        await house.decide(UNKNOWN, "release", people=1)

        assert (await house.payout(remittance_id)).status is PayoutStatus.UNKNOWN

    async def test_a_rail_that_can_neither_find_nor_recognise_asks_people_and_sends_nothing(
        self, house: House
    ) -> None:
        remittance_id = await funded(house)
        house.rail.can_find = False
        house.rail.dedupe_window = timedelta(0)
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await house.work()
        await house.make_due()
        await house.work()

        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [UNKNOWN]
        assert len(house.rail.submissions) == 1
        await house.decide(UNKNOWN, "release", people=2)
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED

    @pytest.mark.parametrize("can_find", [True, False])
    async def test_a_bank_that_has_it_and_says_no_more_is_asked_by_people(
        self, house: House, *, can_find: bool
    ) -> None:
        house.rail.can_find = can_find
        remittance_id = await funded(house)
        await house.work()
        house.clock.advance(timedelta(days=4))
        await house.make_due()
        await house.work()

        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert await house.held() == [UNKNOWN]

    async def _unknown(self, house: House) -> UUID:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        house.rail.away = True
        await house.work()
        await house.make_due()
        await house.work()
        return remittance_id

    async def _asked(self, house: House) -> UUID:
        remittance_id = await self._unknown(house)
        house.clock.advance(timedelta(minutes=16))
        await house.make_due()
        await house.work()
        assert await house.held() == [UNKNOWN]
        return remittance_id


class TestContradictions:
    @pytest.mark.parametrize(
        "words", [(RailStatus.SETTLED, RailStatus.REFUSED), (RailStatus.REFUSED, RailStatus.SETTLED)]
    )
    @pytest.mark.parametrize("paid", [True, False])
    async def test_are_for_two_people_and_end_the_same_in_either_order(
        self, house: House, words: tuple[RailStatus, RailStatus], *, paid: bool
    ) -> None:
        remittance_id = await funded(house)
        await house.work()
        key = house.rail.submissions[0].key
        for word in words:
            house.rail.tell(key, word, reason="AC01")
        house.rail.tell(key, RailStatus.SETTLED, identity="another copy")
        await house.hear()
        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [UNKNOWN]

        await house.decide(UNKNOWN, "release" if paid else "refuse", people=2)
        books = await house.books(remittance_id)
        if paid:
            assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
            assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
            assert (books["bank:sepa EUR"], books["fees:earned EURX"]) == ("-99.40", "-0.6000000")
            assert "payouts:owed EUR" not in books
        else:
            assert books["payouts:owed EUR"] == "-99.40"
            assert books["fees:pending EURX"] == "-0.6000000"
            assert "bank:sepa EUR" not in books
        assert await house.alerts() == []

    async def test_of_a_payout_whose_refund_is_ordered_alert_at_once(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("AC04")
        await house.work()
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
        await house.hear()

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert await house.alerts() == ["payout_paid_twice"]

    async def test_of_the_first_attempt_show_when_two_were_paid(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("TM01")
        for _ in range(3):
            await house.work()
            await house.make_due()
        first, second = (one.key for one in house.rail.submissions)
        house.rail.tell(second, RailStatus.SETTLED)
        house.rail.tell(first, RailStatus.SETTLED)
        await house.hear()
        await house.decide(UNKNOWN, "release", people=2)

        assert await house.alerts() == ["payout_paid_twice"]
        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
        books = await house.books(remittance_id)
        assert (books["bank:sepa EUR"], books["payouts:owed EUR"]) == ("-198.80", "99.40")
        assert books["fees:earned EURX"] == "-0.6000000", "the fee is earned once"


class TestRefundsThatPeopleDecide:
    async def test_a_released_refund_cancels_what_waits(self, house: House) -> None:
        remittance_id = await self._asked(house)
        await house.decide(HoldKind.REMITTANCE_REFUND, "release")

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert [order.cause for order in house.ordered_refunds] == ["refund decided by operators"]

    async def test_a_refused_one_changes_nothing(self, house: House) -> None:
        remittance_id = await self._asked(house)
        await house.decide(HoldKind.REMITTANCE_REFUND, "refuse")

        assert (await house.payout(remittance_id)).status is PayoutStatus.ORDERED
        assert house.ordered_refunds == []

    async def test_one_that_came_too_late_is_withdrawn_and_told(self, house: House) -> None:
        remittance_id = await self._asked(house)
        await house.work()
        await house.decide(HoldKind.REMITTANCE_REFUND, "release")

        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert house.ordered_refunds == []
        assert await house.held() == []
        assert await house.alerts() == ["decision_not_applied"]
        assert await house.rule() == 0, "it is not tried again"

    async def _asked(self, house: House) -> UUID:
        remittance_id = await funded(house)
        async with house.database.transaction() as connection:
            assert await ask_for_refund(connection, remittance_id, why="the partner asks for it")
        return remittance_id
