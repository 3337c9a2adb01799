"""What a bank's file tells of payments, as events that are the same however often and wherever they are told. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from roadstead.batches.store import BatchStatus
from roadstead.money import Money
from roadstead.rails.iso20022.reading import AccountReport
from roadstead.rails.iso20022.reports import PaymentReturns, StatusReport
from roadstead.rails.iso20022.statuses import LOOK_AT_EACH, REFUSALS, Verdict
from roadstead.rails.protocol import RailStatus
from roadstead.rails.statements import BankStatement, StatementLine


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """An attempt that went out, as far as its events need it."""

    key: str
    end_to_end_id: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent:
    """Something that a file tells of one payment."""

    key: str | None
    end_to_end_id: str | None
    status: RailStatus
    amount: Money | None
    reference: str | None
    reason: str | None
    occurred_at: datetime

    @property
    def identity(self) -> str:
        """A name made of what it says, so that a second telling has the same one, in whatever file it stands."""
        amount = "" if self.amount is None else f"{self.amount.asset.id} {self.amount.units}"
        said = (self.status.value, self.key or self.end_to_end_id, amount, self.reference, self.reason)
        return hashlib.sha256("\0".join(part or "" for part in said).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What a report says of a whole file of ours."""

    status: BatchStatus
    bank_status: str
    reason: str | None
    is_duplicate: bool
    """The bank has the file already: what became of the first copy is told elsewhere, and nothing is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a status report means for one batch of ours."""

    answer: BatchAnswer | None
    events: tuple[FileEvent, ...]
    duplicates: tuple[str, ...]
    """Keys of payments that the bank refuses because it has them already."""
    puzzles: tuple[str, ...]
    """Codes that we do not know."""


def of_report(report: StatusReport, items: Mapping[str, KnownItem]) -> Report:
    """Conclude from a status report what it says of each payment of the batch that it speaks of.

    Where the report names payments, it speaks of these and of no others: a bank that refuses one payment later may call
    the status of that report's group `RJCT`. Only a report that names none speaks of all. A report of a second copy
    refuses nothing, at whatever level it gives that reason: what became of the first copy, it does not say.
    """
    keys = {item.end_to_end_id: item.key for item in items.values()}
    general = None if report.payments else _general(report)
    said = {}
    for payment in report.payments:
        key = payment.key if payment.key in items else keys.get(payment.end_to_end_id or "")
        if key is not None:
            said[key] = (payment.verdict, payment.reference)
    events, duplicates, puzzles = [], [], set()
    for item in items.values():
        verdict, reference = said.get(item.key, (general, None))
        if verdict is None or verdict.code in LOOK_AT_EACH:
            continue
        if report.is_about_a_copy and verdict.code in REFUSALS:
            continue
        if verdict.is_duplicate:
            duplicates += [item.key] if item.key in said else []
        elif not verdict.is_known:
            puzzles.add(verdict.code)
        elif verdict.meaning is not None and verdict.meaning is not RailStatus.RECEIVED:
            events.append(_of_verdict(item, verdict, verdict.meaning, reference, report.created_at))
    return Report(
        answer=_answer(report),
        events=tuple(events),
        duplicates=tuple(duplicates),
        puzzles=tuple(sorted(puzzles)),
    )


def _general(report: StatusReport) -> Verdict | None:
    """Return what is said of all payments: of the one batch that our files have, else of the file."""
    return report.batches[0][1] if report.batches else report.group


def _answer(report: StatusReport) -> BatchAnswer | None:
    verdict = report.group or _general(report)
    if verdict is None:
        return None
    is_refused = verdict.code == "RJCT" and not report.is_about_a_copy and not report.payments
    return BatchAnswer(
        status=BatchStatus.REFUSED if is_refused else BatchStatus.ACKNOWLEDGED,
        bank_status=verdict.code,
        reason=verdict.reason,
        is_duplicate=report.is_about_a_copy,
    )


def _of_verdict(
    item: KnownItem, verdict: Verdict, meaning: RailStatus, reference: str | None, at: datetime
) -> FileEvent:
    reason = verdict.reason or verdict.code if meaning is RailStatus.REFUSED else None
    return FileEvent(
        key=item.key,
        end_to_end_id=item.end_to_end_id,
        status=meaning,
        amount=item.amount,
        reference=reference,
        reason=reason,
        occurred_at=at,
    )


def of_account(report: AccountReport, account: str) -> tuple[FileEvent, ...]:
    """Conclude from booked lines of our account: what went out is settled, what came back for a reason is returned.

    Keys are those that the bank repeats; whose they are, and whether the amount is the payment's, is not known here.
    """
    return tuple(
        event
        for statement in own_statements(report, account)
        for line in statement.lines
        for event in _of_line(line, statement)
    )


def own_statements(report: AccountReport, account: str) -> tuple[BankStatement, ...]:
    """Return those statements that are of our account."""
    ours = _plain(account)
    return tuple(each for each in report.statements if _plain(each.account) == ours)


def _of_line(line: StatementLine, statement: BankStatement) -> Iterator[FileEvent]:
    if not line.is_booked or (line.key is None and line.end_to_end_id is None):
        return
    if line.is_reversal or line.is_credit != (line.reason is not None):
        # A line that is taken back, a return that is, or money that does not say that it is a return (perhaps a charge
        # given back): people find it in the books, in suspense, for nothing follows from it by itself.
        return
    yield FileEvent(
        key=line.key,
        end_to_end_id=line.end_to_end_id,
        status=RailStatus.RETURNED if line.is_credit else RailStatus.SETTLED,
        amount=line.amount,
        reference=line.bank_reference,
        reason=line.reason,
        occurred_at=_moment(line.booked_on or statement.closed_on, statement.created_at),
    )


def of_returns(returns: PaymentReturns) -> tuple[FileEvent, ...]:
    """Conclude from a pacs.004: each of its payments is returned."""
    return tuple(
        FileEvent(
            key=payment.key,
            end_to_end_id=payment.end_to_end_id,
            status=RailStatus.RETURNED,
            amount=payment.amount,
            reference=payment.reference,
            reason=payment.reason,
            occurred_at=_moment(payment.returned_on, returns.created_at),
        )
        for payment in returns.payments
        if payment.key is not None or payment.end_to_end_id is not None
    )


def _moment(day: date | None, otherwise: datetime | None) -> datetime:
    if day is not None:
        return datetime.combine(day, time(), tzinfo=UTC)
    return otherwise or datetime.min.replace(tzinfo=UTC)


def _plain(account: str) -> str:
    return "".join(account.split()).upper()
