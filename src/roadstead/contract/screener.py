"""The contract of `roadstead.screening.protocol` as tests, to which any screener can be put.

Subclass `ScreenerContract` in a test module of your own that has a fixture `bench`, and let pytest run it:

    from roadstead.contract.screener import ScreenerContract

    class TestOurScreener(ScreenerContract):
        pass

docs/operating/screening.md explains it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from typing import Protocol

import pytest

from roadstead.contract.bench import expect
from roadstead.errors import Unavailable
from roadstead.screening.protocol import SCORE_MAX, Screener
from roadstead.screening.subjects import Subject

_LIST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_VERSION = re.compile(r"[^ ,=]{1,100}")
_TEXT_MAX = 2_000


class ScreenerBench(Protocol):
    """What an integrator writes once, so that the suite can see both sides of a screener."""

    @property
    def screener(self) -> Screener:
        """The screener under test, over lists that do not change while a test runs."""
        ...

    @property
    def listed(self) -> Subject:
        """A person whom one of the lists names, written exactly like there."""
        ...

    @property
    def unlisted(self) -> Subject:
        """A person who is like nobody on any list."""
        ...

    async def change_lists(self) -> bool:
        """Let a list say something else; False when that cannot be provoked."""
        ...

    async def go_away(self) -> bool:
        """Let whoever knows the lists not answer any more; False when that cannot be provoked."""
        ...


@pytest.mark.asyncio
class ScreenerContract:
    """What every screener owes."""

    async def test_a_listed_person_is_found(self, bench: ScreenerBench) -> None:
        """Nothing else means anything if this fails."""
        screening = await bench.screener.screen(bench.listed)
        expect(is_kept=bool(screening.hits), clause="Who is listed is found by the very name.")

    async def test_somebody_else_is_not(self, bench: ScreenerBench) -> None:
        """A screener that finds everybody is as useless as one that finds nobody."""
        screening = await bench.screener.screen(bench.unlisted)
        expect(is_kept=not screening.hits, clause="Who is like nobody on a list has no hits.")

    async def test_hits_carry_what_a_decision_is_remembered_by(self, bench: ScreenerBench) -> None:
        """A decision is bound to list, entry and version of the entry: each is named, and short."""
        screening = await bench.screener.screen(bench.listed)
        searched = {one.name for one in screening.lists}
        for hit in screening.hits:
            expect(is_kept=hit.list_name in searched, clause="A hit is on a list that was searched.")
            expect(is_kept=0 <= hit.score <= SCORE_MAX, clause="A score is in percent.")
            for text in (hit.entry_id, hit.entry_version, hit.list_version):
                expect(is_kept=0 < len(text) <= _TEXT_MAX, clause="Entries and versions have names.")
        entries = [(hit.list_name, hit.entry_id) for hit in screening.hits]
        expect(is_kept=len(entries) == len(set(entries)), clause="Every entry is told once.")
        scores = [hit.score for hit in screening.hits]
        expect(is_kept=scores == sorted(scores, reverse=True), clause="The most alike comes first.")

    async def test_the_same_question_has_the_same_answer(self, bench: ScreenerBench) -> None:
        """What is repeated after a crash must not open another case."""
        first, again = [await bench.screener.screen(bench.listed) for _ in range(2)]
        expect(is_kept=first.hits == again.hits, clause="A repetition finds the same.")
        expect(is_kept=first.algorithm == again.algorithm != "", clause="The algorithm has a name.")

    async def test_lists_and_screenings_name_the_same_versions(self, bench: ScreenerBench) -> None:
        """Payouts go by the versions of `lists`; a screening that names others never counts as current."""
        lists = await bench.screener.lists()
        screening = await bench.screener.screen(bench.unlisted)
        told = {one.name: one.version for one in lists}
        searched = {one.name: one.version for one in screening.lists}
        expect(is_kept=bool(told), clause="At least one list is searched.")
        expect(is_kept=told == searched, clause="lists and screen name the same versions.")
        for one in lists:
            expect(is_kept=_LIST_NAME.fullmatch(one.name) is not None, clause="A list has a short name.")
            expect(is_kept=_VERSION.fullmatch(one.version) is not None, clause="A version has no space.")
            expect(is_kept=one.current_at.utcoffset() is not None, clause="A moment has its time zone.")
            expect(is_kept=one.current_at.astimezone(UTC).year > 2000, clause="A moment is real.")  # noqa: PLR2004

    async def test_a_change_of_a_list_is_another_version(self, bench: ScreenerBench) -> None:
        """Customers are screened again when a version changes, and only then."""
        before = {one.name: one.version for one in await bench.screener.lists()}
        if not await bench.change_lists():
            pytest.skip("The bench cannot change a list.")
        after = {one.name: one.version for one in await bench.screener.lists()}
        expect(is_kept=before != after, clause="A list that says something else has another version.")

    async def test_nobody_without_a_name_is_found(self, bench: ScreenerBench) -> None:
        """Customers of whom nothing is known yet are asked about too."""
        screening = await bench.screener.screen(Subject())
        expect(is_kept=not screening.hits, clause="A subject without a name has no hits.")

    async def test_strange_names_do_no_harm(self, bench: ScreenerBench) -> None:
        """A name is whatever people write."""
        for name in ("'; --", "\u202e\u0000", "x" * _TEXT_MAX, "李小龍", "<name>&amp;"):
            await bench.screener.screen(replace(bench.unlisted, persons=(name,)))

    async def test_silence_is_unavailable_and_clears_nobody(self, bench: ScreenerBench) -> None:
        """An empty answer would let money go out."""
        if not await bench.go_away():
            pytest.skip("The bench cannot make the lists go away.")
        with pytest.raises(Unavailable):
            await bench.screener.screen(bench.listed)
