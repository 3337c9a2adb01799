"""What verification means for money: at the opening, when the payment arrives, and just before the payout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.verification import VerifiedHouse, verified_house_on

from roadstead.config.anchor import CustomerGate
from roadstead.customers.cases import PAID_FIELDS, FieldDecision
from roadstead.customers.requirements import FieldStatus
from roadstead.errors import BadInput, CustomerInfoNeeded
from roadstead.operations.holds import HoldKind
from roadstead.payouts import content
from roadstead.payouts.states import PayoutStatus
from roadstead.remittances.states import RemittanceStatus
from roadstead.verification.protocol import Decision

OTHER_IBAN = "FR7630006000011234567890189"
TURNED_DOWN = {"bank_account_number": FieldDecision(status=FieldStatus.REJECTED)}


@pytest.fixture
async def patient(database_url: str) -> AsyncIterator[VerifiedHouse]:
    """The same house where remittances may be opened before their customers are complete."""
    async with verified_house_on(database_url, kyc=CustomerGate.ASYNCHRONOUS) as found:
        yield found


def test_everything_that_a_payout_is_made_from_is_judged() -> None:
    assert set(PAID_FIELDS) == set(content.CREDITOR_FIELDS)


class TestAtTheOpening:
    async def test_a_customer_who_is_being_verified_is_waited_for_where_the_gate_is_strict(
        self, at: VerifiedHouse
    ) -> None:
        with pytest.raises(CustomerInfoNeeded) as refusal:
            await at.house.open()
        assert refusal.value.customer_type == "sep31-sender"

    async def test_confirmed_customers_open_it(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        assert (await at.house.open()).is_payable

    async def test_a_rejected_customer_does_not_in_either_mode(
        self, at: VerifiedHouse, patient: VerifiedHouse
    ) -> None:
        for house in (at, patient):
            await house.hear(Decision.REJECTED)
            with pytest.raises(BadInput, match="cannot take part"):
                await house.house.open()

    async def test_asking_for_another_type_begins_its_verification(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        await at.put(bank_number="026009593")
        await at.accept_both()
        with pytest.raises(CustomerInfoNeeded):
            await at.house.open(asset_code="USDC")
        await at.look(type_name="sep31-receiver-wire")
        assert await at.status("sep31-receiver-wire") == "collecting"
        await at.accept_both()
        assert (await at.house.open(asset_code="USDC")).is_payable

    async def test_where_it_may_wait_it_is_paid_for_once_both_are_confirmed(
        self, patient: VerifiedHouse
    ) -> None:
        opened = await patient.house.open()
        assert not opened.is_payable
        remittance = await patient.house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE

        await patient.accept_both()
        assert (await patient.house.remittance(opened.id)).status is RemittanceStatus.PENDING_SENDER


class TestWhenThePaymentArrives:
    async def test_what_was_turned_down_meanwhile_is_asked_for_and_the_money_stays_funded(
        self, at: VerifiedHouse
    ) -> None:
        await at.accept_both()
        opened = await at.house.open()
        await at.hear(Decision.NEEDS_INFO, fields=TURNED_DOWN)
        await at.house.pay(opened.memo)
        await at.house.match()

        remittance = await at.house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        assert "bank_account_number" in (remittance.status_message or "")
        assert remittance.funded_by is not None
        await at.house.work()
        assert at.house.rail.submissions == []

        await at.put(bank_account_number=OTHER_IBAN)
        await at.hear(Decision.ACCEPTED)
        await at.house.work()
        assert len(at.house.rail.submissions) == 1
        assert at.house.rail.submissions[0].creditor.account_number == OTHER_IBAN

    async def test_data_that_are_being_verified_keep_it_waiting_and_ask_nothing(
        self, at: VerifiedHouse
    ) -> None:
        await at.accept_both()
        opened = await at.house.open()
        await at.put(bank_account_number=OTHER_IBAN)
        at.identity.says(Decision.IN_REVIEW)
        await at.house.pay(opened.memo)
        await at.house.match()
        await at.house.work()

        remittance = await at.house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert "being verified" in (remittance.status_message or "")
        assert at.house.rail.submissions == []

        await at.verify()
        await at.hear(Decision.ACCEPTED)
        await at.house.work()
        assert len(at.house.rail.submissions) == 1


class TestBeforeThePayout:
    async def test_a_revocation_makes_a_paid_remittance_ask_and_then_go_on(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        opened = await at.house.open()
        await at.house.pay(opened.memo)
        await at.house.match()
        await at.hear(Decision.REVOKED)

        remittance = await at.house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        await at.house.work()
        assert at.house.rail.submissions == []

        await at.hear(Decision.ACCEPTED)
        await at.house.work()
        assert len(at.house.rail.submissions) == 1

    async def test_what_a_bank_has_stays_with_the_bank(self, at: VerifiedHouse) -> None:
        await at.accept_both()
        opened = await at.house.open()
        await at.house.pay(opened.memo)
        await at.house.match()
        await at.house.work()
        await at.hear(Decision.REVOKED)
        assert (await at.house.remittance(opened.id)).status is RemittanceStatus.PENDING_EXTERNAL

    @pytest.mark.parametrize("release", [True, False])
    async def test_people_decide_about_the_money_of_a_rejected_customer_and_nothing_tells_the_partner(
        self, at: VerifiedHouse, *, release: bool
    ) -> None:
        await at.accept_both()
        opened = await at.house.open()
        await at.house.pay(opened.memo)
        await at.house.match()
        await at.hear(Decision.REJECTED)
        await at.house.work()

        remittance = await at.house.remittance(opened.id)
        assert (await at.house.payout(opened.id)).status is PayoutStatus.HELD
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert remittance.status_message == (
            "The payout waits for a decision of ours; nothing is asked of you now."
        )
        assert at.house.rail.submissions == []

        await at.house.decide(HoldKind.PAYOUT_RELEASE, "release" if release else "refuse", people=2)
        await at.house.work()
        assert len(at.house.rail.submissions) == (1 if release else 0)
        assert len(at.house.ordered_refunds) == (0 if release else 1)

    async def test_who_let_out_a_large_payout_did_not_let_out_a_rejected_customer_s(
        self, at: VerifiedHouse
    ) -> None:
        await at.accept_both()
        opened = await at.house.open()
        await at.house.pay(opened.memo)
        await at.house.match()
        anchor = at.house.configuration.anchor
        limited = tuple(
            replace(method, approval_above=anchor.asset("EURX").amount_min)
            for method in anchor.funding_methods
        )
        at.house.configuration = replace(
            at.house.configuration, anchor=replace(anchor, funding_methods=limited)
        )
        await at.house.work()
        await at.house.decide(HoldKind.PAYOUT_RELEASE, "release", people=2)
        await at.hear(Decision.REJECTED)
        await at.house.work()
        assert (await at.house.payout(opened.id)).status is PayoutStatus.HELD
        assert at.house.rail.submissions == []

    async def test_a_customer_whose_confirmation_ended_is_not_paid(self, at: VerifiedHouse) -> None:
        await at.hear(Decision.ACCEPTED, valid_until=at.house.clock.now() + timedelta(hours=1))
        opened = await at.house.open()
        await at.house.pay(opened.memo)
        await at.house.match()
        at.house.clock.advance(timedelta(hours=1))
        await at.house.work()
        assert at.house.rail.submissions == []
        assert (await at.house.payout(opened.id)).status is PayoutStatus.ORDERED
