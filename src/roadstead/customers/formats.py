"""The forms of well-known values, checked without asking anybody.

A form takes the text as it was sent and returns it as it is kept (spaces out of an IBAN, a country in capitals). What
does not fit raises `Unfit`, whose reason says what is wanted and never repeats the value: it is personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import stdnum.ar.cbu
import stdnum.bic
import stdnum.iban
import stdnum.us.rtn
from email_validator import EmailNotValidError, validate_email
from stdnum.exceptions import ValidationError

from roadstead.customers.iso_codes import COUNTRIES, LANGUAGES

Form = Callable[[str], str]

YEAR_MIN: Final = 1880
"""No document and no birthday of a living person is older."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PHONE_PUNCTUATION = re.compile(r"[ .()\-]")
_IBAN_SHAPE = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_BIC_SHAPE = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)
_CBU_ALIAS = re.compile(r"[A-Za-z0-9.\-]{6,20}", re.ASCII)
_OCCUPATION = re.compile(r"\d{1,4}", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_SEPARATORS = re.compile(r"[ \-]")
_CLABE_LENGTH = 18


class Unfit(Exception):
    """A value is not of its form; the reason completes a sentence that starts with the field's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def free_text(text: str) -> str:
    """Take the text as it is."""
    return text


def email(text: str) -> str:
    """Read an email address by the rules of syntax alone; no name server is asked."""
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise Unfit("is not an email address: write it as name@domain") from error


def country(text: str) -> str:
    """Read a country (ISO 3166-1 alpha-3)."""
    code = text.upper()
    if code not in COUNTRIES:
        raise Unfit("is not a country: write the three letters of ISO 3166-1, such as DEU")
    return code


def language(text: str) -> str:
    """Read a language (ISO 639-1)."""
    code = text.lower()
    if code not in LANGUAGES:
        raise Unfit("is not a language: write the two letters of ISO 639-1, such as en")
    return code


def calendar_date(text: str) -> str:
    """Read a date, exactly `YYYY-MM-DD`."""
    try:
        moment = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None or moment.year < YEAR_MIN:
        raise Unfit("is not a date: write year, month and day as 1976-07-04")
    return text


def phone_number(text: str) -> str:
    """Read a telephone number (E.164); spaces and punctuation between the digits are dropped."""
    number = _PHONE_PUNCTUATION.sub("", text)
    if not _PHONE.fullmatch(number):
        raise Unfit("is not a telephone number: write it with a plus sign and the country's code (E.164)")
    return number


def iban(text: str) -> str:
    """Read an IBAN (ISO 13616): its country, its length and its check digits."""
    try:
        return str(stdnum.iban.validate(text))
    except ValidationError as error:
        raise Unfit("is not an IBAN: its country, its length or its check digits are wrong") from error


def bic(text: str) -> str:
    """Read a BIC (ISO 9362)."""
    try:
        return str(stdnum.bic.validate(text))
    except ValidationError as error:
        raise Unfit("is not a BIC: write the 8 or 11 characters of ISO 9362") from error


def routing_number(text: str) -> str:
    """Read a routing number of a bank in the United States (ABA), with its check digit."""
    try:
        return str(stdnum.us.rtn.validate(text))
    except ValidationError as error:
        raise Unfit(
            "is not a routing number: write its nine digits, the last one is a check digit"
        ) from error


def account_number(text: str) -> str:
    """Read the number of a bank account; what looks like an IBAN has to be one."""
    number = _SEPARATORS.sub("", text)
    if _IBAN_SHAPE.fullmatch(number.upper()):
        return iban(number)
    if not _ACCOUNT.fullmatch(number):
        raise Unfit("is not an account number: write at most 40 letters and digits")
    return number


def bank_number(text: str) -> str:
    """Read the number of a bank; what looks like a BIC has to be one."""
    number = _SEPARATORS.sub("", text)
    if _BIC_SHAPE.fullmatch(number.upper()):
        return bic(number)
    if not _CODE.fullmatch(number):
        raise Unfit("is not the number of a bank: write at most 40 letters and digits")
    return number


def clabe(text: str) -> str:
    """Read a Mexican account number: 18 digits, the last one makes the sum weighted 3, 7, 1 divisible by ten."""
    number = _SEPARATORS.sub("", text)
    if len(number) == _CLABE_LENGTH and number.isascii() and number.isdecimal():
        weighted = (int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(number[:-1]))
        if (10 - sum(weighted) % 10) % 10 == int(number[-1]):
            return number
    raise Unfit("is not a CLABE: write its 18 digits, the last one is a check digit")


def cbu(text: str) -> str:
    """Read an Argentine account number (CBU or CVU): 22 digits with two check digits."""
    try:
        return str(stdnum.ar.cbu.validate(text))
    except ValidationError as error:
        raise Unfit("is not a CBU or CVU: write its 22 digits, two of them are check digits") from error


def cbu_alias(text: str) -> str:
    """Read the alias of an Argentine account."""
    if not _CBU_ALIAS.fullmatch(text):
        raise Unfit("is not an alias of a CBU: write 6 to 20 letters, digits, points and dashes")
    return text


def internet_address(text: str) -> str:
    """Read an IP address of version 4 or 6."""
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise Unfit("is not an IP address") from error


def website(text: str) -> str:
    """Read the address of a web site; it is not visited."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or " " in text:
        raise Unfit("is not the address of a web site: write it as https://example.com")
    return text


def occupation(text: str) -> str:
    """Read an occupation (ISCO-08); leading zeros are kept, they carry meaning."""
    if not _OCCUPATION.fullmatch(text):
        raise Unfit("is not an occupation: write the digits of ISCO-08, such as 251")
    return text


def count(text: str) -> str:
    """Read a number of things."""
    if not _COUNT.fullmatch(text):
        raise Unfit("is not a number: write at most nine digits")
    return text


def one_of(*choices: str) -> Form:
    """Return the form of a word out of a closed list; capitals do not matter."""

    def read(text: str) -> str:
        if text.lower() not in choices:
            raise Unfit(f"is not one of {', '.join(choices)}")
        return text.lower()

    return read
