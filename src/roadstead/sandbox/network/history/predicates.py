"""Claim predicates: read from XDR bytes, judged, made absolute, and told in Horizon's words."""

from typing import Any

from stellar_sdk import xdr

from .amounts import moment

_LAST_WRITABLE = 253402300799


def _time_text(seconds: int) -> str:
    if seconds < 0:
        return f"{seconds}"
    return moment(min(seconds, _LAST_WRITABLE))


def predicate_fields(predicate: xdr.ClaimPredicate) -> dict[str, Any]:
    """A predicate as Horizon shows it."""
    kinds = xdr.ClaimPredicateType
    match predicate.type:
        case kinds.CLAIM_PREDICATE_AND:
            return {"and": [predicate_fields(one) for one in predicate.and_predicates or []]}
        case kinds.CLAIM_PREDICATE_OR:
            return {"or": [predicate_fields(one) for one in predicate.or_predicates or []]}
        case kinds.CLAIM_PREDICATE_NOT:
            inner = predicate.not_predicate
            return {"not": {} if inner is None else predicate_fields(inner)}
        case kinds.CLAIM_PREDICATE_BEFORE_ABSOLUTE_TIME:
            seconds = 0 if predicate.abs_before is None else predicate.abs_before.int64
            return {"abs_before": _time_text(seconds), "abs_before_epoch": str(seconds)}
        case kinds.CLAIM_PREDICATE_BEFORE_RELATIVE_TIME:
            seconds = 0 if predicate.rel_before is None else predicate.rel_before.int64
            return {"rel_before": str(seconds)}
        case _:
            return {"unconditional": True}
