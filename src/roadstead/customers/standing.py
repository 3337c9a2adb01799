"""How a customer stands for a type: the one rule that every gate asks, from fields and from what was verified. Pure.

It is asked when a customer is looked up, when a remittance is opened, when its payment arrives and before its payout.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from roadstead.config.anchor import CustomerField, CustomerType
from roadstead.customers.cases import CaseStatus, CaseView, Say
from roadstead.customers.requirements import (
    CustomerStatus,
    FieldStatus,
    customer_status,
    gate_decision,
    missing_fields,
    provided_fields,
)

NOBODY: frozenset[str] = frozenset()
"""The types that are verified where nobody is."""

_ASKS_ANEW = frozenset({CaseStatus.NEEDS_INFO, CaseStatus.REVOKED})
_WORST_FIRST = (
    FieldStatus.REJECTED,
    FieldStatus.VERIFICATION_REQUIRED,
    FieldStatus.PROCESSING,
    FieldStatus.ACCEPTED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a customer stands for a type, and what that asks of whom."""

    status: CustomerStatus
    missing: tuple[CustomerField, ...] = ()
    """What can still be sent, optional fields too."""
    provided: tuple[tuple[CustomerField, FieldStatus], ...] = ()
    said: Mapping[str, Say]
    """What may be told of single fields."""
    begins: bool = False
    """Whether everything is there and nobody has been asked to verify it yet: a case has to begin."""

    @property
    def opens(self) -> bool:
        """Whether the gate is open: money may be taken from and paid to this customer."""
        return self.status is CustomerStatus.ACCEPTED

    @property
    def lacking(self) -> tuple[str, ...]:
        """The required fields that have to be sent, or sent again."""
        return tuple(field.name for field in self.missing if not field.optional)


def standing(
    customer_type: CustomerType,
    fields: Mapping[str, FieldStatus],
    case: CaseView | None,
    *,
    is_verified: bool,
    now: datetime,
) -> Standing:
    """Tell how a customer stands for a type.

    `fields` is how each received value stands by itself. Where the type is not verified, that is all. Where it is, what
    is well-formed counts only once it was confirmed, and as long as the confirmation holds; a value that was turned
    down is asked for again, and a customer who was rejected stays so.
    """
    if not is_verified:
        return _stands(customer_type, fields, customer_status(customer_type, fields))
    if case is not None and case.status is CaseStatus.REJECTED:
        return Standing(status=CustomerStatus.REJECTED, said={})
    known = _judged(customer_type, fields, case)
    status = customer_status(customer_type, known)
    said = {name: decision.say for name, decision in case.decisions.items() if decision.say} if case else {}
    if status is CustomerStatus.ACCEPTED and not _is_confirmed(case, now):
        status = CustomerStatus.PROCESSING
    begins = status is CustomerStatus.PROCESSING and case is None
    return _stands(customer_type, known, status, said=said, begins=begins)


def standing_by_names(
    customer_type: CustomerType,
    accepted: Collection[str],
    case: CaseView | None,
    *,
    is_verified: bool,
    now: datetime,
) -> Standing:
    """Tell the same where only the names of what is accepted by itself are known."""
    fields = dict.fromkeys(accepted, FieldStatus.ACCEPTED)
    return standing(customer_type, fields, case, is_verified=is_verified, now=now)


def _is_confirmed(case: CaseView | None, now: datetime) -> bool:
    if case is None or case.status is not CaseStatus.ACCEPTED:
        return False
    return case.valid_until is None or now < case.valid_until


def _judged(
    customer_type: CustomerType, fields: Mapping[str, FieldStatus], case: CaseView | None
) -> dict[str, FieldStatus]:
    """Lay what was decided over what is there; the worse of the two counts."""
    if case is None:
        return dict(fields)
    required = {field.name for field in customer_type.fields if not field.optional}
    # Who turns down what nobody sent and nobody has to send has not said what is wrong.
    decisions = {
        name: decision.status for name, decision in case.decisions.items() if name in required | fields.keys()
    }
    if case.status in _ASKS_ANEW and not _asks(decisions):
        # Nobody said what is wrong, so everything that is required is asked for again.
        decisions |= dict.fromkeys(required, FieldStatus.REJECTED)
    return {
        name: min(status, decisions.get(name, status), key=_WORST_FIRST.index)
        for name, status in fields.items()
    }


def _asks(decisions: Mapping[str, FieldStatus]) -> bool:
    return bool({FieldStatus.REJECTED, FieldStatus.VERIFICATION_REQUIRED} & set(decisions.values()))


def _stands(
    customer_type: CustomerType,
    fields: Mapping[str, FieldStatus],
    status: CustomerStatus,
    *,
    said: Mapping[str, Say] | None = None,
    begins: bool = False,
) -> Standing:
    return Standing(
        status=status,
        missing=missing_fields(customer_type, fields),
        provided=provided_fields(customer_type, fields),
        said=said or {},
        begins=begins,
    )


def is_complete(customer_type: CustomerType, accepted: Collection[str]) -> bool:
    """Tell whether everything that a type requires is there, whoever has judged it."""
    return not gate_decision(customer_type, accepted)
