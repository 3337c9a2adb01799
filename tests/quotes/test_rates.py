"""Rates: fresh ones are given out, stale ones never; a source may misbehave as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from tests.fixtures.authentication import configured

from roadstead.clock import ManualClock
from roadstead.config.anchor import RateSourceTerms
from roadstead.config.effective import ConfiguredRateSource, QuotedPair
from roadstead.config.secrets import Secret
from roadstead.errors import ConfigurationError, Unavailable
from roadstead.money import Asset, currency
from roadstead.quotes.http_rates import BYTES_MAX, HttpRates
from roadstead.quotes.rates import Limits, Rate, RateBook
from roadstead.quotes.sources import open_rates, open_source

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EUR = currency("EUR")


class Told:
    """A source that says what it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: Rate | Exception = Rate(value=Decimal("0.9"), as_of=NOW)
        self.asked = 0

    async def rate(self, sell: Asset, buy: Asset) -> Rate:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        pass


def usdc_eur() -> QuotedPair:
    return next(pair for pair in configured().pairs if pair.terms.name == "USDC-EUR")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def book(told: Told, clock: ManualClock) -> RateBook:
    pair = usdc_eur()
    name = pair.terms.rate_source
    return RateBook([pair], {name: told}, {name: Limits(max_age_s=60, refresh_s=10)}, clock)


class TestTheBook:
    async def test_a_rate_is_asked_once_until_it_is_time_to_ask_again(
        self, book: RateBook, told: Told, clock: ManualClock
    ) -> None:
        await asyncio.gather(*(book.tariff(usdc_eur()) for _ in range(5)))
        assert told.asked == 1
        clock.advance(timedelta(seconds=10))
        await book.tariff(usdc_eur())
        assert told.asked == 2

    async def test_the_spread_comes_off_the_rate(self, book: RateBook) -> None:
        assert (await book.tariff(usdc_eur())).effective_rate == Decimal("0.8955")

    @pytest.mark.clause("SEP-38/price/current")
    async def test_a_rate_holds_to_the_second_of_its_age_and_not_beyond(
        self, book: RateBook, told: Told, clock: ManualClock
    ) -> None:
        await book.refresh()
        told.answer = Unavailable("The source is away.")
        clock.advance(timedelta(seconds=59))
        assert (await book.tariff(usdc_eur())).rate == Decimal("0.9")
        clock.advance(timedelta(seconds=1))
        with pytest.raises(Unavailable, match="none is invented"):
            await book.tariff(usdc_eur())
        assert book.snapshot() == {}

    async def test_a_source_that_repeats_an_old_rate_goes_stale(
        self, book: RateBook, clock: ManualClock
    ) -> None:
        clock.advance(timedelta(seconds=61))
        with pytest.raises(Unavailable):
            await book.tariff(usdc_eur())

    async def test_a_rate_from_the_future_is_not_believed(self, book: RateBook, told: Told) -> None:
        told.answer = Rate(value=Decimal("0.9"), as_of=NOW + timedelta(seconds=61))
        with pytest.raises(Unavailable):
            await book.tariff(usdc_eur())

    @pytest.mark.parametrize(
        "answer",
        [
            Rate(value=Decimal(0), as_of=NOW),
            Rate(value=Decimal("NaN"), as_of=NOW),
            Rate(value=Decimal(-1), as_of=NOW),
            Rate(value=Decimal(1), as_of=NOW.replace(tzinfo=None)),
            OSError("no route"),
            TimeoutError(),
            KeyError("a bug of the source"),
        ],
    )
    async def test_what_cannot_be_a_rate_is_none(self, book: RateBook, told: Told, answer: Any) -> None:
        told.answer = answer
        await book.refresh()
        assert book.snapshot() == {}

    async def test_a_fresh_rate_is_in_the_snapshot_after_the_spread(self, book: RateBook) -> None:
        await book.refresh()
        assert book.snapshot() == {(usdc_eur().sell, EUR): Decimal("0.8955")}

    async def test_when_the_source_comes_back_its_rate_counts_again(
        self, book: RateBook, told: Told, clock: ManualClock
    ) -> None:
        told.answer = Unavailable("The source is away.")
        await book.refresh()
        clock.advance(timedelta(seconds=10))
        told.answer = Rate(value=Decimal("0.8"), as_of=clock.now())
        assert (await book.tariff(usdc_eur())).rate == Decimal("0.8")


