"""The messengers that come with Roadstead: by mail, and into a file that a developer reads; and an integrator's own."""

from __future__ import annotations

import asyncio
import os
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import msgspec

from roadstead.clock import Clock, utc_text
from roadstead.config.confirmable import MessageChannel
from roadstead.config.effective import Configuration
from roadstead.config.extensions import imported
from roadstead.config.text_forms import MESSENGER_FILE, MESSENGER_SMTP
from roadstead.customers.messages import SEND_TIMEOUT_S, CodeMessage, Messenger, NotSent
from roadstead.errors import ConfigurationError
from roadstead.operations.mail import MailServer, hand_in, mail_server

MessengerFactory = Callable[[Configuration], Messenger]
"""What an integrator's own kind names: `package.module:function`, called with the configuration."""

FILE_NAME = "messages.jsonl"
LINES_MAX = 200
"""Messages that the file keeps at most when it is read."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One message in the file."""

    written_at: str
    channel: str
    address: str
    subject: str
    text: str


class FileMessenger:
    """Writes messages into a file of the state folder, where nobody but its owner reads them. For rehearsals only."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Take the path; the file is made with the first message."""
        self._path = path
        self._clock = clock

    async def send(self, message: CodeMessage) -> None:
        """Append a message. See `Messenger.send`.

        Raises:
            NotSent: The file cannot be written.
        """
        line = Line(
            written_at=utc_text(self._clock.now()),
            channel=message.channel,
            address=message.address,
            subject=message.subject,
            text=message.text,
        )
        try:
            await asyncio.to_thread(self._append, msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise NotSent(f"The file of messages cannot be written ({type(error).__name__}).") from None

    async def close(self) -> None:
        """Nothing to release: each message opens the file for itself."""

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line)


def read_messages(path: Path) -> list[Line]:
    """Read the newest messages of the file, oldest first; none where there is no file."""
    try:
        lines = path.read_bytes().splitlines()[-LINES_MAX:]
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=Line) for line in lines]


class MailMessenger:
    """Sends messages as mails through the operator's own server."""

    def __init__(
        self,
        *,
        server: MailServer,
        sender: str,
        own_name: str,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the server; nothing is contacted yet. `tls` takes the place of the system's trust in tests."""
        self._server = server
        self._sender = sender
        self._own_name = own_name
        self._clock = clock
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: CodeMessage) -> None:
        """Send one mail. See `Messenger.send`.

        Raises:
            NotSent: The server did not take the mail, did not answer in time, or it is no message for mail.
        """
        if message.channel is not MessageChannel.EMAIL:
            raise NotSent("Mail does not reach telephones: name a messenger that does.")
        mail = EmailMessage()
        try:
            mail["From"] = self._sender
            mail["To"] = message.address
            mail["Subject"] = message.subject
            mail["Date"] = format_datetime(self._clock.now())
            mail["Message-ID"] = f"<code-{message.id}@{self._own_name}>"
            mail["Auto-Submitted"] = "auto-generated"
            mail["Content-Language"] = message.language
            mail.set_content(message.text + "\n")
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await asyncio.to_thread(self._hand_in, mail, message.address)
        except TimeoutError:
            raise NotSent("The mail server took too long.") from None
        except smtplib.SMTPResponseException as error:
            # What servers say may quote addresses; their code says enough.
            raise NotSent(f"The mail server answered {error.smtp_code} ({type(error).__name__}).") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotSent(f"The mail server did not take the mail ({type(error).__name__}).") from None

    async def close(self) -> None:
        """Nothing to release: every mail has its own connection."""

    def _hand_in(self, mail: EmailMessage, address: str) -> None:
        hand_in(
            self._server,
            mail,
            sender=self._sender,
            recipients=(address,),
            own_name=self._own_name,
            tls=self._tls,
        )


def messages_path(configuration: Configuration) -> Path:
    """Return where the file messenger writes."""
    return configuration.settings.state_dir / FILE_NAME


def open_messenger(configuration: Configuration, clock: Clock) -> Messenger | None:
    """Make the messenger that is configured; nothing is contacted yet. None where no field has to be confirmed.

    Raises:
        ConfigurationError: Its kind cannot be imported, or the URL of the mail server is none.
    """
    settings = configuration.settings
    match configuration.messenger_kind:
        case None:
            return None
        case str() as kind if kind == MESSENGER_FILE:
            return FileMessenger(messages_path(configuration), clock)
        case str() as kind if kind == MESSENGER_SMTP:
            sender = settings.messenger_from or settings.alert_email_from
            if settings.smtp_url is None or sender is None:
                raise ConfigurationError(
                    "ROADSTEAD_MESSENGER_KIND is smtp: set ROADSTEAD_SMTP_URL and ROADSTEAD_MESSENGER_FROM."
                )
            return MailMessenger(
                server=mail_server(settings.smtp_url),
                sender=sender,
                own_name=settings.home_domain.partition(":")[0],
                clock=clock,
            )
        case kind:
            return _own(kind, configuration)


def _own(kind: str, configuration: Configuration) -> Messenger:
    factory: MessengerFactory = imported(kind, named_by="ROADSTEAD_MESSENGER_KIND")
    return factory(configuration)
