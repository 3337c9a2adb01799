from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.payouts.states import (
    MOVES,
    NEW,
    OLD,
    Advance,
    AttemptStatus,
    Contradiction,
    PayoutStatus,
    Standing,
    conclude,
    standing,
)
from roadstead.rails.protocol import RailStatus


def told(words: list[RailStatus]) -> tuple[Standing, dict[str, int]]:
    """Where an attempt ends when a rail says these words of it, and how often each thing was booked."""
    here = Standing.WRITTEN
    booked = {"takes_on": 0, "gives_back": 0, "settles": 0, "returns": 0}
    for said in words:
        match conclude(here, said):
            case Advance() as advance:
                here = advance.standing
                for name in booked:
                    booked[name] += getattr(advance, name)
            case Contradiction():
                here = Standing.CONTRADICTED
    return here, booked


class TestWhateverTheOrderOfWords:
    @given(words=st.lists(st.sampled_from(RailStatus), min_size=1, max_size=6), data=st.data())
    def test_an_attempt_ends_in_the_same_place(self, words: list[RailStatus], data: st.DataObject) -> None:
        others = data.draw(st.permutations(words + data.draw(st.lists(st.sampled_from(words), max_size=4))))

        assert told(others)[0] is told(words)[0]

    @given(words=st.lists(st.sampled_from(RailStatus), max_size=8))
    def test_nothing_is_booked_twice_nor_taken_back_that_was_never_booked(
        self, words: list[RailStatus]
    ) -> None:
        _, booked = told(words)

        assert max(booked.values()) <= 1
        assert booked["gives_back"] <= booked["takes_on"]
        assert booked["returns"] <= booked["settles"] <= booked["takes_on"]

    @pytest.mark.parametrize(
        "order", list(permutations([RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.SETTLED]))
    )
    def test_good_news_settles_once(self, order: tuple[RailStatus, ...]) -> None:
        here, booked = told(list(order))

        assert here is Standing.SETTLED
        assert (booked["takes_on"], booked["settles"]) == (1, 1)

    @pytest.mark.parametrize(
        "order", list(permutations([RailStatus.ACCEPTED, RailStatus.SETTLED, RailStatus.RETURNED]))
    )
    def test_a_return_is_booked_after_what_it_returns(self, order: tuple[RailStatus, ...]) -> None:
        here, booked = told(list(order))

        assert here is Standing.RETURNED
        assert (booked["settles"], booked["returns"]) == (1, 1)


class TestConclude:
    @pytest.mark.parametrize("said", list(RailStatus))
    def test_a_second_copy_tells_nothing_new(self, said: RailStatus) -> None:
        first = conclude(Standing.WRITTEN, said)
        assert isinstance(first, Advance)
        assert conclude(first.standing, said) is OLD

    @pytest.mark.parametrize(
        ("here", "said"),
        [
            (Standing.SETTLED, RailStatus.REFUSED),
            (Standing.RETURNED, RailStatus.REFUSED),
            (Standing.REFUSED, RailStatus.SETTLED),
            (Standing.REFUSED, RailStatus.RETURNED),
        ],
    )
    def test_what_cannot_both_be_true_is_for_a_person(self, here: Standing, said: RailStatus) -> None:
        assert isinstance(conclude(here, said), Contradiction)

    @pytest.mark.parametrize("said", list(RailStatus))
    def test_a_contradiction_stays_one_whatever_is_said_after(self, said: RailStatus) -> None:
        assert conclude(Standing.CONTRADICTED, said) is OLD


class TestStanding:
    @pytest.mark.parametrize("payout", [PayoutStatus.SUBMITTING, PayoutStatus.UNKNOWN, PayoutStatus.HELD])
    def test_an_open_attempt_of_which_nothing_was_heard_is_written(self, payout: PayoutStatus) -> None:
        assert standing(AttemptStatus.OPEN, payout, is_taken_on=False) is Standing.WRITTEN

    def test_one_that_the_rail_took_on_is_so_even_while_its_payout_is_held(self) -> None:
        assert standing(AttemptStatus.OPEN, PayoutStatus.HELD, is_taken_on=True) is Standing.SUBMITTED

    def test_what_is_certain_of_it_counts_more_than_where_its_payout_stands(self) -> None:
        assert standing(AttemptStatus.REFUSED, PayoutStatus.ACCEPTED, is_taken_on=True) is Standing.REFUSED


class TestMoves:
    def test_a_cancelled_payout_goes_nowhere(self) -> None:
        assert [there for here, there in MOVES if here == PayoutStatus.CANCELLED] == []

    def test_every_status_can_be_reached(self) -> None:
        assert {there for _, there in MOVES} == set(PayoutStatus)
        assert [there for here, there in MOVES if here == NEW] == [PayoutStatus.ORDERED]

    def test_nothing_that_may_have_paid_leads_to_another_try_or_to_a_refund(self) -> None:
        open_states = {
            *(PayoutStatus.SUBMITTING, PayoutStatus.UNKNOWN, PayoutStatus.SUBMITTED),
            *(PayoutStatus.ACCEPTED, PayoutStatus.SETTLED),
        }
        onward = {there for here, there in MOVES if here in open_states}

        assert not onward & {PayoutStatus.ORDERED, PayoutStatus.CANCELLED}
