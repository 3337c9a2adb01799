"""What a line means, and when a creditor is recognised."""

from dataclasses import replace
from uuid import UUID

import pytest
from tests.fixtures.bank_statements import DAY, euros

from roadstead.rails.protocol import Creditor, RailStatus
from roadstead.statements.matching import (
    Line,
    Matched,
    MatchedBy,
    Named,
    Suspended,
    SuspenseReason,
    conclude,
    only_payee,
)

DEBIT = Line(
    id=1,
    rail="sepa",
    identity="statement:S:1",
    amount=euros("99.40"),
    is_credit=False,
    is_reversal=False,
    reason=None,
    reference="R",
    booked_on=DAY,
)
RETURN = replace(DEBIT, is_credit=True, reason="AC04")
NAMED = Named(
    key="A1",
    payout_id=UUID(int=1),
    by=MatchedBy.END_TO_END_ID,
    amount=euros("99.40"),
    is_settled=False,
    is_returned=False,
    is_debited=False,
    is_credited=False,
)


class TestADebit:
    def test_tells_of_a_settlement_that_nobody_heard_of(self) -> None:
        assert conclude(DEBIT, NAMED) == Matched(named=NAMED, tells=RailStatus.SETTLED)

    def test_tells_nothing_of_one_that_is_known(self) -> None:
        known = replace(NAMED, is_settled=True)
        assert conclude(DEBIT, known) == Matched(named=known, tells=None)

    @pytest.mark.parametrize(
        ("line", "named", "why"),
        [
            (DEBIT, None, SuspenseReason.UNKNOWN),
            (replace(DEBIT, amount=euros("99.41")), NAMED, SuspenseReason.OTHER_AMOUNT),
            (DEBIT, replace(NAMED, is_debited=True), SuspenseReason.SECOND_DEBIT),
            (replace(DEBIT, is_reversal=True), NAMED, SuspenseReason.REVERSAL),
            (replace(DEBIT, reason="AC04"), NAMED, SuspenseReason.REVERSAL),
        ],
    )
    def test_goes_to_suspense_when_it_is_not_the_payout_once(
        self, line: Line, named: Named | None, why: SuspenseReason
    ) -> None:
        assert conclude(line, named) == Suspended(why=why)


class TestACredit:
    def test_with_a_reason_tells_of_a_return_even_short_of_a_fee(self) -> None:
        short = replace(RETURN, amount=euros("94.40"))
        assert conclude(short, NAMED) == Matched(named=NAMED, tells=RailStatus.RETURNED)

    @pytest.mark.parametrize(
        ("line", "named", "why"),
        [
            (replace(RETURN, reason=None), NAMED, SuspenseReason.WITHOUT_REASON),
            (replace(RETURN, amount=euros("99.41")), NAMED, SuspenseReason.OTHER_AMOUNT),
            (RETURN, replace(NAMED, is_credited=True), SuspenseReason.SECOND_CREDIT),
            (replace(RETURN, is_reversal=True), NAMED, SuspenseReason.REVERSAL),
            (RETURN, None, SuspenseReason.UNKNOWN),
        ],
    )
    def test_goes_to_suspense_when_it_is_no_return_of_it(
        self, line: Line, named: Named | None, why: SuspenseReason
    ) -> None:
        assert conclude(line, named) == Suspended(why=why)


ADA = ("A1", Creditor(name="Ada Ängström-Lovelace Byron", account_number="DE89370400440532013000"))
BOB = ("A2", Creditor(name="Bob Builder", account_number="FR1420041010050500013M02606"))


class TestACreditor:
    @pytest.mark.parametrize(
        "name", ["ADA ANGSTROM LOVELACE BYRON", "Byron Lovelace, Ada Ängström", "Ada Ängström-Lovelace By"]
    )
    def test_is_recognised_by_a_name_in_another_spelling_order_or_cut(self, name: str) -> None:
        assert only_payee(name, None, [ADA, BOB]) == "A1"

    def test_is_recognised_by_the_account_rather_than_the_name(self) -> None:
        assert only_payee("Bob Builder", "DE89 3704 0044 0532 0130 00", [ADA, BOB]) == "A1"

    @pytest.mark.parametrize("name", ["Ada", "Eve", "", None])
    def test_is_not_recognised_by_less(self, name: str | None) -> None:
        assert only_payee(name, None, [ADA, BOB]) is None

    def test_is_not_chosen_among_two(self) -> None:
        assert only_payee("Bob Builder", None, [BOB, ("A3", BOB[1])]) is None
