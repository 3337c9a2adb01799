"""Who may sign for an account, as the network says it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import aiohttp
import msgspec

from roadstead.boundaries import boundary
from roadstead.errors import Unavailable

TIMEOUT_S = 5.0
"""For the whole exchange with Horizon, connecting included."""
ANSWER_BYTES_MAX = 2 * 1024 * 1024
"""An account with the thousand entries that the protocol allows stays well below this."""
CONNECTIONS_MAX = 20

_KEY_SIGNER = "ed25519_public_key"
_NOT_FOUND = "https://stellar.org/horizon-errors/not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSigner:
    """A key that signs for an account, with its weight."""

    key: str
    """The address G... of the key."""
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSigners:
    """The keys that sign for an account and the weights that actions need.

    Only ed25519 keys are here: hashes and pre-authorised transactions prove no identity (SEP-10).
    """

    low_threshold: int
    medium_threshold: int
    high_threshold: int
    signers: tuple[AccountSigner, ...]


class AccountReader(Protocol):
    """Asks the network about accounts."""

    async def signers(self, account: str) -> AccountSigners | None:
        """Return who signs for the account G... now, or None when the account does not exist.

        Raises:
            Unavailable: The network was not heard, or what it said cannot be trusted; the account may or may not exist.
        """
        ...


class _Thresholds(msgspec.Struct):
    low_threshold: int
    med_threshold: int
    high_threshold: int


class _Signer(msgspec.Struct):
    key: str
    weight: int
    type: str


class _Account(msgspec.Struct):
    account_id: str
    thresholds: _Thresholds
    signers: list[_Signer]


class _Problem(msgspec.Struct):
    type: str


_account_decoder = msgspec.json.Decoder(_Account)
_problem_decoder = msgspec.json.Decoder(_Problem)


class HorizonAccountReader:
    """Asks a Horizon server; implements `AccountReader`. Nothing is remembered: signers are removed for a reason.

    The session is opened at the first question; `close` ends it.
    """

    def __init__(self, horizon_url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._horizon_url = horizon_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def signers(self, account: str) -> AccountSigners | None:
        """Return who signs for the account G... now, or None when Horizon says that it does not exist.

        Raises:
            Unavailable: Horizon does not answer in time, or answers something that is neither.
        """
        boundary("horizon.account.before")
        try:
            async with self._opened().get(
                f"{self._horizon_url}/accounts/{account}", allow_redirects=False
            ) as response:
                status = response.status
                content = await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(type(error).__name__) from error
        boundary("horizon.account.after")
        match status:
            case 200:
                return _read_account(account, content)
            case 404 if _says_not_found(content):
                return None
            case _:
                raise _unavailable(f"status {status}")

    async def close(self) -> None:
        """Close the connections; a later question opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                headers={"Accept": "application/json"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > ANSWER_BYTES_MAX:
            raise _unavailable(f"more than {ANSWER_BYTES_MAX} bytes")
    return bytes(content)


def _read_account(account: str, content: bytes) -> AccountSigners:
    try:
        found = _account_decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unavailable("an answer that is no account") from error
    if found.account_id != account:
        raise _unavailable("another account")
    return AccountSigners(
        low_threshold=found.thresholds.low_threshold,
        medium_threshold=found.thresholds.med_threshold,
        high_threshold=found.thresholds.high_threshold,
        signers=tuple(
            AccountSigner(key=signer.key, weight=signer.weight)
            for signer in found.signers
            if signer.type == _KEY_SIGNER
        ),
    )


def _says_not_found(content: bytes) -> bool:
    """Tell Horizon's own 404 from that of a proxy in front of it, which knows nothing of accounts."""
    try:
        return _problem_decoder.decode(content).type == _NOT_FOUND
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _unavailable(heard: str) -> Unavailable:
    return Unavailable(
        f"The Stellar network could not be asked who signs for the account (Horizon: {heard}). Nothing was decided: "
        "try again in a moment."
    )
