"""The case of a customer under a type: what a verifier has said of the data, and the legal moves. Pure rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roadstead.config.anchor import CustomerRole, CustomerType
from roadstead.customers.requirements import FieldStatus
from roadstead.customers.vault import Vault


class CaseStatus(StrEnum):
    """How far the verification of one customer under one type has come."""

    COLLECTING = "collecting"
    """Data are awaited, or about to be put before a verifier."""
    SUBMITTED = "submitted"
    """They were put before a verifier, who may or may not have them yet."""
    IN_REVIEW = "in_review"
    """The verifier has them and has not decided."""
    ACCEPTED = "accepted"
    """The verifier confirmed them."""
    NEEDS_INFO = "needs_info"
    """The verifier wants other data, or more."""
    REJECTED = "rejected"
    """The verifier will have nothing to do with the customer, whatever is sent."""
    EXPIRED = "expired"
    """The confirmation held until a time that is over; the data are put before a verifier again."""
    REVOKED = "revoked"
    """The verifier took the confirmation back; other data are awaited."""


NEW = "new"
"""Where a case comes from before it has a status."""

_MOVES_BY_ORIGIN: dict[str, tuple[CaseStatus, ...]] = {
    NEW: (CaseStatus.COLLECTING,),
    CaseStatus.COLLECTING: (CaseStatus.SUBMITTED,),
    CaseStatus.SUBMITTED: (
        CaseStatus.COLLECTING,
        CaseStatus.IN_REVIEW,
        CaseStatus.ACCEPTED,
        CaseStatus.NEEDS_INFO,
        CaseStatus.REJECTED,
    ),
    CaseStatus.IN_REVIEW: (
        CaseStatus.COLLECTING,
        CaseStatus.ACCEPTED,
        CaseStatus.NEEDS_INFO,
        CaseStatus.REJECTED,
    ),
    CaseStatus.ACCEPTED: (
        CaseStatus.COLLECTING,
        CaseStatus.IN_REVIEW,
        CaseStatus.NEEDS_INFO,
        CaseStatus.REJECTED,
        CaseStatus.REVOKED,
        CaseStatus.EXPIRED,
    ),
    CaseStatus.NEEDS_INFO: (
        CaseStatus.COLLECTING,
        CaseStatus.IN_REVIEW,
        CaseStatus.ACCEPTED,
        CaseStatus.REJECTED,
    ),
    CaseStatus.REJECTED: (
        CaseStatus.COLLECTING,
        CaseStatus.IN_REVIEW,
        CaseStatus.ACCEPTED,
        CaseStatus.NEEDS_INFO,
    ),
    CaseStatus.REVOKED: (
        CaseStatus.COLLECTING,
        CaseStatus.IN_REVIEW,
        CaseStatus.ACCEPTED,
        CaseStatus.NEEDS_INFO,
        CaseStatus.REJECTED,
    ),
    CaseStatus.EXPIRED: (CaseStatus.COLLECTING, CaseStatus.SUBMITTED),
}

MOVES = frozenset((origin, target) for origin, targets in _MOVES_BY_ORIGIN.items() for target in targets)
"""Every legal move; the database has the same table."""


class Say(StrEnum):
    """What a customer may be told of a decision: a closed list, so that no verifier's own words get out."""

    NOT_CONFIRMED = "not_confirmed"
    UNREADABLE = "unreadable"
    MISMATCH = "mismatch"
    OUT_OF_DATE = "out_of_date"
    INCOMPLETE = "incomplete"

    @property
    def text(self) -> str:
        """The words, in English; the catalogue of messages has them in other languages."""
        return _TEXTS[self]


_TEXTS = {
    Say.NOT_CONFIRMED: "This value could not be confirmed: check it and send it again.",
    Say.UNREADABLE: "This could not be read: send it again, whole and clear.",
    Say.MISMATCH: "This does not agree with the other data: check it and send what is right.",
    Say.OUT_OF_DATE: "This is out of date: send what is valid now.",
    Say.INCOMPLETE: "This is not complete: send all of it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDecision:
    """What a verifier decided about one field."""

    status: FieldStatus
    say: Say | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """As much of a case as tells how a customer stands."""

    status: CaseStatus
    decisions: Mapping[str, FieldDecision] = field(default_factory=dict)
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as it stands."""

    id: UUID
    customer_id: UUID
    customer_type: str
    status: CaseStatus
    status_at: datetime
    submission_id: UUID | None
    verifier: str | None
    digest: str | None
    reference: str | None
    tries: int = 0


PAID_FIELDS = (
    "first_name",
    "last_name",
    "organization.name",
    "bank_account_number",
    "clabe_number",
    "cbu_number",
    "mobile_money_number",
    "bank_number",
    "address_country_code",
)
"""What a payout is made from: judged of every receiving client, whether its type asks for it or not."""

_PURPOSE = "verification"


def judged_fields(customer_type: CustomerType) -> tuple[str, ...]:
    """Name all that is put before a verifier, as far as it is there."""
    asked = tuple(field.name for field in customer_type.fields)
    paid = PAID_FIELDS if customer_type.role is CustomerRole.RECEIVER else ()
    return tuple(dict.fromkeys((*asked, *paid)))


def digest_of(values: Mapping[str, str], vault: Vault) -> str:
    """Return the digest of what is judged, under the customer's data key.

    Without the key nothing of the customer can be guessed from it. The same values have the same digest.
    """
    text = json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return vault.digest(_PURPOSE, text).hex()
