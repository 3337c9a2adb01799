"""Alerts by mail, through the operators' own mail server.

The standard library's client works in a thread, so that nothing new is needed for a few short mails a day. A password
and the text go over TLS, except to a server on this very machine that offers none.
"""

from __future__ import annotations

import asyncio
import ipaddress
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import structlog

from roadstead.clock import Clock, utc_text
from roadstead.config.secrets import Secret
from roadstead.errors import ConfigurationError
from roadstead.operations.delivery import SEND_TIMEOUT_S, ChannelName, NotDelivered, Notice

log = structlog.get_logger()

ANSWER_TIMEOUT_S = 10.0
"""How long the mail server may take for each answer."""
SUBMISSION_PORT = 587
TLS_PORT = 465


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    tls_at_once: bool
    """Whether the connection begins with TLS (`smtps`), instead of turning to it (STARTTLS)."""
    user: str | None
    password: Secret | None

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def mail_server(url: Secret) -> MailServer:
    """Read ROADSTEAD_SMTP_URL.

    Raises:
        ConfigurationError: It is no URL of a mail server.
    """
    parts = urlsplit(url.reveal())
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigurationError(
            "ROADSTEAD_SMTP_URL is no URL of a mail server: write smtp://user:password@host:587"
        )
    at_once = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=parts.port or (TLS_PORT if at_once else SUBMISSION_PORT),
        tls_at_once=at_once,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else Secret(unquote(parts.password)),
    )


def hand_in(
    server: MailServer,
    message: EmailMessage,
    *,
    sender: str,
    recipients: Sequence[str],
    own_name: str,
    tls: ssl.SSLContext,
) -> dict[str, tuple[int, bytes]]:
    """Hand a mail to the server, over TLS except to this very machine; for a thread, because it blocks.

    Returns whom the server refused. Each answer may take `ANSWER_TIMEOUT_S`.

    Raises:
        OSError: The server is not there, does not answer, or is not who it says.
        smtplib.SMTPException: It takes the mail for nobody.
    """
    with _connected(server, own_name, tls) as client:
        if not server.tls_at_once:
            client.ehlo()
            if not server.is_here or client.has_extn("starttls"):
                client.starttls(context=tls)
        if server.user is not None and server.password is not None:
            client.login(server.user, server.password.reveal())
        return client.send_message(message, from_addr=sender, to_addrs=recipients)


def _connected(server: MailServer, own_name: str, tls: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls_at_once:
        return smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=own_name, timeout=ANSWER_TIMEOUT_S, context=tls
        )
    return smtplib.SMTP(server.host, server.port, local_hostname=own_name, timeout=ANSWER_TIMEOUT_S)


class MailChannel:
    """Sends alerts as one mail to everybody who is to be told."""

    def __init__(
        self,
        *,
        server: MailServer,
        sender: str,
        recipients: tuple[str, ...],
        anchor: str,
        network: str,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take who is told and how; nothing is contacted yet. `tls` takes the place of the system's trust in tests."""
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._anchor = anchor
        self._network = network
        self._clock = clock
        self._tls = tls or ssl.create_default_context()

    @property
    def name(self) -> ChannelName:
        """Which channel it is."""
        return ChannelName.EMAIL

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send some notices as one mail. See `Channel.send`.

        Raises:
            NotDelivered: The server did not take the mail for anybody, or did not answer in time.
        """
        message = self._message(notices)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                refused = await asyncio.to_thread(self._hand_in, message)
        except TimeoutError:
            raise NotDelivered("The mail server took too long.") from None
        except smtplib.SMTPResponseException as error:
            # What servers say may quote addresses; their code says enough.
            raise NotDelivered(
                f"The mail server answered {error.smtp_code} ({type(error).__name__})."
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(f"The mail server did not take the mail ({type(error).__name__}).") from None
        if refused:
            log.warning("alert_mail_refused_for_some", recipients=len(refused))

    async def close(self) -> None:
        """Nothing to release: every mail has its own connection."""

    def _hand_in(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        return hand_in(
            self._server,
            message,
            sender=self._sender,
            recipients=self._recipients,
            own_name=self._anchor.partition(":")[0],
            tls=self._tls,
        )

    def _message(self, notices: Sequence[Notice]) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Subject"] = self._subject(notices)
        message["Date"] = format_datetime(self._clock.now())
        first = notices[0]
        message["Message-ID"] = f"<alert-{first.id}-{len(notices)}@{self._anchor.partition(':')[0]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join(_paragraph(notice) for notice in notices) + "\n")
        return message

    def _subject(self, notices: Sequence[Notice]) -> str:
        whose = f"[{self._anchor} {self._network}]"
        if len(notices) == 1:
            notice = notices[0]
            return f"{whose} {notice.severity}: {notice.kind} {notice.event}"
        worst = max(notices, key=lambda notice: _RANKS.index(notice.severity))
        return f"{whose} {worst.severity}: {worst.kind} {worst.event} and {len(notices) - 1} more"


_RANKS = ("info", "warning", "critical")


def _paragraph(notice: Notice) -> str:
    return (
        f"{notice.severity} {notice.kind} {notice.event}, alert {notice.alert_id}\n"
        f"about {notice.subject}\n"
        f"{notice.message}\n"
        f"at {utc_text(notice.written_at)}, {notice.count} time(s) so far"
    )
