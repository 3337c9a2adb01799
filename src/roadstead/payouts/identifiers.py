"""Identifiers of a payout: made from its remittance's id, so that nothing can make others for the same try.

Not even a server that was restored from an older backup and has forgotten what it ordered: it orders the same payout
with the same keys again, and the bank recognises them. They use the letters and digits that every rail can carry, and
at most 30 of them (SPEI, PIX, SEPA and ACH fit).
"""

from __future__ import annotations

import base64
from uuid import UUID, uuid5

from roadstead.errors import InvariantViolated

ATTEMPTS_MAX = 999


def payout_id_of(remittance_id: UUID) -> UUID:
    """Name the one payout of a remittance; the same for ever, so that what is lost here is still known at the bank."""
    return uuid5(remittance_id, "payout")


def end_to_end_id(payout_id: UUID) -> str:
    """Name a payout for the receiving client's statement (ISO 20022 `EndToEndId`); the same for every attempt."""
    return "P" + _letters(payout_id)


def attempt_key(payout_id: UUID, number: int) -> str:
    """Name one attempt for the rail: the idempotency key.

    Raises:
        InvariantViolated: There were more attempts than any payout may have.
    """
    if not 0 < number <= ATTEMPTS_MAX:
        raise InvariantViolated(f"Payout {payout_id} has come to attempt {number}: a person must look.")
    return f"A{_letters(payout_id)}{number:03d}"


def _letters(payout_id: UUID) -> str:
    return base64.b32encode(payout_id.bytes).decode().rstrip("=")
