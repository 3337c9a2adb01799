"""Alerts on their way out: written with the alert, sent later, sent again until taken, and never silently lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from tests.fixtures.certificates import Certificate
from tests.fixtures.mail_server import MailServerFake, mail_serving
from tests.fixtures.receiver import Receiver, hang_up, receiving, status

from roadstead.clock import ManualClock
from roadstead.config.secrets import Secret
from roadstead.database.pool import Connection, Database
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.operations.delivery import (
    AGE_MAX,
    BATCH_MAX,
    PAUSE_MAX,
    AlertSender,
    ChannelName,
    NotDelivered,
    Notice,
    next_pause,
    skip_unwanted,
)
from roadstead.operations.mail import MailChannel, mail_server
from roadstead.operations.webhook import WebhookChannel, signature
from roadstead.randomness import SystemRandomness

SECRET = Secret("a secret of more than thirty-two bytes")
CLOCK = ManualClock()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as borrowed:
        yield borrowed


async def told(connection: Connection, subject: str = "1", severity: Severity = Severity.WARNING) -> None:
    await open_alert(
        connection,
        kind=AlertKind.OUTGOING_STOPPED,
        subject=subject,
        message=f"Something about {subject}.",
        severity=severity,
    )


async def outbox(connection: Connection, channel: ChannelName) -> list[tuple[str, int]]:
    rows = await connection.fetch(
        "SELECT status, tries FROM alert_notices WHERE channel = $1 ORDER BY id", channel
    )
    return [(row["status"], row["tries"]) for row in rows]


async def make_due(connection: Connection) -> None:
    await connection.execute(
        "UPDATE alert_notices SET due_at = now(), lease_until = CASE WHEN lease_token IS NULL THEN NULL "
        "ELSE now() - interval '1 s' END WHERE status = 'waiting'"
    )


def webhook(receiver: Receiver) -> WebhookChannel:
    return WebhookChannel(
        url=Secret(receiver.url), secret=SECRET, anchor="anchor.example", network="testnet", clock=CLOCK
    )


def mail(fake: MailServerFake, url: str = "smtp://127.0.0.1:{}", **changes: Any) -> MailChannel:
    return MailChannel(
        **{
            "server": mail_server(Secret(url.format(fake.port))),
            "sender": "roadstead@anchor.example",
            "recipients": ("on-call@anchor.example", "treasury@anchor.example"),
            "anchor": "anchor.example:8443",
            "network": "testnet",
            "clock": CLOCK,
            **changes,
        }
    )


@asynccontextmanager
async def sending(database: Database, channel: Any) -> AsyncIterator[AlertSender]:
    sender = AlertSender(database=database, channel=channel, randomness=SystemRandomness())
    try:
        yield sender
    finally:
        await sender.close()


class TestByWebhook:
    async def test_one_signed_post_tells_everything_that_is_due(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        await told(connection, "2", Severity.CRITICAL)
        async with receiving() as receiver, sending(database, webhook(receiver)) as sender:
            assert await sender.step()
            assert not await sender.step()

        (heard,) = receiver.heard
        content = json.loads(heard.body)
        assert (content["anchor"], content["network"]) == ("anchor.example", "testnet")
        assert [
            (entry["event"], entry["severity"], entry["kind"], entry["subject"], entry["message"])
            for entry in content["alerts"]
        ] == [
            ("opened", "warning", "outgoing_stopped", "1", "Something about 1."),
            ("opened", "critical", "outgoing_stopped", "2", "Something about 2."),
        ]
        moment, _, proof = heard.headers["roadstead-signature"].partition(", v1=")
        assert proof == signature(SECRET, int(moment.removeprefix("t=")), heard.body)
        assert await outbox(connection, ChannelName.WEBHOOK) == [("delivered", 1)] * 2
        assert await outbox(connection, ChannelName.EMAIL) == [("waiting", 0)] * 2

    @pytest.mark.parametrize(
        "reply", [status(500), status(301, b"", "Location: http://127.0.0.1:9/"), hang_up]
    )
    async def test_what_is_not_taken_is_sent_again_with_the_same_id(
        self, reply: Any, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        async with receiving() as receiver, sending(database, webhook(receiver)) as sender:
            receiver.script.append(reply)
            await sender.step()
            assert await outbox(connection, ChannelName.WEBHOOK) == [("waiting", 1)]
            assert not await sender.step()
            await make_due(connection)
            await sender.step()

        first, second = (json.loads(heard.body)["alerts"][0] for heard in receiver.heard)
        assert first == second
        assert await outbox(connection, ChannelName.WEBHOOK) == [("delivered", 2)]

    async def test_nobody_there_is_told_without_the_address(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        channel = WebhookChannel(
            url=Secret("http://127.0.0.1:9/hidden"), secret=SECRET, anchor="a", network="b", clock=CLOCK
        )
        async with sending(database, channel) as sender:
            await sender.step()

        failure = await connection.fetchval("SELECT failure FROM alert_notices WHERE channel = 'webhook'")
        assert "gave no answer" in failure
        assert "hidden" not in failure

    async def test_a_flood_of_alerts_is_no_flood_of_messages(
        self, database: Database, connection: Connection
    ) -> None:
        for number in range(BATCH_MAX + 1):
            await told(connection, str(number))
        async with receiving() as receiver, sending(database, webhook(receiver)) as sender:
            assert [await sender.step() for _ in range(3)] == [True, True, False]

        assert [len(json.loads(heard.body)["alerts"]) for heard in receiver.heard] == [BATCH_MAX, 1]

    async def test_the_end_is_told_too(self, database: Database, connection: Connection) -> None:
        await told(connection)
        await close_alert(connection, AlertKind.OUTGOING_STOPPED, "1", reason="It goes on.")
        async with receiving() as receiver, sending(database, webhook(receiver)) as sender:
            await sender.step()

        entries = json.loads(receiver.heard[0].body)["alerts"]
        assert [(entry["event"], entry["message"]) for entry in entries] == [
            ("opened", "Something about 1."),
            ("closed", "It goes on."),
        ]


class TestByMail:
    async def test_one_mail_tells_everybody_everything_that_is_due(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        await told(connection, "2", Severity.CRITICAL)
        async with mail_serving() as fake, sending(database, mail(fake)) as sender:
            assert await sender.step()

        (sent,) = fake.mails
        assert sent.sender == "roadstead@anchor.example"
        assert sent.recipients == ("on-call@anchor.example", "treasury@anchor.example")
        subject = "[anchor.example:8443 testnet] critical: outgoing_stopped opened and 1 more"
        assert sent.message["Subject"].strip() == subject
        assert "Something about 1." in sent.text
        assert "critical outgoing_stopped opened" in sent.text
        assert await outbox(connection, ChannelName.EMAIL) == [("delivered", 1)] * 2

    @pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
    async def test_what_the_server_refuses_is_sent_again(
        self, command: str, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        async with mail_serving() as fake, sending(database, mail(fake)) as sender:
            fake.answers[command] = "451 not now, on-call@anchor.example"
            await sender.step()
            assert await outbox(connection, ChannelName.EMAIL) == [("waiting", 1)]
            failure = await connection.fetchval("SELECT failure FROM alert_notices WHERE channel = 'email'")
            assert "mail server" in failure
            assert "on-call" not in failure
            fake.answers.clear()
            await make_due(connection)
            await sender.step()

        assert len(fake.mails) == 1
        assert await outbox(connection, ChannelName.EMAIL) == [("delivered", 2)]

    async def test_a_user_logs_in_over_tls(
        self, database: Database, connection: Connection, certificate: Certificate
    ) -> None:
        await told(connection)
        async with mail_serving(tls=certificate.server, offers=("STARTTLS", "AUTH PLAIN")) as fake:
            channel = mail(fake, "smtp://user:p%40ss@localhost:{}", tls=certificate.trusting)
            async with sending(database, channel) as sender:
                await sender.step()

        assert (len(fake.mails), len(fake.logins), fake.secured) == (1, 1, 1)

    async def test_tls_may_begin_at_once(
        self, database: Database, connection: Connection, certificate: Certificate
    ) -> None:
        await told(connection)
        async with (
            mail_serving(tls=certificate.server, at_once=True) as fake,
            sending(database, mail(fake, "smtps://localhost:{}", tls=certificate.trusting)) as sender,
        ):
            await sender.step()

        assert len(fake.mails) == 1

    async def test_a_certificate_of_somebody_else_is_refused(
        self, database: Database, connection: Connection, certificate: Certificate
    ) -> None:
        await told(connection)
        async with (
            mail_serving(tls=certificate.server, offers=("STARTTLS",)) as fake,
            sending(database, mail(fake, "smtp://localhost:{}")) as sender,
        ):
            await sender.step()

        assert fake.mails == []
        assert await outbox(connection, ChannelName.EMAIL) == [("waiting", 1)]

    def test_only_a_server_on_this_machine_may_go_without_tls(self) -> None:
        here = [mail_server(Secret(f"smtp://{host}")).is_here for host in ("127.0.0.1", "[::1]", "localhost")]

        assert here == [True, True, True]
        assert not mail_server(Secret("smtp://mail.example")).is_here
        assert mail_server(Secret("smtp://mail.example")).port == 587
        assert mail_server(Secret("smtps://mail.example")).port == 465


@dataclass(slots=True)
class Recording:
    """A channel that keeps what it is given, fails as told, and can be held up."""

    name: ChannelName = ChannelName.WEBHOOK
    sent: list[tuple[int, ...]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    busy: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, notices: Sequence[Notice]) -> None:
        self.sent.append(tuple(notice.id for notice in notices))
        self.busy.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)

    async def close(self) -> None:
        return


class TestSending:
    async def test_two_workers_do_not_send_the_same(self, database: Database, connection: Connection) -> None:
        await told(connection)
        channel = Recording(gate=asyncio.Event())
        async with sending(database, channel) as first, sending(database, channel) as second:
            task = asyncio.create_task(first.step())
            await channel.busy.wait()
            assert not await second.step()
            assert channel.gate is not None
            channel.gate.set()
            await task

        assert len(channel.sent) == 1

    async def test_a_worker_that_died_is_replaced_when_its_lease_is_over(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        channel = Recording(gate=asyncio.Event())
        async with sending(database, channel) as sender:
            task = asyncio.create_task(sender.step())
            await channel.busy.wait()
            task.cancel()
            channel.gate = None
            assert not await sender.step()
            await make_due(connection)
            assert await sender.step()

        assert channel.sent[0] == channel.sent[1]

    async def test_a_channel_with_a_bug_loses_nothing(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        channel = Recording(failures=[KeyError("bug"), NotDelivered("away")])
        async with sending(database, channel) as sender:
            for _ in range(3):
                await sender.step()
                await make_due(connection)

        assert await outbox(connection, ChannelName.WEBHOOK) == [("delivered", 3)]

    async def test_what_nobody_takes_for_a_day_is_given_up(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        await connection.execute("UPDATE alert_notices SET written_at = now() - interval '25 hours'")
        async with sending(database, Recording(failures=[NotDelivered("away")])) as sender:
            await sender.step()

        assert await outbox(connection, ChannelName.WEBHOOK) == [("given_up", 1)]

    async def test_a_channel_that_nobody_configured_lets_go_after_an_hour(
        self, database: Database, connection: Connection
    ) -> None:
        await told(connection)
        assert await skip_unwanted(database, frozenset()) == 0
        await connection.execute("UPDATE alert_notices SET written_at = now() - interval '61 minutes'")
        assert await skip_unwanted(database, frozenset({ChannelName.EMAIL})) == 1

        assert await outbox(connection, ChannelName.WEBHOOK) == [("skipped", 0)]
        assert await outbox(connection, ChannelName.EMAIL) == [("waiting", 0)]


class TestThePause:
    def test_doubles_up_to_a_quarter_of_an_hour(self) -> None:
        pauses = [next_pause(tries=tries, age=timedelta(), chance=0) for tries in (1, 2, 3, 20)]

        assert pauses == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20), PAUSE_MAX]

    def test_is_shortened_by_up_to_a_half(self) -> None:
        pause = next_pause(tries=1, age=timedelta(), chance=255)

        assert pause is not None
        assert timedelta(seconds=2.5) < pause < timedelta(seconds=2.6)

    def test_ends_after_a_day_or_too_many_tries(self) -> None:
        assert next_pause(tries=1, age=AGE_MAX, chance=0) is None
        assert next_pause(tries=200, age=timedelta(), chance=0) is None
