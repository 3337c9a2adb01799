"""Refunds on the offline network: each pays once, and each trouble ends in a safe retry or before a person."""

from __future__ import annotations

from decimal import Decimal

import pytest
from stellar_sdk import Asset, ChangeTrust, MuxedAccount, Payment, SetOptions
from stellar_sdk.operation.account_merge import AccountMerge
from tests.fixtures.chain import DISTRIBUTION, ISSUER, PAYER
from tests.refunds.orders import delivery_order, funded, give, suspense_order
from tests.refunds.sending import Sending

from roadstead.envelopes.store import EnvelopeStatus
from roadstead.money import NATIVE, Money
from roadstead.refunds.ordering import refund_orderer
from roadstead.refunds.states import RefundStatus
from roadstead.remittances.states import RemittanceStatus

DEAD, FAILED, OPEN, SUCCEEDED = (
    EnvelopeStatus.DEAD,
    EnvelopeStatus.FAILED,
    EnvelopeStatus.OPEN,
    EnvelopeStatus.SUCCEEDED,
)


class TestARefund:
    async def test_stands_once_in_a_ledger_with_the_payers_memo(self, sending: Sending) -> None:
        operation_id = await sending.order()

        refund = await sending.work(operation_id)

        assert await sending.chain.balance() == "100.0000000"
        (record,) = await sending.chain.sent()
        assert (record["hash"], record["memo_type"], record["memo"]) == (refund.transaction_hash, "id", "7")
        assert await sending.statuses(operation_id) == [SUCCEEDED]
        assert await sending.house.books() == {}
        assert await sending.house.value("SELECT disposition FROM payments") == "refunded"

    async def test_of_a_delivery_makes_the_remittance_refunded_and_tells_its_partner(
        self, sending: Sending
    ) -> None:
        remittance_id, operation_id = await funded(sending.house)
        await give(sending.house, await delivery_order(sending.house, remittance_id, operation_id))

        refund = await sending.work(operation_id)

        remittance = await sending.house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.REFUNDED
        (told,) = remittance.refunds
        assert (told.transaction_hash, told.amount.text) == (refund.transaction_hash, "100.0000000")
        assert await sending.house.books() == {}

    async def test_of_an_excess_leaves_the_remittance_where_it_is(self, sending: Sending) -> None:
        house = sending.house
        house.set_policy(excess_max=Decimal(5), refund_min=Decimal(1))
        house.refunder = refund_orderer(house.configuration, house.randomness)
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 1_030_000_000)
        await house.match()

        await sending.work(operation_id)

        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert [one.amount.text for one in remittance.refunds] == ["3.0000000"]
        assert await house.value("SELECT excess_disposition FROM payments") == "refunded"
        assert await sending.chain.balance() == "3.0000000"

    async def test_goes_to_the_sub_account_that_paid(self, sending: Sending) -> None:
        muxed = MuxedAccount(PAYER.public_key, 77).account_muxed
        operation_id = await sending.house.pay(7, payer=muxed)
        await sending.house.match()
        await sending.send_back(operation_id)

        await sending.work(operation_id)

        _, page = await sending.chain.get(f"/accounts/{PAYER.public_key}/payments?order=desc&limit=1")
        assert page["_embedded"]["records"][0]["to_muxed"] == muxed

    async def test_many_go_out_one_after_the_other(self, sending: Sending) -> None:
        ordered = [await sending.order() for _ in range(4)]

        for operation_id in ordered:
            await sending.work(operation_id)

        records = await sending.chain.sent()
        assert len(records) == 4
        assert len({record["source_account_sequence"] for record in records}) == 4
        assert await sending.chain.balance() == "400.0000000"


class TestALostAnswer:
    async def test_pays_once(self, sending: Sending) -> None:
        operation_id = await sending.order()
        await sending.chain.stage("lost-answers", count=3)

        await sending.work(operation_id)

        assert len(await sending.chain.sent()) == 1
        assert await sending.chain.balance() == "100.0000000"

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    async def test_of_any_status_is_unknown_and_pays_once(self, status: int, sending: Sending) -> None:
        operation_id = await sending.order()
        await sending.chain.stage("failures", status=status, requests=7, seconds=60)

        await sending.work(operation_id)

        assert len(await sending.chain.sent()) == 1

    async def test_while_history_lags_is_not_taken_for_a_loss(self, sending: Sending) -> None:
        operation_id = await sending.order()
        await sending.chain.stage("lag", frozen=True)
        for _ in range(3):
            await sending.step()
        await sending.chain.stage("clock", advance_s=600)
        await sending.chain.close(2)
        for _ in range(3):
            await sending.step()

        assert await sending.statuses(operation_id) == [OPEN]
        await sending.chain.stage("lag")
        await sending.work(operation_id)
        assert len(await sending.chain.sent()) == 1
        assert await sending.statuses(operation_id) == [SUCCEEDED]


