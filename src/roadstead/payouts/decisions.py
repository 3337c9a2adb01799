"""What follows a refusal: pure rules over the reason, the operator's policy and how often it was tried."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from roadstead.config.payout_terms import PayoutTerms, Response
from roadstead.payouts.reason_codes import ActionClass
from roadstead.payouts.reasons import Reason, customer_fields, transaction_fields
from roadstead.remittances.store import AskedField


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCustomer:
    """Ask for these SEP-9 fields of the receiving client; what was sent of them is rejected."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTransaction:
    """Ask for these fields of the transaction."""

    fields: Mapping[str, AskedField]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again after a pause."""

    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Give it up; the money goes back."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Let people decide."""

    why: str


Step = AskCustomer | AskTransaction | Retry | Refund | Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How often a payout was tried, and how often a person let it go on."""

    attempts: int
    releases: int


def response_to(action: ActionClass, terms: PayoutTerms) -> Response:
    """Return what the operator wants after a refusal of a class; after a duplicate it is always a person."""
    if action is ActionClass.OUR_DUPLICATE:
        return Response.HOLD
    response: Response = getattr(terms, action.value)
    return response


def after_refusal(
    reason: Reason,
    terms: PayoutTerms,
    tried: Tried,
    *,
    provided: Collection[str],
    askable: Collection[str],
) -> Step:
    """Say what follows a refusal. Asking that cannot help, and trying that has no end, become a person's decision."""
    code = reason.code or "no reason"
    response = response_to(reason.action, terms)
    if response is Response.REFUND:
        return Refund(cause=f"payout refused {code}")
    if response is Response.HOLD:
        return Hold(why=f"refused {code}: {reason.action}")
    if tried.attempts >= terms.attempts_max * (1 + tried.releases):
        return Hold(why=f"refused {code} after {tried.attempts} attempts")
    match response:
        case Response.ASK_CUSTOMER:
            fields = customer_fields(reason, provided=provided, askable=askable)
            return AskCustomer(fields=fields) if fields else Hold(why=f"refused {code}: nothing to ask for")
        case Response.ASK_TRANSACTION:
            return AskTransaction(fields=transaction_fields(reason))
        case Response.RETRY:
            return Retry(after=pause(terms, tried.attempts))


def pause(terms: PayoutTerms, attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: twice as long each time, up to the longest pause."""
    doublings = min(max(attempts - 1, 0), 30)
    return timedelta(seconds=min(terms.retry_after_s * 2**doublings, terms.retry_after_max_s))
