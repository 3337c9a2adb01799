"""The states of a payout, and what each word of a rail makes of them. Pure rules, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus


class PayoutStatus(StrEnum):
    """How far a payout has come."""

    ORDERED = "ordered"
    """To be paid; no attempt is open."""
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
    """The rail said that the attempt did not pay and never will; what comes next is decided elsewhere."""
    RETURNED = "returned"
    """The money came back after it was settled."""
    HELD = "held"
    """Nothing more happens until a person looks."""


_ADVANCE = {
    PayoutStatus.SUBMITTING: 1,
    PayoutStatus.UNKNOWN: 1,
    PayoutStatus.HELD: 1,
    PayoutStatus.SUBMITTED: 2,
    PayoutStatus.ACCEPTED: 3,
    PayoutStatus.SETTLED: 4,
    PayoutStatus.RETURNED: 5,
}

_OBSERVED = {
    RailStatus.RECEIVED: PayoutStatus.SUBMITTED,
    RailStatus.ACCEPTED: PayoutStatus.ACCEPTED,
    RailStatus.SETTLED: PayoutStatus.SETTLED,
    RailStatus.REFUSED: PayoutStatus.REFUSED,
    RailStatus.RETURNED: PayoutStatus.RETURNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The rail's word moves the payout on."""

    status: PayoutStatus
    submits: bool
    """The rail takes the attempt on with this word, if it had not before: it leaves our hands."""
    settles: bool
    """The money leaves the bank with this word, if it had not before."""


class Old:
    """The rail's word tells nothing new: a repetition, or late news of an earlier state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """The rail's word cannot be true together with what it said before; a person must look."""

    detail: str


OLD = Old()


def conclude(status: PayoutStatus, said: RailStatus) -> Advance | Old | Contradiction:
    """Say what a rail's word makes of a payout whose open attempt it speaks of.

    States move by a partial order, so that the order in which words arrive does not matter: a settlement that is
    heard before the acceptance takes both steps, and the acceptance is then old.
    """
    target = _OBSERVED[said]
    if target is PayoutStatus.REFUSED:
        return _conclude_refusal(status)
    if status is PayoutStatus.REFUSED:
        if target in {PayoutStatus.SUBMITTED, PayoutStatus.ACCEPTED}:
            return OLD
        return Contradiction(detail=f"the rail says {said} of an attempt that it had refused")
    here = _ADVANCE.get(status)
    if here is None:
        return Contradiction(detail=f"the rail says {said} of a payout that is {status}")
    there = _ADVANCE[target]
    if there <= here and status is not PayoutStatus.HELD:
        return OLD
    return Advance(
        status=target,
        submits=here < _ADVANCE[PayoutStatus.SUBMITTED],
        settles=here < _ADVANCE[PayoutStatus.SETTLED] <= there,
    )


def _conclude_refusal(status: PayoutStatus) -> Advance | Old | Contradiction:
    match status:
        case PayoutStatus.REFUSED:
            return OLD
        case PayoutStatus.SETTLED | PayoutStatus.RETURNED:
            return Contradiction(detail="the rail refuses an attempt that it had settled")
        case PayoutStatus.ORDERED:
            return Contradiction(detail="the rail refuses an attempt of a payout that has none open")
        case _:
            return Advance(status=PayoutStatus.REFUSED, submits=False, settles=False)


def remittance_status(status: PayoutStatus) -> RemittanceStatus | None:
    """Say where a payout's state puts its remittance; None leaves it where it is."""
    match status:
        case PayoutStatus.SUBMITTED | PayoutStatus.ACCEPTED | PayoutStatus.UNKNOWN:
            return RemittanceStatus.PENDING_EXTERNAL
        case PayoutStatus.SETTLED:
            return RemittanceStatus.COMPLETED
        case PayoutStatus.REFUSED:
            return RemittanceStatus.PENDING_RECEIVER
        case _:
            return None
