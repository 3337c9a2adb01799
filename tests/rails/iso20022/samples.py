"""Payments for the tests of files."""

from __future__ import annotations

from datetime import UTC, date, datetime

from roadstead.money import amount_from_text, currency
from roadstead.rails.iso20022.payments import Heading
from roadstead.rails.protocol import Creditor, PayoutAttempt

IBAN = "DE89370400440532013000"
HEADING = Heading(
    message_id="BAAAAAAAAAAAAAAAAAAAAAAAAAA",
    created_at=datetime(2026, 9, 28, 8, 30, tzinfo=UTC),
    execute_on=date(2026, 9, 28),
)


def sample(
    number: int,
    *,
    account_number: str = IBAN,
    amount: str = "98.50",
    code: str = "EUR",
    name: str = "Ada Lovelace",
    bank_number: str | None = None,
    information: str = "A gift",
) -> PayoutAttempt:
    return PayoutAttempt(
        key=f"A{number:025d}",
        end_to_end_id=f"P{number:025d}",
        amount=amount_from_text(currency(code), amount),
        creditor=Creditor(name=name, account_number=account_number, bank_number=bank_number),
        information=information,
    )
