"""Assets and amounts. An amount is a whole number of its asset's smallest unit; a float never touches it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal, localcontext
from enum import StrEnum
from functools import lru_cache

from roadstead.errors import BadInput, InvalidAmount, InvariantViolated

STELLAR_SCALE = 7
STELLAR_MAX_UNITS = 2**63 - 1
AMOUNT_TEXT_MAX = 40
"""Longest amount text that is read: more digits than any amount has, few enough to cost nothing."""

_PRECISION = 60
_PLAIN_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_STELLAR_CODE = re.compile(r"[A-Za-z0-9]{1,12}", re.ASCII)
_ISSUER = re.compile(r"G[A-Z2-7]{55}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)

# ISO 4217, table A.1, column "Minor unit": the currencies that do not have two decimals.
_MINOR_UNITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


class Scheme(StrEnum):
    """The schemes of SEP-38's asset identification format."""

    STELLAR = "stellar"
    CURRENCY = "iso4217"


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset as SEP-38 names it: on Stellar (`stellar:USDC:G...`) or in a bank (`iso4217:EUR`)."""

    scheme: Scheme
    code: str
    issuer: str | None = None

    @property
    def id(self) -> str:
        """The SEP-38 identifier."""
        if self.issuer is None:
            return f"{self.scheme}:{self.code}"
        return f"{self.scheme}:{self.code}:{self.issuer}"

    @property
    def scale(self) -> int:
        """Decimals of the smallest unit: 7 on Stellar, ISO 4217's minor unit for a currency."""
        if self.scheme is Scheme.STELLAR:
            return STELLAR_SCALE
        return _MINOR_UNITS.get(self.code, 2)

    def __str__(self) -> str:
        """The SEP-38 identifier."""
        return self.id


def stellar_asset(code: str, issuer: str) -> Asset:
    """Name an issued asset on Stellar.

    Raises:
        BadInput: The code or the issuer is not of Stellar's form.
    """
    if not _STELLAR_CODE.fullmatch(code):
        raise BadInput(f"Asset code {code[:20]!r} is not valid: use 1 to 12 letters and digits.")
    if not _ISSUER.fullmatch(issuer):
        raise BadInput(f"The issuer of {code} is not valid: use a Stellar address starting with G.")
    return Asset(Scheme.STELLAR, code, issuer)


NATIVE = Asset(Scheme.STELLAR, "native")
"""Lumens."""


def currency(code: str) -> Asset:
    """Name a currency by its ISO 4217 code.

    Raises:
        BadInput: The code is not three capital letters.
    """
    if not _CURRENCY.fullmatch(code):
        raise BadInput(f"Currency {code[:20]!r} is not valid: use an ISO 4217 code such as EUR.")
    return Asset(Scheme.CURRENCY, code)


@lru_cache(maxsize=1024)
def parse_asset(text: str) -> Asset:
    """Read a SEP-38 asset identifier.

    Raises:
        BadInput: It is not of one of the forms `stellar:CODE:ISSUER`, `stellar:native`, `iso4217:CODE`.
    """
    scheme, _, rest = text.partition(":")
    if scheme == Scheme.CURRENCY:
        return currency(rest)
    if text == NATIVE.id:
        return NATIVE
    code, separator, issuer = rest.partition(":")
    if scheme != Scheme.STELLAR or not separator:
        raise BadInput(
            f"Asset {text[:80]!r} is not valid: write stellar:CODE:ISSUER, stellar:native or iso4217:CODE."
        )
    return stellar_asset(code, issuer)


def parse_decimal(text: str) -> Decimal:
    """Read a plain, positive or zero decimal number: ASCII digits and at most one point.

    Signs, exponents, separators, spaces, `NaN` and `Infinity` are no amounts.

    Raises:
        InvalidAmount: The text is something else.
    """
    if len(text) > AMOUNT_TEXT_MAX or not _PLAIN_AMOUNT.fullmatch(text):
        raise InvalidAmount(
            f"Amount {text[:AMOUNT_TEXT_MAX]!r} is not valid: write digits with at most one point, such as 100.50."
        )
    return Decimal(text)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """A whole number of an asset's smallest unit, signed.

    Two amounts of different assets never meet: adding, subtracting or comparing them raises.
    """

    asset: Asset
    units: int

    def __add__(self, other: Money) -> Money:
        """Add an amount of the same asset."""
        return Money(self.asset, self.units + self._units_of(other))

    def __sub__(self, other: Money) -> Money:
        """Subtract an amount of the same asset."""
        return Money(self.asset, self.units - self._units_of(other))

    def __neg__(self) -> Money:
        """Turn the sign."""
        return Money(self.asset, -self.units)

    def __lt__(self, other: Money) -> bool:
        """Compare with an amount of the same asset."""
        return self.units < self._units_of(other)

    def __le__(self, other: Money) -> bool:
        """Compare with an amount of the same asset."""
        return self.units <= self._units_of(other)

    def __gt__(self, other: Money) -> bool:
        """Compare with an amount of the same asset."""
        return self.units > self._units_of(other)

    def __ge__(self, other: Money) -> bool:
        """Compare with an amount of the same asset."""
        return self.units >= self._units_of(other)

    @property
    def decimal(self) -> Decimal:
        """The amount in whole assets, exactly."""
        return units_to_decimal(self.units, self.asset.scale)

    @property
    def text(self) -> str:
        """The amount in plain notation with all decimals of its asset (`100.0000000`, `98.50`)."""
        return f"{self.decimal:f}"

    def __str__(self) -> str:
        """The amount and the asset's code, for people."""
        return f"{self.text} {self.asset.code}"

    def _units_of(self, other: Money) -> int:
        if other.asset != self.asset:
            raise InvariantViolated(
                f"{self.asset} and {other.asset} were mixed in one sum; amounts cross assets only through a price."
            )
        return other.units


def units_to_decimal(units: int, scale: int) -> Decimal:
    """Express a number of smallest units in whole assets, exactly."""
    with localcontext() as context:
        context.prec = _PRECISION
        return Decimal(units).scaleb(-scale)


def amount_from_text(asset: Asset, text: str) -> Money:
    """Read an amount of an asset, exactly.

    Raises:
        InvalidAmount: Not a plain number, more decimals than the asset has, or more than a 64-bit integer holds.
    """
    return exact_amount(asset, parse_decimal(text))


def exact_amount(asset: Asset, value: Decimal) -> Money:
    """Turn a decimal into an amount of an asset without rounding.

    Raises:
        InvalidAmount: It has more decimals than the asset, or exceeds a 64-bit integer of units.
    """
    with localcontext() as context:
        context.prec = _PRECISION
        scaled = value.scaleb(asset.scale)
        units = int(scaled)
        if units != scaled:
            raise InvalidAmount(
                f"Amount {value:f} has too many decimals: {asset.code} has {asset.scale} at most."
            )
    if abs(units) > STELLAR_MAX_UNITS:
        raise InvalidAmount(f"Amount {value:f} {asset.code} is larger than any that can be held.")
    return Money(asset, units)


def round_down(asset: Asset, value: Decimal) -> Money:
    """Round a decimal towards zero to the asset's smallest unit."""
    return _rounded(asset, value, ROUND_DOWN)


def round_up(asset: Asset, value: Decimal) -> Money:
    """Round a decimal away from zero to the asset's smallest unit."""
    return _rounded(asset, value, ROUND_UP)


def _rounded(asset: Asset, value: Decimal, rounding: str) -> Money:
    with localcontext() as context:
        context.prec = _PRECISION
        return Money(asset, int(value.scaleb(asset.scale).to_integral_value(rounding=rounding)))
