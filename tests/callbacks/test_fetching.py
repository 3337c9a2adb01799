"""Texts of strangers: fetched once, remembered for a while, and never so many at once that we drown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tests.fixtures.receiver import receiving, status

from roadstead.callbacks.fetching import FAILURE_REMEMBERED_FOR, REMEMBERED_FOR, TextFetcher
from roadstead.callbacks.http_client import NoAnswer, NoAnswerReason, SafeClient
from roadstead.callbacks.targets import TargetRefused
from roadstead.clock import ManualClock
from roadstead.errors import RoadsteadError, Unavailable

URL = "https://wallet.example/.well-known/stellar.toml"


@dataclass(slots=True)
class ScriptedSource:
    """Texts that are as told; with `held`, every fetch waits until it is let go."""

    failure: RoadsteadError | None = None
    held: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)

    async def fetch_text(self, url: str, bytes_max: int) -> str:
        self.asked.append(url)
        if self.held is not None:
            await self.held.wait()
        if self.failure is not None:
            raise self.failure
        return f"text {len(self.asked)}"


def fetcher(source: ScriptedSource, clock: ManualClock | None = None, **limits: int) -> TextFetcher:
    return TextFetcher(source, clock or ManualClock(), bytes_max=100_000, **limits)


class TestRemembering:
    async def test_a_text_is_fetched_once_until_it_is_old(self) -> None:
        source, clock = ScriptedSource(), ManualClock()
        texts = fetcher(source, clock)
        assert [await texts.text(URL) for _ in range(3)] == ["text 1"] * 3
        clock.advance(REMEMBERED_FOR)
        assert await texts.text(URL) == "text 2"

    @pytest.mark.parametrize(
        "failure",
        [NoAnswer("It is away.", reason=NoAnswerReason.TIMEOUT), TargetRefused("It is private.")],
    )
    async def test_a_failure_is_remembered_for_a_shorter_time(self, failure: RoadsteadError) -> None:
        source, clock = ScriptedSource(failure), ManualClock()
        texts = fetcher(source, clock)
        for _ in range(3):
            with pytest.raises(type(failure), match=failure.message):
                await texts.text(URL)
        assert len(source.asked) == 1
        source.failure = None
        clock.advance(FAILURE_REMEMBERED_FOR)
        assert await texts.text(URL) == "text 2"

    async def test_a_clock_that_was_set_back_makes_nothing_last(self) -> None:
        source, clock = ScriptedSource(), ManualClock()
        texts = fetcher(source, clock)
        await texts.text(URL)
        clock.advance(timedelta(seconds=-1))
        assert await texts.text(URL) == "text 2"

    async def test_the_oldest_texts_make_room(self) -> None:
        source = ScriptedSource()
        texts = fetcher(source, texts_max=2)
        for number in (1, 2, 3, 1):
            await texts.text(f"{URL}?{number}")
        assert len(source.asked) == 4
        await texts.text(f"{URL}?3")
        assert len(source.asked) == 4


class TestManyQuestionsAtOnce:
    async def test_questions_for_one_text_share_one_fetch(self) -> None:
        source = ScriptedSource(held=asyncio.Event())
        texts = fetcher(source)
        questions = [asyncio.create_task(texts.text(URL)) for _ in range(50)]
        await asyncio.sleep(0)
        assert source.held
        source.held.set()
        assert set(await asyncio.gather(*questions)) == {"text 1"}
        assert len(source.asked) == 1

    async def test_too_many_different_ones_are_refused_at_once(self) -> None:
        source = ScriptedSource(held=asyncio.Event())
        texts = fetcher(source, fetches_max=3)
        questions = [asyncio.create_task(texts.text(f"{URL}?{number}")) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="Too many"):
            await texts.text(URL)
        assert source.held
        source.held.set()
        await asyncio.gather(*questions)
        assert await texts.text(URL) == "text 4"

    async def test_who_goes_away_does_not_end_the_fetch_of_others(self) -> None:
        source = ScriptedSource(held=asyncio.Event())
        texts = fetcher(source)
        hasty, patient = (asyncio.create_task(texts.text(URL)) for _ in range(2))
        await asyncio.sleep(0)
        hasty.cancel()
        assert source.held
        source.held.set()
        assert await patient == "text 1"

    async def test_a_failure_that_nobody_waits_for_is_remembered_in_silence(self) -> None:
        source = ScriptedSource(TargetRefused("It is private."), held=asyncio.Event())
        texts = fetcher(source)
        hasty = asyncio.create_task(texts.text(URL))
        await asyncio.sleep(0)
        hasty.cancel()
        assert source.held
        source.held.set()
        for _ in range(3):
            await asyncio.sleep(0)
        with pytest.raises(TargetRefused):
            await texts.text(URL)
        assert len(source.asked) == 1

    async def test_the_end_leaves_no_fetch_behind(self) -> None:
        source = ScriptedSource(held=asyncio.Event())
        texts = fetcher(source, fetches_max=1)
        question = asyncio.create_task(texts.text(URL))
        await asyncio.sleep(0)
        await texts.close()
        with pytest.raises(asyncio.CancelledError):
            await question


class TestOverTheNetwork:
    async def test_a_text_comes_through_the_safe_client(self) -> None:
        client = SafeClient(private_allowed=True)
        async with receiving() as publisher:
            publisher.always = status(200, b'SIGNING_KEY="G..."')
            texts = TextFetcher(client, ManualClock(), bytes_max=100_000)
            for _ in range(2):
                assert await texts.text(publisher.url) == 'SIGNING_KEY="G..."'
            await texts.close()
        await client.close()
        assert publisher.connections == 1