class TestAStaticTable:
    async def test_it_is_never_stale(self, clock: ManualClock) -> None:
        book = open_rates(configured(), clock)
        for _ in range(3):
            assert (await book.tariff(usdc_eur())).rate == Decimal("0.92")
            clock.advance(timedelta(days=30))
        await book.close()


class Page:
    """An HTTP server that answers as a test says."""

    def __init__(self) -> None:
        self.body: bytes = b""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.seen: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(request.headers.get("authorization"))
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    served = Page()
    application = web.Application()
    application.router.add_get("/rates", served.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.headers["x-url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/rates"
    yield served
    await runner.cleanup()


@pytest.fixture
async def source(page: Page, clock: ManualClock) -> AsyncIterator[HttpRates]:
    opened = HttpRates(page.headers["x-url"], Secret("a-token"), clock)
    yield opened
    await opened.close()


GOOD = b'{"rates": [{"sell": "USDC", "buy": "EUR", "rate": "0.9204", "as_of": "2026-01-01T00:00:00Z"}]}'


class TestOverHttp:
    async def test_a_document_is_read_with_its_moment(self, source: HttpRates, page: Page) -> None:
        page.body = GOOD
        rate = await source.rate(usdc_eur().sell, EUR)
        assert rate == Rate(value=Decimal("0.9204"), as_of=NOW)
        assert page.seen == ["Bearer a-token"]

    async def test_one_document_answers_for_all_pairs(self, source: HttpRates, page: Page) -> None:
        page.body = GOOD
        await source.rate(usdc_eur().sell, EUR)
        with pytest.raises(Unavailable, match="has none of USDC in JPY"):
            await source.rate(usdc_eur().sell, currency("JPY"))
        assert len(page.seen) == 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda body: b"",
            lambda body: body[:-1],
            lambda body: body.replace(b'"0.9204"', b"0.9204"),
            lambda body: body.replace(b"0.9204", b"1e3"),
            lambda body: body.replace(b"0.9204", b"-1"),
            lambda body: body.replace(b"0.9204", b"NaN"),
            lambda body: body.replace(b"0.9204", b"0"),
            lambda body: body.replace(b"0.9204", b"1" + b"0" * 13),
            lambda body: body.replace(b"00Z", b"00"),
            lambda body: body.replace(b"2026-01-01T00:00:00Z", b"yesterday"),
            lambda body: body.replace(b"[{", b"[" + body[11:-2] + b",{"),
            lambda body: body + b" " * BYTES_MAX,
        ],
    )
    async def test_what_is_not_as_documented_is_no_answer(
        self, source: HttpRates, page: Page, change: Callable[[bytes], bytes]
    ) -> None:
        page.body = change(GOOD)
        with pytest.raises(Unavailable):
            await source.rate(usdc_eur().sell, EUR)

    @pytest.mark.parametrize("status", [201, 301, 302, 403, 500])
    async def test_only_200_carries_rates(self, source: HttpRates, page: Page, status: int) -> None:
        page.body, page.status = GOOD, status
        page.headers["location"] = page.headers["x-url"]
        with pytest.raises(Unavailable, match=str(status)):
            await source.rate(usdc_eur().sell, EUR)
        assert len(page.seen) == 1

    async def test_nobody_there_is_no_answer_until_somebody_is(self, page: Page, clock: ManualClock) -> None:
        gone = HttpRates("http://127.0.0.1:1/rates", None, clock)
        with pytest.raises(Unavailable, match="does not answer"):
            await gone.rate(usdc_eur().sell, EUR)
        await gone.close()


def our_own(configured_source: ConfiguredRateSource) -> Told:
    return Told()


class TestKinds:
    def _of_kind(self, kind: str) -> ConfiguredRateSource:
        return ConfiguredRateSource(terms=RateSourceTerms(name="market", kind=kind), url=None, token=None)

    def test_an_integrators_own_is_made_by_its_path(self, clock: ManualClock) -> None:
        source = open_source(self._of_kind(f"{__name__}:our_own"), clock)
        assert type(source).__name__ == "Told"

    @pytest.mark.parametrize("kind", ["nowhere.rates:open", "roadstead.quotes.rates:Nothing", "http"])
    def test_what_cannot_be_opened_stops_the_start(self, clock: ManualClock, kind: str) -> None:
        with pytest.raises(ConfigurationError):
            open_source(self._of_kind(kind), clock)

    def test_http_gets_the_address_of_the_environment(self, clock: ManualClock) -> None:
        configured_source = replace(self._of_kind("http"), url="http://127.0.0.1:1/rates")
        assert isinstance(open_source(configured_source, clock), HttpRates)
