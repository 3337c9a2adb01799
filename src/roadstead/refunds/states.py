"""The states of a refund."""

from __future__ import annotations

from enum import StrEnum


class RefundStatus(StrEnum):
    """Where a refund stands."""

    ORDERED = "ordered"
    """To be sent; no envelope of it is open."""
    SUBMITTING = "submitting"
    """An envelope is signed and stored, and may be applied."""
    HELD = "held"
    """A person has to decide; no envelope of it can be applied any more, or none was ever made."""
    SENT = "sent"
    """It stands in a closed ledger."""


class HeldReason(StrEnum):
    """Why a refund waits for a person, where the network did not say it."""

    APPROVAL = "approval"
    """It is above the limit from which a person has to agree."""
    BELOW_FEE = "below_fee"
    """It is not above the fee; released, it is sent whole."""
    POLICY = "policy"
    """The signer's rules forbid it."""
    REFUSED = "refused"
    """A person decided that it is not sent."""
