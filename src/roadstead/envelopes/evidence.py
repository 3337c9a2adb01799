"""When an envelope is provably dead: it was not applied, and no ledger will ever apply it. Pure.

Each proof stands in one answer of one server, so that it holds even where a balancer stands in front of several servers
that do not know the same ledgers: an answer that lacks a transaction proves nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roadstead.envelopes.store import Envelope
from roadstead.stellar.outcomes import AccountState, Applied


def has_expired(envelope: Envelope, state: AccountState, closed_at: datetime | None) -> bool:
    """Tell whether the time of an envelope is over without its being applied.

    `closed_at` is when the ledger closed that the account's state is of. If that is after the envelope's time, no later
    ledger may apply it; and if the account's sequence number is then still below the envelope's, none has.
    """
    return (
        state.account == envelope.account
        and state.ledger is not None
        and closed_at is not None
        and closed_at > envelope.valid_until
        and state.sequence < envelope.sequence
    )


def successor(envelope: Envelope, listed: Sequence[Applied]) -> Applied | None:
    """Return the transaction that took the envelope's sequence number, or a later one; None where none is proven.

    `listed` are the account's transactions since the envelope was signed, oldest first and without gaps. Sequence
    numbers only rise: after one that is not below the envelope's, the envelope is in the list or is never applied.
    """
    for one in listed:
        if envelope.hash in one.hashes:
            return None
        if one.source == envelope.account and one.sequence >= envelope.sequence:
            return one
    return None
