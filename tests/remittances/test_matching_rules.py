"""The rules of matching for any payments, amounts and policies: no example chosen by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.authentication import configured

from roadstead.config.matching_terms import MatchingTerms, OtherAmount, Remedy
from roadstead.database.pool import Connection
from roadstead.money import NATIVE, Money
from roadstead.remittances.funding import repriced
from roadstead.remittances.matcher import Rules, decide
from roadstead.remittances.matching import Matched, StoredPayment, Unmatched, UnmatchedReason, match_payment
from roadstead.remittances.policies import Policies, policies_of
from roadstead.remittances.pricing import Pricing, price_at_par
from roadstead.remittances.refunding import RefundOrder
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Remittance
from roadstead.remittances.suspense import refund_order
from roadstead.stellar.memos import NO_MEMO, Memo, number_memo, text_memo

CONFIGURATION = configured()
EURX = CONFIGURATION.asset("EURX").asset
USDC = CONFIGURATION.asset("USDC").asset
TERMS = CONFIGURATION.asset("EURX").terms
ACCOUNT = CONFIGURATION.settings.distribution_account
EXPIRES_AT = datetime(2030, 1, 1, tzinfo=UTC)
MEMO = 77

whole_units = st.integers(1, 20_000 * 10**7)
terms = st.builds(
    MatchingTerms,
    other_amount=st.sampled_from(OtherAmount),
    excess_max=st.decimals(0, 200, places=7),
    too_late=st.sampled_from(Remedy),
    not_waiting=st.sampled_from(Remedy),
    wrong_asset=st.sampled_from(Remedy),
    unidentified=st.sampled_from(Remedy),
    refund_min=st.none() | st.decimals(0, 200, places=7),
)
memos = st.sampled_from([NO_MEMO, number_memo(MEMO), number_memo(MEMO + 1), text_memo(str(MEMO))])
payments = st.builds(
    lambda memo, asset, units, seconds: stored(memo=memo, asset=asset, units=units, seconds=seconds),
    memos,
    st.sampled_from([EURX, USDC, NATIVE]),
    st.none() | whole_units,
    st.integers(-3, 3),
)


def policies(matching: MatchingTerms) -> Policies:
    found = policies_of(CONFIGURATION)
    return replace(
        found, assets={asset: replace(terms, matching=matching) for asset, terms in found.assets.items()}
    )


def stored(
    *, memo: Memo, asset: object = EURX, units: int | None = None, seconds: int = -1, operation_id: int = 1
) -> StoredPayment:
    return StoredPayment(
        operation_id=operation_id,
        receiving_account=ACCOUNT,
        asset=asset,  # type: ignore[arg-type]  # built by hypothesis
        amount_units=units,
        memo=memo,
        ledger_closed_at=EXPIRES_AT + timedelta(seconds=seconds),
    )


def remittance(units: int, pricing: Pricing = Pricing.PAR) -> Remittance:
    agreed = Money(EURX, units)
    price = price_at_par(
        replace(TERMS, amount_min=Decimal(1), amount_max=Decimal(10**6)), EURX, Money(EURX, 10**9)
    )
    return Remittance(
        id=UUID(int=1),
        partner_id=UUID(int=2),
        account=ACCOUNT,
        sender_id=None,
        receiver_id=None,
        status=RemittanceStatus.PENDING_SENDER,
        status_at=EXPIRES_AT,
        status_message=None,
        pricing=pricing,
        quote_id=None,
        amount_in=agreed,
        amount_expected=agreed,
        excess=Money(EURX, 0),
        asset_out=TERMS.delivers,
        amount_out=price.amount_out,
        service_fee=price.service_fee,
        rounding=price.rounding,
        fee_lines=(),
        funding_method="SEPA",
        receiving_account=ACCOUNT,
        memo=MEMO,
        refund_memo_kind=None,
        refund_memo=None,
        expires_at=EXPIRES_AT,
        started_at=EXPIRES_AT - timedelta(days=1),
        completed_at=None,
        funded_by=None,
        transaction_hash=None,
        reference=None,
        asked_fields=None,
        transaction_fields={},
    )


async def no_payouts(_connection: Connection, _funded: object, _now: datetime) -> None:
    """Order nothing."""


async def no_refunds(_connection: Connection, _orders: object, _now: datetime) -> None:
    """Order nothing."""


def rules(matching: MatchingTerms) -> Rules:
    return Rules(order_payouts=no_payouts, order_refunds=no_refunds, policies=policies(matching))


class TestNothingIsPaidThatNeverArrived:
    @given(whole_units, whole_units, st.sampled_from(Pricing), terms)
    def test_what_is_funded_and_what_is_too_much_is_exactly_what_arrived(
        self, agreed: int, received: int, pricing: Pricing, matching: MatchingTerms
    ) -> None:
        opened = remittance(agreed, pricing)
        decision = match_payment(stored(memo=number_memo(MEMO), units=received), opened, policies(matching))
        if isinstance(decision, Matched):
            funded = repriced(opened, decision.price).amount_in.units
            excess = decision.excess.units if decision.excess else 0
            assert funded + excess == received
            assert excess >= 0
        else:
            assert received != agreed

    @given(whole_units, whole_units, terms)
    def test_at_a_firm_quote_only_its_own_amount_is_ever_delivered(
        self, agreed: int, received: int, matching: MatchingTerms
    ) -> None:
        decision = match_payment(
            stored(memo=number_memo(MEMO), units=received),
            remittance(agreed, Pricing.FIRM),
            policies(matching),
        )
        if isinstance(decision, Matched):
            assert decision.price is None
            assert received >= agreed

    @given(whole_units, whole_units)
    def test_what_is_delivered_as_it_arrived_is_priced_like_any_remittance(
        self, agreed: int, received: int
    ) -> None:
        matching = MatchingTerms(other_amount=OtherAmount.DELIVER_RECEIVED)
        decision = match_payment(
            stored(memo=number_memo(MEMO), units=received), remittance(agreed), policies(matching)
        )
        if isinstance(decision, Matched) and decision.price is not None:
            assert decision.price == price_at_par(TERMS, EURX, Money(EURX, received))
            price = decision.price
            assert price.amount_out is not None
            assert price.amount_in.decimal - price.fee.decimal == price.amount_out.decimal


class TestEveryPaymentEndsOnce:
    @given(st.lists(payments, max_size=6), whole_units, terms)
    def test_in_exactly_one_of_the_two_lists(
        self, several: list[StoredPayment], agreed: int, matching: MatchingTerms
    ) -> None:
        numbered = [replace(one, operation_id=number) for number, one in enumerate(several, start=1)]
        matches, suspended = decide(numbered, {MEMO: remittance(agreed)}, rules(matching))
        ended = [one.operation_id for one in matches] + [one.payment.operation_id for one in suspended]
        assert sorted(ended) == [one.operation_id for one in numbered]
        assert len(matches) <= 1

    @given(st.lists(payments, max_size=6), whole_units, terms)
    def test_nothing_goes_back_twice_or_beside_a_delivery(
        self, several: list[StoredPayment], agreed: int, matching: MatchingTerms
    ) -> None:
        numbered = [replace(one, operation_id=number) for number, one in enumerate(several, start=1)]
        matches, suspended = decide(numbered, {MEMO: remittance(agreed)}, rules(matching))
        orders: list[RefundOrder] = [order for one in suspended if (order := refund_order(one))]
        refunded = {order.operation_id for order in orders}
        assert len(refunded) == len(orders)
        assert refunded.isdisjoint(one.operation_id for one in matches)
        amounts = {one.operation_id: one.amount for one in numbered}
        assert all(order.amount == amounts[order.operation_id] for order in orders)

    @given(st.lists(payments, max_size=4), whole_units, terms)
    def test_nothing_below_the_least_amount_goes_back(
        self, several: list[StoredPayment], agreed: int, matching: MatchingTerms
    ) -> None:
        known = policies(matching)
        _, suspended = decide(several, {MEMO: remittance(agreed)}, rules(matching))
        for one in suspended:
            if order := refund_order(one):
                least = known.refund_min(order.amount.asset)
                assert least is not None
                assert order.amount >= least


class TestTheOrderOfTheChain:
    @given(st.lists(st.sampled_from([10**9, 10**9 - 1, 10**9 + 1]), min_size=2, max_size=6))
    def test_the_first_payment_that_fits_funds_and_all_others_do_not(self, amounts: list[int]) -> None:
        several = [
            stored(memo=number_memo(MEMO), units=units, operation_id=number)
            for number, units in enumerate(amounts, start=1)
        ]
        matches, suspended = decide(several, {MEMO: remittance(10**9)}, rules(MatchingTerms()))
        fitting = [one.operation_id for one in several if one.amount_units == 10**9]
        assert [one.operation_id for one in matches] == fitting[:1]
        after = [one for one in suspended if fitting and one.payment.operation_id > fitting[0]]
        assert {one.unmatched.reason for one in after} <= {UnmatchedReason.ALREADY_FUNDED}

    @given(st.integers(-5, 5))
    def test_to_the_second_only_what_is_strictly_earlier_is_in_time(self, seconds: int) -> None:
        decision = match_payment(
            stored(memo=number_memo(MEMO), units=10**9, seconds=seconds), remittance(10**9)
        )
        assert isinstance(decision, Matched) is (seconds < 0)
        if isinstance(decision, Unmatched):
            assert decision.reason is UnmatchedReason.TOO_LATE
