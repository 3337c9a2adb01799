"""Reading any file of a bank: which message it is decides how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.rails.iso20022.documents import open_document
from roadstead.rails.iso20022.reports import PaymentReturns, StatusReport, read_returns, read_status_report
from roadstead.rails.iso20022.statements import NOTIFICATION, STATEMENT, read_statements
from roadstead.rails.statements import BankStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """A camt.053 or camt.054."""

    is_statement: bool
    """Whether it is the bank's statement (camt.053), whose lines are booked; a notification only announces them."""
    statements: tuple[BankStatement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFile:
    """A bank's file in our words."""

    message: str
    """Which message it is, with its version: `camt.053.001.08`."""
    content: StatusReport | AccountReport | PaymentReturns


def read_bank_file(data: bytes) -> BankFile:
    """Read a file of a bank: a status report, a statement, a notification, or returns.

    Reading again gives the same; nothing is looked up outside of the bytes.

    Raises:
        TooLarge: It has more bytes than any file of a bank should.
        BadInput: It is none of these messages, damaged, or dangerous to read.
    """
    document = open_document(data)
    content: StatusReport | AccountReport | PaymentReturns
    if document.message in {STATEMENT, NOTIFICATION}:
        content = AccountReport(
            is_statement=document.message == STATEMENT, statements=read_statements(document)
        )
    elif document.message == "pain.002.001":
        content = read_status_report(document)
    else:
        content = read_returns(document)
    return BankFile(message=document.name, content=content)
