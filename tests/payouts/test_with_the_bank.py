"""What follows refusals and returns of the simulated bank itself, over HTTP and through its own rail."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from tests.fixtures.house import IBAN, PARTNER, House, house_on
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.customers.identity import Reference
from roadstead.money import currency
from roadstead.partners.principal import Principal
from roadstead.payouts.desk import Desk
from roadstead.payouts.events import apply_waiting, poll_rail
from roadstead.payouts.states import PayoutStatus
from roadstead.payouts.submission import work_due
from roadstead.payouts.waking import wake_for_customer
from roadstead.rails.simulated import SimulatedRail
from roadstead.remittances.states import RemittanceStatus

WRONG = "DE56370400440000990101"
WRONG_LATER = "DE22370400440000991101"
CLOSED = "DE72370400440000990104"
RETURNED = "DE04370400440000992104"
RETURNED_SHORT = "DE67370400440000993104"


@dataclass(slots=True, kw_only=True)
class Street:
    """A house and the bank at the other end of its rail."""

    house: House
    rail: SimulatedRail

    async def funded(self, account: str) -> UUID:
        """A funded remittance to an account."""
        await self.register(account)
        opened = await self.house.open()
        await self.house.pay(opened.memo)
        await self.house.match()
        await self.house.screen()
        return opened.id

    async def register(self, account: str) -> None:
        """Let the partner send the account of the receiving client."""
        caller, receiver = Principal(account=PARTNER), Reference(memo="2", type="sep31-receiver")
        await self.house.registry.register(caller, receiver, {"bank_account_number": account})
        await wake_for_customer(self.house.database, self.house.receiver_id)

    async def reaches(self, remittance_id: UUID, status: PayoutStatus) -> None:
        """Work on until a payout stands there."""

        async def stands() -> bool:
            house = self.house
            desk = Desk(
                configuration=house.configuration,
                database=house.database,
                rail=self.rail,
                keys=house.keys,
                clock=house.clock,
                randomness=house.randomness,
                order_refunds=house.order_refunds,
            )
            await work_due(desk)
            await poll_rail(house.database, self.rail)
            await apply_waiting(house.database, house.clock)
            return (await house.payout(remittance_id)).status is status

        await until(stands)


@pytest.fixture
async def street(database_url: str) -> AsyncIterator[Street]:
    async with house_on(database_url) as house, BankProcess() as bank:
        rail = SimulatedRail(
            name="sepa",
            base_url=f"http://127.0.0.1:{bank.port}",
            token=None,
            currencies=[currency("EUR")],
        )
        yield Street(house=house, rail=rail)
        await rail.close()


class TestAWrongAccount:
    @pytest.mark.parametrize("account", [WRONG, WRONG_LATER])
    async def test_is_corrected_by_the_partner_and_paid(self, street: Street, account: str) -> None:
        remittance_id = await street.funded(account)
        await street.reaches(remittance_id, PayoutStatus.ORDERED)
        remittance = await street.house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE

        await street.register(IBAN)
        await street.reaches(remittance_id, PayoutStatus.SETTLED)
        assert (await street.house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert await street.house.value("SELECT count(*) FROM payout_attempts") == 2
        assert (await street.house.books(remittance_id))["bank:sepa EUR"] == "-99.40"


class TestAClosedAccount:
    async def test_sends_the_money_back(self, street: Street) -> None:
        remittance_id = await street.funded(CLOSED)
        await street.reaches(remittance_id, PayoutStatus.CANCELLED)

        assert [order.cause for order in street.house.ordered_refunds] == ["payout refused AC04"]
        assert await street.house.books(remittance_id) == {
            "tokens:received EURX": "100.0000000",
            "refunds:owed EURX": "-100.0000000",
        }


class TestAReturn:
    @pytest.mark.parametrize(("account", "kept"), [(RETURNED, None), (RETURNED_SHORT, "5.00")])
    async def test_sends_all_that_arrived_back_and_books_what_the_bank_kept(
        self, street: Street, account: str, kept: str | None
    ) -> None:
        remittance_id = await street.funded(account)
        await street.reaches(remittance_id, PayoutStatus.CANCELLED)

        assert (await street.house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        books = await street.house.books(remittance_id)
        assert books["refunds:owed EURX"] == "-100.0000000"
        assert books.get("fees:bank EUR") == kept
        balance = await street.rail.balance()
        opening = 100_000_000_000_000
        assert opening - balance.booked.units == (0 if kept is None else 500)
