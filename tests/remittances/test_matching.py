from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tests.fixtures.house import House, house_on

from roadstead.money import NATIVE
from roadstead.randomness import MEMO_MAX
from roadstead.remittances.matching import own_memo
from roadstead.remittances.states import RemittanceStatus
from roadstead.stellar.memos import NO_MEMO, number_memo


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def reason_of(house: House, operation_id: int) -> Any:
    return await house.value("SELECT reason FROM payments WHERE operation_id = $1", operation_id)


class TestMatchedPayments:
    @pytest.mark.clause("SEP-31/payment/match")
    async def test_an_exact_payment_funds_its_remittance_and_orders_its_payout(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo)
        disposed = await house.match()
        assert (disposed.matched, disposed.unmatched) == (1, ())
        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert remittance.funded_by == operation_id
        assert remittance.transaction_hash == f"{operation_id:064x}"
        payout = await house.payout(opened.id)
        assert (payout.rail, payout.amount.text, payout.status) == ("sepa", "99.40", "ordered")

    async def test_the_books_show_what_is_owed_and_the_fee_as_pending(self, house: House) -> None:
        opened = await house.open("99.1234567")
        await house.pay(opened.memo, 991_234_567)
        await house.match()
        assert await house.books(opened.id) == {
            "tokens:received EURX": "99.1234567",
            "fees:pending EURX": "-0.5956172",
            "fees:rounding EURX": "-0.0078395",
            "fx:position EURX": "-98.5200000",
            "fx:position EUR": "98.52",
            "payouts:owed EUR": "-98.52",
        }

    async def test_many_payments_are_disposed_of_in_one_step(self, house: House) -> None:
        opened = [await house.open() for _ in range(5)]
        for one in opened:
            await house.pay(one.memo)
        assert (await house.match()).matched == 5
        assert (await house.match()).count == 0

    async def test_matching_again_changes_nothing(self, house: House) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        await house.match()
        before = await house.books()
        assert (await house.match()).count == 0
        assert await house.books() == before

    async def test_of_two_payments_the_first_on_the_chain_funds(self, house: House) -> None:
        opened = await house.open()
        later = await house.pay(opened.memo, operation_id=200)
        earlier = await house.pay(opened.memo, operation_id=100)
        await house.match()
        assert (await house.remittance(opened.id)).funded_by == earlier
        assert await reason_of(house, later) == "already_funded"


class TestUnmatchedPayments:
    @pytest.mark.clause("SEP-31/payment/unmatched")
    async def test_every_reason_has_its_name_and_no_token_is_lost(self, house: House) -> None:
        opened = await house.open("100")
        usdc = house.configuration.asset("USDC").asset
        late = (await house.remittance(opened.id)).expires_at
        payments = {
            "no_memo": await house.pay(None),
            "memo_kind": await house.pay(str(opened.memo).encode(), memo_kind="text"),
            "unknown_memo": await house.pay(12345),
            "wrong_asset": await house.pay(opened.memo, asset=usdc),
            "too_little": await house.pay(opened.memo, 999_999_999),
            "too_much": await house.pay(opened.memo, 1_000_000_001),
            "too_late": await house.pay(opened.memo, closed_at=late),
            "native_coins": await house.pay(None, 50_000_000, asset=NATIVE),
        }
        disposed = await house.match()
        assert disposed.matched == 0
        for reason, operation_id in payments.items():
            assert await reason_of(house, operation_id) == reason
        assert (await house.remittance(opened.id)).status is RemittanceStatus.PENDING_SENDER
        assert await house.books() == {
            "tokens:received EURX": "600.0000000",
            "tokens:received USDC": "100.0000000",
            "tokens:received native": "5.0000000",
            "suspense:chain EURX": "-600.0000000",
            "suspense:chain USDC": "-100.0000000",
            "suspense:chain native": "-5.0000000",
        }

    @pytest.mark.clause("SEP-31/payment/time")
    async def test_the_last_moment_is_still_in_time(self, house: House) -> None:
        opened = await house.open()
        expires_at = (await house.remittance(opened.id)).expires_at
        await house.pay(opened.memo, closed_at=expires_at - timedelta(seconds=1))
        assert (await house.match()).matched == 1

    async def test_a_merge_whose_amount_is_not_told_is_unmatched_without_a_posting(
        self, house: House
    ) -> None:
        operation_id = await house.pay(None, None, asset=NATIVE)
        await house.match()
        assert await reason_of(house, operation_id) == "native_coins"
        assert await house.books() == {}

    async def test_a_payment_to_a_remittance_that_is_over_is_not_open(self, house: House) -> None:
        opened = await house.open()
        await house.execute("UPDATE remittances SET status = 'expired' WHERE id = $1", opened.id)
        operation_id = await house.pay(opened.memo)
        await house.match()
        assert await reason_of(house, operation_id) == "not_open"

    @pytest.mark.parametrize("memo", [b"\x00", b"", b"\xff\xfe", 2**64 - 1, 2**63, 0])
    async def test_any_memo_is_disposed_of(self, house: House, memo: bytes | int) -> None:
        kind = "id" if isinstance(memo, int) else "text"
        operation_id = await house.pay(memo, memo_kind=kind)
        await house.match()
        assert await reason_of(house, operation_id) == ("unknown_memo" if kind == "id" else "memo_kind")

    def test_only_our_own_numbers_are_looked_up(self) -> None:
        assert own_memo(number_memo(MEMO_MAX)) == MEMO_MAX
        assert own_memo(number_memo(MEMO_MAX + 1)) is None
        assert own_memo(number_memo(0)) is None
        assert own_memo(NO_MEMO) is None


class TestWhatTheDatabaseRefuses:
    async def test_two_payments_never_fund_one_remittance(self, house: House) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        second = await house.pay(opened.memo)
        await house.match()
        with pytest.raises(asyncpg.UniqueViolationError):
            await house.execute(
                "UPDATE payments SET disposition = 'matched', reason = NULL WHERE operation_id = $1", second
            )

    async def test_the_payment_that_funded_a_remittance_stays_its_payment(self, house: House) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        other = await house.pay(999)
        await house.match()
        with pytest.raises(asyncpg.RestrictViolationError):
            await house.execute("UPDATE remittances SET funded_by = $2 WHERE id = $1", opened.id, other)
