"""Attempts as bytes: what is stored, sealed, before a rail hears of an attempt. Pure."""

from __future__ import annotations

import msgspec

from roadstead.money import Money, parse_asset
from roadstead.rails.protocol import Creditor, PayoutAttempt


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


def write_attempt(attempt: PayoutAttempt) -> bytes:
    """Write an attempt as the bytes that are stored before it is sent; always the same for the same attempt."""
    creditor = attempt.creditor
    return msgspec.json.encode(
        _Content(
            key=attempt.key,
            end_to_end_id=attempt.end_to_end_id,
            asset=attempt.amount.asset.id,
            amount_units=attempt.amount.units,
            name=creditor.name,
            account_number=creditor.account_number,
            bank_number=creditor.bank_number,
            country=creditor.country,
            information=attempt.information,
        ),
        order="deterministic",
    )


def read_attempt(content: bytes) -> PayoutAttempt:
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
