"""Telling a partner of a customer's status (SEP-12 callback): in the transaction of every change that may move it.

A registration holds until the status is ACCEPTED or REJECTED; then it is spent, and the partner may register again.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from roadstead.callbacks.registration import register
from roadstead.callbacks.store import Subject, SubjectKind
from roadstead.config.anchor import Anchor, CustomerType
from roadstead.customers import case_store, store
from roadstead.customers.cases import Say
from roadstead.customers.requirements import CustomerStatus, FieldStatus
from roadstead.customers.standing import NOBODY
from roadstead.customers.store import StoredCustomer
from roadstead.customers.views import CustomerView, view_of
from roadstead.database.pool import Connection
from roadstead.errors import Forbidden

_LAST = frozenset((CustomerStatus.ACCEPTED, CustomerStatus.REJECTED))


async def tell_status(
    connection: Connection,
    anchor: Anchor,
    customer_id: UUID,
    now: datetime,
    *,
    verified_types: Collection[str] = NOBODY,
) -> None:
    """Let the partner be told when the status of a customer is not the one that it knows; else nothing happens.

    Call it in every transaction that changes a field of a customer, or a decision about one, after the change. Safe to
    repeat. Nothing is contacted: the outbox of callbacks brings it, in order and again until it is taken.
    """
    row = await connection.fetchrow(
        "SELECT type, status FROM customer_watches WHERE customer_id = $1 AND spent_at IS NULL FOR UPDATE",
        customer_id,
    )
    if row is None:
        return
    known = await store.find_living(connection, customer_id)
    if known is None:
        return
    view = await _view(connection, anchor, known, row["type"], verified_types=verified_types, now=now)
    if view.status == row["status"]:
        return
    await connection.execute(
        """
        UPDATE customer_watches
        SET status = $2, snapshot = $3::jsonb, spent_at = CASE WHEN $4 THEN now() END WHERE customer_id = $1
        """,
        customer_id,
        view.status,
        _snapshot(view),
        view.status in _LAST,
    )


async def watch(
    connection: Connection,
    anchor: Anchor,
    known: StoredCustomer,
    named_type: CustomerType | None,
    *,
    url: str,
    private_allowed: bool,
    verified_types: Collection[str] = NOBODY,
    now: datetime,
) -> None:
    """Tell every change of a customer's status to a URL from now on, instead of any URL before it. Safe to repeat.

    Raises:
        Forbidden: The customer's account belongs to no active partner.
        TargetRefused: The URL is not one that we call, or its host is none that was agreed with the partner.
    """
    partner_id = await connection.fetchval(
        """
        SELECT p.id FROM partner_accounts AS a JOIN partners AS p ON p.id = a.partner_id
        WHERE a.account = $1 AND p.status = 'active'
        """,
        known.identity.account,
    )
    if partner_id is None:
        raise Forbidden("This account belongs to no active partner: ask the anchor's support to be enabled.")
    await register(
        connection,
        Subject(kind=SubjectKind.CUSTOMER, id=known.id),
        partner_id=partner_id,
        url=url,
        private_allowed=private_allowed,
    )
    type_name = named_type.name if named_type else None
    view = await _view(connection, anchor, known, type_name, verified_types=verified_types, now=now)
    await connection.execute(
        """
        INSERT INTO customer_watches (customer_id, type, status, snapshot, registered_at)
        VALUES ($1, $2, $3, $4::jsonb, $5)
        ON CONFLICT (customer_id) DO UPDATE SET type = EXCLUDED.type, status = EXCLUDED.status,
            snapshot = EXCLUDED.snapshot, registered_at = greatest(EXCLUDED.registered_at,
                customer_watches.registered_at + interval '1 microsecond'), spent_at = NULL
        """,
        known.id,
        type_name,
        view.status,
        _snapshot(view),
        now,
    )


def view_in(anchor: Anchor, customer_id: UUID, snapshot: str) -> CustomerView:
    """Return what a callback tells: how the customer stood when the status changed.

    Fields that the type no longer asks for are left out, and so is everything of a type that is no longer offered.
    """
    content = json.loads(snapshot)
    judged = _type(anchor, content["type"])
    fields = {field.name: field for field in judged.fields} if judged else {}
    return CustomerView(
        id=customer_id,
        status=CustomerStatus(content["status"]),
        type_name=content["type"],
        missing=tuple(fields[name] for name in content["missing"] if name in fields),
        provided=tuple(
            (fields[name], FieldStatus(status))
            for name, status in content["provided"].items()
            if name in fields
        ),
        said={name: Say(word) for name, word in content["said"].items()},
    )


async def _view(
    connection: Connection,
    anchor: Anchor,
    known: StoredCustomer,
    type_name: str | None,
    *,
    verified_types: Collection[str],
    now: datetime,
) -> CustomerView:
    return view_of(
        anchor,
        known.id,
        known.received,
        registered_type=known.registered_type,
        named_type=_type(anchor, type_name),
        cases=await case_store.views(connection, known.id) if verified_types else None,
        verified_types=verified_types,
        now=now,
    )


def _type(anchor: Anchor, name: str | None) -> CustomerType | None:
    """Return the type of that name; one that is no longer offered is judged as if none had been named."""
    return next((kind for kind in anchor.customer_types if kind.name == name), None)


def _snapshot(view: CustomerView) -> str:
    return json.dumps(
        {
            "type": view.type_name,
            "status": view.status,
            "missing": [field.name for field in view.missing],
            "provided": {field.name: status for field, status in view.provided},
            "said": dict(view.said),
        }
    )
