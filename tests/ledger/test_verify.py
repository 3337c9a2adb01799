"""The verifier: it finds nothing in sound books, and finds and names each fault that is planted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.errors import Unavailable
from roadstead.ledger.checks.table import CHECKS, SWEEPS
from roadstead.ledger.verify import MIGRATIONS, Finding, verify
from roadstead.rails.protocol import RailStatus
from roadstead.refunds.ordering import refund_orderer

UNGUARDED = "SET LOCAL session_replication_role = replica"
"""As a superuser: triggers and foreign keys are not asked, so that a fault can be planted at all."""

NOTHING_BOOKED = (
    "DELETE FROM entries WHERE posting_id IN (SELECT id FROM postings WHERE event = '{event}')",
    "DELETE FROM postings WHERE event = '{event}'",
)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def funded(house: House) -> UUID:
    opened = await house.open("100")
    await house.pay(opened.memo)
    await house.match()
    return opened.id


async def submitted(house: House) -> UUID:
    remittance_id = await funded(house)
    await house.work()
    return remittance_id


async def delivered(house: House) -> UUID:
    remittance_id = await funded(house)
    house.rail.script.append(Behaviour.SETTLE)
    await house.work()
    return remittance_id


async def plant(house: House, *statements: str) -> None:
    async with house.database.transaction() as connection:
        await connection.execute(UNGUARDED)
        for statement in statements:
            await connection.execute(statement)


async def found(house: House) -> dict[str, Finding]:
    """The first finding of each check that found any."""
    report = await verify(house.database)
    assert report.is_sound == (not report.findings)
    return {finding.check: finding for finding in reversed(report.findings)}


class TestSoundBooks:
    async def test_nothing_is_found_in_an_empty_house(self, house: House) -> None:
        report = await verify(house.database)
        assert report.is_sound
        assert [outcome.name for outcome in report.outcomes] == [
            *(check.name for check in CHECKS),
            MIGRATIONS,
        ]

    async def test_nothing_is_found_at_any_step_of_a_delivery_and_a_return(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        assert await found(house) == {}
        await house.match()
        assert await found(house) == {}
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await house.work()
        assert await found(house) == {}
        await house.make_due()
        await house.work()
        assert await found(house) == {}
        for status in (RailStatus.SETTLED, RailStatus.RETURNED):
            house.rail.tell(house.rail.submissions[0].key, status)
            await house.hear()
            assert await found(house) == {}

    async def test_nothing_is_found_after_a_refusal_and_payments_of_nobody(self, house: House) -> None:
        opened = await house.open("100")
        for memo, units in ((opened.memo, 1_000_000_000), (opened.memo, 7), (None, 8), (1, None)):
            await house.pay(memo, units)
        await house.match()
        house.rail.script.append(Behaviour.REFUSE)
        await house.work()
        assert await found(house) == {}


class TestPlantedFaults:
    async def test_a_posting_that_was_taken_away(self, house: House) -> None:
        remittance_id = await funded(house)
        await plant(house, *(line.format(event="payment_matched") for line in NOTHING_BOOKED))
        faults = await found(house)
        assert set(faults) == {"payments_booked", "remittance_accounts"}
        assert faults["payments_booked"].expected is not None
        assert str(faults["payments_booked"].expected) == "100.0000000 EURX"
        assert faults["remittance_accounts"].subject == str(remittance_id)

    async def test_one_entry_that_was_taken_away(self, house: House) -> None:
        await funded(house)
        await plant(house, "DELETE FROM entries WHERE account = 'payouts:owed'")
        faults = await found(house)
        assert set(faults) == {"books_balance", "postings_balance", "remittance_accounts", "migrations"}
        assert str(faults["books_balance"].actual) == "99.40 EUR"

    async def test_an_amount_that_was_changed(self, house: House) -> None:
        remittance_id = await funded(house)
        await plant(
            house,
            "UPDATE entries SET amount_units = amount_units * 2 WHERE asset = 'iso4217:EUR'",
        )
        faults = await found(house)
        assert set(faults) == {"remittance_accounts"}
        assert faults["remittance_accounts"].subject == str(remittance_id)

    async def test_a_whole_posting_that_was_emptied(self, house: House) -> None:
        await funded(house)
        await plant(house, "DELETE FROM entries")
        assert (await found(house))["postings_balance"].detail == "the posting has no entries"

    async def test_entries_whose_posting_is_gone(self, house: House) -> None:
        await funded(house)
        await plant(house, "DELETE FROM postings")
        assert "entries_have_postings" in await found(house)

    async def test_an_account_that_nobody_knows(self, house: House) -> None:
        await funded(house)
        await plant(
            house,
            "ALTER TABLE entries DROP CONSTRAINT entries_account_in_chart",
            "UPDATE entries SET account = 'slush:fund' WHERE account = 'fees:pending'",
        )
        assert (await found(house))["accounts_in_chart"].subject == "slush:fund"

    async def test_a_balance_on_the_wrong_side(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE entries SET amount_units = -amount_units")
        assert "account_signs" in await found(house)

    @pytest.mark.parametrize("column", ["event", "idempotency_key"])
    async def test_an_event_or_key_of_no_known_form(self, house: House, column: str) -> None:
        await funded(house)
        await plant(house, f"UPDATE postings SET {column} = 'invented'")
        assert "events_known" in await found(house)

    async def test_a_payment_booked_twice(self, house: House) -> None:
        await house.pay(None)
        await house.match()
        await plant(
            house,
            "INSERT INTO postings (idempotency_key, event) "
            "SELECT idempotency_key || ':excess', 'payment_excess' FROM postings",
            "INSERT INTO entries SELECT (SELECT max(id) FROM postings), account, asset, amount_units FROM entries",
        )
        fault = (await found(house))["payments_booked"]
        assert (str(fault.expected), str(fault.actual)) == ("100.0000000 EURX", "200.0000000 EURX")

    async def test_a_payment_that_never_arrived(self, house: House) -> None:
        operation_id = await house.pay(None)
        await house.match()
        await plant(house, "DELETE FROM payments")
        assert (await found(house))["payments_exist"].subject == str(operation_id)

    async def test_a_payment_that_waits_and_is_booked(self, house: House) -> None:
        await house.pay(None)
        await house.match()
        await plant(house, "UPDATE payments SET disposition = 'stored', reason = NULL, disposed_at = NULL")
        assert set(await found(house)) == {"payments_booked"}

    async def test_a_remittance_and_a_payment_that_do_not_name_each_other(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.open("100")
        await plant(
            house,
            f"UPDATE payments SET remittance_id = (SELECT id FROM remittances WHERE id <> '{remittance_id}')",
        )
        assert (await found(house))["payments_matched"].subject == str(remittance_id)

    async def test_books_of_a_remittance_that_was_never_paid(self, house: House) -> None:
        remittance_id = await funded(house)
        await plant(
            house,
            "UPDATE remittances SET funded_by = NULL, status = 'pending_sender'",
            "DELETE FROM payouts",
        )
        assert (await found(house))["unpaid_untouched"].subject == str(remittance_id)

    @pytest.mark.parametrize("status", ["pending_external", "completed"])
    async def test_a_status_that_was_changed_by_hand(self, house: House, status: str) -> None:
        remittance_id = await funded(house)
        await plant(house, f"UPDATE remittances SET status = '{status}'")
        assert (await found(house))["remittance_status"].subject == str(remittance_id)

    async def test_a_remittance_called_refunded_to_whom_nothing_was_sent(self, house: House) -> None:
        remittance_id = await funded(house)
        await plant(
            house,
            "UPDATE remittances SET status = 'refunded', refunds = "
            """'[{"transaction_hash": "0", "amount_units": 1000000000, "fee_units": 0}]'""",
        )
        faults = await found(house)
        assert faults["remittance_status"].subject == str(remittance_id)
        assert str(faults["refunds_told"].actual) == "0.0000000 EURX"

    async def test_a_delivered_remittance_that_is_called_pending(self, house: House) -> None:
        await delivered(house)
        await plant(house, "UPDATE remittances SET status = 'pending_receiver'")
        assert "remittance_status" in await found(house)

    async def test_a_settled_attempt_without_its_posting(self, house: House) -> None:
        await delivered(house)
        await plant(house, *(line.format(event="payout_settled") for line in NOTHING_BOOKED))
        faults = await found(house)
        assert set(faults) == {"attempt_steps", "remittance_status", "payout_transit"}
        assert faults["attempt_steps"].detail == "attempt settled, payout settled, booked: submitted"
        assert str(faults["payout_transit"].actual) == "-99.40 EUR"

    async def test_a_posting_of_an_attempt_that_nobody_made(self, house: House) -> None:
        await submitted(house)
        key = house.rail.submissions[0].key
        await plant(house, "DELETE FROM payout_attempts", "UPDATE payouts SET status = 'ordered'")
        assert (await found(house))["attempts_exist"].subject == key

    async def test_a_second_attempt_that_may_pay(self, house: House) -> None:
        await submitted(house)
        await plant(
            house,
            "DROP INDEX payout_attempts_one_open",
            "INSERT INTO payout_attempts (key, payout_id, rail, number, content) "
            "SELECT 'X' || substr(key, 2), payout_id, rail, 2, content FROM payout_attempts",
        )
        faults = await found(house)
        assert faults["one_paying_attempt"].detail.startswith("payout accepted with 2 open")

    async def test_a_payout_of_another_amount(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE payouts SET amount_units = 1")
        fault = (await found(house))["payout_amounts"]
        assert (str(fault.expected), str(fault.actual)) == ("99.40 EUR", "0.01 EUR")

    async def test_what_a_migration_checked_and_is_true_no_longer(self, house: House) -> None:
        await house.open("100")
        await plant(house, "UPDATE remittances SET status = 'error'")
        assert (await found(house))["migrations"].subject == "0003_remittances"


class TestPlantedFaultsInWhatGoesBack:
    @pytest.fixture
    async def refund_id(self, house: House) -> str:
        """A refund that is ordered, of a remittance that was given up."""
        house.refunder = refund_orderer(house.configuration, house.randomness)
        await house.cancel(await funded(house))
        assert await found(house) == {}
        return str(await house.value("SELECT id FROM refunds"))

    async def test_a_refund_that_was_never_booked(self, house: House, refund_id: str) -> None:
        await plant(house, *(line.format(event="refund_owed_for_delivery") for line in NOTHING_BOOKED))
        fault = (await found(house))["refunds_booked"]
        assert (fault.subject, str(fault.expected)) == (refund_id, "100.0000000 EURX")

    async def test_a_refund_that_was_sent_and_not_booked(self, house: House, refund_id: str) -> None:
        await plant(
            house,
            "UPDATE refunds SET status = 'sent', due_at = NULL, transaction_hash = repeat('0', 64)",
        )
        faults = await found(house)
        assert set(faults) == {"refunds_booked", "migrations"}
        assert faults["refunds_booked"].subject == refund_id

    async def test_a_posting_of_a_refund_that_nobody_ordered(self, house: House, refund_id: str) -> None:
        await plant(house, "DELETE FROM refunds")
        assert (await found(house))["refunds_exist"].subject == refund_id

    async def test_a_second_refund_of_the_same_payment(self, house: House, refund_id: str) -> None:
        await plant(
            house,
            "INSERT INTO refunds (id, operation_id, source, asset, amount_units, fee_units, destination, memo_kind, "
            "cause, status) SELECT gen_random_uuid(), operation_id, 'suspense', asset, 1, 0, destination, 'none', "
            "'twice', 'ordered' FROM refunds",
        )
        faults = await found(house)
        assert set(faults) == {"refunds_booked", "refunds_within_payment"}
        assert str(faults["refunds_within_payment"].actual) == "100.0000001 EURX"

    async def test_a_clawback_that_was_not_booked(self, house: House) -> None:
        await plant(
            house,
            "INSERT INTO clawbacks (operation_id, transaction_hash, ledger_closed_at, account, issuer, asset, "
            f"amount_units) VALUES (9, '0', now(), 'G', 'G', '{house.eurx.id}', 7)",
        )
        fault = (await found(house))["clawbacks_booked"]
        assert (fault.subject, str(fault.expected)) == ("9", "0.0000007 EURX")


class TestTheReport:
    async def test_it_tells_as_many_rows_as_asked_for_and_that_there_are_more(self, house: House) -> None:
        for _ in range(3):
            await house.pay(None)
        await house.match()
        await plant(house, "UPDATE payments SET amount_units = 1")
        report = await verify(house.database, rows_max=2)
        outcome = next(outcome for outcome in report.outcomes if outcome.name == "payments_booked")
        assert (len(outcome.findings), outcome.has_more) == (2, True)

    async def test_it_needs_no_more_than_a_reader_may(self, house: House) -> None:
        await funded(house)
        async with house.database.connection() as connection:
            await connection.execute("SET ROLE roadstead_reader")
            rows = [row for sweep in SWEEPS for row in await connection.fetch(sweep.statement(), 1)]
            await connection.execute("RESET ROLE")
        assert rows == []

    async def test_a_database_that_is_gone_is_told_apart_from_unsound_books(self, house: House) -> None:
        await house.database.close()
        with pytest.raises(Unavailable):
            await verify(house.database)
