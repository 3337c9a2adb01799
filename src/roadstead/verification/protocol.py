"""The IdentityVerifier protocol: what the anchor asks of whoever confirms that customers are who they say.

The contract, clause by clause:

1. `start` with the same case may run any number of times, at once too, and always gives the same reference.
2. `fetch` is the authority: what it says now is what counts, whatever was said before or rang meanwhile.
3. What `fetch` says is about the submission that the reference was given for, and names it.
4. `receive` believes only what is provably the verifier's, and returns references and nothing else: a bell, not a word.
5. Nobody answers is `Unknown`, never a refusal and never a decision.
6. A decision may come late, more than once, and be taken back.
7. Documents are read within `start` alone, one at a time, and reach the provider byte for byte: what is `Started` has
   every document that the provider wants, and a document that cannot be read is no `Started`.
8. Where the provider keeps data, `forget` lets it keep nothing of a customer, any number of times, and of no other.

A verifier keeps these; Roadstead keeps that a decision about other data than those there now counts for nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from roadstead.customers.cases import FieldDecision, Say

__all__ = [
    "CaseDocument",
    "Decision",
    "FieldDecision",
    "ForgettingVerifier",
    "Forgotten",
    "IdentityVerifier",
    "ProviderRef",
    "Refused",
    "Say",
    "Started",
    "Unknown",
    "Verification",
    "VerificationCase",
]

ProviderRef = str
"""The verifier's own identifier of a case: 1 to 200 visible ASCII characters, no personal data."""


OpenDocument = Callable[[], AbstractAsyncContextManager[bytes]]
"""Opens a document: `async with document.opened() as content`. The bytes are personal data: let go of them after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDocument:
    """A document of a case. What it is stands here; its bytes are read only by who opens it."""

    field: str
    """The SEP-9 name, such as `photo_id_front`."""
    media_type: str
    """What the file is by its content (RFC 6838), whatever it was sent as."""
    size_bytes: int
    sha256: str
    """The digest of the bytes, in hexadecimal: another digest is another document, and the same is the same."""
    opened: OpenDocument = dataclasses.field(repr=False, compare=False)
    """Reads and decrypts it. Open one at a time: others wait for the memory. May be opened again.

    Raises:
        Conflict: The customer sent another meanwhile, or was erased; let it pass, the case begins anew.
        Unavailable: The database does not answer; let it pass, the same case is started again.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationCase:
    """One set of data of a customer, to be confirmed; fixed and noted before the verifier hears of it."""

    id: UUID
    """The idempotency key: other data have another."""
    customer_id: UUID
    """The same for all that concerns one customer; a pseudonym."""
    customer_type: str
    fields: Mapping[str, str] = field(repr=False)
    """Personal data by their SEP-9 names: for the verifier, and for no log, message or table."""
    documents: Sequence[CaseDocument] = ()
    """The documents that are judged with them, by their names."""
    digest: str
    """A digest of fields and documents that tells nothing to others, so that people can agree on exactly these data."""


class Decision(StrEnum):
    """What a verifier says of a case as a whole."""

    IN_REVIEW = "in_review"
    """It has not decided."""
    ACCEPTED = "accepted"
    """The customer is confirmed."""
    NEEDS_INFO = "needs_info"
    """Something has to be sent, or sent again."""
    REJECTED = "rejected"
    """We should have nothing to do with this customer, whatever is sent."""
    REVOKED = "revoked"
    """It takes back that it confirmed the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verifier says of a case, now."""

    case_id: UUID
    """The case that it is about."""
    decision: Decision
    fields: Mapping[str, FieldDecision] = field(default_factory=dict)
    """Decisions about single fields, by their SEP-9 names; a field that is not named is as the whole is."""
    say: Say | None = None
    """What the customer may be told of the whole."""
    reasons: Sequence[str] = ()
    """The verifier's codes, for people of the anchor alone: never words, which could be about a person."""
    valid_until: datetime | None = None
    """Until when an acceptance holds; None means until it is taken back."""
    evidence: Sequence[str] = ()
    """Identifiers of what the verifier keeps as proof; never the proof itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The verifier has the case."""

    reference: ProviderRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The verifier will not judge the case (`start`), or knows no such reference (`fetch`)."""

    reason: str
    """A code, never words about the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody can say: no answer, or one that cannot be understood. The same is asked again later."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The verifier keeps nothing of the customer, or erases it by itself as soon as its own law allows."""


class IdentityVerifier(Protocol):
    """Whoever confirms customers, as the anchor sees them. Safe to share between tasks of one process."""

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        ...

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        """Put a case before the verifier. May be called again with the same case, which is then the same.

        Never raises for a fault of the verifier or the network: that is `Unknown`. What opening a document raises may
        pass through.
        """
        ...

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        """Ask what is decided. Changes nothing, and never raises for a fault of the verifier or the network."""
        ...

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[ProviderRef]:
        """Verify a pushed message on its raw bytes and return the references that it is about. Never writes.

        `headers` have names in small letters.

        Raises:
            BadInput: It is the verifier's and cannot be understood.
            Unauthenticated: It is not provably the verifier's, or the verifier pushes none.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. The verifier is not used afterwards."""
        ...


@runtime_checkable
class ForgettingVerifier(Protocol):
    """What a verifier offers besides, whose provider keeps data of customers. Without it, nothing is kept anywhere."""

    async def forget(self, customer_id: UUID, case_ids: Sequence[UUID]) -> Forgotten | Unknown:
        """Let the provider keep nothing of a customer that was erased here; `case_ids` is all that it was ever given.

        May be called again, and for a customer that the provider does not know (any more): both are `Forgotten`. Never
        raises for a fault of the verifier or the network: that is `Unknown`, and it is called again.
        """
        ...
