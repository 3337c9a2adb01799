"""Statements into the books: the chain, the lines, and what is left over stands named beside the bank's balance."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from tests.fixtures.bank_day import booked, submitted, taken
from tests.fixtures.bank_statements import DAY, Statements, euros, line, statement
from tests.fixtures.house import RECEIVER, House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.errors import Conflict, NotFound
from roadstead.ledger.verify import verify
from roadstead.money import Money, currency
from roadstead.operations.alerts import AlertKind
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import PayoutAttempt
from roadstead.rails.statements import StatementLine
from roadstead.remittances.states import RemittanceStatus
from roadstead.statements import listing
from roadstead.statements.booking import book_waiting
from roadstead.statements.chaining import StatementStatus
from roadstead.statements.lines import take_turn
from roadstead.statements.listing import latest, positions, shown_lines
from roadstead.statements.taking import poll_statements, set_aside, take_back


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


def debit(attempt: PayoutAttempt, identity: str = "1", **changes: object) -> StatementLine:
    return line(identity, "-99.40", **({"end_to_end_id": attempt.end_to_end_id} | changes))


async def statuses(house: House) -> list[str]:
    found: Sequence[str] = await house.value(
        "SELECT array_agg(concat_ws(' ', identity, status, fault) ORDER BY id) FROM bank_statements"
    )
    return list(found)


async def meanings(house: House) -> list[str]:
    found: Sequence[str] = await house.value(
        "SELECT array_agg(concat_ws(' ', identity, status, matched_by, suspense_reason) ORDER BY id) "
        "FROM statement_lines"
    )
    return list(found)


async def is_sound(house: House) -> bool:
    report = await verify(house.database)
    assert report.findings == ()
    return report.is_sound


class TestADebit:
    async def test_settles_a_payout_of_which_the_bank_said_no_more(self, house: House) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", debit(attempt, bank_reference="B1")))

        remittance = await house.value("SELECT status FROM remittances")
        assert remittance == RemittanceStatus.COMPLETED
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.SETTLED
        assert (await house.books())["bank:sepa EUR"] == "900.60"
        assert await meanings(house) == ["1 matched end_to_end_id"]
        assert await is_sound(house)

    async def test_of_a_settled_payout_is_linked_and_not_booked_again(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        before = await house.value("SELECT count(*) FROM postings WHERE idempotency_key LIKE 'attempt:%'")
        await booked(house, statement("S1", "1000", debit(attempt)))
        assert (
            await house.value("SELECT count(*) FROM postings WHERE idempotency_key LIKE 'attempt:%'")
            == before
        )
        assert await house.value("SELECT count(*) FROM rail_events") == 0
        assert (await house.books())["bank:sepa EUR"] == "900.60"
        assert await is_sound(house)

    async def test_is_recognised_by_the_attempts_key(self, house: House) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40", key=attempt.key)))
        assert await meanings(house) == ["1 matched key"]

    async def test_is_recognised_by_the_banks_reference(self, house: House) -> None:
        attempt = await submitted(house)
        reference = f"REF{attempt.key[-6:]}"
        await booked(house, statement("S1", "1000", line("1", "-99.40", bank_reference=reference)))
        assert await meanings(house) == ["1 matched reference"]

    async def test_is_recognised_by_amount_day_and_creditor_when_only_one_payout_fits(
        self, house: House
    ) -> None:
        attempt = await submitted(house)
        day = house.clock.now().date()
        nameless = line(
            "1",
            "-99.40",
            booked_on=day,
            end_to_end_id="NOTPROVIDED",
            counterparty_name="RECEIVER ROSA",
        )
        await booked(house, statement("S1", "1000", nameless))
        assert await meanings(house) == ["1 matched amount"]
        assert await house.value("SELECT attempt_key FROM statement_lines") == attempt.key

    async def test_that_names_a_payout_has_it_rather_than_one_before_that_only_fits(
        self, house: House
    ) -> None:
        attempt = await submitted(house)
        day = house.clock.now().date()
        guess = line("1", "-99.40", booked_on=day, counterparty_name="Rosa Receiver")
        await booked(house, statement("S1", "1000", guess, debit(attempt, "2")))
        assert await meanings(house) == ["1 suspended unknown", "2 matched end_to_end_id"]
        assert await house.alerts() == []
        assert await is_sound(house)

    async def test_is_not_guessed_when_two_payouts_fit(self, house: House) -> None:
        await submitted(house)
        await submitted(house)
        day = house.clock.now().date()
        account = RECEIVER["bank_account_number"]
        await booked(
            house, statement("S1", "1000", line("1", "-99.40", booked_on=day, counterparty_account=account))
        )
        assert await meanings(house) == ["1 suspended unknown"]
        assert await is_sound(house)

    async def test_forgets_whom_it_names_when_it_is_matched(self, house: House) -> None:
        attempt = await submitted(house)
        told = debit(attempt, counterparty_name="Rosa Receiver", information="A gift")
        await booked(house, statement("S1", "1000", told))
        query = "SELECT counterparty_name IS NULL AND information = '' FROM statement_lines"
        assert await house.value(query)

    async def test_of_another_amount_waits_in_suspense_and_is_told(self, house: House) -> None:
        attempt = await submitted(house)
        wrong = line("1", "-99.41", end_to_end_id=attempt.end_to_end_id)
        await booked(house, statement("S1", "1000", wrong))
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.ACCEPTED
        assert await house.alerts() == [AlertKind.STATEMENT_LINE_UNCLEAR]
        assert (await house.books())["suspense:bank EUR"] == "99.41"
        assert await is_sound(house)

    async def test_that_comes_twice_is_told_as_paid_twice(self, house: House) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", debit(attempt), debit(attempt, "2")))
        assert await meanings(house) == ["1 matched end_to_end_id", "2 suspended second_debit"]
        assert AlertKind.PAYOUT_PAID_TWICE in await house.alerts()
        assert await is_sound(house)

    async def test_of_a_refused_attempt_is_a_contradiction_for_people(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.REFUSE)
        await booked(house, statement("S1", "1000", debit(attempt)))
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.HELD
        assert await is_sound(house)
        async with house.database.connection() as connection:
            (position,) = await positions(connection, "sepa")
        assert [(item.kind, item.subject, str(item.amount)) for item in position.items] == [
            ("not_booked_out", attempt.key, "99.40 EUR")
        ]


class TestACredit:
    async def test_with_a_reason_is_a_return_short_of_the_banks_fee(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        back = line("2", "94.40", end_to_end_id=attempt.end_to_end_id, reason="AC04")
        await booked(house, statement("S1", "1000", debit(attempt), back))
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.RETURNED
        books = await house.books()
        assert (books["bank:sepa EUR"], books["fees:bank EUR"]) == ("995.00", "5.00")
        assert await is_sound(house)

    async def test_and_its_debit_in_one_statement_are_both_heard(self, house: House) -> None:
        attempt = await submitted(house)
        back = line("2", "99.40", end_to_end_id=attempt.end_to_end_id, reason="AC04")
        await booked(house, statement("S1", "1000", debit(attempt), back))
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.RETURNED
        assert (await house.books())["bank:sepa EUR"] == "1000.00"
        assert await is_sound(house)

    async def test_that_undoes_a_debit_is_for_people(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        undone = line("2", "99.40", end_to_end_id=attempt.end_to_end_id, is_reversal=True)
        await booked(house, statement("S1", "1000", debit(attempt), undone))
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.SETTLED
        assert await house.alerts() == [AlertKind.STATEMENT_LINE_UNCLEAR]
        assert (await house.books())["suspense:bank EUR"] == "-99.40"
        assert await is_sound(house)

    async def test_from_outside_and_a_fee_stand_in_suspense(self, house: House) -> None:
        wire, fee = line("1", "5000", counterparty_name="Example Sender"), line("2", "-3.50")
        await booked(house, statement("S1", "1000", wire, fee))
        books = await house.books()
        assert (books["suspense:bank EUR"], books["bank:sepa EUR"]) == ("-4996.50", "5996.50")
        assert await house.alerts() == []
        assert await is_sound(house)


class TestTheChain:
    async def test_a_copy_changes_nothing(self, house: House) -> None:
        once = statement("S1", "1000", line("1", "5"))
        await booked(house, once, once, replace(once, identity="S1 again", created_at=None))
        assert await statuses(house) == ["S1 linked"]
        assert (await house.books())["bank:sepa EUR"] == "1005.00"

    async def test_what_does_not_follow_waits_and_is_told(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")), statement("S3", "1010", line("1", "5")))
        assert await statuses(house) == ["S1 linked", "S3 broken gap"]
        assert await house.alerts() == [AlertKind.STATEMENT_BROKEN]
        assert (await house.books())["bank:sepa EUR"] == "1005.00"
        assert await is_sound(house)

    async def test_the_missing_one_heals_it_and_everything_after_is_booked(self, house: House) -> None:
        days = [DAY + timedelta(number) for number in range(4)]
        parts = [
            statement(f"S{number}", str(1000 + 5 * number), line("1", "5"), opened_on=day, closed_on=day)
            for number, day in enumerate(days)
        ]
        await booked(house, parts[0], parts[3], parts[2])
        assert await statuses(house) == ["S0 linked", "S3 broken gap", "S2 broken gap"]
        await booked(house, parts[1])
        assert await statuses(house) == ["S0 linked", "S3 linked", "S2 linked", "S1 linked"]
        assert (await house.books())["bank:sepa EUR"] == "1020.00"
        assert await house.alerts() == []
        assert await is_sound(house)

    async def test_one_that_does_not_add_up_is_replaced_by_its_whole_copy(self, house: House) -> None:
        whole = statement("S1", "1000", line("1", "5"), line("2", "7"))
        await booked(house, replace(whole, lines=whole.lines[:1]))
        assert await statuses(house) == ["S1 broken does_not_add_up"]
        await booked(house, whole)
        assert await statuses(house) == ["S1 superseded does_not_add_up", "S1 linked"]
        assert await house.alerts() == []
        assert (await house.books())["bank:sepa EUR"] == "1012.00"

    async def test_other_content_under_a_known_identity_is_not_booked(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")))
        await booked(house, statement("S1", "1005", line("1", "700")))
        assert await statuses(house) == ["S1 linked", "S1 broken changed"]
        assert (await house.books())["bank:sepa EUR"] == "1005.00"

    async def test_an_overdrawn_account_opens_below_zero(self, house: House) -> None:
        await booked(house, statement("S1", "-20", line("1", "5")))
        assert (await house.books())["bank:sepa EUR"] == "-15.00"
        assert await is_sound(house)

    async def test_the_first_opening_holds_what_was_paid_before_it(self, house: House) -> None:
        await submitted(house, Behaviour.SETTLE)
        tomorrow = datetime.now(UTC).date() + timedelta(1)
        await booked(house, statement("S1", "900.60", line("1", "5"), opened_on=tomorrow, closed_on=tomorrow))
        assert (await house.books())["bank:sepa EUR"] == "905.60"
        async with house.database.connection() as connection:
            (position,) = await positions(connection)
        assert position.items == ()
        assert await is_sound(house)

    async def test_a_settled_payout_that_is_not_yet_stated_is_named(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        await booked(house, statement("S1", "1000", line("1", "5"), opened_on=date(2020, 1, 1)))
        async with house.database.connection() as connection:
            (position,) = await positions(connection)
        assert (str(position.closing), str(position.booked)) == ("1005.00 EUR", "905.60 EUR")
        assert [(item.kind, item.subject, str(item.amount)) for item in position.items] == [
            ("not_stated", attempt.key, "-99.40 EUR")
        ]
        assert await is_sound(house)

    async def test_a_line_that_is_told_twice_is_booked_once_and_holds_up_nothing(self, house: House) -> None:
        twice = statement("S1", "1000", line("1", "5"))
        await booked(house, replace(twice, lines=twice.lines * 2), statement("S2", "1005", line("1", "5")))
        assert await statuses(house) == ["S1 linked", "S2 linked"]
        assert (await house.books())["bank:sepa EUR"] == "1010.00"
        assert await is_sound(house)

    async def test_texts_that_cannot_be_stored_hold_up_nothing(self, house: House) -> None:
        wild = statement("S\0", "1000", line("L" * 5000, "5", information="\0", end_to_end_id="\0" * 9))
        await booked(house, wild)
        assert (await house.books())["bank:sepa EUR"] == "1005.00"

    async def test_one_in_another_currency_with_the_same_number_puts_nothing_aside(
        self, house: House
    ) -> None:
        dollar = currency("USD")
        broken = statement("S1", "1000", line("1", "5"), sequence=7, closing=euros("1"))
        dollars = replace(
            statement("D1", "0", sequence=7), opening=Money(dollar, 0), closing=Money(dollar, 0)
        )
        await booked(house, broken, dollars)
        assert await statuses(house) == ["S1 broken does_not_add_up", "D1 linked"]
        assert await house.alerts() == [AlertKind.STATEMENT_BROKEN]

    async def test_what_the_list_has_no_place_for_is_told_as_one_sum(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listing, "ITEMS_MAX", 1)
        for _ in range(3):
            await submitted(house, Behaviour.SETTLE)
        await booked(house, statement("S1", "1000", line("1", "5"), opened_on=date(2020, 1, 1)))
        async with house.database.connection() as connection:
            (position,) = await positions(connection)
        assert (len(position.items), str(position.unnamed)) == (1, "-198.80 EUR")


class TestAtOnce:
    async def test_lines_are_given_to_attempts_by_one_worker_at_a_time(self, house: House) -> None:
        attempt = await submitted(house)
        await taken(house, statement("S1", "1000", debit(attempt)))
        async with house.database.transaction() as connection:
            await take_turn(connection)
            other = asyncio.create_task(book_waiting(house.database, {}, house.clock))
            assert await asyncio.wait([other], timeout=0.3) == (set(), {other})
        assert await other == 1

    async def test_what_is_set_aside_is_not_linked_meanwhile(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")), statement("S3", "1010", line("1", "5")))
        async with house.database.transaction() as connection:
            await set_aside(connection, 2, reason="before our time", actor="tests")
            other = asyncio.create_task(taken(house, statement("S2", "1005", line("1", "5"))))
            assert await asyncio.wait([other], timeout=0.3) == (set(), {other})
        await other
        assert await statuses(house) == ["S1 linked", "S3 superseded gap", "S2 linked"]


class TestPolling:
    async def test_reads_from_where_it_stopped_and_stores_nothing_twice(self, house: House) -> None:
        source = Statements([statement(f"S{number}", "1000", sequence=number) for number in range(1, 6)])
        assert await poll_statements(house.database, "sepa", source, house.clock) == 5
        assert await poll_statements(house.database, "sepa", source, house.clock) == 0
        source.told.append(statement("S6", "1000", sequence=6))
        assert await poll_statements(house.database, "sepa", source, house.clock) == 1
        assert await statuses(house) == [f"S{number} linked" for number in range(1, 7)]


class TestTheDatabase:
    async def test_links_nothing_that_does_not_open_where_the_last_closed(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")), statement("S2", "1010"))
        with pytest.raises(asyncpg.RestrictViolationError, match="does not open"):
            await house.execute(
                "UPDATE bank_statements SET status = 'linked', fault = NULL, linked_at = now(), "
                "follows = (SELECT id FROM bank_statements WHERE identity = 'S1') WHERE identity = 'S2'"
            )

    async def test_books_no_line_of_a_broken_statement(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")), statement("S2", "1010", line("9", "1")))
        with pytest.raises(asyncpg.RestrictViolationError, match="not in the chain"):
            await house.execute(
                "UPDATE statement_lines SET status = 'suspended', suspense_reason = 'unknown', booked_at = now() "
                "WHERE identity = '9'"
            )

    async def test_lets_no_line_change(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")))
        for change in ("amount_units = 1", "status = 'stored'"):
            with pytest.raises(asyncpg.RestrictViolationError, match="never changes"):
                await house.execute(f"UPDATE statement_lines SET {change}")


class TestListing:
    async def test_shows_statements_and_lines_without_whom_they_name(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5", counterparty_name="Somebody")))
        async with house.database.connection() as connection:
            (summary,) = await latest(connection, rail="sepa", status=None, limit=10)
            (shown,) = await shown_lines(connection, summary.id, status=None, limit=10)
        assert (summary.lines, summary.suspended, str(summary.closing)) == (1, 1, str(euros("1005")))
        assert "Somebody" not in repr(shown)


class TestTheVerifier:
    """Each fault is planted with triggers off, and named by its check."""

    @pytest.fixture
    async def told(self, house: House) -> House:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", debit(attempt), line("2", "-3.50")))
        assert await is_sound(house)
        return house

    async def _found(self, house: House, *statements: str) -> set[str]:
        async with house.database.transaction() as connection:
            await connection.execute("SET LOCAL session_replication_role = replica")
            for one in statements:
                await connection.execute(one)
        return {finding.check for finding in (await verify(house.database)).findings}

    async def test_finds_a_line_in_suspense_that_is_not_booked(self, told: House) -> None:
        gone = "DELETE FROM {} WHERE {} IN (SELECT id FROM postings WHERE event = 'bank_debited')"
        found = await self._found(told, gone.format("entries", "posting_id"), gone.format("postings", "id"))
        assert found == {"lines_booked", "suspense_lines", "bank_stated"}

    async def test_finds_a_bank_that_closed_elsewhere(self, told: House) -> None:
        found = await self._found(told, "UPDATE bank_statements SET closing_units = closing_units + 1")
        assert found == {"statements_follow", "bank_stated", "migrations"}

    async def test_finds_money_at_a_bank_that_nothing_explains(self, told: House) -> None:
        found = await self._found(
            told,
            "INSERT INTO postings (idempotency_key, event) VALUES ('opening:99', 'bank_opened')",
            "INSERT INTO entries (posting_id, account, asset, amount_units) SELECT p.id, v.account, 'iso4217:EUR', "
            "v.units FROM postings AS p, (VALUES ('bank:sepa', 5), ('treasury:opening', -5)) AS v (account, units) "
            "WHERE p.idempotency_key = 'opening:99'",
        )
        assert found == {"bank_stated"}


class TestSettingAside:
    async def test_ends_the_alert_of_what_nothing_heals_and_is_audited(self, house: House) -> None:
        await booked(house, statement("S2", "1000", line("1", "5")), statement("S0", "10", line("1", "5")))
        async with house.database.transaction() as connection:
            await set_aside(connection, 2, reason="before our time", actor="tests")
        assert await statuses(house) == ["S2 linked", "S0 superseded gap"]
        assert await house.alerts() == []
        assert (
            await house.value("SELECT actor FROM audit_log WHERE action = 'statement.set_aside'") == "tests"
        )

    async def test_is_not_for_one_in_the_chain_or_one_that_is_not_there(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")))
        async with house.database.transaction() as connection:
            with pytest.raises(Conflict, match="only a broken one"):
                await set_aside(connection, 1, reason="a mistake", actor="tests")
            with pytest.raises(NotFound):
                await set_aside(connection, 99, reason="a mistake", actor="tests")


class TestTakingBack:
    async def test_links_what_was_set_aside_too_early(self, house: House) -> None:
        await booked(house, statement("S1", "1000", line("1", "5")), statement("S3", "1010", line("1", "5")))
        async with house.database.transaction() as connection:
            await set_aside(connection, 2, reason="a mistake", actor="tests")
        await booked(house, statement("S2", "1005", line("1", "5")), statement("S3", "1010", line("1", "5")))
        assert await statuses(house) == ["S1 linked", "S3 superseded gap", "S2 linked"]
        async with house.database.transaction() as connection:
            status = await take_back(
                connection, 2, reason="needed after all", actor="tests", now=house.clock.now()
            )
        assert status is StatementStatus.LINKED
        await booked(house)
        assert (await house.books())["bank:sepa EUR"] == "1015.00"
        assert (
            await house.value("SELECT actor FROM audit_log WHERE action = 'statement.taken_back'") == "tests"
        )
        assert await is_sound(house)

    async def test_is_only_for_what_was_set_aside_and_is_sound_by_itself(self, house: House) -> None:
        whole = statement("S1", "1000", line("1", "5"))
        await booked(house, replace(whole, lines=()), whole)
        assert await statuses(house) == ["S1 superseded does_not_add_up", "S1 linked"]
        async with house.database.transaction() as connection:
            for statement_id, why in ((1, "whole one"), (2, "set aside")):
                with pytest.raises(Conflict, match=why):
                    await take_back(
                        connection, statement_id, reason="?", actor="tests", now=house.clock.now()
                    )


class TestAfterARestore:
    async def test_lines_wait_until_what_was_lost_is_read_again(self, house: House) -> None:
        attempt = await submitted(house)
        await house.execute(
            "INSERT INTO restorations (taken_at, cursors) VALUES (now() - interval '1 hour', '{}')"
        )
        await booked(house, statement("S1", "1000", debit(attempt)))
        assert await meanings(house) == ["1 stored"]
        await house.execute("UPDATE restorations SET ended_at = now(), ended_by = 'tests'")
        await booked(house)
        assert await meanings(house) == ["1 matched end_to_end_id"]

    async def test_a_line_of_a_payout_whose_attempt_was_lost_waits_for_it(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        payout = await house.payout(opened.id)
        await house.execute(
            "INSERT INTO restorations (taken_at, cursors, ended_at, ended_by) "
            "VALUES (now() - interval '1 hour', '{}', now(), 'tests')"
        )
        await booked(house, statement("S1", "1000", line("1", "-99.40", end_to_end_id=payout.end_to_end_id)))
        assert await meanings(house) == ["1 stored"]
        await house.work()
        await house.work()
        await booked(house)
        assert await meanings(house) == ["1 matched end_to_end_id"]
        assert await is_sound(house)
