"""The internal listener tells the truth: alive is not ready, and one broken check or gauge hides no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from roadstead.database.pool import open_database
from roadstead.errors import ConfigurationError, Unavailable
from roadstead.service.internal import (
    Check,
    Refresh,
    database_check,
    internal_application,
    open_listener,
    serve_until,
)


async def good() -> str:
    return "answers"


async def bad() -> str:
    raise Unavailable("The bank does not answer.")


async def broken() -> str:
    raise LookupError("a secret detail")


async def hanging() -> str:
    await asyncio.sleep(60)
    return "too late"


@asynccontextmanager
async def internal(
    *checks: Check, refreshes: Sequence[Refresh] = (), registry: CollectorRegistry | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    listener = open_listener("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    application = internal_application(
        role="observer",
        version="1.2.3",
        checks=checks,
        refreshes=refreshes,
        registry=registry or CollectorRegistry(),
    )
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_until(stop, application, listener=listener))
    async with aiohttp.ClientSession(base_url=url) as session:
        yield session
    stop.set()
    await serving


async def ready(*checks: Check) -> tuple[int, dict[str, Any]]:
    async with internal(*checks) as session, session.get("/ready") as response:
        return response.status, await response.json()


class TestHealth:
    async def test_it_says_who_it_is(self) -> None:
        async with internal(Check(name="bank", run=bad)) as session, session.get("/health") as response:
            assert response.status == 200
            assert await response.json() == {"status": "alive", "role": "observer", "version": "1.2.3"}


class TestReady:
    async def test_all_checks_pass(self) -> None:
        status, content = await ready(Check(name="database", run=good))
        assert (status, content["status"]) == (200, "ready")
        assert content["checks"]["database"]["detail"] == "answers"

    async def test_one_that_fails_is_named_and_the_others_are_shown(self) -> None:
        status, content = await ready(Check(name="database", run=good), Check(name="rail:sepa", run=bad))
        assert (status, content["status"]) == (503, "not_ready")
        assert content["checks"]["database"]["ok"] is True
        assert content["checks"]["rail:sepa"]["ok"] is False
        assert content["checks"]["rail:sepa"]["detail"] == "The bank does not answer."

    async def test_an_unexpected_error_shows_no_inner_detail(self) -> None:
        status, content = await ready(Check(name="rail", run=broken))
        assert status == 503
        assert "secret" not in content["checks"]["rail"]["detail"]

    async def test_a_check_that_hangs_is_given_up(self) -> None:
        status, content = await ready(Check(name="rail", run=hanging, timeout_s=0.1))
        assert status == 503
        assert content["checks"]["rail"]["detail"] == "no answer within 0.1 s"

    async def test_the_database_is_checked_by_asking_it(self, database_url: str) -> None:
        database = await open_database(database_url, application="test")
        assert (await ready(database_check(database)))[0] == 200
        await database.close()
        status, content = await ready(database_check(database))
        assert status == 503
        assert "does not answer" in content["checks"]["database"]["detail"]


class TestMetrics:
    async def test_gauges_are_refreshed_at_each_scrape_and_a_broken_one_hides_no_other(self) -> None:
        registry = CollectorRegistry()
        gauge = Gauge("waiting", "Waiting remittances.", registry=registry)

        async def count() -> None:
            gauge.inc()

        async def fail() -> None:
            await broken()

        refreshes = [Refresh(name="broken", run=fail), Refresh(name="waiting", run=count)]
        async with internal(refreshes=refreshes, registry=registry) as session:
            for expected in ("waiting 1.0", "waiting 2.0"):
                async with session.get("/metrics") as response:
                    assert response.status == 200
                    assert response.headers["content-type"].startswith("text/plain")
                    assert expected in (await response.text()).splitlines()


class TestListener:
    def test_a_port_that_is_taken_is_told_before_the_start(self) -> None:
        with open_listener("127.0.0.1", 0) as taken, pytest.raises(ConfigurationError, match="port"):
            open_listener("127.0.0.1", taken.getsockname()[1])

    async def test_nothing_listens_after_the_stop(self) -> None:
        async with internal() as session, session.get("/health") as response:
            assert response.url.port is not None
            address = (response.url.host or "", response.url.port)
        with socket.socket() as client:
            assert client.connect_ex(address) != 0
