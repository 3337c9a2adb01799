"""What is asked of customers, and how far one has got: pure rules over `anchor.toml` and what was received.

Nothing of this is stored. A status is computed whenever it is asked for, so that a changed `anchor.toml` takes effect
for every customer at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from roadstead.config.anchor import CustomerField, CustomerType

DOCUMENT_END = "id_expiration_date"
"""The field that says how long an identity document holds."""
DOCUMENT_FIELDS = frozenset(
    (
        "id_type",
        "id_country_code",
        "id_issue_date",
        DOCUMENT_END,
        "id_number",
        "photo_id_front",
        "photo_id_back",
        "notary_approval_of_photo_id",
    )
)
"""What is received of an identity document, and is asked again when that has expired."""


class CustomerStatus(StrEnum):
    """How a customer stands for one type (SEP-12)."""

    ACCEPTED = "ACCEPTED"
    """Everything that the type requires is there and accepted."""
    PROCESSING = "PROCESSING"
    """Everything is there; we are still looking at some of it."""
    NEEDS_INFO = "NEEDS_INFO"
    """Something is missing, or has to be corrected or confirmed."""
    REJECTED = "REJECTED"
    """We do not work with this customer, whatever they send."""


class FieldStatus(StrEnum):
    """How one received value stands (SEP-12)."""

    ACCEPTED = "ACCEPTED"
    PROCESSING = "PROCESSING"
    REJECTED = "REJECTED"
    """It has to be sent again."""
    VERIFICATION_REQUIRED = "VERIFICATION_REQUIRED"
    """The customer has to confirm it with a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One received value: how it stands, since when it is here, and until when it can hold at all."""

    status: FieldStatus
    received_at: datetime
    valid_until: datetime | None = None
    """When the identity document that it belongs to has expired; None of everything else."""


def document_ends_at(last_day: date) -> datetime:
    """Return the moment from which a document is no longer valid: the end of its last day (UTC)."""
    # After the last day that there is, none follows.
    first_day_without = last_day if last_day == date.max else last_day + timedelta(days=1)
    return datetime.combine(first_day_without, time(), UTC)


def in_date(
    customer_type: CustomerType, received: Mapping[str, Received], now: datetime
) -> dict[str, FieldStatus]:
    """Return how the received fields stand for a type at a moment; what is out of date counts as not received.

    A field is out of date when it is older than the type allows (`valid_days`), or when its identity document expired.
    Fields that the type does not ask for are kept.
    """
    valid_days = {field.name: field.valid_days for field in customer_type.fields}
    return {
        name: one.status
        for name, one in received.items()
        if (one.valid_until is None or now < one.valid_until)
        and not is_older(one.received_at, valid_days.get(name), now)
    }


def fresh(customer_type: CustomerType, accepted: Mapping[str, datetime], now: datetime) -> frozenset[str]:
    """Return the names among accepted fields, with the moments of their receipt, that are not too old for a type."""
    valid_days = {field.name: field.valid_days for field in customer_type.fields}
    return frozenset(
        name for name, received_at in accepted.items() if not is_older(received_at, valid_days.get(name), now)
    )


def is_older(received_at: datetime, valid_days: int | None, now: datetime) -> bool:
    """Tell whether something was received longer ago than it holds."""
    return valid_days is not None and now >= received_at + timedelta(days=valid_days)


def missing_fields(
    customer_type: CustomerType, provided: Mapping[str, FieldStatus]
) -> tuple[CustomerField, ...]:
    """Return what can still be sent for a type, optional fields too: not received yet, or rejected."""
    return tuple(
        field
        for field in customer_type.fields
        if provided.get(field.name, FieldStatus.REJECTED) is FieldStatus.REJECTED
    )


def provided_fields(
    customer_type: CustomerType, provided: Mapping[str, FieldStatus]
) -> tuple[tuple[CustomerField, FieldStatus], ...]:
    """Return what was received of the fields that a type asks for, in its order."""
    return tuple((field, provided[field.name]) for field in customer_type.fields if field.name in provided)


def customer_status(customer_type: CustomerType, provided: Mapping[str, FieldStatus]) -> CustomerStatus:
    """Tell how a customer stands for a type. Optional fields never hold a customer up, but when they were rejected."""
    required = [field.name for field in customer_type.fields if not field.optional]
    statuses = {provided.get(name, FieldStatus.REJECTED) for name in required}
    statuses |= {provided[field.name] for field in customer_type.fields if field.name in provided} & {
        FieldStatus.REJECTED
    }
    if statuses & {FieldStatus.REJECTED, FieldStatus.VERIFICATION_REQUIRED}:
        return CustomerStatus.NEEDS_INFO
    if FieldStatus.PROCESSING in statuses:
        return CustomerStatus.PROCESSING
    return CustomerStatus.ACCEPTED


def gate_decision(customer_type: CustomerType, accepted_field_names: Collection[str]) -> tuple[str, ...]:
    """Return the required fields that are not accepted; an empty tuple opens the gate.

    The same rule stands before the opening of a remittance and before its payout.
    """
    accepted = frozenset(accepted_field_names)
    return tuple(
        field.name for field in customer_type.fields if not field.optional and field.name not in accepted
    )


def judging_type(
    customer_types: Sequence[CustomerType],
    registered_type: str | None,
    received: Mapping[str, Received],
    now: datetime,
) -> CustomerType | None:
    """Choose the type for which a customer is judged when the caller names none.

    The type under which the customer was last registered counts. Without one (or when it is no longer offered) it is
    the first type for which the customer is accepted, so that whoever sent complete data is not asked again (SEP-12
    asks for a default set); and when there is none, the first type of all. None means that nothing is asked of anybody.
    """
    for customer_type in customer_types:
        if customer_type.name == registered_type:
            return customer_type
    for customer_type in customer_types:
        statuses = in_date(customer_type, received, now)
        if customer_status(customer_type, statuses) is CustomerStatus.ACCEPTED:
            return customer_type
    return customer_types[0] if customer_types else None
