"""What the provider says of a case, and when: decided by the family name, so that anybody can bring it about. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from roadstead.customers.cases import FieldDecision, Say
from roadstead.customers.requirements import FieldStatus
from roadstead.verification.protocol import Decision

VALID_FOR = timedelta(seconds=60)
"""How long what is short-lived holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the provider says from a moment on."""

    after: timedelta
    """Counted from the moment at which it got the case."""
    decision: Decision
    fields: Mapping[str, FieldDecision] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    valid_for: timedelta | None = None


NAMES = ("review", "reject", "unreadable", "mismatch", "flip", "revoke", "shortlived", "slow", "smudged")
"""The family names that are treated in a way of their own; everybody else is accepted."""


def script_of(family_name: str, delay: timedelta) -> tuple[Word, ...]:
    """Return everything that will be said of a case, in order; the first word is said at once."""
    waiting = Word(after=timedelta(), decision=Decision.IN_REVIEW)
    accepted = Word(after=delay, decision=Decision.ACCEPTED)
    match family_name.strip().lower():
        case "review":
            return (waiting,)
        case "reject":
            return waiting, Word(after=delay, decision=Decision.REJECTED, reasons=("DENY_LIST",))
        case "unreadable":
            return waiting, _asks("first_name", Say.UNREADABLE, delay)
        case "smudged":
            return waiting, _asks("photo_id_front", Say.UNREADABLE, delay)
        case "mismatch":
            return waiting, _asks("bank_account_number", Say.MISMATCH, delay)
        case "flip":
            later = Word(after=2 * delay, decision=Decision.REJECTED, reasons=("SECOND_LOOK",))
            return waiting, accepted, later
        case "revoke":
            return (
                waiting,
                accepted,
                Word(after=2 * delay, decision=Decision.REVOKED, reasons=("TAKEN_BACK",)),
            )
        case "shortlived":
            return waiting, Word(after=delay, decision=Decision.ACCEPTED, valid_for=VALID_FOR)
        case "slow":
            return waiting, Word(after=10 * delay, decision=Decision.ACCEPTED)
        case _:
            return waiting, accepted


def _asks(name: str, say: Say, delay: timedelta) -> Word:
    decision = FieldDecision(status=FieldStatus.REJECTED, say=say)
    return Word(
        after=delay, decision=Decision.NEEDS_INFO, fields={name: decision}, reasons=(say.value.upper(),)
    )


def said_by(script: Sequence[Word], started_at: datetime, now: datetime) -> int:
    """Return how many words of a script have been said by now."""
    return sum(started_at + word.after <= now for word in script)
