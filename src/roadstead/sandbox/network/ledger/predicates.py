"""Claim predicates: whether they are well formed, made absolute, and whether they hold."""

from stellar_sdk import xdr

from .state import INT64_MAX

_Kind = xdr.ClaimPredicateType
_DEPTH_MAX = 4
_PAIR = 2


def is_valid(predicate: xdr.ClaimPredicate, depth: int = 1) -> bool:
    """Whether a predicate may be used: not too deep, complete, without negative times."""
    if depth > _DEPTH_MAX:
        return False
    match predicate.type:
        case _Kind.CLAIM_PREDICATE_UNCONDITIONAL:
            return True
        case _Kind.CLAIM_PREDICATE_AND | _Kind.CLAIM_PREDICATE_OR:
            parts = predicate.and_predicates or predicate.or_predicates or []
            return len(parts) == _PAIR and all(is_valid(part, depth + 1) for part in parts)
        case _Kind.CLAIM_PREDICATE_NOT:
            inner = predicate.not_predicate
            return inner is not None and is_valid(inner, depth + 1)
        case _Kind.CLAIM_PREDICATE_BEFORE_ABSOLUTE_TIME:
            return predicate.abs_before is not None and predicate.abs_before.int64 >= 0
        case _Kind.CLAIM_PREDICATE_BEFORE_RELATIVE_TIME:
            return predicate.rel_before is not None and predicate.rel_before.int64 >= 0


def made_absolute(predicate: xdr.ClaimPredicate, close_time: int) -> xdr.ClaimPredicate:
    """The predicate with relative times counted from the ledger that creates the balance."""
    if predicate.rel_before is not None:
        moment = min(INT64_MAX, close_time + predicate.rel_before.int64)
        return xdr.ClaimPredicate(_Kind.CLAIM_PREDICATE_BEFORE_ABSOLUTE_TIME, abs_before=xdr.Int64(moment))
    if predicate.and_predicates is not None:
        parts = [made_absolute(part, close_time) for part in predicate.and_predicates]
        return xdr.ClaimPredicate(_Kind.CLAIM_PREDICATE_AND, and_predicates=parts)
    if predicate.or_predicates is not None:
        parts = [made_absolute(part, close_time) for part in predicate.or_predicates]
        return xdr.ClaimPredicate(_Kind.CLAIM_PREDICATE_OR, or_predicates=parts)
    if predicate.not_predicate is not None:
        inner = made_absolute(predicate.not_predicate, close_time)
        return xdr.ClaimPredicate(_Kind.CLAIM_PREDICATE_NOT, not_predicate=inner)
    return predicate


def holds(predicate: xdr.ClaimPredicate, close_time: int) -> bool:
    """Whether a balance may be claimed in a ledger that closes then."""
    match predicate.type:
        case _Kind.CLAIM_PREDICATE_AND:
            return all(holds(part, close_time) for part in predicate.and_predicates or [])
        case _Kind.CLAIM_PREDICATE_OR:
            return any(holds(part, close_time) for part in predicate.or_predicates or [])
        case _Kind.CLAIM_PREDICATE_NOT:
            inner = predicate.not_predicate
            return inner is not None and not holds(inner, close_time)
        case _Kind.CLAIM_PREDICATE_BEFORE_ABSOLUTE_TIME:
            return predicate.abs_before is not None and close_time < predicate.abs_before.int64
        case _:
            return True
