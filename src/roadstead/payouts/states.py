"""The states of a payout and of its attempts, and what each word of a rail makes of them. Pure rules, no I/O.

What a rail says of one attempt moves that attempt up a partial order, whose top is the contradiction. Wherever two
words lead, they lead there in either order and however often they are repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus


class PayoutStatus(StrEnum):
    """How far a payout has come."""

    ORDERED = "ordered"
    """To be paid; no attempt is open. It waits for a worker, for data that were asked for, or for its next try."""
    SUBMITTING = "submitting"
    """An attempt is written and may be on the wire."""
    UNKNOWN = "unknown"
    """An attempt was sent and nobody can say whether it will pay; the rail is asked until it says."""
    SUBMITTED = "submitted"
    """The rail has the attempt."""
    ACCEPTED = "accepted"
    """The rail will pay unless the receiving bank objects."""
    SETTLED = "settled"
    """The bank paid. The money may still come back."""
    REFUSED = "refused"
    """The rail said that the attempt did not pay and never will; a worker decides what comes next."""
    RETURNED = "returned"
    """The money came back after it was settled; a worker decides what comes next."""
    HELD = "held"
    """Nothing more happens until a person decides."""
    CANCELLED = "cancelled"
    """It will never be paid: the money goes back to the payer."""


NEW = "new"
"""Where a payout comes from before it has a status."""

_MOVES_BY_ORIGIN: dict[str, tuple[PayoutStatus, ...]] = {
    NEW: (PayoutStatus.ORDERED,),
    PayoutStatus.ORDERED: (
        PayoutStatus.ORDERED,
        PayoutStatus.SUBMITTING,
        PayoutStatus.HELD,
        PayoutStatus.CANCELLED,
    ),
    PayoutStatus.SUBMITTING: (
        PayoutStatus.UNKNOWN,
        PayoutStatus.SUBMITTED,
        PayoutStatus.ACCEPTED,
        PayoutStatus.SETTLED,
        PayoutStatus.REFUSED,
        PayoutStatus.RETURNED,
        PayoutStatus.HELD,
    ),
    PayoutStatus.UNKNOWN: (
        PayoutStatus.SUBMITTED,
        PayoutStatus.ACCEPTED,
        PayoutStatus.SETTLED,
        PayoutStatus.REFUSED,
        PayoutStatus.RETURNED,
        PayoutStatus.HELD,
    ),
    PayoutStatus.SUBMITTED: (
        PayoutStatus.ACCEPTED,
        PayoutStatus.SETTLED,
        PayoutStatus.REFUSED,
        PayoutStatus.RETURNED,
        PayoutStatus.HELD,
    ),
    PayoutStatus.ACCEPTED: (
        PayoutStatus.SETTLED,
        PayoutStatus.REFUSED,
        PayoutStatus.RETURNED,
        PayoutStatus.HELD,
    ),
    PayoutStatus.SETTLED: (PayoutStatus.RETURNED, PayoutStatus.HELD),
    PayoutStatus.REFUSED: (PayoutStatus.ORDERED, PayoutStatus.HELD, PayoutStatus.CANCELLED),
    PayoutStatus.RETURNED: (PayoutStatus.HELD, PayoutStatus.CANCELLED),
    PayoutStatus.HELD: (
        PayoutStatus.ORDERED,
        PayoutStatus.UNKNOWN,
        PayoutStatus.SUBMITTED,
        PayoutStatus.ACCEPTED,
        PayoutStatus.SETTLED,
        PayoutStatus.REFUSED,
        PayoutStatus.RETURNED,
        PayoutStatus.CANCELLED,
    ),
}

MOVES = frozenset(
    (origin, destination) for origin, destinations in _MOVES_BY_ORIGIN.items() for destination in destinations
)
"""Every legal move; the database holds the same table and refuses all others."""


class AttemptStatus(StrEnum):
    """What is certain of an attempt."""

    OPEN = "open"
    """It may pay."""
    SETTLED = "settled"
    """It paid."""
    REFUSED = "refused"
    """It did not pay and never will."""
    RETURNED = "returned"
    """It paid, and the money came back."""
    CONTRADICTED = "contradicted"
    """The rail said two things of it that cannot both be true; only a person ends this."""

    @property
    def may_pay(self) -> bool:
        """Whether money may have left, or may still leave, and is not back."""
        return self in _MAY_PAY


_MAY_PAY = frozenset({AttemptStatus.OPEN, AttemptStatus.SETTLED, AttemptStatus.CONTRADICTED})


class Standing(StrEnum):
    """How far an attempt has come in the rail's own words."""

    WRITTEN = "written"
    """The rail has said nothing of it."""
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    RETURNED = "returned"
    REFUSED = "refused"
    CONTRADICTED = "contradicted"


