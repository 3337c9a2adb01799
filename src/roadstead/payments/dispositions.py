"""What becomes of a payment, as data: code, database and docs share this table.

Every payment is in exactly one disposition. The same table holds for the part of a payment above what it funded, its
excess, which is disposed of apart.
"""

from __future__ import annotations

from enum import StrEnum


class Disposition(StrEnum):
    """What became of a payment."""

    STORED = "stored"
    """Read from the chain; nobody has looked at it yet."""
    MATCHED = "matched"
    """It funded a remittance, whose status tells the rest."""
    UNMATCHED = "unmatched"
    """It funded nothing and waits for a person, with its reason."""
    REFUNDING = "refunding"
    """A refund is ordered."""
    REFUNDED = "refunded"
    """It went back to its payer, in a closed ledger."""
    OWN = "own"
    """It came from an account of our own and belongs to nobody else."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more becomes of it."""
        return self in _FINAL


_FINAL = frozenset({Disposition.MATCHED, Disposition.REFUNDED, Disposition.OWN})

MOVES = frozenset(
    {
        (Disposition.STORED, Disposition.MATCHED),
        (Disposition.STORED, Disposition.UNMATCHED),
        (Disposition.STORED, Disposition.OWN),
        (Disposition.UNMATCHED, Disposition.MATCHED),
        (Disposition.UNMATCHED, Disposition.REFUNDING),
        (Disposition.UNMATCHED, Disposition.OWN),
        (Disposition.REFUNDING, Disposition.REFUNDED),
    }
)
"""Every legal move; the database holds the same table and refuses all others. Nothing leaves `unmatched` in silence:
it is matched by a person, goes back to its payer, or was our own."""
