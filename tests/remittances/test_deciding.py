"""What people decide about the queue of unmatched payments: agreed to by digest, done by a worker, judged anew."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fixtures.house import House, house_on

from roadstead.config.matching_terms import OtherAmount
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.payouts.ordering import payout_orderer
from roadstead.remittances.deciding import Hands, Proposal, apply_decision, ask_to_match, ask_to_refund
from roadstead.remittances.policies import policies_of
from roadstead.remittances.refunding import RefundSource
from roadstead.remittances.states import RemittanceStatus

EUR = 10_000_000


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        furnished.refunder = furnished.order_refunds
        furnished.set_policy(refund_min=Decimal(1), approval_above=Decimal(500))
        yield furnished


async def ask_match(house: House, operation_id: int, remittance_id: UUID) -> Proposal:
    async with house.database.transaction() as connection:
        return await ask_to_match(
            connection,
            operation_id,
            remittance_id,
            policies=policies_of(house.configuration),
            reason="the partner wrote",
            actor="a test",
        )


async def ask_refund(house: House, operation_id: int) -> Proposal:
    async with house.database.transaction() as connection:
        return await ask_to_refund(
            connection,
            operation_id,
            policies=policies_of(house.configuration),
            reason="the payer asked",
            actor="a test",
        )


async def agree(house: House, proposal: Proposal, decision: str = "release") -> None:
    """Let as many people as are needed agree."""
    for number in range(proposal.approvals):
        operator = uuid4()
        await house.execute(
            "INSERT INTO operators (id, name, email, role, token_hash) VALUES ($1, $2, $3, 'approver', $4)",
            operator,
            str(operator),
            f"{operator}@anchor.example",
            operator.bytes * 2,
        )
        await house.execute(
            """
            INSERT INTO hold_votes (hold_id, operator_id, act, decision, digest, reason)
            VALUES ($1, $2, $3, $4, $5, 'because')
            """,
            proposal.hold_id,
            operator,
            "approve" if number else "propose",
            decision,
            proposal.digest,
        )


async def carry_out(house: House) -> bool:
    await house.rates.refresh()
    hands = Hands(
        policies=policies_of(house.configuration),
        order_payouts=payout_orderer(house.configuration.anchor),
        order_refunds=house.refunder,
        rates=house.rates.snapshot(),
    )
    return await apply_decision(house.database, hands, house.clock.now())


async def disposition(house: House, operation_id: int) -> Any:
    return await house.value("SELECT disposition FROM payments WHERE operation_id = $1", operation_id)


async def hold_status(house: House, proposal: Proposal) -> Any:
    return await house.value("SELECT status FROM holds WHERE id = $1", proposal.hold_id)


async def unmatched(house: House, units: int = 100 * EUR, **changes: Any) -> int:
    operation_id = await house.pay(12345, units, **changes)
    await house.match()
    return operation_id


class TestMatchingByHand:
    async def test_a_payment_with_a_wrong_memo_funds_the_remittance_it_was_meant_for(
        self, house: House
    ) -> None:
        opened = await house.open("100")
        operation_id = await unmatched(house)
        proposal = await ask_match(house, operation_id, opened.id)
        assert await carry_out(house) is False, "nobody has agreed yet"
        await agree(house, proposal)
        assert await carry_out(house) is True
        remittance = await house.remittance(opened.id)
        assert (remittance.status, remittance.funded_by) == (RemittanceStatus.PENDING_RECEIVER, operation_id)
        assert (await house.payout(opened.id)).amount.text == "99.40"
        assert await house.books() == {
            "tokens:received EURX": "100.0000000",
            "fees:pending EURX": "-0.6000000",
            "fx:position EURX": "-99.4000000",
            "fx:position EUR": "99.40",
            "payouts:owed EUR": "-99.40",
        }
        assert await house.value("SELECT disposition_cause FROM payments") == f"hold {proposal.hold_id}"
        assert await hold_status(house, proposal) == "applied"

    async def test_it_happens_once_however_many_workers_there_are(self, house: House) -> None:
        opened = await house.open("100")
        proposal = await ask_match(house, await unmatched(house), opened.id)
        await agree(house, proposal)
        assert sorted(await asyncio.gather(*(carry_out(house) for _ in range(4)))).count(True) == 1
        assert await house.value("SELECT count(*) FROM payouts") == 1

    async def test_late_money_may_still_be_taken_while_the_remittance_waits(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, closed_at=house.clock.now() + timedelta(days=2))
        house.refunder = None
        await house.match()
        assert await disposition(house, operation_id) == "unmatched"
        await agree(house, await ask_match(house, operation_id, opened.id))
        await carry_out(house)
        assert (await house.remittance(opened.id)).funded_by == operation_id

    async def test_more_than_was_agreed_funds_it_and_the_rest_goes_back(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await unmatched(house, 150 * EUR)
        await agree(house, await ask_match(house, operation_id, opened.id))
        await carry_out(house)
        (order,) = house.ordered_refunds
        assert (order.source, order.amount.text) == (RefundSource.SUSPENSE, "50.0000000")
        assert (await house.remittance(opened.id)).amount_received.text == "150.0000000"

    async def test_less_than_was_agreed_delivers_what_arrived(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await unmatched(house, 50 * EUR)
        proposal = await ask_match(house, operation_id, opened.id)
        assert proposal.content["funded"] == "50.0000000 EURX"
        assert proposal.content["delivered"] == "49.65 EUR"
        await agree(house, proposal)
        await carry_out(house)
        assert (await house.payout(opened.id)).amount.text == "49.65"

    async def test_large_amounts_need_two_people(self, house: House) -> None:
        opened = await house.open("1000")
        operation_id = await unmatched(house, 1000 * EUR)
        assert (await ask_match(house, operation_id, opened.id)).approvals == 2
        assert (await ask_refund(house, await unmatched(house, 500 * EUR))).approvals == 1

    async def test_a_refusal_leaves_everything_as_it_is(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await unmatched(house)
        proposal = await ask_match(house, operation_id, opened.id)
        await agree(house, proposal, "refuse")
        await carry_out(house)
        assert await disposition(house, operation_id) == "unmatched"
        assert await hold_status(house, proposal) == "applied"


class TestWhatMayNotBeMatched:
    @pytest.mark.parametrize("status", ["expired", "error"])
    async def test_a_remittance_that_is_over_stays_over(self, house: House, status: str) -> None:
        opened = await house.open("100")
        await house.execute("UPDATE remittances SET status = $2 WHERE id = $1", opened.id, status)
        with pytest.raises(Conflict, match="refund the payment instead"):
            await ask_match(house, await unmatched(house), opened.id)

    async def test_another_asset_is_refused(self, house: House) -> None:
        opened = await house.open("100")
        usdc = house.configuration.asset("USDC").asset
        with pytest.raises(Conflict, match="refund it"):
            await ask_match(house, await unmatched(house, asset=usdc), opened.id)

    async def test_too_little_to_be_delivered_is_refused(self, house: House) -> None:
        opened = await house.open("100")
        with pytest.raises(Conflict, match="outside the limits"):
            await ask_match(house, await unmatched(house, EUR // 2), opened.id)

    async def test_a_payment_that_funded_something_is_refused(self, house: House) -> None:
        opened, other = await house.open("100"), await house.open("100")
        operation_id = await house.pay(opened.memo)
        await house.match()
        with pytest.raises(Conflict, match="only an unmatched one"):
            await ask_match(house, operation_id, other.id)

    async def test_what_does_not_exist_is_said(self, house: House) -> None:
        opened = await house.open("100")
        with pytest.raises(NotFound, match="no payment"):
            await ask_match(house, 1, opened.id)
        with pytest.raises(NotFound, match="no remittance"):
            await ask_match(house, await unmatched(house), uuid4())

    async def test_a_reason_has_to_be_given(self, house: House) -> None:
        operation_id = await unmatched(house)
        async with house.database.transaction() as connection:
            with pytest.raises(BadInput):
                await ask_to_refund(
                    connection,
                    operation_id,
                    policies=policies_of(house.configuration),
                    reason=" ",
                    actor="a test",
                )


class TestWhatChangedMeanwhile:
    async def test_a_remittance_that_was_paid_meanwhile_keeps_its_payment(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await unmatched(house)
        proposal = await ask_match(house, operation_id, opened.id)
        await agree(house, proposal)
        right = await house.pay(opened.memo)
        await house.match()
        await carry_out(house)
        assert (await house.remittance(opened.id)).funded_by == right
        assert await disposition(house, operation_id) == "unmatched"
        assert await hold_status(house, proposal) == "withdrawn"

    async def test_other_terms_than_were_agreed_to_withdraw_the_decision(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.HOLD)
        opened = await house.open("100")
        operation_id = await unmatched(house, 150 * EUR)
        proposal = await ask_match(house, operation_id, opened.id)
        await agree(house, proposal)
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        await carry_out(house)
        assert await disposition(house, operation_id) == "unmatched"
        assert await hold_status(house, proposal) == "withdrawn"
        assert await carry_out(house) is False

    async def test_a_decision_for_another_action_replaces_the_first(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await unmatched(house)
        first = await ask_match(house, operation_id, opened.id)
        await ask_refund(house, operation_id)
        assert await hold_status(house, first) == "withdrawn"


class TestRefundingByHand:
    async def test_all_of_it_goes_back_to_its_payer(self, house: House) -> None:
        operation_id = await unmatched(house)
        await agree(house, await ask_refund(house, operation_id))
        await carry_out(house)
        (order,) = house.ordered_refunds
        assert (order.operation_id, order.amount.text) == (operation_id, "100.0000000")
        assert (order.remittance, order.memo_remittance) == (None, None)
        assert await disposition(house, operation_id) == "refunding"
        with pytest.raises(Conflict, match="nothing of it waits"):
            await ask_refund(house, operation_id)

    async def test_the_partners_refund_memo_is_known_where_the_memo_named_a_remittance(
        self, house: House
    ) -> None:
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 99 * EUR)
        await house.match()
        await agree(house, await ask_refund(house, operation_id))
        await carry_out(house)
        (order,) = house.ordered_refunds
        assert order.memo_remittance is not None
        assert order.memo_remittance.id == opened.id
        assert order.cause == "too_little"

    async def test_dust_above_what_was_funded_can_be_sent_back_by_hand(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5), refund_min=Decimal(1))
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 100 * EUR + 7)
        await house.match()
        await agree(house, await ask_refund(house, operation_id))
        await carry_out(house)
        (order,) = house.ordered_refunds
        assert (order.amount.units, order.remittance and order.remittance.id) == (7, opened.id)
        assert await house.value("SELECT excess_disposition FROM payments") == "refunding"

    async def test_where_nothing_sends_refunds_it_stays_in_the_queue(self, house: House) -> None:
        house.refunder = None
        operation_id = await unmatched(house)
        proposal = await ask_refund(house, operation_id)
        await agree(house, proposal)
        await carry_out(house)
        assert await disposition(house, operation_id) == "unmatched"
        assert await hold_status(house, proposal) == "withdrawn"

    async def test_what_nobody_knows_the_amount_of_cannot_go_back(self, house: House) -> None:
        operation_id = await house.pay(None, None)
        await house.match()
        with pytest.raises(Conflict, match="Nobody knows"):
            await ask_refund(house, operation_id)