_RANK = {
    Standing.WRITTEN: 1,
    Standing.SUBMITTED: 2,
    Standing.ACCEPTED: 3,
    Standing.SETTLED: 4,
    Standing.RETURNED: 5,
}

_SAID = {
    RailStatus.RECEIVED: Standing.SUBMITTED,
    RailStatus.ACCEPTED: Standing.ACCEPTED,
    RailStatus.SETTLED: Standing.SETTLED,
    RailStatus.REFUSED: Standing.REFUSED,
    RailStatus.RETURNED: Standing.RETURNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The rail's word moves the attempt on."""

    standing: Standing
    takes_on: bool = False
    """The rail takes the attempt on with this word, if it had not before: it leaves our hands."""
    gives_back: bool = False
    """The rail gives back, with this word, an attempt that it had taken on."""
    settles: bool = False
    """The money leaves the bank with this word, if it had not before."""
    returns: bool = False
    """The money comes back with this word."""


class Old:
    """The rail's word tells nothing new: a repetition, or late news of an earlier state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """The rail's word cannot be true together with what it said before; a person must look."""

    detail: str


OLD = Old()


def standing(attempt: AttemptStatus, payout: PayoutStatus, *, is_taken_on: bool) -> Standing:
    """Say how far an attempt has come, from what is stored of it and of its payout."""
    if attempt is not AttemptStatus.OPEN:
        return Standing(attempt.value)
    if payout is PayoutStatus.ACCEPTED:
        return Standing.ACCEPTED
    return Standing.SUBMITTED if is_taken_on else Standing.WRITTEN


def conclude(here: Standing, said: RailStatus) -> Advance | Old | Contradiction:
    """Say what a rail's word makes of the attempt it speaks of.

    A settlement that is heard before the acceptance takes both steps, and the acceptance is then old. A contradiction
    stays one, whatever the rail says later.
    """
    there = _SAID[said]
    if here in {there, Standing.CONTRADICTED}:
        return OLD
    if here is Standing.REFUSED:
        if there in {Standing.SUBMITTED, Standing.ACCEPTED}:
            return OLD
        return Contradiction(detail=f"the rail says {said} of an attempt that it had refused")
    if there is Standing.REFUSED:
        if here in {Standing.SETTLED, Standing.RETURNED}:
            return Contradiction(detail="the rail refuses an attempt that it had settled")
        return Advance(standing=there, gives_back=here is not Standing.WRITTEN)
    if _RANK[there] < _RANK[here]:
        return OLD
    return Advance(
        standing=there,
        takes_on=here is Standing.WRITTEN,
        settles=_RANK[here] < _RANK[Standing.SETTLED] <= _RANK[there],
        returns=there is Standing.RETURNED,
    )


def remittance_status(status: PayoutStatus) -> RemittanceStatus | None:
    """Say where a payout's state puts its remittance; None leaves it where it is."""
    match status:
        case PayoutStatus.SUBMITTED | PayoutStatus.ACCEPTED | PayoutStatus.UNKNOWN:
            return RemittanceStatus.PENDING_EXTERNAL
        case PayoutStatus.SETTLED | PayoutStatus.RETURNED:
            # What came back had been paid, even where we hear of the return first.
            return RemittanceStatus.COMPLETED
        case PayoutStatus.REFUSED:
            return RemittanceStatus.PENDING_RECEIVER
        case _:
            return None