class TestATransactionThatIsNeverApplied:
    async def test_is_signed_anew_when_a_later_ledger_proves_it(self, sending: Sending) -> None:
        operation_id = await sending.order()
        await sending.chain.stage("failures", status=503, path="/transactions", seconds=60, requests=1000)
        await sending.step()
        assert await sending.statuses(operation_id) == [OPEN]
        await sending.chain.recover()
        await sending.chain.stage("clock", advance_s=600)
        await sending.chain.close()

        await sending.work(operation_id)

        assert await sending.statuses(operation_id) == [DEAD, SUCCEEDED]
        assert len(await sending.chain.sent()) == 1

    async def test_is_not_given_up_before_its_time_is_over(self, sending: Sending) -> None:
        operation_id = await sending.order()
        await sending.chain.stage("failures", status=503, path="/transactions", seconds=60, requests=1000)
        for _ in range(5):
            await sending.step()
            await sending.chain.close()

        assert await sending.statuses(operation_id) == [OPEN]

    async def test_because_another_took_its_number_is_signed_anew(self, sending: Sending) -> None:
        operation_id = await sending.order()
        await sending.chain.stage("failures", status=503, path="/transactions", seconds=60, requests=1000)
        await sending.step()
        await sending.chain.recover()
        thief = await sending.chain.apply(DISTRIBUTION, SetOptions(home_domain="thief.example"))

        await sending.work(operation_id)

        dead, succeeded = await sending.envelopes(operation_id)
        assert (dead.status, succeeded.status) == (DEAD, SUCCEEDED)
        assert thief in (dead.reason or "")
        assert await sending.chain.balance() == "100.0000000"


class TestTroubleOfThePayer:
    """Ends before a person, with the network's word for it; nothing is tried again by itself."""

    async def _held(self, sending: Sending, reason: str) -> int:
        operation_id = await sending.order()
        refund = await sending.work(operation_id, until=RefundStatus.HELD)
        for _ in range(3):
            await sending.step()

        assert refund.reason == reason
        assert await sending.statuses(operation_id) == [FAILED]
        assert await sending.alerts() == {"refund_held": 1}
        assert await sending.house.value("SELECT subject FROM holds WHERE status = 'open'") == str(refund.id)
        assert (await sending.house.books())["refunds:owed EURX"] == "-100.0000000"
        return operation_id

    async def test_no_trustline(self, sending: Sending) -> None:
        await sending.chain.apply(PAYER, ChangeTrust(sending.chain.eurx, limit="0"))

        await self._held(sending, "op_no_trust")

    async def test_merged_account(self, sending: Sending) -> None:
        await sending.chain.apply(PAYER, ChangeTrust(sending.chain.eurx, limit="0"))
        await sending.chain.apply(PAYER, AccountMerge(ISSUER.public_key))

        await self._held(sending, "op_no_destination")

    async def test_full_trustline(self, sending: Sending) -> None:
        await sending.chain.apply(PAYER, ChangeTrust(sending.chain.eurx, limit="99.9999999"))

        await self._held(sending, "op_line_full")

    async def test_not_authorised(self, sending: Sending) -> None:
        from stellar_sdk import AuthorizationFlag, SetTrustLineFlags, TrustLineFlags  # noqa: PLC0415

        await sending.chain.apply(
            ISSUER,
            SetOptions(set_flags=AuthorizationFlag.AUTHORIZATION_REVOCABLE),
            SetTrustLineFlags(
                PAYER.public_key, sending.chain.eurx, clear_flags=TrustLineFlags.AUTHORIZED_FLAG
            ),
        )

        await self._held(sending, "op_not_authorized")

    async def test_is_over_and_a_person_releases_it(self, sending: Sending) -> None:
        await sending.chain.apply(PAYER, ChangeTrust(sending.chain.eurx, limit="0"))
        operation_id = await self._held(sending, "op_no_trust")
        await sending.chain.apply(PAYER, ChangeTrust(sending.chain.eurx))
        await sending.house.execute(
            "UPDATE refunds SET status = 'ordered', reason = NULL, due_at = now() WHERE status = 'held'"
        )

        await sending.work(operation_id)

        assert await sending.statuses(operation_id) == [FAILED, SUCCEEDED]
        assert await sending.chain.balance() == "100.0000000"
        assert await sending.alerts() == {}


class TestARefundOfLumens:
    async def test_leaves_the_reserve_of_our_account_and_waits_for_more(self, sending: Sending) -> None:
        house = sending.house
        operation_id = await house.pay(7, 99_990_000_000, asset=NATIVE)
        await house.match()
        order = suspense_order(house, operation_id, amount=Money(NATIVE, 99_990_000_000))
        await give(house, order)
        for _ in range(2):
            await sending.step()
        assert await sending.statuses(operation_id) == []
        assert await sending.alerts() == {"distribution_account_lacks": 1}

        await sending.chain.apply(PAYER, Payment(DISTRIBUTION.public_key, Asset.native(), "100"))
        await sending.work(operation_id)

        assert await sending.statuses(operation_id) == [SUCCEEDED]


class TestTroubleOfOurOwn:
    async def test_too_few_tokens_wait_for_more_and_then_go_out(self, sending: Sending) -> None:
        await sending.chain.apply(DISTRIBUTION, Payment(ISSUER.public_key, sending.chain.eurx, "999950"))
        operation_id = await sending.order()
        for _ in range(3):
            await sending.step()
        assert await sending.statuses(operation_id) == []
        assert await sending.alerts() == {"distribution_account_lacks": 1}

        await sending.chain.apply(ISSUER, Payment(DISTRIBUTION.public_key, sending.chain.eurx, "50"))
        await sending.work(operation_id)

        assert await sending.statuses(operation_id) == [SUCCEEDED]
        assert await sending.alerts() == {}
