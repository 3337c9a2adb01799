"""What a worker does for people, with real receivers: alerts reach them, and what two of them decide is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from tests.fixtures.house import House, house_on
from tests.fixtures.mail_server import mail_serving
from tests.fixtures.operators import add_operator
from tests.fixtures.receiver import receiving, silence

from roadstead.config.effective import Configuration
from roadstead.config.secrets import Secret
from roadstead.database.migrate import APP_ROLE
from roadstead.operations import deciding, operators
from roadstead.operations.resuming import request_resume
from roadstead.operations.stops import Outgoing, stop
from roadstead.service import gauges
from roadstead.service.metrics import registry
from roadstead.service.operating import Operating

PATIENCE_S = 30.0


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(f"{database_url}?role={APP_ROLE}") as furnished:
        yield furnished


def configured(house: House, *, webhook: str, mail_port: int) -> Configuration:
    settings = replace(
        house.configuration.settings,
        alert_webhook_url=Secret(webhook),
        alert_webhook_secret=Secret("a secret of more than thirty-two bytes"),
        smtp_url=Secret(f"smtp://127.0.0.1:{mail_port}"),
        alert_email_from="roadstead@anchor.example",
        alert_email_to=("on-call@anchor.example",),
    )
    return replace(house.configuration, settings=settings)


@asynccontextmanager
async def operating(house: House, configuration: Configuration) -> AsyncIterator[None]:
    """Let a worker work for people, and end it orderly."""
    stop_event = asyncio.Event()
    work = Operating(
        configuration=configuration, database=house.database, clock=house.clock, randomness=house.randomness
    )
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        work.start(group, stop_event)
        try:
            yield
        finally:
            stop_event.set()


async def until(house: House, query: str) -> None:
    """Wait until a query says true."""
    while await house.value(query) is not True:  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.05)


def scraped() -> set[str]:
    return set(generate_latest(registry).decode().splitlines())


async def pulled(house: House) -> str:
    """Pull the emergency stop."""
    async with house.database.transaction() as connection:
        return str(await stop(connection, what=Outgoing.ALL, asset=None, reason="leak", actor="operator 1"))


class TestAnEmergency:
    async def test_reaches_people_and_ends_when_two_of_them_say_so(self, house: House) -> None:
        async with receiving() as receiver, mail_serving() as mails:
            configuration = configured(house, webhook=receiver.url, mail_port=mails.port)
            async with operating(house, configuration):
                stop_id = await pulled(house)
                await until(house, "SELECT count(*) = 2 FROM alert_notices WHERE status = 'delivered'")
                await self._agree(house)
                await until(house, "SELECT count(*) = 4 FROM alert_notices WHERE status = 'delivered'")
        told = [entry for heard in receiver.heard for entry in json.loads(heard.body)["alerts"]]

        assert [(entry["event"], entry["subject"]) for entry in told] == [
            ("opened", stop_id),
            ("closed", stop_id),
        ]
        assert [mail.text.splitlines()[0].split(",")[0] for mail in mails.mails] == [
            "critical outgoing_stopped opened",
            "critical outgoing_stopped closed",
        ]
        assert await house.value("SELECT bool_and(resumed_at IS NOT NULL) FROM stops")

    async def _agree(self, house: House) -> None:
        async with house.database.connection() as connection:
            await add_operator(connection, "olga", "operator")
            await add_operator(connection, "piet", "approver")
            olga, piet = await operators.list_all(connection)
            stop_id = await connection.fetchval("SELECT id FROM stops")
        hold = await request_resume(house.database, stop_id, reason="found it", by=olga)
        await deciding.approve(house.database, hold.id, digest=hold.digest, by=piet)

    async def test_is_seen_on_the_metrics(self, house: House) -> None:
        await pulled(house)
        await gauges.refresh(house.database)

        assert {
            'roadstead_outgoing_stops{what="all"} 1.0',
            'roadstead_alerts{kind="outgoing_stopped",severity="critical",status="open"} 1.0',
            'roadstead_alert_notices_waiting{channel="email"} 1.0',
            'roadstead_alert_notices_waiting{channel="webhook"} 1.0',
        } <= scraped()

    async def test_a_silent_webhook_does_not_hold_up_the_mail(self, house: House) -> None:
        async with receiving() as receiver, mail_serving() as mails:
            receiver.always = silence
            configuration = configured(house, webhook=receiver.url, mail_port=mails.port)
            stop_event = asyncio.Event()
            work = Operating(
                configuration=configuration,
                database=house.database,
                clock=house.clock,
                randomness=house.randomness,
            )
            await pulled(house)

            async def run() -> None:
                async with asyncio.TaskGroup() as group:
                    work.start(group, stop_event)

            running = asyncio.create_task(run())
            async with asyncio.timeout(PATIENCE_S):
                await until(house, "SELECT count(*) = 1 FROM alert_notices WHERE status = 'delivered'")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        assert len(mails.mails) == 1
        assert await house.value("SELECT status FROM alert_notices WHERE channel = 'webhook'") == "waiting"


class TestHolds:
    async def test_are_seen_on_the_metrics_until_they_are_over(self, house: House) -> None:
        await pulled(house)
        async with house.database.connection() as connection:
            await add_operator(connection, "olga", "operator")
            (olga,) = await operators.list_all(connection)
            stop_id = await connection.fetchval("SELECT id FROM stops")
        await request_resume(house.database, stop_id, reason="found it", by=olga)
        await house.execute("SELECT pg_sleep(0.01)")
        await gauges.refresh(house.database)

        assert 'roadstead_holds{kind="resume",status="proposed"} 1.0' in scraped()
        assert "roadstead_holds_oldest_age_seconds 0.0" not in scraped()
