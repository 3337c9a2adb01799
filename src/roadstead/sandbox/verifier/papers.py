"""Documents as the provider takes them: which it was told of, which came, and whether they are what was said."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.sandbox.verifier.journal import GotDocument


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A document as the anchor describes it."""

    field: str
    media_type: str
    size_bytes: int
    sha256: str


class Papers:
    """What came of documents, by case and field. The bytes are looked at once and kept nowhere."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._announced: dict[UUID, dict[str, Described]] = {}
        self._taken: dict[UUID, dict[str, GotDocument]] = {}

    def announce(self, case_id: UUID, documents: Sequence[Described]) -> list[str]:
        """Hear which documents a case has, and say which are still wanted."""
        self._announced[case_id] = {one.field: one for one in documents}
        taken = self._taken.get(case_id, {})
        return [
            one.field
            for one in documents
            if one.field not in taken or taken[one.field].digest != self._kept(one.sha256)
        ]

    def check(self, case_id: UUID, field: str, media_type: str, content: bytes) -> str:
        """Check a document against what was said of it; return the digest that may be kept.

        Raises:
            BadInput: It has another size, type or digest than was said.
            Conflict: Nothing was said of the case since the start: put the case first.
            NotFound: The case has no such document.
        """
        announced = self._announced.get(case_id)
        if announced is None:
            raise Conflict(f"Case {case_id} is not known: put the case before its documents.")
        said = announced.get(field)
        if said is None:
            raise NotFound(f"Case {case_id} has no document {field[:60]!r}.")
        sha256 = hashlib.sha256(content).hexdigest()
        if (media_type, len(content), sha256) != (said.media_type, said.size_bytes, said.sha256):
            raise BadInput(f"Document {field[:60]} is not what the case says of it.")
        return self._kept(sha256)

    def apply(self, event: GotDocument) -> None:
        """Remember a document that came."""
        self._taken.setdefault(event.case_id, {})[event.field] = event

    def forget(self, case_id: UUID) -> None:
        """Forget what came for a case."""
        self._announced.pop(case_id, None)
        self._taken.pop(case_id, None)

    def of(self, case_id: UUID) -> Mapping[str, GotDocument]:
        """Return what came for a case, by field."""
        return self._taken.get(case_id, {})

    def _kept(self, sha256: str) -> str:
        return hmac.new(self._salt, sha256.encode(), hashlib.sha256).hexdigest()
