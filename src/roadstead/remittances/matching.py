"""Matching: which remittance an incoming payment funds, or the named reason why it funds none.

Only the memo matches a payment to a remittance; the account it came from may be anybody's (SEP-31). Everything that
arrived stays visible: what matches nothing is unmatched, with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roadstead.money import NATIVE, Asset, Money
from roadstead.randomness import MEMO_MAX
from roadstead.remittances.policies import NO_POLICIES, Policies
from roadstead.remittances.pricing import Price
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Remittance
from roadstead.stellar.memos import Memo, MemoKind


class UnmatchedReason(StrEnum):
    """Why a payment funds no remittance."""

    NATIVE_COINS = "native_coins"
    """Lumens, which fund no remittance: an account creation, a merge, or a payment."""
    NO_MEMO = "no_memo"
    MEMO_KIND = "memo_kind"
    """A memo, but not of type id, which all of ours are."""
    UNKNOWN_MEMO = "unknown_memo"
    WRONG_ACCOUNT = "wrong_account"
    """The memo's remittance was opened for another receiving account."""
    ALREADY_FUNDED = "already_funded"
    NOT_OPEN = "not_open"
    """The remittance does not wait for a payment: expired, refunded or stopped."""
    WRONG_ASSET = "wrong_asset"
    TOO_LATE = "too_late"
    """The ledger closed after the remittance's time was over."""
    UNDECIDED = "undecided"
    """Disposing of it failed; the log of that moment tells why."""
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayment:
    """What the matcher has to know of an incoming payment."""

    operation_id: int
    receiving_account: str
    asset: Asset
    amount_units: int | None
    """None where the chain does not tell it with the operation (an account merge)."""
    memo: Memo
    ledger_closed_at: datetime
    from_own: bool = False
    """Whether one of our own accounts paid."""
    created_account: bool = False
    """Whether it created our account, before which nobody can have paid for anything."""
    was_claimed: bool = False
    """Whether a person claimed it, a balance that somebody had set aside for us."""

    @property
    def amount(self) -> Money | None:
        """The amount with its asset, when it is known."""
        return None if self.amount_units is None else Money(self.asset, self.amount_units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The payment funds this remittance: with the agreed amount, with what arrived, or with a little too much."""

    remittance_id: UUID
    price: Price | None = None
    """The price of what arrived, where that is delivered instead of what was agreed."""
    excess: Money | None = None
    """What arrived above what is funded; None where it is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """The payment funds nothing; where its memo named a remittance, that one is told."""

    reason: UnmatchedReason
    remittance_id: UUID | None = None


def own_memo(memo: Memo) -> int | None:
    """Return the number of a memo that could be one of ours: of type id, between 1 and 2^63 - 1."""
    number = memo.number
    return number if number is not None and 0 < number <= MEMO_MAX else None


def match_payment(
    payment: StoredPayment, candidate: Remittance | None, policies: Policies = NO_POLICIES
) -> Matched | Unmatched:
    """Decide what a payment funds; `candidate` is the remittance that owns its memo, as it stands now."""
    if candidate is None:
        return Unmatched(reason=_reason_without_candidate(payment))
    reason = _reason_against(payment, candidate)
    if reason is not None:
        return Unmatched(reason=reason, remittance_id=candidate.id)
    return fit(payment.amount, candidate, policies)


def fit(received: Money | None, candidate: Remittance, policies: Policies) -> Matched | Unmatched:
    """Decide what an amount in the agreed asset funds of a remittance. What is funded never exceeds what arrived."""
    if received is None:
        return Unmatched(reason=UnmatchedReason.TOO_LITTLE, remittance_id=candidate.id)
    agreed = candidate.amount_expected
    if received == agreed:
        return Matched(remittance_id=candidate.id)
    if policies.delivers_received(received.asset):
        price = policies.price_received(candidate, received)
        if price is not None:
            return Matched(remittance_id=candidate.id, price=price)
    if received < agreed:
        return Unmatched(reason=UnmatchedReason.TOO_LITTLE, remittance_id=candidate.id)
    excess = received - agreed
    if excess > policies.excess_max(received.asset):
        return Unmatched(reason=UnmatchedReason.TOO_MUCH, remittance_id=candidate.id)
    return Matched(remittance_id=candidate.id, excess=excess)


def _reason_without_candidate(payment: StoredPayment) -> UnmatchedReason:
    if payment.memo.kind is MemoKind.NONE:
        return UnmatchedReason.NATIVE_COINS if payment.asset == NATIVE else UnmatchedReason.NO_MEMO
    if payment.memo.kind is not MemoKind.ID:
        return UnmatchedReason.MEMO_KIND
    return UnmatchedReason.UNKNOWN_MEMO


def _reason_against(payment: StoredPayment, candidate: Remittance) -> UnmatchedReason | None:
    is_late = payment.ledger_closed_at >= candidate.expires_at
    if payment.receiving_account != candidate.receiving_account:
        return UnmatchedReason.WRONG_ACCOUNT
    if candidate.funded_by is not None:
        return UnmatchedReason.ALREADY_FUNDED
    if candidate.status is RemittanceStatus.EXPIRED and is_late:
        return UnmatchedReason.TOO_LATE
    if candidate.status is not RemittanceStatus.PENDING_SENDER:
        return UnmatchedReason.NOT_OPEN
    if payment.asset != candidate.amount_expected.asset:
        return UnmatchedReason.WRONG_ASSET
    if is_late:
        return UnmatchedReason.TOO_LATE
    return None
