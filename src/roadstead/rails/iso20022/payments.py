"""Writing payments for a bank: pain.001.001.09, always the same bytes for the same payments.

Sources: ISO 20022 `CustomerCreditTransferInitiationV09`; for euros the rules of SEPA credit transfers (service level
`SEPA`, charges `SLEV`, EPC132-08); for everything else a plain credit transfer with shared charges.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from uuid import UUID

from lxml import etree

from roadstead.errors import BadInput
from roadstead.money import Money, currency
from roadstead.rails.checks import is_iban
from roadstead.rails.iso20022.texts import INFORMATION_MAX, NAME_MAX, Change, fit
from roadstead.rails.protocol import PayoutAttempt

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
NOT_PROVIDED = "NOTPROVIDED"
"""What stands where a bank is not named (EPC132-08)."""
EURO = currency("EUR")

_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """We, as our bank knows us."""

    name: str
    account: str
    """An IBAN, or another account number of at most 34 characters."""
    bic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a file says of itself."""

    message_id: str
    """Never used again for anything else; the bank refuses a second file of the same one."""
    created_at: datetime
    execute_on: date
    """The day on which the bank is asked to pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """How what travels with a payment differs from what was given; names the element, never its value."""

    element: str
    change: Change

    def __str__(self) -> str:
        """Say it in words that may be logged."""
        return f"{self.element} {self.change}"


def payment_information_id(message_id: str) -> str:
    """Name the one batch of a file (`PmtInfId`)."""
    return f"{message_id}1"


def uetr_of(key: str) -> UUID:
    """Return the world-wide name of an attempt (`UETR`): a UUID of version 4 that follows from its key."""
    return UUID(bytes=hashlib.sha256(f"roadstead uetr {key}".encode()).digest()[:16], version=4)


def adjustments(attempt: PayoutAttempt) -> tuple[Adjustment, ...]:
    """Say how a payment's texts will differ from what was given; nothing when they travel as they are."""
    fitted = (
        ("Nm", fit(attempt.creditor.name, NAME_MAX)),
        ("Ustrd", fit(attempt.information, INFORMATION_MAX)),
    )
    return tuple(
        Adjustment(element=element, change=change) for element, text in fitted for change in text.changes
    )


def write_payments(heading: Heading, debtor: Debtor, attempts: Sequence[PayoutAttempt]) -> bytes:
    """Write a file of payments in one currency, in the order given.

    Memory grows with the bytes of the file, not with a tree of it.

    Raises:
        BadInput: There are no payments, or they are of several currencies.
    """
    currencies = {attempt.amount.asset for attempt in attempts}
    if len(currencies) != 1:
        raise BadInput("A file pays at least one payout, and all of them in one currency.")
    total = Money(attempts[0].amount.asset, sum(attempt.amount.units for attempt in attempts))
    target = BytesIO()
    with etree.xmlfile(target, encoding="UTF-8") as raw:
        raw.write_declaration(standalone=None)
        file = _Writer(raw)
        with file.element("Document", {"xmlns": NAMESPACE}), file.element("CstmrCdtTrfInitn"):
            with file.element("GrpHdr"):
                file.text("MsgId", heading.message_id)
                file.text("CreDtTm", _moment(heading.created_at))
                file.text("NbOfTxs", str(len(attempts)))
                file.text("CtrlSum", total.text)
                with file.element("InitgPty"):
                    file.text("Nm", fit(debtor.name, NAME_MAX).text)
            with file.element("PmtInf"):
                _write_batch_heading(file, heading, debtor, total, len(attempts))
                for attempt in attempts:
                    _write_payment(file, attempt)
    return target.getvalue()


class _Writer:
    """Writes elements one after the other, without a tree."""

    def __init__(self, file: etree._IncrementalFileWriter) -> None:
        self._file = file

    @contextmanager
    def element(self, name: str, attributes: dict[str, str] | None = None) -> Iterator[None]:
        with self._file.element(name, attributes or {}):
            yield

    def text(self, name: str, value: str, attributes: dict[str, str] | None = None) -> None:
        with self._file.element(name, attributes or {}):
            self._file.write(value)


def _write_batch_heading(file: _Writer, heading: Heading, debtor: Debtor, total: Money, count: int) -> None:
    is_sepa = total.asset == EURO
    file.text("PmtInfId", payment_information_id(heading.message_id))
    file.text("PmtMtd", "TRF")
    # Each payment is its own line of the statement, so that each can be matched.
    file.text("BtchBookg", "false")
    file.text("NbOfTxs", str(count))
    file.text("CtrlSum", total.text)
    if is_sepa:
        with file.element("PmtTpInf"), file.element("SvcLvl"):
            file.text("Cd", "SEPA")
    with file.element("ReqdExctnDt"):
        file.text("Dt", heading.execute_on.isoformat())
    with file.element("Dbtr"):
        file.text("Nm", fit(debtor.name, NAME_MAX).text)
    with file.element("DbtrAcct"):
        _write_account(file, debtor.account)
        file.text("Ccy", total.asset.code)
    with file.element("DbtrAgt"), file.element("FinInstnId"):
        if debtor.bic is None:
            with file.element("Othr"):
                file.text("Id", NOT_PROVIDED)
        else:
            file.text("BICFI", debtor.bic)
    file.text("ChrgBr", "SLEV" if is_sepa else "SHAR")


def _write_payment(file: _Writer, attempt: PayoutAttempt) -> None:
    creditor = attempt.creditor
    with file.element("CdtTrfTxInf"):
        with file.element("PmtId"):
            file.text("InstrId", attempt.key)
            file.text("EndToEndId", attempt.end_to_end_id)
            file.text("UETR", str(uetr_of(attempt.key)))
        with file.element("Amt"):
            file.text("InstdAmt", attempt.amount.text, {"Ccy": attempt.amount.asset.code})
        if creditor.bank_number is not None:
            with file.element("CdtrAgt"), file.element("FinInstnId"):
                if _BIC.fullmatch(creditor.bank_number):
                    file.text("BICFI", creditor.bank_number)
                else:
                    with file.element("ClrSysMmbId"):
                        file.text("MmbId", creditor.bank_number)
        with file.element("Cdtr"):
            file.text("Nm", fit(creditor.name, NAME_MAX).text)
        with file.element("CdtrAcct"):
            _write_account(file, creditor.account_number)
        if information := fit(attempt.information, INFORMATION_MAX).text:
            with file.element("RmtInf"):
                file.text("Ustrd", information)


def _write_account(file: _Writer, number: str) -> None:
    with file.element("Id"):
        if is_iban(number):
            file.text("IBAN", number)
        else:
            with file.element("Othr"):
                file.text("Id", number)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
