"""Whom an attempt pays: put together once from the receiving client's data, then fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roadstead.rails.protocol import Creditor

NAME_FIELDS = ("first_name", "last_name", "organization.name")
ACCOUNT_FIELDS = ("bank_account_number", "clabe_number", "cbu_number", "mobile_money_number")
OTHER_FIELDS = ("bank_number", "address_country_code")
CREDITOR_FIELDS = (*NAME_FIELDS, *ACCOUNT_FIELDS, *OTHER_FIELDS)
"""The SEP-9 fields that a payout is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """The receiving client's data do not suffice to pay; these SEP-9 fields are missing."""

    fields: tuple[str, ...]


def creditor(fields: Mapping[str, str]) -> Creditor | Incomplete:
    """Put together whom to pay from a receiving client's SEP-9 fields."""
    person = " ".join(fields[name] for name in ("first_name", "last_name") if fields.get(name))
    name = person or fields.get("organization.name", "")
    account_number = next((fields[name] for name in ACCOUNT_FIELDS if fields.get(name)), "")
    missing = [
        *([] if name else ["first_name", "last_name"]),
        *([] if account_number else [ACCOUNT_FIELDS[0]]),
    ]
    if missing:
        return Incomplete(fields=tuple(missing))
    return Creditor(
        name=name,
        account_number=account_number,
        bank_number=fields.get("bank_number"),
        country=fields.get("address_country_code"),
    )
