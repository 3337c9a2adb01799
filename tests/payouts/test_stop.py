"""The emergency stop at the bank's door: nothing is sent, what the bank may have is asked about, matching goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.operators import add_operator, vote
from tests.fixtures.scripted_rail import Behaviour

from roadstead.customers.vault import BlindDigest, KeyProvider, WrappedKey
from roadstead.money import Asset, currency
from roadstead.operations.holds import HoldKind, place_hold
from roadstead.operations.stops import Outgoing, stop
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailStatus


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def funded(house: House) -> UUID:
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    return opened.id


async def stopped(house: House, what: Outgoing = Outgoing.ALL, asset: Asset | None = None) -> UUID:
    async with house.database.transaction() as connection:
        return await stop(connection, what=what, asset=asset, reason="leak", actor="tests")


async def resumed(house: House, stop_id: UUID) -> None:
    async with house.database.transaction() as connection:
        hold_id = await place_hold(
            connection,
            kind=HoldKind.RESUME,
            subject=str(stop_id),
            content={"stop_id": str(stop_id)},
            reason="over",
            approvals=2,
        )
        await vote(connection, hold_id, await add_operator(connection, "piet"), "propose")
        await vote(connection, hold_id, await add_operator(connection, "anna"), "approve")
        await connection.execute(
            "UPDATE stops SET resumed_at = now(), resumed_by = $2 WHERE id = $1", stop_id, hold_id
        )


class TestWhileMoneyIsStopped:
    async def test_payments_are_matched_and_nothing_is_submitted_until_it_goes_on(self, house: House) -> None:
        stop_id = await stopped(house)
        remittance_id = await funded(house)
        assert await house.work() == 0
        assert (await house.payout(remittance_id)).status is PayoutStatus.ORDERED
        assert house.rail.submissions == []

        await resumed(house, stop_id)
        assert await house.work() == 1
        assert len(house.rail.submissions) == 1
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_an_attempt_that_the_bank_may_have_is_asked_about(self, house: House) -> None:
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        remittance_id = await funded(house)
        await house.work()
        await stopped(house)
        await house.make_due()

        assert await house.work() == 1
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED
        assert len(house.rail.submissions) == 1

    async def test_an_attempt_that_the_bank_never_had_is_not_sent_again(self, house: House) -> None:
        house.rail.script.append(Behaviour.LOSE_REQUEST)
        remittance_id = await funded(house)
        await house.work()
        stop_id = await stopped(house)
        for _ in range(3):
            await house.make_due()
            await house.work()
        assert len(house.rail.submissions) == 1

        await resumed(house, stop_id)
        await house.make_due()
        await house.work()
        first, second = house.rail.submissions
        assert first == second
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_an_attempt_that_the_bank_would_recognise_is_not_repeated(self, house: House) -> None:
        house.rail.can_find = False
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await funded(house)
        await house.work()
        await stopped(house)
        await house.make_due()
        await house.work()

        assert len(house.rail.submissions) == 1

    async def test_the_bank_is_heard(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()
        await stopped(house)
        house.rail.tell(house.rail.submissions[-1].key, RailStatus.SETTLED)
        await house.hear()

        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED

    async def test_what_follows_a_refusal_is_decided(self, house: House) -> None:
        house.rail.script.append(Behaviour.REFUSE)
        await funded(house)
        await house.work()
        await stopped(house)
        await house.execute("UPDATE payouts SET due_at = now() WHERE status = 'refused'")

        assert await house.work() == 1
        await house.make_due()
        await house.work()
        assert len(house.rail.submissions) == 1

    async def test_a_stop_after_the_claim_still_comes_in_time(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.screen()
        house.keys = StoppingKeys(house.keys, house)  # type: ignore[assignment]  # any provider will do

        assert await house.work() == 1
        assert house.rail.submissions == []
        assert await house.value("SELECT count(*) FROM payout_attempts") == 0
        assert (await house.payout(remittance_id)).status is PayoutStatus.ORDERED


class TestAStopOfOneAsset:
    async def test_stops_what_is_paid_in_that_currency(self, house: House) -> None:
        await stopped(house, Outgoing.PAYOUTS, currency("EUR"))
        await funded(house)

        assert await house.work() == 0

    async def test_stops_what_is_paid_for_with_that_token(self, house: House) -> None:
        await stopped(house, Outgoing.ALL, house.eurx)
        await funded(house)

        assert await house.work() == 0

    @pytest.mark.parametrize(
        ("what", "code"), [(Outgoing.PAYOUTS, "JPY"), (Outgoing.REFUNDS, "EUR"), (Outgoing.REFUNDS, None)]
    )
    async def test_lets_everything_else_go(self, what: Outgoing, code: str | None, house: House) -> None:
        await stopped(house, what, None if code is None else currency(code))
        await funded(house)

        assert await house.work() == 1


@dataclass(frozen=True, slots=True)
class StoppingKeys:
    """Keys that somebody pulls the emergency stop over: after the claim, before anything is written."""

    keys: KeyProvider
    house: House

    @property
    def newest_version(self) -> int:
        return self.keys.newest_version

    def blind(self, purpose: str, value: str) -> tuple[BlindDigest, ...]:
        return self.keys.blind(purpose, value)

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        await stopped(self.house)
        return await self.keys.unwrap(wrapped, customer_id=customer_id)
