"""What becomes of a payment that funds nothing: the reason, the asset and the amount decide. Pure."""

from __future__ import annotations

from roadstead.config.matching_terms import MatchingTerms, OtherAmount, Remedy
from roadstead.remittances.matching import StoredPayment, UnmatchedReason
from roadstead.remittances.policies import Policies


def remedy_of(payment: StoredPayment, reason: UnmatchedReason, policies: Policies) -> Remedy:
    """Decide whether a payment that funds nothing goes back by itself or waits for a person.

    It waits whenever its amount is not known, below what is refunded by itself, or in an asset that is not received,
    and when a person claimed it, who must have had a reason.
    """
    terms = policies.assets.get(payment.asset)
    if (
        payment.was_claimed
        or terms is None
        or payment.amount is None
        or not policies.goes_back(payment.amount)
    ):
        return Remedy.HOLD
    return _said(terms.matching, reason)


def _said(terms: MatchingTerms, reason: UnmatchedReason) -> Remedy:
    match reason:
        case UnmatchedReason.TOO_LITTLE | UnmatchedReason.TOO_MUCH:
            return Remedy.REFUND if terms.other_amount is OtherAmount.REFUND else Remedy.HOLD
        case UnmatchedReason.TOO_LATE:
            return terms.too_late
        case UnmatchedReason.ALREADY_FUNDED | UnmatchedReason.NOT_OPEN:
            return terms.not_waiting
        case UnmatchedReason.WRONG_ASSET:
            return terms.wrong_asset
        case UnmatchedReason.NO_MEMO | UnmatchedReason.MEMO_KIND | UnmatchedReason.UNKNOWN_MEMO:
            return terms.unidentified
        case _:
            # Lumens, another account of ours, and what failed: no policy foresees what they are.
            return Remedy.HOLD
