"""What a verifier's word makes of a case: pure, and whatever it says, a legal move."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from roadstead.customers.case_store import Verdict
from roadstead.customers.cases import MOVES, CaseStatus
from roadstead.customers.requirements import FieldStatus
from roadstead.verification.protocol import Decision, FieldDecision, Verification

_STATUSES = {
    Decision.IN_REVIEW: CaseStatus.IN_REVIEW,
    Decision.ACCEPTED: CaseStatus.ACCEPTED,
    Decision.NEEDS_INFO: CaseStatus.NEEDS_INFO,
    Decision.REJECTED: CaseStatus.REJECTED,
    Decision.REVOKED: CaseStatus.REVOKED,
}
_ASKING = frozenset({FieldStatus.REJECTED, FieldStatus.VERIFICATION_REQUIRED})
_LISTED_MAX = 20


def verdict_of(said: Verification, standing: CaseStatus, now: datetime) -> Verdict:
    """Turn what a verifier said of a case into what is written down.

    - An acceptance that turns down a field is none: it asks for the field.
    - An acceptance whose time is over before it is heard asks for other data.
    - An acceptance that was never heard and is taken back asks for other data too.
    """
    status = _STATUSES[said.decision]
    asks = bool({one.status for one in said.fields.values()} & _ASKING)
    if status is CaseStatus.ACCEPTED and (asks or _is_over(said.valid_until, now)):
        status = CaseStatus.NEEDS_INFO
    if status is CaseStatus.REVOKED and standing not in {CaseStatus.ACCEPTED, CaseStatus.REVOKED}:
        status = CaseStatus.NEEDS_INFO
    if status is not standing and (standing, status) not in MOVES:
        status = standing
    return Verdict(
        status=status,
        decisions=_kept(said.fields),
        say=said.say,
        reasons=tuple(said.reasons)[:_LISTED_MAX],
        evidence=tuple(said.evidence)[:_LISTED_MAX],
        valid_until=said.valid_until if status is CaseStatus.ACCEPTED else None,
    )


def _is_over(valid_until: datetime | None, now: datetime) -> bool:
    return valid_until is not None and valid_until <= now


def _kept(fields: Mapping[str, FieldDecision]) -> dict[str, FieldDecision]:
    """Keep what differs from a plain acceptance, which the whole says already."""
    return {name: one for name, one in fields.items() if one.status is not FieldStatus.ACCEPTED}
