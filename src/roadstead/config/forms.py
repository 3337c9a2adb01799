"""The forms of the values in `anchor.toml`: each in words, and as a small function that reads it."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from urllib.parse import urlsplit

from roadstead.config.schema import Form, Unfit
from roadstead.errors import BadInput
from roadstead.money import STELLAR_SCALE, Asset, Scheme, exact_amount, parse_asset, parse_decimal

_TEXT_MAX = 2_000
_EXPONENT_MAX = 20
_SHOWN_MAX = 40
_PERCENT_BELOW = 100
_CODE = re.compile(r"[A-Za-z0-9]{1,12}", re.ASCII)
_RAIL_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"\+[1-9][0-9]{5,14}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_RATE_KIND = re.compile(r"static|http|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_COUNTRY_OF_ADDRESS = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?", re.ASCII)
_RATE_EXPONENT_MAX = 12
_ANY_ASSET = Asset(Scheme.STELLAR, "any")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit(f"is {_shown(value)}, which is no text")
    text = value.strip()
    if not text:
        raise Unfit("is empty")
    if len(text) > _TEXT_MAX:
        raise Unfit(f"has {len(text)} characters, which is too long")
    return text


def _pattern(pattern: re.Pattern[str], words: str) -> Form:
    def read(value: object) -> str:
        text = _text(value)
        if not pattern.fullmatch(text):
            raise Unfit(f"is {_shown(text)}")
        return text

    return Form(words=words, read=read)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit(f"is {_shown(value)}, which is neither true nor false")
    return value


def _https_url(value: object) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise Unfit(f"is {_shown(text)}, which is no URL") from error
    if parts.scheme != "https" or not parts.hostname:
        raise Unfit(f"is {_shown(text)}")
    return text


def _decimal(value: object) -> Decimal:
    match value:
        case bool():
            raise Unfit(f"is {_shown(value)}, which is no number")
        case int():
            number = Decimal(value)
        case Decimal() if value.is_finite() and abs(value.adjusted()) < _EXPONENT_MAX:
            number = value
        case str():
            number = _decimal_text(value)
        case _:
            raise Unfit(f"is {_shown(value)}, which is no plain number")
    if number < 0:
        raise Unfit(f"is {number}, which is below zero")
    return number


def _decimal_text(value: str) -> Decimal:
    try:
        return parse_decimal(value)
    except BadInput as error:
        raise Unfit(f"is {_shown(value)}, which is no plain number") from error


def _amount(value: object) -> Decimal:
    number = _decimal(value)
    try:
        return exact_amount(_ANY_ASSET, number).decimal.normalize() + 0
    except BadInput as error:
        raise Unfit(f"is {number:f}, which no amount on Stellar can be") from error


def _percent(value: object) -> Decimal:
    number = _decimal(value)
    if number >= _PERCENT_BELOW:
        raise Unfit(f"is {number:f}, which leaves nothing to deliver")
    return number


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise Unfit(f"is {_shown(value)}, which is no list of names")
    names = tuple(_text(item) for item in value)
    if len(set(names)) != len(names):
        raise Unfit("names the same thing twice")
    return names


def _rate(value: object) -> Decimal:
    number = _decimal(value)
    if number == 0 or abs(number.adjusted()) > _RATE_EXPONENT_MAX:
        raise Unfit(f"is {number}, at which nothing can be exchanged")
    return number


def _country_codes(value: object) -> tuple[str, ...]:
    codes = _names(value)
    for code in codes:
        if not _COUNTRY.fullmatch(code):
            raise Unfit(f"names {_shown(code)}")
    return codes


def _countries(value: object) -> tuple[str, ...]:
    codes = _names(value)
    for code in codes:
        if not _COUNTRY_OF_ADDRESS.fullmatch(code):
            raise Unfit(f"names {_shown(code)}")
    return codes


def _currency(value: object) -> Asset:
    text = _text(value)
    try:
        asset = parse_asset(text)
    except BadInput as error:
        raise Unfit(f"is {_shown(text)}") from error
    if asset.scheme is not Scheme.CURRENCY:
        raise Unfit(f"is {_shown(text)}, which is a token and no currency")
    return asset


def whole(minimum: int, maximum: int) -> Form:
    """Return the form of a whole number within limits, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(f"is {_shown(value)}, which is no whole number")
        if not minimum <= value <= maximum:
            raise Unfit(f"is {value}")
        return value

    return Form(words=f"a whole number from {minimum} to {maximum}", read=read)


def one_of(choices: type[StrEnum]) -> Form:
    """Return the form of a word out of a closed list."""

    def read(value: object) -> StrEnum:
        text = _text(value)
        if text not in list(choices):
            raise Unfit(f"is {_shown(text)}")
        return choices(text)

    return Form(words=f"one of {', '.join(choices)}", read=read)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


TEXT = Form(words="a text", read=_text)
BOOLEAN = Form(words="true or false", read=_boolean)
HTTPS_URL = Form(words="an https URL", read=_https_url)
EMAIL = _pattern(_EMAIL, "an email address")
PHONE = _pattern(_PHONE, "a telephone number in the form of E.164")
DIGEST = _pattern(_DIGEST, "a SHA-256 digest of 64 hexadecimal digits")
CODE = _pattern(_CODE, "an asset code of 1 to 12 letters and digits")
LABEL = _pattern(_LABEL, "a name of letters, digits, dots, hyphens and underscores, at most 60")
RAIL_NAME = _pattern(_RAIL_NAME, "a name of small letters, digits and underscores, at most 30")
AMOUNT = Form(words=f"an amount of at least 0 with at most {STELLAR_SCALE} decimals", read=_amount)
PERCENT = Form(words="percentage points of at least 0 and below 100", read=_percent)
RATE = Form(words="a number above 0, at most twelve digits before its point", read=_rate)
RATE_KIND = _pattern(_RATE_KIND, "static, http, or package.module:function of a source of your own")
COUNTRY_CODES = Form(words="a list of country codes of ISO 3166 such as DE or US-NY", read=_country_codes)
COUNTRIES = Form(words="a list of countries by the three letters of ISO 3166-1 such as DEU", read=_countries)
NAMES = Form(words="a list of names", read=_names)
CURRENCY = Form(words="a currency by its ISO 4217 code, written as in SEP-38", read=_currency)
