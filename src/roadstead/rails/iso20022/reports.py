"""Reading what a bank says of a file of payments (pain.002) and of money that comes back between banks (pacs.004)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lxml import etree

from roadstead.money import Money
from roadstead.rails.iso20022.documents import Document, child, children, day, moment, money, required, text
from roadstead.rails.iso20022.statuses import DUPLICATES, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentVerdict:
    """What the bank says of one payment."""

    key: str | None
    """The attempt's key (`OrgnlInstrId`), where the bank repeats it."""
    end_to_end_id: str | None
    batch: str | None
    """The batch within the file (`OrgnlPmtInfId`)."""
    verdict: Verdict
    reference: str | None = None
    """The bank's own identifier (`AcctSvcrRef`, else `StsId`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """A pain.002: what became of a file, of its batches, and of single payments."""

    message_id: str
    created_at: datetime
    original_message_id: str
    """The `MsgId` of the file that it speaks of."""
    group: Verdict | None
    batches: tuple[tuple[str, Verdict], ...]
    payments: tuple[PaymentVerdict, ...]

    @property
    def is_about_a_copy(self) -> bool:
        """Whether the bank refuses a second copy of a file or batch: no refusal in it speaks of the first one."""
        verdicts = [self.group, *(verdict for _, verdict in self.batches)]
        return any(verdict is not None and verdict.is_duplicate for verdict in verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedPayment:
    """Money that came back (pacs.004 `TxInf`)."""

    key: str | None
    end_to_end_id: str | None
    amount: Money | None
    """What came back, which may be less than was paid."""
    reason: str | None
    detail: str
    reference: str | None
    returned_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturns:
    """A pacs.004."""

    message_id: str
    created_at: datetime
    payments: tuple[ReturnedPayment, ...]


def read_status_report(document: Document) -> StatusReport:
    """Read a pain.002 of any version.

    Raises:
        BadInput: It lacks what every such message has, or has what cannot be.
    """
    heading = child(document.body, "GrpHdr")
    original = child(document.body, "OrgnlGrpInfAndSts")
    batches: list[tuple[str, Verdict]] = []
    payments: list[PaymentVerdict] = []
    for batch in children(document.body, "OrgnlPmtInfAndSts"):
        name = text(batch, "OrgnlPmtInfId")
        if name is not None and (verdict := _verdict(batch, "PmtInfSts")) is not None:
            batches.append((name, verdict))
        payments.extend(_payment_verdicts(batch, name))
    # The oldest versions have the payments beside the batches.
    payments.extend(_payment_verdicts(document.body, None))
    return StatusReport(
        message_id=required(heading, "MsgId"),
        created_at=moment(heading, "CreDtTm") or datetime.min.replace(tzinfo=UTC),
        original_message_id=required(original, "OrgnlMsgId"),
        group=_verdict(original, "GrpSts"),
        batches=tuple(batches),
        payments=tuple(payments),
    )


def _payment_verdicts(parent: etree._Element, batch: str | None) -> Iterator[PaymentVerdict]:
    for payment in children(parent, "TxInfAndSts"):
        verdict = _verdict(payment, "TxSts")
        if verdict is None:
            continue
        yield PaymentVerdict(
            key=text(payment, "OrgnlInstrId"),
            end_to_end_id=text(payment, "OrgnlEndToEndId"),
            batch=batch,
            verdict=verdict,
            reference=text(payment, "AcctSvcrRef") or text(payment, "StsId"),
        )


def _verdict(parent: etree._Element | None, name: str) -> Verdict | None:
    code = text(parent, name)
    if code is None:
        return None
    reason, detail = _reason(parent, "StsRsnInf")
    return Verdict(code=code, reason=reason, detail=detail)


def _reason(parent: etree._Element | None, name: str) -> tuple[str | None, str]:
    """Return the first reason with a code, and what the bank adds to it in words.

    Where one of several says that the bank has it already, that one counts, wherever it stands.
    """
    codes: list[str] = []
    details: list[str] = []
    for information in children(parent, name):
        code = text(information, "Rsn", "Cd") or text(information, "Rsn", "Prtry")
        codes += [code] if code else []
        details.extend(each.text.strip() for each in children(information, "AddtlInf") if each.text)
    found = next((code for code in codes if code in DUPLICATES), codes[0] if codes else None)
    return found, " ".join(details)[:500]


def read_returns(document: Document) -> PaymentReturns:
    """Read a pacs.004 of any version.

    Raises:
        BadInput: It lacks what every such message has, or has what cannot be.
    """
    heading = child(document.body, "GrpHdr")
    payments = []
    for payment in children(document.body, "TxInf"):
        reason, detail = _reason(payment, "RtrRsnInf")
        payments.append(
            ReturnedPayment(
                key=text(payment, "OrgnlInstrId"),
                end_to_end_id=text(payment, "OrgnlEndToEndId"),
                amount=money(payment, "RtrdIntrBkSttlmAmt") or money(payment, "RtrdInstdAmt"),
                reason=reason,
                detail=detail,
                reference=text(payment, "RtrId"),
                returned_on=day(payment, "IntrBkSttlmDt") or day(heading, "IntrBkSttlmDt"),
            )
        )
    return PaymentReturns(
        message_id=required(heading, "MsgId"),
        created_at=moment(heading, "CreDtTm") or datetime.min.replace(tzinfo=UTC),
        payments=tuple(payments),
    )
