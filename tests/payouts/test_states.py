from itertools import permutations

import pytest

from roadstead.payouts.states import OLD, Advance, Contradiction, PayoutStatus, conclude
from roadstead.rails.protocol import RailStatus


class TestConclude:
    @pytest.mark.parametrize(
        "order", list(permutations([RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.SETTLED]))
    )
    def test_the_order_of_good_news_does_not_matter(self, order: tuple[RailStatus, ...]) -> None:
        status, submissions, settlements = PayoutStatus.SUBMITTING, 0, 0
        for said in order:
            conclusion = conclude(status, said)
            if isinstance(conclusion, Advance):
                status = conclusion.status
                submissions += conclusion.submits
                settlements += conclusion.settles
        assert (status, submissions, settlements) == (PayoutStatus.SETTLED, 1, 1)

    @pytest.mark.parametrize(
        "order", list(permutations([RailStatus.ACCEPTED, RailStatus.SETTLED, RailStatus.RETURNED]))
    )
    def test_a_return_ends_where_it_ends_whenever_it_is_heard(self, order: tuple[RailStatus, ...]) -> None:
        status, settlements = PayoutStatus.SUBMITTED, 0
        for said in order:
            conclusion = conclude(status, said)
            if isinstance(conclusion, Advance):
                status = conclusion.status
                settlements += conclusion.settles
        assert (status, settlements) == (PayoutStatus.RETURNED, 1)

    @pytest.mark.parametrize("said", list(RailStatus))
    def test_a_second_copy_tells_nothing_new(self, said: RailStatus) -> None:
        first = conclude(PayoutStatus.SUBMITTING, said)
        assert isinstance(first, Advance)
        assert conclude(first.status, said) is OLD

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (PayoutStatus.SETTLED, RailStatus.REFUSED),
            (PayoutStatus.RETURNED, RailStatus.REFUSED),
            (PayoutStatus.REFUSED, RailStatus.SETTLED),
            (PayoutStatus.REFUSED, RailStatus.RETURNED),
            (PayoutStatus.ORDERED, RailStatus.SETTLED),
            (PayoutStatus.ORDERED, RailStatus.REFUSED),
        ],
    )
    def test_what_cannot_both_be_true_is_for_a_person(self, status: PayoutStatus, said: RailStatus) -> None:
        assert isinstance(conclude(status, said), Contradiction)

    @pytest.mark.parametrize("status", [PayoutStatus.SUBMITTING, PayoutStatus.UNKNOWN, PayoutStatus.HELD])
    def test_the_rails_word_ends_not_knowing(self, status: PayoutStatus) -> None:
        conclusion = conclude(status, RailStatus.SETTLED)
        assert conclusion == Advance(status=PayoutStatus.SETTLED, submits=True, settles=True)
