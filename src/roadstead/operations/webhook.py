"""Alerts by webhook: JSON, signed, to the one address that the operators configured, which may be a private one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence

import aiohttp
import msgspec

from roadstead.clock import Clock, utc_text
from roadstead.config.secrets import Secret
from roadstead.operations.delivery import SEND_TIMEOUT_S, ChannelName, NotDelivered, Notice

SIGNATURE_HEADER = "Roadstead-Signature"


class WebhookChannel:
    """Sends alerts as one POST; every answer of the class 2xx means that they were taken."""

    def __init__(self, *, url: Secret, secret: Secret, anchor: str, network: str, clock: Clock) -> None:
        """Take where to call and what to sign with; nothing is contacted yet.

        `anchor` and `network` tell the receiver whose alerts these are.
        """
        self._url = url
        self._secret = secret
        self._anchor = anchor
        self._network = network
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> ChannelName:
        """Which channel it is."""
        return ChannelName.WEBHOOK

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send some notices as one message. See `Channel.send`.

        Raises:
            NotDelivered: The receiver did not answer with 2xx in time.
        """
        body = self._body(notices)
        seconds = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: f"t={seconds}, v1={signature(self._secret, seconds, body)}",
        }
        try:
            async with (
                asyncio.timeout(SEND_TIMEOUT_S),
                self._opened().post(
                    self._url.reveal(), data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Errors of the client quote the URL, which may carry a secret.
            raise NotDelivered(f"The webhook gave no answer ({type(error).__name__}).") from None
        if not 200 <= status < 300:  # noqa: PLR2004 - the class of the status
            raise NotDelivered(f"The webhook answered with status {status}.")

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _body(self, notices: Sequence[Notice]) -> bytes:
        return msgspec.json.encode(
            {
                "anchor": self._anchor,
                "network": self._network,
                "alerts": [
                    {
                        "id": notice.id,
                        "alert": notice.alert_id,
                        "event": notice.event,
                        "severity": notice.severity,
                        "kind": notice.kind,
                        "subject": notice.subject,
                        "message": notice.message,
                        "count": notice.count,
                        "at": utc_text(notice.written_at),
                    }
                    for notice in notices
                ],
            }
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=2, force_close=True),
                timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT_S),
                headers={"User-Agent": "Roadstead"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def signature(secret: Secret, seconds: int, body: bytes) -> str:
    """Return HMAC-SHA256 in hexadecimal over `<seconds>.<body>`: what a receiver compares with the header's `v1`."""
    return hmac.new(secret.reveal().encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
