"""Lines in suspense: people say what each is, the database lets each be said once, and what was wrong is undone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.bank_day import booked, heard, submitted
from tests.fixtures.bank_statements import DAY, line, statement
from tests.fixtures.house import House, house_on
from tests.fixtures.operators import add_operator, vote
from tests.fixtures.scripted_rail import Behaviour

from roadstead.boundaries import watched_by
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.ledger.verify import verify
from roadstead.money import Money, currency
from roadstead.operations.alerts import AlertKind
from roadstead.operations.holds import HoldKind
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.statements import StatementLine
from roadstead.remittances.states import RemittanceStatus
from roadstead.service import gauges
from roadstead.service.metrics import registry
from roadstead.statements.resolutions import ACCOUNTS, Purpose, SuspensePolicies, suspense_policies_of
from roadstead.statements.resolving import apply_resolutions, ask_to_correct, ask_to_resolve
from roadstead.statements.suspense import history, reveal, waiting
from roadstead.statements.watching import watch_suspense


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


def policies(house: House) -> SuspensePolicies:
    return suspense_policies_of(house.configuration.anchor)


async def asked(
    house: House, line_id: int = 1, purpose: Purpose = Purpose.BANK_FEE, attempt: str | None = None
) -> UUID:
    async with house.database.transaction() as connection:
        return await ask_to_resolve(
            connection,
            line_id,
            purpose=purpose,
            attempt_key=attempt,
            policies=policies(house),
            reason="as the bank says",
            actor="tests",
        )


async def asked_to_correct(house: House, line_id: int = 1) -> UUID:
    async with house.database.transaction() as connection:
        return await ask_to_correct(
            connection, line_id, policies=policies(house), reason="a mistake", actor="tests"
        )


async def decide(house: House, hold_id: UUID, decision: str = "release") -> None:
    """Let as many people as it needs agree."""
    async with house.database.transaction() as connection:
        people = await connection.fetchval("SELECT approvals FROM holds WHERE id = $1", hold_id)
        for number in range(people):
            person = await add_operator(connection, f"person-{hold_id}-{number}")
            await vote(connection, hold_id, person, "approve" if number else "propose", decision=decision)


async def resolved(
    house: House, line_id: int = 1, purpose: Purpose = Purpose.BANK_FEE, attempt: str | None = None
) -> None:
    """Resolve a line from the question to the books."""
    await decide(house, await asked(house, line_id, purpose, attempt))
    assert await apply_resolutions(house.database, house.clock) == 1
    await heard(house)


async def corrected(house: House, line_id: int = 1) -> None:
    await decide(house, await asked_to_correct(house, line_id))
    assert await apply_resolutions(house.database, house.clock) == 1


async def standing(house: House) -> list[str]:
    found: list[str] = await house.value(
        "SELECT array_agg(concat_ws(' ', id, status, matched_by) ORDER BY id) FROM statement_lines"
    )
    return found


async def sound(house: House) -> None:
    report = await verify(house.database)
    assert report.findings == ()


def set_terms(house: House, **changes: object) -> None:
    rail = house.configuration.anchor.rail("sepa")
    house.set_rails(replace(rail, **changes))  # type: ignore[arg-type]


FEE = line("1", "-3.50", counterparty_name="The Bank", information="Fee of January")
FEE_2 = line("2", "-3.50")
WIRE = line("1", "5000", counterparty_name="Example Sender")


class TestToAnAccount:
    @pytest.mark.parametrize("purpose", sorted(ACCOUNTS))
    async def test_money_that_went_out_leaves_suspense_for_the_account_of_its_purpose(
        self, house: House, purpose: Purpose
    ) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await resolved(house, purpose=purpose)
        books = await house.books()
        assert books[f"{ACCOUNTS[purpose]} EUR"] == "3.50"
        assert "suspense:bank EUR" not in books
        assert books["bank:sepa EUR"] == "996.50"
        assert await standing(house) == ["1 resolved"]
        await sound(house)

    @pytest.mark.parametrize("purpose", sorted(set(ACCOUNTS) - {Purpose.WRITE_OFF}))
    async def test_money_that_came_in_stands_there_as_a_credit(self, house: House, purpose: Purpose) -> None:
        await booked(house, statement("S1", "1000", WIRE))
        await resolved(house, purpose=purpose)
        assert (await house.books())[f"{ACCOUNTS[purpose]} EUR"] == "-5000.00"
        await sound(house)

    async def test_money_that_came_in_is_never_written_off(self, house: House) -> None:
        await booked(house, statement("S1", "1000", WIRE))
        with pytest.raises(Conflict, match="belongs to somebody"):
            await asked(house, purpose=Purpose.WRITE_OFF)

    async def test_works_in_a_currency_without_decimals(self, house: House) -> None:
        yen = currency("JPY")
        fee = replace(FEE, amount=Money(yen, 3))
        told = statement("S1", "0", fee, closing=Money(yen, 997))
        await booked(house, replace(told, opening=Money(yen, 1000)))
        await resolved(house)
        assert (await house.books())["fees:bank JPY"] == "3"
        await sound(house)

    async def test_is_kept_in_the_audit_log_with_its_reason(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await resolved(house)
        query = "SELECT detail ->> 'purpose' FROM audit_log WHERE action = 'statement_line.resolve_release'"
        assert await house.value(query) == "bank_fee"

    async def test_a_refused_proposal_leaves_the_line_where_it_is(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await decide(house, await asked(house), "refuse")
        await apply_resolutions(house.database, house.clock)
        assert await standing(house) == ["1 suspended"]
        assert await house.held() == []


class TestPeople:
    async def test_two_agree_where_nothing_else_is_said(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        hold_id = await asked(house)
        assert await house.value("SELECT approvals FROM holds WHERE id = $1", hold_id) == 2

    @pytest.mark.parametrize(("limit", "people"), [("3.50", 1), ("3.49", 2)])
    async def test_one_decides_up_to_the_limit_of_the_rail(
        self, house: House, limit: str, people: int
    ) -> None:
        set_terms(house, suspense_approval_above=Decimal(limit))
        await booked(house, statement("S1", "1000", FEE))
        hold_id = await asked(house)
        assert await house.value("SELECT approvals FROM holds WHERE id = $1", hold_id) == people

    async def test_two_agree_to_what_moves_a_payout_however_small(self, house: House) -> None:
        set_terms(house, suspense_approval_above=Decimal(100_000))
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40")))
        hold_id = await asked(house, purpose=Purpose.PAYOUT, attempt=attempt.key)
        assert await house.value("SELECT approvals FROM holds WHERE id = $1", hold_id) == 2

    async def test_the_same_question_twice_is_one_hold_and_another_one_takes_its_place(
        self, house: House
    ) -> None:
        await booked(house, statement("S1", "1000", FEE))
        first = await asked(house)
        assert await asked(house) == first
        assert await asked(house, purpose=Purpose.INTEREST) != first
        assert await house.held() == [HoldKind.STATEMENT_LINE]

    async def test_a_reason_is_needed_and_an_attempt_with_a_payout_only(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        with pytest.raises(BadInput, match="Give an attempt"):
            await asked(house, purpose=Purpose.PAYOUT)
        with pytest.raises(BadInput, match="Give an attempt"):
            await asked(house, purpose=Purpose.BANK_FEE, attempt="A1")
        with pytest.raises(NotFound):
            await asked(house, line_id=99)
        with pytest.raises(NotFound):
            await asked(house, purpose=Purpose.PAYOUT, attempt="A1")


class TestToAPayout:
    async def test_a_debit_settles_it_as_a_matched_line_does(self, house: House) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40", counterparty_name="R. R.")))
        await resolved(house, purpose=Purpose.PAYOUT, attempt=attempt.key)

        assert await house.value("SELECT status FROM payouts") == PayoutStatus.SETTLED
        assert await house.value("SELECT status FROM remittances") == RemittanceStatus.COMPLETED
        assert await standing(house) == ["1 matched person"]
        assert await house.value("SELECT counterparty_name IS NULL FROM statement_lines")
        books = await house.books()
        assert (books["bank:sepa EUR"], books.get("suspense:bank EUR")) == ("900.60", None)
        await sound(house)

    async def test_a_debit_of_a_settled_payout_is_linked_and_not_booked_again(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        await booked(house, statement("S1", "1000", line("1", "-99.40")))
        assert (await house.books())["bank:sepa EUR"] == "801.20"
        await resolved(house, purpose=Purpose.PAYOUT, attempt=attempt.key)
        assert (await house.books())["bank:sepa EUR"] == "900.60"
        assert await house.value("SELECT count(*) FROM rail_events") == 0
        await sound(house)

    async def test_a_credit_without_a_reason_returns_it(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        told = [
            line("1", "-99.40", end_to_end_id=attempt.end_to_end_id),
            line("2", "94.40", end_to_end_id=attempt.end_to_end_id),
        ]
        await booked(house, statement("S1", "1000", *told))
        assert await house.alerts() == [AlertKind.STATEMENT_LINE_UNCLEAR]
        await resolved(house, 2, Purpose.PAYOUT, attempt.key)

        assert await house.value("SELECT status FROM payouts") == PayoutStatus.RETURNED
        books = await house.books()
        assert (books["bank:sepa EUR"], books["fees:bank EUR"]) == ("995.00", "5.00")
        assert AlertKind.STATEMENT_LINE_UNCLEAR not in await house.alerts()
        await sound(house)

    async def test_a_line_that_the_bank_took_back_can_be_its_return(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.SETTLE)
        told = [
            line("1", "-99.40", end_to_end_id=attempt.end_to_end_id),
            line("2", "99.40", end_to_end_id=attempt.end_to_end_id, is_reversal=True),
        ]
        await booked(house, statement("S1", "1000", *told))
        await resolved(house, 2, Purpose.PAYOUT, attempt.key)
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.RETURNED
        await sound(house)

    async def test_a_second_debit_is_refused_whatever_people_say(self, house: House) -> None:
        attempt = await submitted(house)
        told = [line("1", "-99.40", end_to_end_id=attempt.end_to_end_id), line("2", "-99.40")]
        await booked(house, statement("S1", "1000", *told))
        with pytest.raises(Conflict, match="paid once"):
            await asked(house, 2, Purpose.PAYOUT, attempt.key)

    @pytest.mark.parametrize(
        ("told", "why"),
        [
            (line("1", "-99.41"), "with its own amount"),
            (line("1", "-99.40", is_reversal=True), "pays no payout"),
            (line("1", "99.41"), "more than"),
        ],
    )
    async def test_what_cannot_be_it_is_refused(self, house: House, told: StatementLine, why: str) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", told))
        with pytest.raises(Conflict, match=why):
            await asked(house, purpose=Purpose.PAYOUT, attempt=attempt.key)

    async def test_a_payout_that_the_bank_refused_is_a_contradiction_for_people(self, house: House) -> None:
        attempt = await submitted(house, Behaviour.REFUSE)
        await booked(house, statement("S1", "1000", line("1", "-99.40")))
        await resolved(house, purpose=Purpose.PAYOUT, attempt=attempt.key)
        assert await house.value("SELECT status FROM payouts") == PayoutStatus.HELD
        await sound(house)

    async def test_what_another_line_told_meanwhile_undoes_the_decision_and_not_the_books(
        self, house: House
    ) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40")))
        await decide(house, await asked(house, purpose=Purpose.PAYOUT, attempt=attempt.key))
        named = line("1", "-99.40", end_to_end_id=attempt.end_to_end_id)
        await booked(house, statement("S2", "900.60", named, closed_on=DAY + timedelta(1)))

        assert await apply_resolutions(house.database, house.clock) == 1
        assert await standing(house) == ["1 suspended", "2 matched end_to_end_id"]
        assert AlertKind.DECISION_NOT_APPLIED in await house.alerts()
        assert await house.held() == []
        await sound(house)


class TestCorrecting:
    async def test_posts_the_contrary_and_the_line_may_be_resolved_anew(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await resolved(house)
        await corrected(house)
        books = await house.books()
        assert (books["suspense:bank EUR"], books.get("fees:bank EUR")) == ("3.50", None)
        assert await standing(house) == ["1 suspended"]
        await sound(house)

        await resolved(house, purpose=Purpose.INTEREST)
        assert (await house.books())["treasury:interest EUR"] == "3.50"
        assert await house.value("SELECT count(*) FROM postings WHERE idempotency_key LIKE 'line:%'") == 4
        await sound(house)

    async def test_undoes_a_payout_that_was_told_nothing(self, house: House) -> None:
        wrong = await submitted(house, Behaviour.SETTLE)
        right = await submitted(house, Behaviour.SETTLE)
        await booked(house, statement("S1", "1000", line("1", "-99.40")))
        await resolved(house, purpose=Purpose.PAYOUT, attempt=wrong.key)
        await corrected(house)
        await sound(house)
        await resolved(house, purpose=Purpose.PAYOUT, attempt=right.key)
        assert await house.value("SELECT attempt_key FROM statement_lines") == right.key
        await sound(house)

    async def test_takes_nothing_back_that_a_payout_was_told(self, house: House) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40")))
        await resolved(house, purpose=Purpose.PAYOUT, attempt=attempt.key)
        with pytest.raises(Conflict, match="not taken back"):
            await asked_to_correct(house)

    async def test_needs_a_resolution_that_stands(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        with pytest.raises(Conflict, match="nothing to correct"):
            await asked_to_correct(house)


class Killed(BaseException):
    """The process ends here."""


class TestACrash:
    @pytest.mark.parametrize("side", ["before", "after"])
    async def test_at_the_commit_of_a_decision_books_it_once(self, house: House, side: str) -> None:
        def watch(passed: str) -> None:
            if passed == f"statements.resolving.apply_resolutions.commit.{side}":
                raise Killed

        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40"), FEE_2))
        await decide(house, await asked(house, 1, Purpose.PAYOUT, attempt.key))
        await decide(house, await asked(house, 2))
        with watched_by(watch), pytest.raises(Killed):
            await apply_resolutions(house.database, house.clock)
        assert await apply_resolutions(house.database, house.clock) == (2 if side == "before" else 0)
        await heard(house)
        assert await standing(house) == ["1 matched person", "2 resolved"]
        assert await house.value("SELECT count(*) FROM rail_events") == 1
        assert (await house.books())["bank:sepa EUR"] == "897.10"
        await sound(house)


class TestAtOnce:
    async def test_many_workers_apply_one_decision_once(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await decide(house, await asked(house))
        counts = await asyncio.gather(*(apply_resolutions(house.database, house.clock) for _ in range(4)))
        assert sum(counts) == 1
        assert (await house.books())["fees:bank EUR"] == "3.50"
        await sound(house)

    async def test_of_two_lines_said_to_be_one_debit_the_second_is_not(self, house: House) -> None:
        attempt = await submitted(house)
        await booked(house, statement("S1", "1000", line("1", "-99.40"), line("2", "-99.40")))
        for line_id in (1, 2):
            await decide(house, await asked(house, line_id, Purpose.PAYOUT, attempt.key))
        await asyncio.gather(*(apply_resolutions(house.database, house.clock) for _ in range(3)))
        await heard(house)
        assert sorted(await standing(house)) == ["1 matched person", "2 suspended"]
        assert await house.value("SELECT count(*) FROM rail_events") == 1
        await sound(house)


class TestTheDatabase:
    async def test_lets_no_line_leave_suspense_without_a_decision(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        with pytest.raises(asyncpg.RestrictViolationError, match="only as people decided"):
            await house.execute("UPDATE statement_lines SET status = 'resolved'")

    async def test_takes_no_resolution_that_people_have_not_decided(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        hold_id = await asked(house)
        insert = (
            "INSERT INTO line_resolutions (line_id, number, purpose, account, hold_id, resolved_at) "
            "VALUES (1, 1, $1, $2, $3, now())"
        )
        with pytest.raises(asyncpg.RestrictViolationError, match="have not decided"):
            await house.execute(insert, "bank_fee", "fees:bank", hold_id)
        await decide(house, hold_id)
        for other in (("interest", "treasury:interest"), ("bank_fee", "treasury:interest")):
            with pytest.raises(asyncpg.RestrictViolationError, match="have not decided"):
                await house.execute(insert, *other, hold_id)

    async def test_keeps_one_resolution_of_a_line_and_never_deletes_it(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await resolved(house)
        with pytest.raises(asyncpg.RestrictViolationError, match="only a line in suspense"):
            await house.execute(
                "INSERT INTO line_resolutions (line_id, number, purpose, account, hold_id, resolved_at) "
                "SELECT line_id, 2, purpose, account, hold_id, now() FROM line_resolutions"
            )
        with pytest.raises(asyncpg.RestrictViolationError):
            await house.execute("UPDATE line_resolutions SET purpose = 'capital'")
        with pytest.raises(asyncpg.PostgresError):
            await house.execute("DELETE FROM line_resolutions")


class TestLooking:
    async def test_lists_the_oldest_first_without_whom_they_name(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE, line("2", "7")))
        hold_id = await asked(house)
        async with house.database.connection() as connection:
            found = await waiting(connection, rail="sepa", limit=10)
            assert await waiting(connection, rail="wire", limit=10) == []
        assert [(one.id, str(one.amount), one.hold_id) for one in found] == [
            (1, "-3.50 EUR", hold_id),
            (2, "7.00 EUR", None),
        ]
        assert "The Bank" not in repr(found)

    async def test_shows_whom_a_line_names_to_who_says_why(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        async with house.database.transaction() as connection:
            whom = await reveal(connection, 1, reason="to call them", actor="tests")
        assert (whom.counterparty_name, whom.information) == ("The Bank", "Fee of January")
        query = "SELECT detail ->> 'reason' FROM audit_log WHERE action = 'statement_line.revealed'"
        assert await house.value(query) == "to call them"

    async def test_remembers_every_resolution_and_its_correction(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        await resolved(house)
        await corrected(house)
        await resolved(house, purpose=Purpose.CAPITAL)
        async with house.database.connection() as connection:
            past = await history(connection, 1)
        assert [(one.purpose, one.corrected_at is not None) for one in past] == [
            (Purpose.BANK_FEE, True),
            (Purpose.CAPITAL, False),
        ]


class TestWatching:
    async def test_an_alert_is_open_while_a_line_stands_too_long(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE))
        now = house.clock.now()
        assert await watch_suspense(house.database, policies(house), now + timedelta(hours=47)) == 0
        assert await watch_suspense(house.database, policies(house), now + timedelta(hours=49)) == 1
        assert await house.alerts() == [AlertKind.SUSPENSE_OLD]
        assert "The Bank" not in await house.value("SELECT message FROM alerts")
        await resolved(house)
        assert await watch_suspense(house.database, policies(house), now + timedelta(hours=50)) == 0
        assert await house.alerts() == []

    async def test_metrics_tell_how_many_how_much_and_how_old(self, house: House) -> None:
        await booked(house, statement("S1", "1000", FEE, line("2", "7")))
        await gauges.refresh(house.database)
        labels = {"rail": "sepa", "asset": "iso4217:EUR", "direction": "out"}
        assert registry.get_sample_value("roadstead_suspense_lines", labels) == 1
        assert registry.get_sample_value("roadstead_suspense_units", labels) == 350
        assert registry.get_sample_value("roadstead_suspense_oldest_age_seconds", labels) is not None


class TestTheVerifier:
    """Each fault is planted with triggers off, and named by its check."""

    @pytest.fixture
    async def told(self, house: House) -> House:
        await booked(house, statement("S1", "1000", FEE))
        await resolved(house)
        await sound(house)
        return house

    async def _found(self, house: House, *statements: str) -> set[str]:
        async with house.database.transaction() as connection:
            await connection.execute("SET LOCAL session_replication_role = replica")
            for one in statements:
                await connection.execute(one)
        return {finding.check for finding in (await verify(house.database)).findings}

    async def test_finds_a_resolution_that_is_not_booked(self, told: House) -> None:
        gone = "DELETE FROM {} WHERE {} IN (SELECT id FROM postings WHERE event = 'line_resolved')"
        found = await self._found(told, gone.format("entries", "posting_id"), gone.format("postings", "id"))
        assert found == {"suspense_lines", "lines_resolved"}

    async def test_finds_one_that_is_booked_to_another_account(self, told: House) -> None:
        found = await self._found(
            told, "UPDATE entries SET account = 'losses:bank' WHERE account = 'fees:bank'"
        )
        assert found == {"lines_resolved"}

    async def test_finds_one_that_nobody_decided(self, told: House) -> None:
        found = await self._found(told, "DELETE FROM line_resolutions")
        assert found == {"lines_resolved", "migrations"}
