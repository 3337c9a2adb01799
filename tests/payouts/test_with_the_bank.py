"""What follows refusals and returns of the simulated bank itself, over HTTP and through its own rail."""

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.house import IBAN, house_on
from tests.fixtures.street import Street
from tests.sandbox.bank.bank_process import BankProcess

from roadstead.money import currency
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.simulated import SimulatedRail
from roadstead.remittances.states import RemittanceStatus

WRONG = "DE56370400440000990101"
WRONG_LATER = "DE22370400440000991101"
CLOSED = "DE72370400440000990104"
RETURNED = "DE04370400440000992104"
RETURNED_SHORT = "DE67370400440000993104"
REVERSED = "DE27370400440000994503"


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
    @pytest.mark.parametrize(
        ("account", "kept"), [(RETURNED, None), (RETURNED_SHORT, "5.00"), (REVERSED, None)]
    )
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
