"""A remittance whose payout goes to the bank in a file: from the payment to the statement."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.batches.filing import OPENED, Filing, filing
from tests.fixtures.house import PARTNER, House, house_on
from tests.fixtures.mock_bank import CLOSED_IBAN, MockBank

from roadstead.batches.rail import FileRail
from roadstead.batches.receiving import Receiver
from roadstead.customers.identity import Reference
from roadstead.partners.principal import Principal


@dataclass(slots=True)
class Anchor:
    house: House
    files: Filing
    bank: MockBank

    async def pay_out(self) -> None:
        """Send what is due to the bank, and hear what it says."""
        await self.house.work()
        await self.files.send()
        self.bank.scan()
        await self.hear()

    async def hear(self) -> None:
        await self.files.receive()
        await self.house.hear()


@pytest.fixture
async def anchor(tmp_path: Path, database_url: str) -> AsyncIterator[Anchor]:
    async with house_on(database_url) as house, filing(tmp_path, database_url) as files:
        desk = replace(files.desk, rail=house.configuration.anchor.rails[0].name, keys=house.keys)
        files.rail = FileRail(desk)
        files.receiver = Receiver(desk)
        house.rail = files.rail  # type: ignore[assignment]
        house.clock.moment = OPENED
        with MockBank(drop=files.outgoing, pickup=files.incoming) as bank:
            yield Anchor(house, files, bank)


class TestAPayout:
    async def test_is_completed_when_the_bank_booked_it(self, anchor: Anchor) -> None:
        opened = await anchor.house.open()
        await anchor.house.pay(opened.memo)
        await anchor.house.match()
        await anchor.house.work()
        assert (await anchor.house.payout(opened.id)).status == "submitted"
        await anchor.pay_out()

        assert (await anchor.house.payout(opened.id)).status == "settled"
        remittance = await anchor.house.remittance(opened.id)
        assert remittance.status == "completed"
        books = await anchor.house.books()
        assert any(account.startswith("bank:") for account in books)
        assert not any(account.startswith("transit:") for account in books)

    async def test_that_the_bank_refuses_is_decided_by_its_reason(self, anchor: Anchor) -> None:
        reference = Reference(memo="2", type="sep31-receiver")
        closed = {"bank_account_number": CLOSED_IBAN}
        await anchor.house.registry.register(Principal(account=PARTNER), reference, closed)
        opened = await anchor.house.open()
        await anchor.house.pay(opened.memo)
        await anchor.house.match()
        await anchor.pay_out()

        payout = await anchor.house.payout(opened.id)
        assert (payout.status, payout.reason) == ("refused", "AC04")

    async def test_that_comes_back_days_later_is_returned(self, anchor: Anchor) -> None:
        anchor.bank.behave("return-later", days=2, reason="AC04")
        opened = await anchor.house.open()
        await anchor.house.pay(opened.memo)
        await anchor.house.match()
        await anchor.pay_out()
        assert (await anchor.house.remittance(opened.id)).status == "completed"
        anchor.bank.advance(5)
        await anchor.hear()

        assert (await anchor.house.payout(opened.id)).status == "returned"

    async def test_that_waits_in_a_batch_is_asked_about_by_nobody_and_cannot_be_called_unpaid(
        self, anchor: Anchor
    ) -> None:
        """Payouts are stopped for days: the bank, asked now, never had the payment, which goes out later."""
        opened = await anchor.house.open()
        await anchor.house.pay(opened.memo)
        await anchor.house.match()
        await anchor.house.work()
        await anchor.files.rows(
            "INSERT INTO stops (id, what, reason, stopped_by) VALUES (gen_random_uuid(), 'payouts', 'test', 'test')"
        )
        await self.wait_four_days(anchor)
        assert await anchor.house.held() == []
        with pytest.raises(asyncpg.RestrictViolationError, match="waits in a batch"):
            await anchor.house.execute("UPDATE payout_attempts SET status = 'refused'")

        await anchor.house.execute("ALTER TABLE stops DISABLE TRIGGER ALL")
        await anchor.house.execute("DELETE FROM stops")
        await anchor.files.send()
        await self.wait_four_days(anchor)
        assert await anchor.house.held() == ["payout_unknown"]

    async def wait_four_days(self, anchor: Anchor) -> None:
        for clock in (anchor.house.clock, anchor.files.clock):
            clock.advance(timedelta(days=4))
        await anchor.house.make_due()
        await anchor.house.work()

    async def test_whose_worker_died_before_it_was_in_a_batch_is_sent_once(self, anchor: Anchor) -> None:
        opened = await anchor.house.open()
        await anchor.house.pay(opened.memo)
        await anchor.house.match()
        await anchor.house.work()
        # The answer of the rail was lost with the worker: the attempt is asked about.
        await anchor.house.execute("ALTER TABLE payouts DISABLE TRIGGER ALL")
        await anchor.house.execute("UPDATE payouts SET status = 'submitting', due_at = now()")
        await anchor.house.execute("ALTER TABLE payouts ENABLE TRIGGER ALL")
        await anchor.house.make_due()
        await anchor.pay_out()

        payments = anchor.bank.ask("GET", "/_mock/payments")
        assert len(payments) == 1
