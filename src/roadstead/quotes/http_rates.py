"""A source of rates over HTTP: one JSON document with all rates, read with a timeout, a size limit and no redirects."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import aiohttp
import msgspec

from roadstead.clock import Clock
from roadstead.config.secrets import Secret
from roadstead.errors import BadInput, Unavailable
from roadstead.money import Asset, parse_decimal
from roadstead.quotes.rates import Rate

TIMEOUT_S = 5
BYTES_MAX = 262_144
EXPONENT_MAX = 12
"""A rate has at most so many digits before its point, and its first digit at most so many places behind it."""
SHARED = timedelta(seconds=1)
"""How long one document answers for all pairs: they are asked about one after the other."""


class _Line(msgspec.Struct, frozen=True):
    sell: str
    buy: str
    rate: str
    as_of: datetime


class _Document(msgspec.Struct, frozen=True):
    rates: list[_Line]


class HttpRates:
    """Reads `{"rates": [{"sell": "USDC", "buy": "EUR", "rate": "0.92", "as_of": "2026-01-01T00:00:00Z"}]}`.

    `sell` is the code of an asset, `buy` that of a currency, `rate` a text in plain notation, `as_of` the moment at
    which the rate held. Lines about other pairs are ignored.
    """

    def __init__(self, url: str, token: Secret | None, clock: Clock) -> None:
        self._url = url
        self._token = token
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._lock = asyncio.Lock()
        self._rates: dict[tuple[str, str], Rate] = {}
        self._asked_at: datetime | None = None
        self._problem: Unavailable | None = None

    async def rate(self, sell: Asset, buy: Asset) -> Rate:
        """Return the rate of the newest document.

        Raises:
            Unavailable: The source does not answer, its document is not understood, or it has no rate of the pair.
        """
        async with self._lock:
            now = self._clock.now()
            if self._asked_at is None or not self._asked_at <= now < self._asked_at + SHARED:
                self._asked_at = now
                await self._read()
        if self._problem is not None:
            raise self._problem
        found = self._rates.get((sell.code, buy.code))
        if found is None:
            raise Unavailable(f"The source of rates has none of {sell.code} in {buy.code}: add it there.")
        return found

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _read(self) -> None:
        try:
            self._rates = read_document(await self._fetch())
            self._problem = None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._problem = Unavailable(f"The source of rates does not answer ({type(error).__name__}).")
        except Unavailable as error:
            self._problem = error

    async def _fetch(self) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        headers = {"accept": "application/json"}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.reveal()}"
        async with self._session.get(self._url, headers=headers, allow_redirects=False) as response:
            if response.status != 200:  # noqa: PLR2004 - the one status that carries rates
                raise Unavailable(f"The source of rates answered {response.status}.")
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > BYTES_MAX:
                    raise Unavailable(f"The source of rates sent more than {BYTES_MAX} bytes.")
            return bytes(content)


def read_document(content: bytes) -> dict[tuple[str, str], Rate]:
    """Read the document of rates; it is taken whole or not at all.

    Raises:
        Unavailable: It is not of the documented form, names a pair twice, or holds a rate that cannot be.
    """
    try:
        document = msgspec.json.decode(content, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unavailable(f"The document of rates is not as documented ({error}).") from error
    rates = {(line.sell, line.buy): Rate(value=_value(line), as_of=_moment(line)) for line in document.rates}
    if len(rates) != len(document.rates):
        raise Unavailable("The document of rates names a pair twice: which one holds is not known.")
    return rates


def _value(line: _Line) -> Decimal:
    try:
        value = parse_decimal(line.rate)
    except BadInput as error:
        raise Unavailable(f"The rate of {line.sell[:12]} in {line.buy[:12]} is no plain number.") from error
    if value == 0 or abs(value.adjusted()) > EXPONENT_MAX:
        raise Unavailable(f"The rate of {line.sell[:12]} in {line.buy[:12]} cannot be: {value:f}.")
    return value


def _moment(line: _Line) -> datetime:
    if line.as_of.tzinfo is None:
        raise Unavailable(f"The rate of {line.sell[:12]} in {line.buy[:12]} has a moment without time zone.")
    return line.as_of
