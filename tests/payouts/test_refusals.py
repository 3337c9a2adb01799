"""A refusal is not the end: data are asked for and corrected, tries repeated, money sent back, or people decide."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.fixtures.house import IBAN, PARTNER, House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.config.anchor import Anchor
from roadstead.config.payout_terms import PayoutTerms, Response
from roadstead.customers.identity import Reference
from roadstead.customers.requirements import CustomerStatus, FieldStatus
from roadstead.customers.retention import Cause
from roadstead.operations.holds import HoldKind
from roadstead.partners import registry as partners
from roadstead.partners.principal import Principal
from roadstead.payouts.states import PayoutStatus
from roadstead.payouts.waking import wake, wake_for_customer
from roadstead.rails.protocol import FieldProblem, RailStatus
from roadstead.remittances.corrections import correct_fields
from roadstead.remittances.states import RemittanceStatus

OTHER_IBAN = "FR1420041010050500013M02606"
CALLER = Principal(account=PARTNER)
RECEIVER = Reference(memo="2", type="sep31-receiver")


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


def with_terms(house: House, **changes: object) -> None:
    """Let the operator decide otherwise."""
    anchor: Anchor = replace(house.configuration.anchor, payouts=replace(PayoutTerms(), **changes))  # type: ignore[arg-type]
    house.configuration = replace(house.configuration, anchor=anchor)


async def funded(house: House, amount: str = "100", units: int = 1_000_000_000) -> UUID:
    opened = await house.open(amount)
    await house.pay(opened.memo, units)
    await house.match()
    return opened.id


async def refused(house: House, code: str) -> UUID:
    """A remittance whose payout was refused, and about which a worker has decided."""
    remittance_id = await funded(house)
    house.rail.script.append(Behaviour.REFUSE)
    house.rail.refusals.append(code)
    await house.work()
    await house.work()
    return remittance_id


async def send(house: House, **fields: str) -> None:
    await house.registry.register(CALLER, RECEIVER, fields)
    await wake_for_customer(house.database, house.receiver_id)


class TestWrongData:
    @pytest.mark.clause("SEP-31/status/customer-info")
    async def test_the_partner_is_told_which_fields_to_send(self, house: House) -> None:
        remittance_id = await refused(house, "AC01")

        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        assert "bank_account_number" in (remittance.status_message or "")
        assert (await house.payout(remittance_id)).status is PayoutStatus.ORDERED

    async def test_sep12_shows_the_field_as_rejected_and_the_customer_as_needing_info(
        self, house: House
    ) -> None:
        await refused(house, "AC01")

        view = await house.registry.look_up(CALLER, RECEIVER)
        assert view.status is CustomerStatus.NEEDS_INFO
        rejected = {field.name for field, status in view.provided if status is FieldStatus.REJECTED}
        assert rejected == {"bank_account_number"}

    @pytest.mark.clause("SEP-31/status/customer-info")
    async def test_other_data_are_tried_at_once_and_paid(self, house: House) -> None:
        remittance_id = await refused(house, "AC01")
        await send(house, bank_account_number=OTHER_IBAN)
        await house.work()

        first, second = house.rail.submissions
        assert (first.creditor.account_number, second.creditor.account_number) == (IBAN, OTHER_IBAN)
        assert first.key != second.key
        assert first.end_to_end_id == second.end_to_end_id
        house.rail.tell(second.key, RailStatus.SETTLED)
        await house.hear()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert (await house.books(remittance_id))["bank:sepa EUR"] == "-99.40"

    async def test_the_same_data_again_change_nothing(self, house: House) -> None:
        remittance_id = await refused(house, "AC01")
        await send(house, bank_account_number=IBAN, first_name="Rosa")
        await house.make_due()
        await house.work()

        assert len(house.rail.submissions) == 1
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        assert (await house.registry.look_up(CALLER, RECEIVER)).status is CustomerStatus.NEEDS_INFO

    async def test_data_that_were_corrected_before_the_refusal_came_are_tried_and_not_rejected(
        self, house: House
    ) -> None:
        await funded(house)
        await house.work()
        await send(house, bank_account_number=OTHER_IBAN)
        house.rail.tell(house.rail.submissions[0].key, RailStatus.REFUSED, reason="AC01")
        await house.hear()
        await house.work()
        await house.work()

        assert [one.creditor.account_number for one in house.rail.submissions] == [IBAN, OTHER_IBAN]
        assert (await house.registry.look_up(CALLER, RECEIVER)).status is CustomerStatus.ACCEPTED

    async def test_the_gate_is_asked_again_before_the_next_attempt(self, house: House) -> None:
        await refused(house, "AC01")
        await house.execute("UPDATE customer_fields SET status = 'REJECTED' WHERE name = 'email_address'")
        await send(house, bank_account_number=OTHER_IBAN)
        await house.work()

        assert len(house.rail.submissions) == 1

    async def test_what_the_rail_would_refuse_is_rejected_before_anything_is_sent(self, house: House) -> None:
        await funded(house)
        house.rail.problems.append(FieldProblem(field="bank_account_number", message="not an IBAN"))
        await house.work()

        assert house.rail.submissions == []
        assert (await house.registry.look_up(CALLER, RECEIVER)).status is CustomerStatus.NEEDS_INFO

    async def test_a_partner_that_never_answers_becomes_a_persons_decision(self, house: House) -> None:
        remittance_id = await refused(house, "AC01")
        house.clock.advance(timedelta(days=15))
        await house.make_due()
        await house.work()

        assert await house.held() == [HoldKind.PAYOUT_RELEASE]
        await house.decide(HoldKind.PAYOUT_RELEASE, "refuse")
        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert len(house.ordered_refunds) == 1


class TestWrongFieldsOfTheTransaction:
    @pytest.mark.clause("SEP-31/patch/used")
    async def test_are_asked_for_and_travel_with_the_next_attempt(self, house: House) -> None:
        remittance_id = await refused(house, "RR09")
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE
        assert list(remittance.asked_fields or {}) == ["reference"]
        await house.make_due()
        await house.work()
        assert len(house.rail.submissions) == 1, "nothing is sent before the partner answers"

        await correct_fields(
            house.database,
            account=PARTNER,
            remittance_id=remittance_id,
            sent={"reference": "RF18 5390 0754 7034"},
            clock=house.clock,
        )
        await wake(house.database, remittance_id)
        await house.work()
        assert house.rail.submissions[1].information == "RF18 5390 0754 7034"
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_EXTERNAL


class TestWhatCannotBePaid:
    async def test_a_closed_account_sends_everything_back_and_reverses_the_fee(self, house: House) -> None:
        remittance_id = await refused(house, "AC04")

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert await house.books(remittance_id) == {
            "tokens:received EURX": "100.0000000",
            "refunds:owed EURX": "-100.0000000",
        }
        assert [order.cause for order in house.ordered_refunds] == ["payout refused AC04"]

    async def test_an_amount_that_the_rail_does_not_carry_goes_back_unsent(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.problems.append(FieldProblem(field="amount", message="too much"))
        await house.work()

        assert house.rail.submissions == []
        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED

    async def test_the_operator_may_want_to_ask_instead(self, house: House) -> None:
        with_terms(house, account_unusable=Response.ASK_CUSTOMER)
        remittance_id = await refused(house, "AC04")

        assert house.ordered_refunds == []
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE


class TestTryingAgain:
    async def test_waits_and_then_sends_the_same_under_a_new_key(self, house: House) -> None:
        remittance_id = await refused(house, "TM01")
        assert await house.work() == 0, "the pause is not over"
        assert "tried again" in ((await house.remittance(remittance_id)).status_message or "")
        await house.make_due()
        await house.work()

        first, second = house.rail.submissions
        assert replace(first, key=second.key) == second
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_is_long_enough_apart(self, house: House) -> None:
        await refused(house, "TM01")

        assert await house.value("SELECT due_at > now() + interval '290 s' FROM payouts")

    async def test_asks_first_and_does_not_send_what_was_paid_after_all(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("AB05")
        await house.work()
        house.rail.known[house.rail.submissions[0].key] = RailStatus.SETTLED
        await house.work()
        await house.make_due()
        await house.work()

        assert len(house.rail.submissions) == 1
        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [HoldKind.PAYOUT_UNKNOWN]

    async def test_waits_while_the_rail_cannot_be_asked(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("TM01")
        await house.work()
        house.rail.away = True
        await house.work()

        assert (await house.payout(remittance_id)).status is PayoutStatus.REFUSED
        house.rail.away = False
        await house.make_due()
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.ORDERED

    async def test_of_money_that_we_lack_alerts_the_treasury(self, house: House) -> None:
        await refused(house, "AM04")

        assert await house.alerts() == ["bank_funds"]

    async def test_ends_at_the_ceiling_with_people_and_goes_on_when_they_say_so(self, house: House) -> None:
        with_terms(house, attempts_max=2)
        remittance_id = await refused(house, "TM01")
        house.rail.script.extend([Behaviour.REFUSE] * 3)
        house.rail.refusals.extend(["TM01"] * 3)
        for _ in range(4):
            await house.make_due()
            await house.work()
        assert len(house.rail.submissions) == 2
        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [HoldKind.PAYOUT_RELEASE]
        assert await house.alerts() == ["payout_held"]

        await house.decide(HoldKind.PAYOUT_RELEASE, "release")
        assert await house.alerts() == []
        for _ in range(5):
            await house.make_due()
            await house.work()
        assert len(house.rail.submissions) == 4, "one more round"

        await house.decide(HoldKind.PAYOUT_RELEASE, "refuse")
        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert len(house.ordered_refunds) == 1


class TestWhatPeopleHaveToSee:
    async def test_the_partner_reads_the_same_whatever_the_reason(self, house: House) -> None:
        by_law = await refused(house, "RR04")
        unexplained = await refused(house, "MS03")

        messages = {(await house.remittance(one)).status_message for one in (by_law, unexplained)}
        assert len(messages) == 1
        assert (await house.remittance(by_law)).status is RemittanceStatus.PENDING_RECEIVER

    @pytest.mark.parametrize("code", ["RR04", "AM05", "FF01", "MS03", "XX99"])
    async def test_every_held_payout_has_an_open_hold_and_an_alert(self, house: House, code: str) -> None:
        remittance_id = await refused(house, code)

        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [HoldKind.PAYOUT_RELEASE]
        assert await house.alerts() == ["payout_held"]


class TestWhoIsGone:
    async def test_the_money_of_a_disabled_partner_waits_for_people(self, house: House) -> None:
        remittance_id = await funded(house)
        await partners.disable(house.database, "Example Sender", "tests")
        await house.work()

        assert house.rail.submissions == []
        assert await house.held() == [HoldKind.PAYOUT_RELEASE]
        await house.decide(HoldKind.PAYOUT_RELEASE, "release", people=2)
        await house.work()
        assert len(house.rail.submissions) == 1
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_a_deleted_customer_whose_payout_waits_is_kept_until_people_have_decided(
        self, house: House
    ) -> None:
        remittance_id = await refused(house, "AC01")
        deletion = await house.registry.delete(CALLER, Reference(memo="2"))
        assert deletion.verdict.cause is Cause.UNDER_WAY

        house.clock.advance(timedelta(days=15))
        await house.make_due()
        await house.work()
        assert await house.held() == [HoldKind.PAYOUT_RELEASE]
        await house.decide(HoldKind.PAYOUT_RELEASE, "refuse")
        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED

    async def test_a_remittance_that_a_person_stopped_is_not_paid_but_held(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.execute("UPDATE remittances SET status = 'error' WHERE id = $1", remittance_id)
        await house.work()

        assert house.rail.submissions == []
        assert await house.held() == [HoldKind.PAYOUT_RELEASE]

    async def test_money_for_nobody_is_held_and_can_go_back(self, house: House) -> None:
        anchor = house.configuration.anchor
        house.configuration = replace(
            house.configuration,
            anchor=replace(
                anchor, assets=tuple(replace(terms, receiver_type=None) for terms in anchor.assets)
            ),
        )
        remittance_id = await funded(house)
        await house.execute("UPDATE remittances SET receiver_id = NULL WHERE id = $1", remittance_id)
        await house.work()
        await house.decide(HoldKind.PAYOUT_RELEASE, "refuse")

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert len(house.ordered_refunds) == 1
