"""What envelopes are for: the seam between the submitter and the rooms that send money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.envelopes.store import Envelope
from roadstead.money import Money
from roadstead.stellar.memos import Memo
from roadstead.stellar.payments import PaymentTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A payment that is to be sent."""

    subject_id: UUID
    destination: str
    amount: Money
    memo: Memo


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The envelope stands in a closed ledger, and paid."""

    transaction_hash: str
    ledger: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The envelope stands in a closed ledger, and paid nothing."""

    code: str
    """The network's word for why, such as `op_no_trust`."""
    ledger: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """The envelope was not applied and never will be."""

    proof: str
    code: str | None
    """Why the network refused it, when it said so."""


End: TypeAlias = Succeeded | Failed | Dead


class Purpose(Protocol):
    """A kind of payment that a room sends: what is due, what is allowed, and what becomes of it."""

    @property
    def kind(self) -> str:
        """The kind of its envelopes."""
        ...

    async def draft(self, connection: Connection) -> Draft | None:
        """Return the next payment that is due; None when none is, or while they are stopped."""
        ...

    async def objection(
        self, connection: Connection, subject_id: UUID, transaction: PaymentTransaction
    ) -> str | None:
        """Say why a transaction, as it was read back from the bytes to sign, must not be signed; None when it may."""
        ...

    async def refuse(self, connection: Connection, subject_id: UUID, objection: str, now: datetime) -> None:
        """Hold a payment that must not be signed, for a person."""
        ...

    async def wait(self, connection: Connection, subject_id: UUID, code: str, now: datetime) -> None:
        """Let a payment wait, because our account lacks what it needs, and tell a person."""
        ...

    async def begin(self, connection: Connection, subject_id: UUID, now: datetime) -> None:
        """Mark a payment as under way, in the transaction that stores its envelope.

        Raises:
            Conflict: It is no longer to be sent, or payments are stopped.
        """
        ...

    async def is_stopped(self, connection: Connection, subject_id: UUID) -> bool:
        """Tell whether its envelope must not be submitted now; what may be applied is asked about all the same."""
        ...

    async def trouble(self, connection: Connection, envelope: Envelope, code: str, now: datetime) -> None:
        """Hear that an open envelope is not applied, with the network's word for why or ours."""
        ...

    async def conclude(self, connection: Connection, envelope: Envelope, end: End, now: datetime) -> None:
        """Record the end of an envelope in everything that depends on it, in the transaction that ends it."""
        ...
