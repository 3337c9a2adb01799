"""The JSON of the payout API, as banks write it, and what it means in the words of the `Rail` protocol."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypeVar

import msgspec

from roadstead.errors import BadInput
from roadstead.money import Asset, Money, amount_from_text, currency
from roadstead.rails.protocol import (
    BankBalance,
    Observation,
    Outcome,
    PayoutAttempt,
    RailEvent,
    RailStatus,
    Refused,
    Submitted,
    Unknown,
)
from roadstead.rails.statements import BankStatement, StatementLine

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Word = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00]*$")]
"""What we keep of a bank's: no longer than an index can hold, and without the zero byte, which no database keeps."""
Text = Annotated[str, msgspec.Meta(max_length=5000, pattern=r"^[^\x00]*$")]
_Content = TypeVar("_Content")


class PayoutForm(msgspec.Struct, frozen=True, kw_only=True):
    """A payout as the bank knows it."""

    key: Word
    end_to_end_id: Word
    amount: Word
    """Plain notation with the decimals of the currency: `98.50`."""
    currency: Word
    """ISO 4217."""
    account: Word
    status: RailStatus
    reference: Word
    """The bank's own identifier of the payment."""
    reason: Word | None = None
    """Of a refusal or a return: an ISO 20022 code such as `AC01`."""
    returned_amount: Word | None = None
    """What came back, which may be less than was paid."""


class EventForm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a payout."""

    id: Word
    """Unique for ever: a second copy of the same event carries the same one."""
    status: RailStatus
    key: Word
    end_to_end_id: Word
    amount: Word
    """Of a return: what came back."""
    currency: Word
    reference: Word
    occurred_at: Moment
    reason: Word | None = None


class EventsForm(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events, oldest first, and the cursor that leads past it."""

    events: list[EventForm]
    cursor: Word | None


class PushForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank pushes: events, in any order, as often as it likes."""

    events: Annotated[list[EventForm], msgspec.Meta(max_length=200)]


class BalanceForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank holds in one currency."""

    currency: Word
    booked: Word
    available: Word
    """Booked less what is promised to accepted payouts."""
    as_of: Moment


class BalancesForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank holds."""

    balances: list[BalanceForm]


class StatementLineForm(msgspec.Struct, frozen=True, kw_only=True):
    """One movement on the account."""

    id: Word
    amount: Word
    """Always positive; `is_credit` says in which direction."""
    is_credit: bool
    booked_on: date
    is_reversal: bool = False
    value_on: date | None = None
    reference: Word | None = None
    key: Word | None = None
    end_to_end_id: Word | None = None
    name: Word | None = None
    account: Word | None = None
    reason: Word | None = None
    """Of a return: why the money came back."""
    information: Text = ""


class StatementForm(msgspec.Struct, frozen=True, kw_only=True):
    """What was booked on one account on one day."""

    id: Word
    account: Word
    """The account at the bank, as the bank writes it."""
    sequence: int
    """One more than the statement before, of the same account."""
    currency: Word
    booked_on: date
    opening: Word
    """The booked balance before the first line: the closing one of the statement before, negative when overdrawn."""
    closing: Word
    created_at: Moment
    lines: list[StatementLineForm]


class StatementsForm(msgspec.Struct, frozen=True, kw_only=True):
    """A page of statements, oldest first, and the cursor that leads past it."""

    statements: list[StatementForm]
    cursor: Word | None


class InstructionForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank is asked to pay."""

    end_to_end_id: str
    """Follows the payment to the receiving client; the same for all attempts of one payout."""
    amount: str
    currency: str
    account: str
    """An IBAN, a CLABE or a national account number."""
    bank_number: str
    """A BIC or national routing number, or nothing where the account number says the bank."""
    name: str
    information: str


class ErrorForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call was not carried out."""

    code: str
    message: str = ""


def read(body: bytes, kind: type[_Content]) -> _Content | None:
    """Read a body, or return None when it is not of this form."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def instruction(attempt: PayoutAttempt) -> InstructionForm:
    """Write what an attempt asks of the bank."""
    return InstructionForm(
        end_to_end_id=attempt.end_to_end_id,
        amount=attempt.amount.text,
        currency=attempt.amount.asset.code,
        account=attempt.creditor.account_number,
        bank_number=attempt.creditor.bank_number or "",
        name=attempt.creditor.name,
        information=attempt.information,
    )


def submitted(attempt: PayoutAttempt, body: bytes) -> Outcome:
    """Say what the bank's answer to a submission means."""
    match _told(attempt, body):
        case Unknown() as unknown:
            return unknown
        case PayoutForm(status=RailStatus.REFUSED) as payout:
            return Refused(reason=payout.reason or "", detail="The bank refused the payout.")
        case payout:
            return Submitted(status=payout.status, reference=payout.reference)


def observation(attempt: PayoutAttempt, body: bytes) -> Observation | Unknown:
    """Say what the bank's answer about a payout means."""
    match _told(attempt, body):
        case Unknown() as unknown:
            return unknown
        case payout:
            try:
                back = _came_back(payout)
            except BadInput as error:
                return Unknown(detail=f"The bank says what cannot be of {attempt.key}: {error.message}")
            return Observation(
                status=payout.status, reference=payout.reference, reason=payout.reason, amount=back
            )


def _came_back(payout: PayoutForm) -> Money | None:
    if payout.returned_amount is None:
        return None
    return amount_from_text(currency(payout.currency), payout.returned_amount)


def event(form: EventForm) -> RailEvent:
    """Translate an event.

    Raises:
        BadInput: Its amount is none of its currency.
    """
    return RailEvent(
        identity=form.id,
        key=form.key,
        end_to_end_id=form.end_to_end_id,
        status=form.status,
        occurred_at=form.occurred_at,
        amount=amount_from_text(currency(form.currency), form.amount),
        reference=form.reference,
        reason=form.reason,
    )


def balance(form: BalanceForm) -> BankBalance:
    """Translate a balance.

    Raises:
        BadInput: An amount is none of its currency.
    """
    asset = currency(form.currency)
    return BankBalance(
        booked=_balance(asset, form.booked),
        available=_balance(asset, form.available),
        as_of=form.as_of,
    )


def statement(form: StatementForm) -> BankStatement:
    """Translate a statement.

    Raises:
        BadInput: An amount is none of its currency.
    """
    asset = currency(form.currency)
    return BankStatement(
        identity=form.id,
        account=form.account,
        sequence=form.sequence,
        opening=_balance(asset, form.opening),
        closing=_balance(asset, form.closing),
        opened_on=form.booked_on,
        closed_on=form.booked_on,
        created_at=form.created_at,
        lines=tuple(
            StatementLine(
                identity=line.id,
                amount=amount_from_text(asset, line.amount),
                is_credit=line.is_credit,
                is_reversal=line.is_reversal,
                booked_on=line.booked_on,
                value_on=line.value_on,
                bank_reference=line.reference,
                end_to_end_id=line.end_to_end_id,
                key=line.key,
                counterparty_name=line.name,
                counterparty_account=line.account,
                reason=line.reason,
                information=line.information,
            )
            for line in form.lines
        ),
    )


def _balance(asset: Asset, text: str) -> Money:
    """Read a balance, which is negative when the account is overdrawn."""
    amount = amount_from_text(asset, text.removeprefix("-"))
    return -amount if text.startswith("-") else amount


def _told(attempt: PayoutAttempt, body: bytes) -> PayoutForm | Unknown:
    """Read what the bank says of a payout, and make sure that it speaks of this one."""
    payout = read(body, PayoutForm)
    if payout is None:
        return Unknown(detail=f"What the bank said of payout {attempt.key} cannot be read.")
    ours = instruction(attempt)
    told = (payout.key, payout.end_to_end_id, payout.amount, payout.currency, payout.account)
    if told != (attempt.key, ours.end_to_end_id, ours.amount, ours.currency, ours.account):
        return Unknown(
            detail=f"The bank knows payout {attempt.key} with other content; a person has to compare."
        )
    return payout
