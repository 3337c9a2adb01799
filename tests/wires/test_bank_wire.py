"""The wire to the bank in every kind of trouble, at every call: the receiving client is paid, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.fixtures.fault_proxy import Fault, FaultProxy, Trouble, Upstream, fault_proxy
from tests.fixtures.house import House, house_on
from tests.sandbox.bank.bank_process import BankProcess

from roadstead.errors import Unavailable
from roadstead.money import currency
from roadstead.payouts.desk import Desk
from roadstead.payouts.events import apply_waiting, poll_rail
from roadstead.payouts.submission import work_due
from roadstead.rails.simulated import SimulatedRail
from roadstead.remittances.states import RemittanceStatus

SUBMIT = b"PUT /payouts/"
FIND = b"GET /payouts/"
POLL = b"GET /events"
ROUNDS_MAX = 40


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    async with BankProcess(state=tmp_path / "bank", options=("--settlement-delay", "0")) as running:
        yield running


@pytest.fixture
async def wire(bank: BankProcess) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(Upstream(port=bank.port)) as proxy:
        yield proxy


@pytest.fixture
async def desk(house: House, wire: FaultProxy) -> AsyncIterator[Desk]:
    """A desk whose rail speaks to the bank through the proxy."""
    rail = SimulatedRail(
        name="sepa",
        base_url=f"http://127.0.0.1:{wire.port}",
        token=None,
        currencies=[currency("EUR")],
        submit_timeout_s=1,
    )
    yield replace(house.desk, rail=rail)
    await rail.close()


async def carry_out(house: House, desk: Desk, remittance_id: UUID) -> None:
    """Work and listen until the remittance is delivered, whatever the wire does meanwhile."""
    for _ in range(ROUNDS_MAX):
        await house.make_due()
        await work_due(desk)
        try:
            await poll_rail(desk.database, desk.rail)
        except Unavailable:
            continue
        await apply_waiting(desk.database, desk.clock)
        if (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED:
            return
    raise AssertionError(f"Not delivered in {ROUNDS_MAX} rounds.")


async def delivered(house: House, desk: Desk) -> UUID:
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    await house.screen()
    await carry_out(house, desk, opened.id)
    return opened.id


async def assert_paid_once(house: House, bank: BankProcess, remittance_id: UUID) -> None:
    payout = await house.payout(remittance_id)
    executed = await bank.get(f"/payouts?end_to_end_id={payout.end_to_end_id}")
    assert [one["amount"] for one in executed["payouts"]] == [payout.amount.text]
    books = await house.books(remittance_id)
    assert books["bank:sepa EUR"] == f"-{payout.amount.text}"
    assert "payouts:owed EUR" not in books
    assert "transit:sepa EUR" not in books


class TestOneFaultAtOneCall:
    @pytest.mark.parametrize("fault", list(Fault))
    async def test_a_troubled_submission_pays_once(
        self, house: House, desk: Desk, wire: FaultProxy, bank: BankProcess, fault: Fault
    ) -> None:
        trouble = wire.trouble(Trouble(fault=fault, when=SUBMIT))
        remittance_id = await delivered(house, desk)
        assert trouble.hits == 1
        await assert_paid_once(house, bank, remittance_id)

    @pytest.mark.parametrize("fault", list(Fault))
    async def test_a_troubled_question_after_a_lost_answer_pays_once(
        self, house: House, desk: Desk, wire: FaultProxy, bank: BankProcess, fault: Fault
    ) -> None:
        wire.trouble(Trouble(fault=Fault.LOSE_ANSWER, when=SUBMIT))
        trouble = wire.trouble(Trouble(fault=fault, when=FIND))
        opened = await house.open()
        await house.pay(opened.memo)
        await house.match()
        await house.screen()
        while not trouble.hits:
            await house.make_due()
            await work_due(desk)
        await carry_out(house, desk, opened.id)
        await assert_paid_once(house, bank, opened.id)

    @pytest.mark.parametrize("fault", list(Fault))
    async def test_a_troubled_poll_costs_time_only(
        self, house: House, desk: Desk, wire: FaultProxy, bank: BankProcess, fault: Fault
    ) -> None:
        trouble = wire.trouble(Trouble(fault=fault, when=POLL))
        remittance_id = await delivered(house, desk)
        assert trouble.hits == 1
        await assert_paid_once(house, bank, remittance_id)


class TestFaultsInARow:
    @pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.RESET, Fault.DUPLICATE])
    async def test_trouble_at_everything_for_a_while_pays_once(
        self, house: House, desk: Desk, wire: FaultProxy, bank: BankProcess, fault: Fault
    ) -> None:
        trouble = wire.trouble(Trouble(fault=fault, times=9))
        remittance_id = await delivered(house, desk)
        assert trouble.hits >= 2
        await assert_paid_once(house, bank, remittance_id)
