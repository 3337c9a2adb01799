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

from roadstead.config.strkey import is_public_key
from roadstead.customers.iso_codes import COUNTRIES, COUNTRIES_TWO_LETTERS, LANGUAGES, OCCUPATIONS

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
_IFSC = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}", re.ASCII)
_SORT_CODE = re.compile(r"\d{6}", re.ASCII)
_MONTH = re.compile(r"\d{2}-(?:0[1-9]|1[0-2])", re.ASCII)
_SUBDIVISION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}", re.ASCII)
_STELLAR_SHAPE = re.compile(r"G[A-Z2-7]{55}", re.ASCII)
_CLABE_LENGTH = 18
_MODULUS = 97

# Where the account itself has the check digits of ISO 7064 (97-10), those of the IBAN are always the same.
_CONSTANT_CHECK_DIGITS = {
    "BA": "39",
    "ME": "25",
    "MK": "07",
    "MR": "13",
    "PT": "50",
    "RS": "35",
    "SI": "56",
    "TL": "38",
    "TN": "59",
}
_KNOWN_TO_STDNUM = frozenset(("ES", "NO"))
_CODED_LIKE_FRANCE = frozenset(("FR", "MC"))
_RIB_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")


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


def country_two_letters(text: str) -> str:
    """Read a country as cards have it (ISO 3166-1 alpha-2)."""
    code = text.upper()
    if code not in COUNTRIES_TWO_LETTERS:
        raise Unfit("is not a country: write the two letters of ISO 3166-1, such as DE")
    return code


def subdivision(text: str) -> str:
    """Read a part of a country (ISO 3166-2): its form, and that its country is one."""
    code = text.upper()
    if not _SUBDIVISION.fullmatch(code) or code[:2] not in COUNTRIES_TWO_LETTERS:
        raise Unfit("is not a part of a country: write the code of ISO 3166-2, such as US-NY")
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


def month(text: str) -> str:
    """Read a month of this century, exactly `YY-MM` as SEP-9 wants it of cards."""
    if not _MONTH.fullmatch(text):
        raise Unfit("is not a month: write year and month in two digits each, as 29-11")
    return text


def phone_number(text: str) -> str:
    """Read a telephone number (E.164); spaces and punctuation between the digits are dropped.

    It has to be possible by its country's plan of numbers; whether somebody has it is not asked.
    """
    # The plans of all countries take 60 ms and 3 MB to load, which a process that reads no number need not pay.
    import phonenumbers  # noqa: PLC0415

    number = _PHONE_PUNCTUATION.sub("", text)
    try:
        parsed = phonenumbers.parse(number, None) if _PHONE.fullmatch(number) else None
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise Unfit("is not a telephone number: write it with a plus sign and the country's code (E.164)")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def iban(text: str) -> str:
    """Read an IBAN (ISO 13616): its country, its length, its check digits and those of the account where it has any."""
    try:
        number = str(stdnum.iban.validate(text, check_country=False))
    except ValidationError as error:
        raise Unfit("is not an IBAN: its country, its length or its check digits are wrong") from error
    if not _agrees_nationally(number):
        raise Unfit("is not an IBAN: the check digits of the account itself are wrong")
    return number


def _agrees_nationally(number: str) -> bool:
    """Check the check digits of the account itself, in countries where it has any; no list of banks decides."""
    if number.startswith("NO") and number[8:10] == "00":
        # Such accounts have their check digit over fewer digits, which stdnum does not know.
        return True
    if number.startswith("BE"):
        return int(number[-2:]) == (int(number[4:-2]) % _MODULUS or _MODULUS)
    if number[:2] in _KNOWN_TO_STDNUM:
        return bool(stdnum.iban.is_valid(number))
    if number[:2] in _CODED_LIKE_FRANCE:
        digits = number[4:].translate(_RIB_DIGITS)
        bank, branch, account, key = (int(digits[a:b]) for a, b in ((0, 5), (5, 10), (10, 21), (21, 23)))
        return key == _MODULUS - (89 * bank + 15 * branch + 3 * account) % _MODULUS
    return number[2:4] == _CONSTANT_CHECK_DIGITS.get(number[:2], number[2:4])


def bic(text: str) -> str:
    """Read a BIC (ISO 9362) by its form and its country; no list of banks is ever whole enough to refuse by it."""
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


def ifsc(text: str) -> str:
    """Read the code of a bank's branch in India (IFSC)."""
    code = _SEPARATORS.sub("", text).upper()
    if not _IFSC.fullmatch(code):
        raise Unfit("is not an IFSC: write its eleven characters, four letters, a zero and six more")
    return code


def sort_code(text: str) -> str:
    """Read the sort code of a bank's branch in the United Kingdom."""
    code = _SEPARATORS.sub("", text)
    if not _SORT_CODE.fullmatch(code):
        raise Unfit("is not a sort code: write its six digits")
    return code


def stellar_address(text: str) -> str:
    """Read an address on Stellar (SEP-23)."""
    if not is_public_key(text):
        raise Unfit("is not an address on Stellar: write G and its 55 letters and digits")
    return text


def looks_like_stellar(text: str) -> bool:
    """Tell whether a text has the shape of an address on Stellar, so that it has to be one."""
    return bool(_STELLAR_SHAPE.fullmatch(text))


def looks_like_iban(text: str) -> bool:
    """Tell whether a text has the shape of an IBAN, so that it has to be one."""
    return bool(_IBAN_SHAPE.fullmatch(_SEPARATORS.sub("", text).upper()))


def looks_like_bic(text: str) -> bool:
    """Tell whether a text has the shape of a BIC, so that it has to be one."""
    return bool(_BIC_SHAPE.fullmatch(_SEPARATORS.sub("", text).upper()))


def account_number(text: str) -> str:
    """Read the number of a bank account; what looks like an IBAN has to be one."""
    number = _SEPARATORS.sub("", text)
    if looks_like_iban(number):
        return iban(number)
    if not _ACCOUNT.fullmatch(number):
        raise Unfit("is not an account number: write at most 40 letters and digits")
    return number


def bank_number(text: str) -> str:
    """Read the number of a bank; what looks like a BIC has to be one."""
    number = _SEPARATORS.sub("", text)
    if looks_like_bic(number):
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
    """Read an occupation (ISCO-08): a minor group in three digits, or what is above or below one.

    Leading zeros are kept, they carry meaning.
    """
    if not _OCCUPATION.fullmatch(text) or not any(group.startswith(text[:3]) for group in OCCUPATIONS):
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
