"""Reading what was booked on an account: statements (camt.053) and notifications (camt.054), of any version.

Every movement becomes one line. An entry that stands for several payments becomes one line for each, where the bank
gives their amounts and they add up to the entry; otherwise it stays one line, so that lines and balances always agree.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from lxml import etree

from roadstead.errors import BadInput
from roadstead.money import Money
from roadstead.rails.iso20022.documents import Document, child, children, day, moment, money, required, text
from roadstead.rails.iso20022.payments import NOT_PROVIDED
from roadstead.rails.statements import BankStatement, StatementLine

STATEMENT = "camt.053.001"
NOTIFICATION = "camt.054.001"

_OPENING = ("OPBD", "PRCD")
"""The balance before the first entry: booked opening, or the former statement's closing."""
_CLOSING = ("CLBD",)
_LINES = {STATEMENT: "Stmt", NOTIFICATION: "Ntfctn"}


def read_statements(document: Document) -> tuple[BankStatement, ...]:
    """Read the statements of a camt.053, or the notifications of a camt.054, which have no balances.

    Raises:
        BadInput: It lacks what every such message has, or has what cannot be.
    """
    return tuple(_statement(each) for each in children(document.body, _LINES[document.message]))


def _statement(element: etree._Element) -> BankStatement:
    account = text(element, "Acct", "Id", "IBAN") or required(element, "Acct", "Id", "Othr", "Id")
    identifier = required(element, "Id")
    sequence = text(element, "ElctrncSeqNb") or text(element, "LglSeqNb")
    created_at = moment(element, "CreDtTm")
    balances = list(children(element, "Bal"))
    opening, closing = _balance(balances, _OPENING), _balance(balances, _CLOSING)
    identity = _digest(account, identifier, sequence, _iso(created_at))
    return BankStatement(
        identity=identity,
        account=account,
        sequence=_number(sequence),
        opening=opening and opening[0],
        closing=closing and closing[0],
        opened_on=day(element, "FrToDt", "FrDtTm") if opening is None else opening[1],
        closed_on=day(element, "FrToDt", "ToDtTm") if closing is None else closing[1],
        created_at=created_at,
        lines=_told_apart([line for entry in children(element, "Ntry") for line in _lines(entry)]),
    )


def _number(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 18:  # noqa: PLR2004 - ISO 20022 `Number`
        raise BadInput("The file has a malformed number of a statement.")
    return int(value)


def _balance(balances: Sequence[etree._Element], codes: Sequence[str]) -> tuple[Money, date | None] | None:
    for code in codes:
        for balance in balances:
            if text(balance, "Tp", "CdOrPrtry", "Cd") == code:
                amount = money(balance, "Amt")
                if amount is None:
                    raise BadInput("The file has a balance without an amount.")
                return (amount if _is_credit(balance) else -amount), day(balance, "Dt")
    return None


def _is_credit(element: etree._Element) -> bool:
    direction = required(element, "CdtDbtInd")
    if direction not in {"CRDT", "DBIT"}:
        raise BadInput("The file has a movement that is neither a credit nor a debit.")
    return direction == "CRDT"


def _lines(entry: etree._Element) -> Iterator[StatementLine]:
    amount = money(entry, "Amt")
    if amount is None:
        raise BadInput("The file has an entry without an amount.")
    status = text(entry, "Sts", "Cd") or text(entry, "Sts", "Prtry") or text(entry, "Sts") or "BOOK"
    whole = StatementLine(
        identity="",
        amount=amount,
        is_credit=_is_credit(entry),
        is_reversal=text(entry, "RvslInd") in {"true", "1"},
        is_booked=status == "BOOK",
        booked_on=day(entry, "BookgDt"),
        value_on=day(entry, "ValDt"),
        # Not `NtryRef`: many banks number the entries of each statement, and "3" would name what it does not mean.
        bank_reference=text(entry, "AcctSvcrRef"),
        information=text(entry, "AddtlNtryInf") or "",
    )
    payments = [payment for details in children(entry, "NtryDtls") for payment in children(details, "TxDtls")]
    if len(payments) == 1:
        yield _of_payment(whole, payments[0])
        return
    amounts = [money(payment, "Amt") or money(payment, "AmtDtls", "TxAmt", "Amt") for payment in payments]
    known = [each for each in amounts if each is not None and each.asset == amount.asset]
    is_mixed = any(text(each, "CdtDbtInd") not in {None, text(entry, "CdtDbtInd")} for each in payments)
    is_whole = len(known) == len(payments) and sum(each.units for each in known) == amount.units
    if not payments or is_mixed or not is_whole:
        yield whole
        return
    for payment, part in zip(payments, known, strict=True):
        yield _of_payment(replace(whole, amount=part), payment)


def _of_payment(whole: StatementLine, payment: etree._Element) -> StatementLine:
    """Add to a line what the bank says of the one payment behind it."""
    references = child(payment, "Refs")
    # Of money that went out the other side is the creditor; of money that came back it still is.
    is_outgoing = not whole.is_credit or child(payment, "RtrInf") is not None or whole.is_reversal
    side = "Cdtr" if is_outgoing else "Dbtr"
    parties = child(payment, "RltdPties")
    party, account = child(parties, side), child(parties, f"{side}Acct")
    remittance = " ".join(
        each.text.strip() for each in children(child(payment, "RmtInf"), "Ustrd") if each.text
    )
    return replace(
        whole,
        bank_reference=text(references, "AcctSvcrRef") or whole.bank_reference,
        end_to_end_id=_given(text(references, "EndToEndId")),
        key=_given(text(references, "InstrId")),
        counterparty_name=text(party, "Pty", "Nm") or text(party, "Nm"),
        counterparty_account=text(account, "Id", "IBAN") or text(account, "Id", "Othr", "Id"),
        reason=text(payment, "RtrInf", "Rsn", "Cd") or text(payment, "RtrInf", "Rsn", "Prtry"),
        information=(remittance or whole.information)[:500],
    )


def _given(value: str | None) -> str | None:
    return None if value == NOT_PROVIDED else value


def _told_apart(lines: Sequence[StatementLine]) -> tuple[StatementLine, ...]:
    """Give each line an identity made of what it says, and of how often the statement says the same."""
    seen: Counter[str] = Counter()
    named = []
    for line in lines:
        content = _digest(
            line.amount.asset.id,
            str(line.amount.units),
            f"{line.is_credit} {line.is_reversal} {line.is_booked}",
            _iso(line.booked_on),
            _iso(line.value_on),
            line.bank_reference,
            line.end_to_end_id,
            line.key,
            line.counterparty_account,
            line.reason,
            line.information,
        )
        seen[content] += 1
        named.append(replace(line, identity=f"{content}{seen[content]}"))
    return tuple(named)


def _iso(when: date | None) -> str | None:
    """Write a day or a moment."""
    return None if when is None else when.isoformat()


def _digest(*parts: str | None) -> str:
    return hashlib.sha256("\0".join(part or "" for part in parts).encode()).hexdigest()[:32]
