"""The Rail protocol: what the anchor asks of a bank or payment network, and the idempotency contract behind it.

The contract, clause by clause:

1. One payout per remittance, whatever arrives twice.
2. At most one attempt of a payout is open at any time.
3. An attempt's identifiers and content are fixed and stored before the first byte leaves.
4. `submit` with the same attempt may run any number of times and pays once.
5. A new attempt is made only after the rail has said that the old one will not pay.
6. Every rail event has an identity; a second copy changes nothing, and order does not matter.
7. A change of state, its postings and the outgoing callback commit in one database transaction.
8. Money whose owner cannot be found goes to suspense and into the report, never nowhere.

A rail keeps clause 4 and gives its events the identity of clause 6; Roadstead keeps the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from roadstead.money import Asset, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RailTerms:
    """What a rail declares of itself, as data, so that it is known before a payout fails."""

    currencies: frozenset[Asset]
    amount_min: Money | None = None
    """The smallest single payout, or None when anything above zero goes."""
    amount_max: Money | None = None
    """The largest single payout, or None when the rail sets no limit."""
    can_find: bool
    """Whether `find` can tell an attempt that the rail never received from one that it did."""
    dedupe_window: timedelta | None
    """How long the rail recognises a repeated key; None means for ever, zero means not at all."""
    return_window: timedelta
    """How long after settlement the money may still come back."""
    submit_timeout_s: int
    """The total time one call of `submit` or `find` may take; leases are longer than this."""
    poll_interval_s: float
    """How often `poll` is worth asking."""
    identifier_length_max: int = 30
    """How many letters and digits of `key` and `end_to_end_id` it carries unchanged."""
    calendar_name: str | None = None
    """The calendar of its hours, cut-offs and holidays; None when it is open at all times."""
    pushes: bool = False
    """Whether it pushes messages, which `receive` verifies and translates."""
    has_statements: bool = False
    """Whether it yields bank statements (`roadstead.rails.statements.StatementSource`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creditor:
    """Who is paid: the receiving client's name and account as its bank knows them."""

    name: str
    account_number: str
    """An IBAN, a CLABE or a national account number."""
    bank_number: str | None = None
    """A BIC or national routing number, where the account number does not say the bank."""
    country: str | None = None
    """ISO 3166-1 alpha-3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutAttempt:
    """One try to pay: identifiers and content are fixed and stored before the rail hears of it.

    Identifiers use `[A-Za-z0-9]` and at most 30 characters, which every rail can carry.
    """

    key: str
    """The idempotency key: one per attempt, the rail sees at most one payment for it."""
    end_to_end_id: str
    """Follows the payment to the receiving client; the same for all attempts of a payout (ISO 20022 `EndToEndId`)."""
    amount: Money
    creditor: Creditor
    information: str
    """What the receiving client reads on the statement, at most 140 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """Something that the rail would refuse, told before it is sent; names the SEP-9 field to correct."""

    field: str
    message: str


class RailStatus(StrEnum):
    """How far an attempt has come, in the rail's own word. `UNKNOWN` is no status: it is the absence of one."""

    RECEIVED = "received"
    """The rail has the attempt; nothing more is promised."""
    ACCEPTED = "accepted"
    """The rail will pay unless the receiving bank objects."""
    SETTLED = "settled"
    """Our account was debited and the money is on its way or there. A return may still follow."""
    REFUSED = "refused"
    """This attempt did not pay and never will."""
    RETURNED = "returned"
    """The money came back after it was settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The rail has the attempt (done, as far as submitting goes)."""

    status: RailStatus
    reference: str | None
    """The rail's own identifier of the payment, when it gave one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The rail said that this attempt did not pay and never will."""

    reason: str
    """The rail's reason code, ISO 20022 where it has one (`AC01`)."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody can say whether the attempt will pay: a lost answer, a timeout, a fault in the middle.

    Never a failure, and never a reason to make a new attempt.
    """

    detail: str


Outcome = Submitted | Refused | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the rail says of an attempt when it is asked."""

    status: RailStatus
    reference: str | None = None
    reason: str | None = None
    detail: str = ""
    amount: Money | None = None
    """Of a return: what came back, where the rail says so."""


class Absent:
    """The rail's word that it never heard of the attempt; trustworthy only where `RailTerms.can_find` is true."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class RailEvent:
    """Something that the rail told about a payment: by poll, by webhook or in a statement.

    `identity` is unique within the rail: a second copy of the same event carries the same one.
    """

    identity: str
    key: str | None
    """The attempt's key, when the rail repeats it."""
    end_to_end_id: str | None
    status: RailStatus
    occurred_at: datetime
    amount: Money | None = None
    """Of a return: what came back, which may be less than was paid."""
    reference: str | None = None
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankBalance:
    """What the bank holds for us."""

    booked: Money
    available: Money
    as_of: datetime


class Rail(Protocol):
    """A bank or payment network, as the anchor sees it. Safe to share between tasks of one process."""

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it; part of the identity of everything it says."""
        ...

    @property
    def terms(self) -> RailTerms:
        """What the rail declares of itself."""
        ...

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        """Say what the rail would refuse, without asking it: pure and offline."""
        ...

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        """Hand over an attempt. May be called again with the same attempt; the rail pays once.

        Never raises for a fault of the rail or the network: that is `Unknown`.
        """
        ...

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        """Ask what became of an attempt. Changes nothing. `ABSENT` only when the rail is sure."""
        ...

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        """Return what happened after `cursor`, oldest first, and the cursor to ask with next time.

        Resumable and safe to repeat. At most 200 events at a time; the end is reached when there are none and the
        cursor stays.

        Raises:
            Unavailable: The rail does not answer now.
        """
        ...

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:
        """Verify and translate a pushed message. Never trusts, never writes.

        Raises:
            Unauthenticated: The message is not provably from the rail, or the rail pushes none.
        """
        ...

    async def balance(self) -> BankBalance:
        """Return what the bank holds for us.

        Raises:
            Unavailable: The rail does not answer now.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. The rail is not used afterwards."""
        ...
