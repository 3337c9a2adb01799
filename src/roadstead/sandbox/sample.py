"""Invented people: values of the right form for whatever SEP-9 field an anchor asks for. Nobody real."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from roadstead.config.anchor import CustomerRole

_IBAN_REMAINDER = 98
_IBAN_MODULUS = 97
_NATIONAL_BANK_FIELDS = frozenset({"bank_number", "clabe_number", "cbu_number"})

_WHITE_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAUAAAADIAQAAAACxfwUGAAAAM0lEQVR42u3KoQEAAAwCIP9/Wl9YXIBMehRRFEVRFEVRFEVR"
    "FEVRFEVRFEVRFEVRFL/HAdqzIpKkc58/AAAAAElFTkSuQmCC"
)
"""An empty card of 320 by 200 pixels."""

_PEOPLE = {
    CustomerRole.SENDER: {
        "first_name": "Amara",
        "last_name": "Okoye",
        "address_country_code": "USA",
        "city": "Porttown",
        "birth_country_code": "USA",
        "id_country_code": "USA",
    },
    CustomerRole.RECEIVER: {
        "first_name": "Jonas",
        "last_name": "Lindner",
        "address_country_code": "DEU",
        "city": "Hafenstadt",
        "birth_country_code": "DEU",
        "id_country_code": "DEU",
    },
}
_ALIASES = {"given_name": "first_name", "family_name": "last_name"}

_VALUES = {
    "additional_name": "Lee",
    "state_or_province": "Coast",
    "postal_code": "10115",
    "address": "1 Harbour Street",
    "mobile_number": "+14155550100",
    "mobile_number_format": "E.164",
    "birth_date": "1985-03-14",
    "birth_place": "Porttown",
    "tax_id": "123456789",
    "tax_id_name": "SSN",
    "occupation": "251",
    "employer_name": "Example Chandlers",
    "employer_address": "2 Harbour Street",
    "language_code": "en",
    "id_type": "passport",
    "id_issue_date": "2022-05-02",
    "id_expiration_date": "2032-05-01",
    "id_number": "X1234567",
    "ip_address": "192.0.2.10",
    "sex": "other",
    "referral_id": "example-referral",
    "bank_name": "Example Bank",
    "bank_account_type": "checking",
    "bank_number": "110000000",
    "bank_phone_number": "+14155550101",
    "bank_branch_number": "001",
    "external_transfer_memo": "12345",
    "clabe_number": "002010077777777771",
    "cbu_number": "2850590940090418135201",
    "cbu_alias": "example.alias.sol",
    "mobile_money_number": "+14155550102",
    "mobile_money_provider": "Example Mobile",
    "organization.name": "Example Traders Ltd",
    "organization.VAT_number": "DE136695976",
    "organization.registration_date": "1999-12-31",
    "organization.website": "https://traders.example",
    "organization.email": "office@traders.example",
    "organization.phone": "+14155550103",
    "card.expiration_date": "32-05",
    "card.country_code": "US",
    "card.state_or_province": "US-NY",
    "card.token": "tok_example",
}
_BY_KIND = {"number": "1", "date": "1985-03-14", "binary": _WHITE_PNG}


def invent(role: CustomerRole, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Invent a value for each field, described as in the `fields` of a SEP-12 answer.

    Binary fields are answered in base64 (`decode_binary`). Email address and bank account differ from call to call, so
    that two invented people are two people.
    """
    person = {**_VALUES, **_PEOPLE[role], "email_address": f"{role}-{secrets.token_hex(4)}@customer.example"}
    national = bool(_NATIONAL_BANK_FIELDS & fields.keys())
    person["bank_account_number"] = _digits(10) if national else random_iban()
    return {name: _value(name, description, person) for name, description in fields.items()}


def random_iban() -> str:
    """Make an IBAN of the German form with correct check digits, at a bank that does not exist."""
    return iban_ending("")


def iban_ending(ending: str) -> str:
    """Make such an IBAN whose last digits are given, for the simulated bank acts on them."""
    account = f"99999999{_digits(10 - len(ending))}{ending}"
    # ISO 13616: country and "00" go behind the account, letters become numbers (D = 13, E = 14).
    check = _IBAN_REMAINDER - int(f"{account}131400") % _IBAN_MODULUS
    return f"DE{check:02}{account}"


def decode_binary(value: str) -> bytes:
    """Return the bytes of an invented binary field."""
    return base64.b64decode(value)


def _value(name: str, description: Mapping[str, Any], person: Mapping[str, str]) -> str:
    choices = description.get("choices")
    if isinstance(choices, list) and choices:
        return str(choices[0])
    known = _ALIASES.get(name, name)
    bare = known.removeprefix("organization.")
    return person.get(known) or person.get(bare) or _BY_KIND.get(str(description.get("type")), "Example")


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))
