"""What is accepted of a remittance's customers at this moment: the gate that is asked again before the payout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import Anchor, CustomerType
from roadstead.customers.case_store import VIEWS_OF, begin, read_views
from roadstead.customers.cases import CaseView
from roadstead.customers.corridors import RequiredTypes
from roadstead.customers.requirements import CustomerStatus, fresh
from roadstead.customers.standing import NOBODY, Standing, standing_by_names
from roadstead.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFields:
    """Names of what is accepted of a remittance's customers now, with the moments of their receipt.

    What belonged to an identity document that has expired is left out.
    """

    sender: Mapping[str, datetime]
    receiver: Mapping[str, datetime]
    receiver_rejected: frozenset[str] = frozenset()
    """What was received of the receiving client and has to be sent again."""
    partner_is_active: bool = False
    """Whether the partner that opened it is one of ours at this moment."""
    sender_cases: Mapping[str, CaseView] = field(default_factory=dict)
    """What was verified of the sending client, by type."""
    receiver_cases: Mapping[str, CaseView] = field(default_factory=dict)
    sender_id: UUID | None = None
    receiver_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Which types are verified, and when that is asked: what a gate needs besides the customers' data."""

    types: Collection[str] = NOBODY
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One customer of a remittance, and how it stands for the type that is asked of it."""

    customer_id: UUID | None
    type_name: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWord:
    """What the gate says of a remittance's customers together; an empty one is open."""

    lacking: tuple[str, ...] = ()
    """Required fields that are to be sent, of both sides."""
    is_verifying: bool = False
    """Whether somebody still looks at the data of a side, and nothing has to be sent of it."""
    is_rejected: bool = False
    """Whether a side is a customer whom we do not work with."""

    @property
    def opens(self) -> bool:
        """Whether nothing stands in the way."""
        return not (self.lacking or self.is_verifying or self.is_rejected)


def gate_word(sides: Sequence[Side]) -> GateWord:
    """Put together what the standings of both sides say."""
    statuses = {side.standing.status for side in sides}
    asked = [side for side in sides if side.standing.status is CustomerStatus.NEEDS_INFO]
    return GateWord(
        lacking=tuple(dict.fromkeys(name for side in asked for name in side.standing.lacking)),
        is_verifying=CustomerStatus.PROCESSING in statuses,
        is_rejected=CustomerStatus.REJECTED in statuses,
    )


def sides_of(
    anchor: Anchor, required: RequiredTypes, accepted: AcceptedFields, verified: Verified
) -> list[Side]:
    """Judge both customers for the types that are required of them; nobody is asked without a type.

    Raises:
        BadInput: The anchor does not have a type any more: nobody knows what would suffice.
    """
    found = (
        (required.sender, accepted.sender_id, accepted.sender, accepted.sender_cases),
        (required.receiver, accepted.receiver_id, accepted.receiver, accepted.receiver_cases),
    )
    return [
        _side(anchor.customer_type(name), customer_id, received, cases.get(name), verified)
        for name, customer_id, received, cases in found
        if name is not None
    ]


def _side(
    kind: CustomerType,
    customer_id: UUID | None,
    received: Mapping[str, datetime],
    case: CaseView | None,
    verified: Verified,
) -> Side:
    return Side(
        customer_id=customer_id,
        type_name=kind.name,
        standing=standing_by_names(
            kind,
            fresh(kind, received, verified.now),
            case,
            is_verified=kind.name in verified.types,
            now=verified.now,
        ),
    )


def beginnings(sides: Sequence[Side]) -> Iterator[tuple[UUID, str]]:
    """Yield whose verification under which type has to begin."""
    for side in sides:
        if side.standing.begins and side.customer_id is not None:
            yield side.customer_id, side.type_name


async def begin_cases(connection: Connection, sides: Sequence[Side], now: datetime) -> None:
    """Begin the verifications that are asked for and were not begun; safe to repeat."""
    for customer_id, type_name in beginnings(sides):
        await begin(connection, customer_id, type_name, now)


async def accepted_fields(connection: Connection, remittance_id: UUID, now: datetime) -> AcceptedFields:
    """Return what is accepted of both customers at this moment, for the gate before the payout."""
    found = await accepted_fields_of(connection, [remittance_id], now)
    return found.get(remittance_id, AcceptedFields(sender={}, receiver={}))


async def accepted_fields_of(
    connection: Connection, remittance_ids: Sequence[UUID], now: datetime
) -> dict[UUID, AcceptedFields]:
    """Return the same of several remittances, by their ids."""
    rows = await connection.fetch(_ACCEPTED, list(remittance_ids), now)
    return {
        row["id"]: AcceptedFields(
            sender=dict(row["sender"]),
            receiver=dict(row["receiver"]),
            receiver_rejected=frozenset(row["receiver_rejected"]),
            partner_is_active=row["partner_is_active"],
            sender_cases=read_views(row["sender_cases"]),
            receiver_cases=read_views(row["receiver_cases"]),
            sender_id=row["sender_id"],
            receiver_id=row["receiver_id"],
        )
        for row in rows
    }


def accepted_of(customer: str, now: str) -> str:
    """Write the SQL that returns the accepted fields of a customer as rows of name and moment of receipt."""
    return f"""ARRAY(SELECT (name, received_at) FROM customer_fields AS f
                WHERE f.customer_id = {customer} AND f.status = 'ACCEPTED'
                    AND (f.valid_until IS NULL OR f.valid_until > {now}))"""  # noqa: S608 - composed of constants


_ACCEPTED = f"""
SELECT r.id, r.sender_id, r.receiver_id,
    {VIEWS_OF.format(customer="r.sender_id")} AS sender_cases,
    {VIEWS_OF.format(customer="r.receiver_id")} AS receiver_cases,
    {accepted_of("r.sender_id", "$2")} AS sender,
    {accepted_of("r.receiver_id", "$2")} AS receiver,
    array(SELECT name FROM customer_fields AS f
          WHERE f.customer_id = r.receiver_id AND f.status = 'REJECTED' ORDER BY name) AS receiver_rejected,
    (SELECT p.status = 'active' FROM partners AS p WHERE p.id = r.partner_id) AS partner_is_active
FROM remittances AS r WHERE r.id = ANY($1::uuid[])
"""  # noqa: S608 - composed of constants
