"""What is asked of customers, and how far one has got: pure rules over `anchor.toml` and what was received.

Nothing of this is stored. A status is computed whenever it is asked for, so that a changed `anchor.toml` takes effect
for every customer at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from roadstead.config.anchor import CustomerField, CustomerType


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
    customer_types: Sequence[CustomerType], registered_type: str | None, provided: Mapping[str, FieldStatus]
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
        if customer_status(customer_type, provided) is CustomerStatus.ACCEPTED:
            return customer_type
    return customer_types[0] if customer_types else None
