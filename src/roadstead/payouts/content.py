"""What an attempt asks of a rail: put together once from the receiving client's data, then fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from roadstead.money import Money, parse_asset
from roadstead.rails.protocol import Creditor, PayoutAttempt

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


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    end_to_end_id: str
    asset: str
    amount_units: int
    name: str
    account_number: str
    bank_number: str | None
    country: str | None
    information: str


def write(attempt: PayoutAttempt) -> bytes:
    """Write an attempt as the bytes that are stored before it is sent; always the same for the same attempt."""
    return msgspec.json.encode(
        _Content(
            key=attempt.key,
            end_to_end_id=attempt.end_to_end_id,
            asset=attempt.amount.asset.id,
            amount_units=attempt.amount.units,
            name=attempt.creditor.name,
            account_number=attempt.creditor.account_number,
            bank_number=attempt.creditor.bank_number,
            country=attempt.creditor.country,
            information=attempt.information,
        ),
        order="deterministic",
    )


def read(content: bytes) -> PayoutAttempt:
    """Read back a stored attempt; that nobody changed it is what its encryption proves."""
    stored = msgspec.json.decode(content, type=_Content)
    return PayoutAttempt(
        key=stored.key,
        end_to_end_id=stored.end_to_end_id,
        amount=Money(parse_asset(stored.asset), stored.amount_units),
        creditor=Creditor(
            name=stored.name,
            account_number=stored.account_number,
            bank_number=stored.bank_number,
            country=stored.country,
        ),
        information=stored.information,
    )
