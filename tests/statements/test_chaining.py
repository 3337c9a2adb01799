"""A statement counts only when it adds up and opens where the last one closed."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.bank_statements import DAY, euros, line, statement

from roadstead.money import Money, currency
from roadstead.statements.chaining import (
    Fault,
    Link,
    booked_lines,
    digest_of,
    fault_of,
    follows,
    next_of,
    storable,
)

HEAD = Link(id=1, account="A", opening_units=0, closing_units=100, sequence=7, closed_on=DAY)
NEXT = Link(id=2, account="A", opening_units=100, closing_units=50, sequence=8, closed_on=DAY + timedelta(1))


class TestAStatementByItself:
    def test_is_sound_when_its_lines_lead_from_opening_to_closing(self) -> None:
        assert fault_of(statement("S", "10", line("1", "5"), line("2", "-7"))) is None

    def test_counts_only_what_is_booked(self) -> None:
        assert fault_of(statement("S", "10", line("1", "5", is_booked=False))) is None

    def test_is_broken_when_a_line_is_missing(self) -> None:
        whole = statement("S", "10", line("1", "5"), line("2", "-7"))
        assert fault_of(replace(whole, lines=whole.lines[:1])) is Fault.DOES_NOT_ADD_UP

    def test_counts_a_line_that_it_repeats_once(self) -> None:
        once = statement("S", "10", line("1", "5"))
        assert fault_of(replace(once, lines=once.lines * 2)) is None
        assert booked_lines(replace(once, lines=once.lines * 2)) == list(once.lines)

    def test_is_broken_when_two_lines_of_one_identity_differ(self) -> None:
        once = statement("S", "10", line("1", "5"))
        other = replace(once.lines[0], information="another")
        assert fault_of(replace(once, lines=(*once.lines, other))) is Fault.DOES_NOT_ADD_UP

    def test_is_broken_with_an_amount_below_zero(self) -> None:
        strange = replace(line("1", "5"), amount=Money(currency("EUR"), -500))
        assert fault_of(replace(statement("S", "10"), lines=(strange,), closing=euros("15"))) is not None

    def test_is_broken_without_a_balance(self) -> None:
        assert fault_of(replace(statement("S", "10"), opening=None)) is Fault.NO_BALANCES
        assert fault_of(replace(statement("S", "10"), closing=None)) is Fault.NO_BALANCES

    def test_is_broken_with_two_currencies(self) -> None:
        foreign = replace(line("1", "5"), amount=Money(currency("USD"), 500))
        assert fault_of(statement("S", "10", foreign)) is Fault.OTHER_ASSETS


class TestTheNext:
    def test_opens_where_the_last_closed(self) -> None:
        assert follows(HEAD, NEXT) is None
        assert follows(HEAD, replace(NEXT, opening_units=99)) is Fault.GAP

    def test_is_of_the_same_account(self) -> None:
        assert follows(HEAD, replace(NEXT, account="B")) is Fault.OTHER_ACCOUNT

    @pytest.mark.parametrize(
        ("sequence", "fault"), [(8, None), (1, None), (None, None), (9, Fault.GAP), (7, Fault.GAP)]
    )
    def test_has_the_next_number_the_first_or_none(self, sequence: int | None, fault: Fault | None) -> None:
        assert follows(HEAD, replace(NEXT, sequence=sequence)) is fault

    def test_is_not_of_an_earlier_day(self) -> None:
        assert follows(HEAD, replace(NEXT, closed_on=date(2025, 12, 31))) is Fault.GAP

    def test_is_the_earliest_that_fits(self) -> None:
        later = replace(NEXT, id=3, sequence=1, closed_on=DAY + timedelta(5))
        assert next_of(HEAD, [later, NEXT]) == NEXT
        assert next_of(None, [later, NEXT]) == NEXT
        assert next_of(HEAD, []) is None

    @given(st.permutations(range(6)))
    def test_a_chain_comes_out_the_same_in_whatever_order_it_arrived(self, order: list[int]) -> None:
        links = [
            Link(
                id=place,
                account="A",
                opening_units=number * 10,
                closing_units=number * 10 + 10,
                sequence=number,
                closed_on=DAY + timedelta(number),
            )
            for place, number in enumerate(order)
        ]
        chain: list[int | None] = []
        head: Link | None = None
        while (head := next_of(head, links)) is not None:
            chain.append(head.sequence)
            links.remove(head)
        assert chain == [0, 1, 2, 3, 4, 5]


class TestWhatCanBeStored:
    def test_is_left_as_it_is(self) -> None:
        plain = statement("S", "10", line("1", "5", information="Ärger"), sequence=7)
        assert storable(plain) == plain

    def test_has_no_text_or_number_that_the_database_refuses(self) -> None:
        wild = statement("S\0" * 900, "10", line("L" * 900, "5", information="a\0b\ud800"), sequence=2**70)
        tame = storable(wild)
        assert (len(tame.identity), len(tame.lines[0].identity), tame.sequence) == (64, 64, None)
        assert tame.lines[0].information == "ab?"

    def test_tells_long_identities_apart(self) -> None:
        assert (
            storable(statement("S" * 900 + "1", "10")).identity
            != storable(statement("S" * 900 + "2", "10")).identity
        )


class TestTheDigest:
    def test_is_the_same_for_a_copy_with_another_name_and_hour(self) -> None:
        first = statement("S", "10", line("1", "5"))
        assert digest_of(first) == digest_of(replace(first, identity="T", created_at=None))

    def test_differs_when_a_line_does(self) -> None:
        assert digest_of(statement("S", "10", line("1", "5"))) != digest_of(
            statement("S", "10", line("1", "6"))
        )
