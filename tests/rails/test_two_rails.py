"""Two rails may stand before one bank: each hears of its own currency alone."""

from dataclasses import replace

from tests.rails.conftest import attempt
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.money import amount_from_text, currency
from roadstead.rails.protocol import RailStatus
from roadstead.rails.simulated import SimulatedRail

EUR, USD = currency("EUR"), currency("USD")


def rail_in(bank: BankProcess, code: str) -> SimulatedRail:
    return SimulatedRail(name=code, base_url=bank.url, token=bank.token, currencies=[currency(code)])


class TestTwoRailsBeforeOneBank:
    async def test_each_hears_of_its_own_payouts_and_passes_over_the_others(self, bank: BankProcess) -> None:
        euros, dollars = rail_in(bank, "EUR"), rail_in(bank, "USD")
        try:
            in_dollars = replace(
                attempt(2),
                amount=amount_from_text(USD, "7"),
                creditor=replace(attempt(2).creditor, account_number="0123456789"),
            )
            await euros.submit(attempt(1))
            await dollars.submit(in_dollars)

            async def both_settled() -> bool:
                events, _ = await euros.poll(None)
                others, _ = await dollars.poll(None)
                return {RailStatus.SETTLED} <= {event.status for event in [*events, *others]} and len(
                    events
                ) == len(others) == 2

            await until(both_settled)
            events, cursor = await euros.poll(None)
            assert {event.key for event in events} == {attempt(1).key}
            others, other_cursor = await dollars.poll(None)
            assert {event.key for event in others} == {in_dollars.key}
            assert cursor == other_cursor, "the cursor goes on past what is not ours"
            assert await euros.poll(cursor) == ([], cursor)
        finally:
            await euros.close()
            await dollars.close()
