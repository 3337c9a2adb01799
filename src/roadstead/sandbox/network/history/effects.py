"""What operations did to accounts, in Horizon's words."""

from roadstead.sandbox.network.ledger.outcome import Outcome
from roadstead.sandbox.network.ledger.state import Entry, Key
from roadstead.sandbox.network.ledger.transaction import Operation

from .records import Effect


def effects_of(
    operation: Operation,
    outcome: Outcome,
    changes: list[tuple[Key, Entry | None, Entry | None]],
    toid: int,
) -> list[Effect]:
    """The effects of one operation that was done."""
    del operation, outcome, changes, toid
    return []
