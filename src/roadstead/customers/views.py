"""What a caller may know of a customer: what was received and what is wanted, never a value. Pure rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import Anchor, CustomerField, CustomerType
from roadstead.customers.cases import CaseView, Say
from roadstead.customers.requirements import CustomerStatus, FieldStatus, Received, in_date, judging_type
from roadstead.customers.standing import NOBODY, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """How a customer stands for one type."""

    id: UUID | None
    """None when the customer has never been registered."""
    status: CustomerStatus
    type_name: str | None = None
    """The type for which it was judged; None where nothing is asked of anybody."""
    missing: tuple[CustomerField, ...] = ()
    """What can still be sent, optional fields too; never a required field when the status is ACCEPTED."""
    provided: tuple[tuple[CustomerField, FieldStatus], ...] = ()
    said: Mapping[str, Say] = field(default_factory=dict)
    """What may be told of single values that were turned down."""
    begins: bool = False
    """Whether everything is there and nobody has been asked to verify it yet."""

    @property
    def required_missing(self) -> tuple[str, ...]:
        """Names of what has to be sent before the customer can be accepted."""
        return tuple(field.name for field in self.missing if not field.optional)


def view_of(
    anchor: Anchor,
    customer_id: UUID | None,
    received: Mapping[str, Received],
    *,
    registered_type: str | None,
    named_type: CustomerType | None = None,
    cases: Mapping[str, CaseView] | None = None,
    verified_types: Collection[str] = NOBODY,
    now: datetime,
) -> CustomerView:
    """Judge what was received for the type that is named, or for the one that `judging_type` chooses."""
    judged = named_type or judging_type(anchor.customer_types, registered_type, received, now)
    if judged is None:
        return CustomerView(id=customer_id, status=CustomerStatus.ACCEPTED)
    stands = standing(
        judged,
        in_date(judged, received, now),
        (cases or {}).get(judged.name),
        is_verified=judged.name in verified_types,
        now=now,
    )
    return CustomerView(
        id=customer_id,
        status=stands.status,
        type_name=judged.name,
        missing=stands.missing,
        provided=stands.provided,
        said=stands.said,
        begins=stands.begins,
    )
