"""The chart of accounts and the list of events: nothing is posted that they do not have."""

from __future__ import annotations

import ast
import inspect

from roadstead.ledger import chart, postings
from roadstead.ledger.events import EVENTS


def posted_events() -> set[str]:
    """The events that the functions of `postings` name."""
    tree = ast.parse(inspect.getsource(postings))
    return {
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "event"
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


class TestTheEvents:
    def test_are_exactly_those_that_are_posted(self) -> None:
        assert posted_events() == set(EVENTS)


class TestTheChart:
    def test_has_a_sign_for_every_account_that_it_names(self) -> None:
        named = {
            value
            for name, value in vars(chart).items()
            if name.isupper() and isinstance(value, str) and value != chart.ANY_RAIL
        }
        assert {name for name in chart.SIGNS if chart.ANY_RAIL not in name} == named
        assert {name for name in chart.SIGNS if chart.ANY_RAIL in name} == {"transit:*", "bank:*"}

    def test_says_never_what_its_accounts_say_of_themselves(self) -> None:
        source = inspect.getsource(chart)
        for words, sign in (
            ("Never positive", chart.Sign.NEVER_POSITIVE),
            ("Never negative", chart.Sign.NEVER_NEGATIVE),
        ):
            said = source.count(words)
            assert 0 < said <= sum(given is sign for given in chart.SIGNS.values())

    def test_writes_its_names_as_patterns(self) -> None:
        assert chart.pattern(chart.transit(chart.ANY_RAIL)) == "transit:%"
        assert chart.pattern(chart.PAYOUTS_OWED) == "payouts:owed"
