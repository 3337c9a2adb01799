"""What a worker does for people: it applies what they decided, and brings them the alerts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.operations.delivery import AlertSender, Channel, skip_unwanted
from roadstead.operations.mail import MailChannel, mail_server
from roadstead.operations.resuming import apply_resumes
from roadstead.operations.webhook import WebhookChannel
from roadstead.randomness import Randomness
from roadstead.service.loops import every

IDLE_S = 1.0
"""How long the worker rests between two looks for decisions and alerts."""
SKIP_IDLE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """Everything that operations need of a worker."""

    configuration: Configuration
    database: Database
    clock: Clock
    randomness: Randomness

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Begin to work until `stop` is set; each channel by itself, so that one which is down holds up nobody."""
        channels = open_channels(self.configuration, self.clock)
        configured = frozenset(channel.name for channel in channels)

        async def resume() -> bool:
            return await apply_resumes(self.database)

        async def skip() -> bool:
            return await skip_unwanted(self.database, configured) > 0

        group.create_task(every(IDLE_S, resume, name="operations", stop=stop))
        group.create_task(every(SKIP_IDLE_S, skip, name="alerts_unwanted", stop=stop))
        for channel in channels:
            group.create_task(self._deliver(channel, stop))

    async def _deliver(self, channel: Channel, stop: asyncio.Event) -> None:
        sender = AlertSender(database=self.database, channel=channel, randomness=self.randomness)
        try:
            await every(IDLE_S, sender.step, name=f"alerts_{channel.name}", stop=stop)
        finally:
            await sender.close()


def open_channels(configuration: Configuration, clock: Clock) -> list[Channel]:
    """Make the channels that are configured; nothing is contacted yet.

    Raises:
        ConfigurationError: The URL of the mail server is none.
    """
    settings = configuration.settings
    anchor, network = settings.home_domain, str(settings.network)
    channels: list[Channel] = []
    if settings.alert_webhook_url is not None and settings.alert_webhook_secret is not None:
        channels.append(
            WebhookChannel(
                url=settings.alert_webhook_url,
                secret=settings.alert_webhook_secret,
                anchor=anchor,
                network=network,
                clock=clock,
            )
        )
    if settings.smtp_url is not None and settings.alert_email_from is not None and settings.alert_email_to:
        channels.append(
            MailChannel(
                server=mail_server(settings.smtp_url),
                sender=settings.alert_email_from,
                recipients=settings.alert_email_to,
                anchor=anchor,
                network=network,
                clock=clock,
            )
        )
    return channels
