"""Customer types in `anchor.toml`: their tables, the fields that one has from another, and what they owe SEP-9."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from roadstead.config.anchor import Anchor, CustomerField, CustomerRole, CustomerType, FieldKind
from roadstead.config.confirmable import CONFIRMABLE
from roadstead.config.field_forms import DemandedForm
from roadstead.config.forms import BOOLEAN, LABEL, NAMES, TEXT, one_of, whole
from roadstead.config.schema import Key, Section, nearest
from roadstead.config.sep9 import FIELD_KINDS, STANDARD_FIELDS

_PHONE_FIELDS = ("mobile_number", "mobile_money_number")


def _customer_field(**values: Any) -> CustomerField:
    """Give a field what SEP-9 says of it, unless the file says it; a name that SEP-9 lacks is found out later."""
    standard = STANDARD_FIELDS.get(values["name"])
    kind = standard.kind if standard else FieldKind.STRING
    description = standard.description if standard else values["name"]
    return CustomerField(**{"kind": kind, "description": description, **values})


_FIELDS = Section(
    name="fields",
    make=_customer_field,
    many=True,
    required=True,
    description="One thing that is asked of the customer, by its name in SEP-9.",
    keys=(
        Key(name="name", form=LABEL, required=True, description="Name in SEP-9.", example='"first_name"'),
        Key(
            name="description",
            form=TEXT,
            description="What is asked, for people; SEP-9's words when left out.",
            example='"Given name"',
        ),
        Key(
            name="kind",
            form=one_of(FieldKind),
            description="Kind of value; SEP-9 decides it when left out.",
            example='"string"',
        ),
        Key(name="optional", form=BOOLEAN, description="Whether it may be left out.", example="false"),
        Key(
            name="choices",
            form=NAMES,
            description="The only values that are accepted.",
            example='["checking", "savings"]',
        ),
        Key(
            name="form",
            form=one_of(DemandedForm),
            description="The form that it must have, where SEP-9 leaves it open.",
            example='"iban"',
        ),
        Key(
            name="confirm",
            form=BOOLEAN,
            description="Whether it has to be confirmed with a code that is sent there.",
            example="false",
        ),
        Key(
            name="valid_days",
            form=whole(1, 36_500),
            description="Days after which it is asked again; never when left out.",
            example="365",
        ),
    ),
)

CUSTOMER_TYPES = Section(
    name="customer_types",
    make=CustomerType,
    many=True,
    description="What is asked of customers of one kind (SEP-12 type).",
    keys=(
        Key(name="name", form=LABEL, required=True, description="Name.", example='"sep31-receiver"'),
        Key(
            name="description",
            form=TEXT,
            required=True,
            description="Who has to be registered with this type.",
            example='"People who receive euros"',
        ),
        Key(
            name="role",
            form=one_of(CustomerRole),
            required=True,
            description="The side on which the customer stands.",
            example='"receiver"',
        ),
        Key(
            name="extends",
            form=LABEL,
            description="Another type, whose fields are asked for too.",
            example='"sep31-receiver"',
        ),
    ),
    children=(_FIELDS,),
)
"""The tables `[[customer_types]]`."""


def extended(kinds: Sequence[CustomerType]) -> tuple[CustomerType, ...]:
    """Return the types, each with the fields of the one that it extends before its own, which replace their namesakes.

    The types must be sound (`CUSTOMER_TYPE_RULES`). Doing it again changes nothing.
    """
    by_name = {kind.name: kind for kind in kinds}
    return tuple(replace(kind, fields=_all_fields(kind, by_name)) for kind in kinds)


def _all_fields(kind: CustomerType, by_name: dict[str, CustomerType]) -> tuple[CustomerField, ...]:
    fields: dict[str, CustomerField] = {}
    for ancestor in reversed(_line_of(kind, by_name)):
        fields.update((field.name, field) for field in ancestor.fields)
    return tuple(fields.values())


def _line_of(kind: CustomerType, by_name: dict[str, CustomerType]) -> list[CustomerType]:
    """Return a type and those that it extends, nearest first; a circle ends where it closes."""
    line = [kind]
    while (name := line[-1].extends) is not None and name in by_name and by_name[name] not in line:
        line.append(by_name[name])
    return line


def _fields_are_named_once(anchor: Anchor) -> Iterator[str]:
    for kind in anchor.customer_types:
        for name, count in Counter(field.name for field in kind.fields).items():
            if count > 1:
                yield (
                    f"customer_types {kind.name}: fields: {name} stands there {count} times. Give each a name of its"
                    " own, or remove all but one."
                )


def _fields_are_of_sep9(anchor: Anchor) -> Iterator[str]:
    for kind in anchor.customer_types:
        for field in kind.fields:
            yield from _field_problems(f"customer_types {kind.name}: field {field.name}", field)


def _field_problems(place: str, field: CustomerField) -> Iterator[str]:
    standard = STANDARD_FIELDS.get(field.name)
    if standard is None:
        hint = nearest(field.name, FIELD_KINDS)
        yield f'{place}: is no field of SEP-9.{hint} It must be one, for example: name = "first_name"'
    elif not standard.is_taken:
        yield (
            f"{place}: is never asked for, because whoever holds numbers of cards has to protect them. Ask for the"
            ' token of a payment provider: name = "card.token"'
        )
    elif field.kind is not standard.kind:
        yield f'{place}: is a {standard.kind} in SEP-9, not a {field.kind}. Write kind = "{standard.kind}"'
    elif field.form is not None and field.kind is not FieldKind.STRING:
        yield f'{place}: is a {field.kind}, of which no form can be demanded. Remove form = "{field.form}"'
    elif field.form is not None and field.form not in _demandable(field.name):
        fitting = ", ".join(_demandable(field.name)) or "none"
        yield f"{place}: cannot have the form {field.form}. The forms of this field are: {fitting}."


def _confirmed_fields_are_addresses(anchor: Anchor) -> Iterator[str]:
    confirmed = {field.name for kind in anchor.customer_types for field in kind.fields if field.confirm}
    for name in sorted(confirmed - CONFIRMABLE.keys()):
        yield f"customer_types: field {name}: no code can be sent there. Only {', '.join(CONFIRMABLE)} can be confirmed"
    for kind in anchor.customer_types:
        for field in kind.fields:
            if field.name in confirmed and not field.confirm:
                yield (
                    f"customer_types {kind.name}: field {field.name}: another type demands that it is confirmed, which"
                    " holds for whoever sends it. Say so here as well: confirm = true"
                )


def _demandable(name: str) -> tuple[DemandedForm, ...]:
    """Return the forms that may be demanded of a field, those that something of its kind can have."""
    bare = name.removeprefix("organization.")
    match bare:
        case "bank_account_number":
            return (DemandedForm.IBAN, DemandedForm.CLABE, DemandedForm.CBU, DemandedForm.PHONE)
        case "bank_number":
            return (
                DemandedForm.BIC,
                DemandedForm.ROUTING_NUMBER,
                DemandedForm.IFSC,
                DemandedForm.SORT_CODE,
            )
        case "bank_branch_number":
            return (DemandedForm.IFSC, DemandedForm.SORT_CODE)
        case "crypto_address":
            return (DemandedForm.STELLAR_ADDRESS,)
        case _ if bare in _PHONE_FIELDS:
            return (DemandedForm.PHONE,)
        case _:
            return ()


def _extensions_lead_somewhere(anchor: Anchor) -> Iterator[str]:
    by_name = {kind.name: kind for kind in anchor.customer_types}
    for kind in anchor.customer_types:
        if kind.extends is None:
            continue
        place = f"customer_types {kind.name}: extends"
        others = [
            other.name for other in anchor.customer_types if other.role is kind.role and other is not kind
        ]
        base = by_name.get(kind.extends)
        if base is None:
            listed = ", ".join(others) or "none is there"
            hint = nearest(kind.extends, others)
            yield (
                f"{place}: {kind.extends} is not among [[customer_types]] ({listed}).{hint} Add it there or name"
                " another."
            )
        elif base.role is not kind.role:
            yield (
                f"{place}: {base.name} is a type for a {base.role}, and {kind.name} for a {kind.role}. Name one of the"
                " same role."
            )
        elif _line_of(kind, by_name)[-1].extends is not None:
            yield f"{place}: the types extend each other in a circle. Leave extends out of one of them."


CUSTOMER_TYPE_RULES: tuple[Callable[[Anchor], Iterator[str]], ...] = (
    _fields_are_named_once,
    _fields_are_of_sep9,
    _confirmed_fields_are_addresses,
    _extensions_lead_somewhere,
)
