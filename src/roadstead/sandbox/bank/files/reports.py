"""Writing the bank's files: pain.002.001.10, camt.054.001.08 and camt.053.001.08."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from roadstead.money import Money
from roadstead.sandbox.bank.book import Book, Entry, Payout
from roadstead.sandbox.bank.statements import Statement
from roadstead.sandbox.bank.views import account_number, event_id, statement_id

STATUS_REPORT = "pain.002.001.10"
NOTIFICATION = "camt.054.001.08"
STATEMENT = "camt.053.001.08"

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_IBAN_LENGTH_MIN = 15
_TEXT_MAX = 35


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatus:
    """What the bank says of one payment of a file."""

    batch_id: str
    instruction_id: str
    end_to_end_id: str
    code: str
    """`ACSP` (it will be paid), `RJCT` or `RCVD`."""
    reason: str | None = None
    reference: str | None = None


def status_report(
    *,
    identifier: str,
    created_at: str,
    message_id: str,
    payments: Sequence[PaymentStatus],
    reason: str | None = None,
    is_whole: bool = True,
) -> bytes:
    """Write what became of a file: of all of it, with a reason, or of its payments.

    A report that is not of the whole file says nothing of the group.
    """
    codes = {payment.code for payment in payments}
    group = "RJCT" if reason is not None else next(iter(codes)) if len(codes) == 1 else "PART"
    batches = dict.fromkeys(payment.batch_id for payment in payments)
    return _document(
        STATUS_REPORT,
        _node(
            "CstmrPmtStsRpt",
            _header(identifier, created_at),
            _node(
                "OrgnlGrpInfAndSts",
                _leaf("OrgnlMsgId", message_id[:_TEXT_MAX]),
                _leaf("OrgnlMsgNmId", "pain.001"),
                *([_leaf("GrpSts", group)] if is_whole else []),
                *_status_reason(reason),
            ),
            *(
                _node(
                    "OrgnlPmtInfAndSts",
                    _leaf("OrgnlPmtInfId", batch),
                    *(_payment_status(payment) for payment in payments if payment.batch_id == batch),
                )
                for batch in batches
            ),
        ),
    )


def notification(
    book: Book, code: str, entries: Sequence[Entry], *, identifier: str, created_at: str
) -> bytes:
    """Write what was booked just now on one account."""
    return _document(
        NOTIFICATION,
        _node(
            "BkToCstmrDbtCdtNtfctn",
            _header(identifier, created_at),
            _node(
                "Ntfctn",
                _leaf("Id", identifier),
                _leaf("CreDtTm", created_at),
                _account(book, code),
                *(_entry(book, entry, entry.at.date().isoformat()) for entry in entries),
            ),
        ),
    )


def statement_file(book: Book, statement: Statement, *, created_at: str) -> bytes:
    """Write one day's statement."""
    day = statement.booked_on.isoformat()
    identifier = statement_id(book, statement)
    return _document(
        STATEMENT,
        _node(
            "BkToCstmrStmt",
            _header(identifier, created_at),
            _node(
                "Stmt",
                _leaf("Id", identifier),
                _leaf("ElctrncSeqNb", str(statement.sequence)),
                _leaf("CreDtTm", created_at),
                _account(book, statement.currency),
                _balance("OPBD", statement.opening, day),
                _balance("CLBD", statement.closing, day),
                *(_entry(book, entry, day) for entry in statement.entries),
            ),
        ),
    )


def _payment_status(payment: PaymentStatus) -> etree._Element:
    return _node(
        "TxInfAndSts",
        _leaf("OrgnlInstrId", payment.instruction_id),
        _leaf("OrgnlEndToEndId", payment.end_to_end_id),
        _leaf("TxSts", payment.code),
        *_status_reason(payment.reason),
        *([] if payment.reference is None else [_leaf("AcctSvcrRef", payment.reference)]),
    )


def _status_reason(reason: str | None) -> Iterator[etree._Element]:
    if reason is not None:
        yield _node("StsRsnInf", _node("Rsn", _leaf("Cd", reason)))


def _entry(book: Book, entry: Entry, day: str) -> etree._Element:
    payout = book.payouts.get(entry.key or "")
    return _node(
        "Ntry",
        _leaf("NtryRef", event_id(book, entry.number)),
        _amount("Amt", entry.amount),
        _leaf("CdtDbtInd", "CRDT" if entry.is_credit else "DBIT"),
        *([_leaf("RvslInd", "true")] if entry.is_reversal else []),
        _node("Sts", _leaf("Cd", "BOOK")),
        _node("BookgDt", _leaf("Dt", day)),
        _node("ValDt", _leaf("Dt", day)),
        _leaf("AcctSvcrRef", event_id(book, entry.number) if payout is None else payout.reference),
        _node("BkTxCd", _node("Prtry", _leaf("Cd", "DEPOSIT" if payout is None else "PAYOUT"))),
        *([] if payout is None else [_node("NtryDtls", _details(entry, payout))]),
    )


def _details(entry: Entry, payout: Payout) -> etree._Element:
    instruction = payout.instruction
    return _node(
        "TxDtls",
        _node(
            "Refs",
            _leaf("AcctSvcrRef", payout.reference),
            _leaf("InstrId", payout.key[:_TEXT_MAX]),
            _leaf("EndToEndId", instruction.end_to_end_id),
        ),
        _amount("Amt", entry.amount),
        _leaf("CdtDbtInd", "CRDT" if entry.is_credit else "DBIT"),
        _node(
            "RltdPties",
            _node("Cdtr", _node("Pty", _leaf("Nm", instruction.name))),
            _node("CdtrAcct", _number(instruction.account)),
        ),
        *([_node("RmtInf", _leaf("Ustrd", instruction.information))] if instruction.information else []),
        *([_node("RtrInf", _node("Rsn", _leaf("Cd", entry.reason)))] if entry.reason else []),
    )


def _account(book: Book, code: str) -> etree._Element:
    return _node("Acct", _number(account_number(book, code)), _leaf("Ccy", code))


def _number(account: str) -> etree._Element:
    is_iban = len(account) >= _IBAN_LENGTH_MIN and account[:2].isalpha() and account[2:4].isdigit()
    return _node("Id", _leaf("IBAN", account) if is_iban else _node("Othr", _leaf("Id", account)))


def _balance(code: str, money: Money, day: str) -> etree._Element:
    return _node(
        "Bal",
        _node("Tp", _node("CdOrPrtry", _leaf("Cd", code))),
        _amount("Amt", money if money.units >= 0 else -money),
        _leaf("CdtDbtInd", "CRDT" if money.units >= 0 else "DBIT"),
        _node("Dt", _leaf("Dt", day)),
    )


def _amount(name: str, money: Money) -> etree._Element:
    element = _leaf(name, money.text)
    element.set("Ccy", money.asset.code)
    return element


def _header(identifier: str, created_at: str) -> etree._Element:
    return _node("GrpHdr", _leaf("MsgId", identifier[:_TEXT_MAX]), _leaf("CreDtTm", created_at))


def _node(name: str, *children: etree._Element) -> etree._Element:
    element = etree.Element(name)
    element.extend(children)
    return element


def _leaf(name: str, text: str) -> etree._Element:
    element = etree.Element(name)
    element.text = text
    return element


def _document(message: str, content: etree._Element) -> bytes:
    document = etree.Element("Document", {"xmlns": _NAMESPACE + message})
    document.append(content)
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")
