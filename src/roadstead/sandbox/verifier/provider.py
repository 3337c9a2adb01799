"""The provider itself: its cases, what it says of them now, and which bells are due. No HTTP."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from roadstead.clock import Clock, utc_text
from roadstead.errors import Conflict, NotFound
from roadstead.sandbox.verifier.journal import Event, Forgot, Got, GotDocument, Journal, Rang, Told
from roadstead.sandbox.verifier.papers import Described, Papers
from roadstead.sandbox.verifier.rules import NAMES, Word, said_by, script_of
from roadstead.verification.protocol import Decision


@dataclass(slots=True)
class _Case:
    got: Got
    script: tuple[Word, ...]
    told: list[Told]
    rung: int = 0


class Provider:
    """Cases in memory, rebuilt from the journal at the start."""

    def __init__(self, *, journal: Journal, clock: Clock, delay: timedelta, salt: bytes) -> None:
        self._journal = journal
        self._clock = clock
        self._delay = delay
        self._salt = salt
        self._papers = Papers(salt)
        self._cases: dict[str, _Case] = {}
        for event in journal.history:
            self._apply(event)

    @property
    def count(self) -> int:
        """How many cases there are."""
        return len(self._cases)

    def take(
        self,
        *,
        verifier: str,
        case_id: UUID,
        customer: UUID,
        fields: Mapping[str, str],
        content: bytes,
        documents: Sequence[Described] = (),
    ) -> str | list[str]:
        """Take a case and return its reference, or the documents that are wanted first; the same again is the same.

        Raises:
            Conflict: Other data came under the same id.
        """
        digest = hmac.new(self._salt, content, hashlib.sha256).hexdigest()
        reference = reference_of(case_id)
        known = self._cases.get(reference)
        if known is not None:
            if known.got.digest != digest:
                raise Conflict(f"Case {case_id} is known with other data: other data need another id.")
            return reference
        wanted = self._papers.announce(case_id, documents)
        if wanted:
            return wanted
        name = fields.get("last_name", "").strip().lower()
        self._note(
            Got(
                case_id=case_id,
                customer=customer,
                verifier=verifier,
                treated_as=name if name in NAMES else "",
                digest=digest,
                at=self._clock.now(),
            )
        )
        return reference

    def take_document(self, case_id: UUID, field: str, media_type: str, content: bytes) -> None:
        """Take a document of a case, look whether it is what was said of it, and forget the bytes.

        Raises:
            BadInput: It is not what the case says of it.
            Conflict: Nothing is known of the case: it has to be put first.
            NotFound: The case has no such document.
        """
        digest = self._papers.check(case_id, field, media_type, content)
        self._note(
            GotDocument(
                case_id=case_id,
                field=field,
                media_type=media_type,
                size_bytes=len(content),
                digest=digest,
                at=self._clock.now(),
            )
        )

    def view(self, reference: str) -> dict[str, Any]:
        """Return what is said of a case now.

        Raises:
            NotFound: There is no such case.
        """
        case = self._known(reference)
        words = said_by(case.script, case.got.at, self._clock.now())
        shown: dict[str, Any] = {"id": str(case.got.case_id)}
        if case.told:
            return shown | {"decision": case.told[-1].decision, "fields": case.told[-1].fields}
        word = case.script[max(words, 1) - 1]
        shown |= {
            "decision": word.decision,
            "fields": {name: {"status": one.status, "say": one.say} for name, one in word.fields.items()},
            "reasons": list(word.reasons),
            "evidence": [f"look-{words}"],
        }
        if word.valid_for is not None:
            shown["valid_until"] = utc_text(case.got.at + word.after + word.valid_for)
        return shown

    def tell(self, reference: str, decision: Decision, fields: dict[str, dict[str, str]]) -> None:
        """Say this of a case from now on, whatever its script has.

        Raises:
            NotFound: There is no such case.
        """
        case = self._known(reference)
        self._note(Told(case_id=case.got.case_id, decision=decision, fields=fields, at=self._clock.now()))

    def forget(self, customer: UUID) -> None:
        """Forget a customer: no case and no document is known any more. Nothing happens a second time."""
        if any(case.got.customer == customer for case in self._cases.values()):
            self._note(Forgot(customer=customer, at=self._clock.now()))

    def bells_due(self) -> Iterator[tuple[str, str]]:
        """Yield verifier and reference of every case that has news nobody was rung about, and note that somebody is."""
        now = self._clock.now()
        for reference, case in list(self._cases.items()):
            words = said_by(case.script, case.got.at, now) + len(case.told)
            if words > max(case.rung, 1):
                self._note(Rang(case_id=case.got.case_id, words=words))
                yield case.got.verifier, reference

    def listed(self) -> list[dict[str, Any]]:
        """List the cases and the sizes of their documents, without a word about whose they are."""
        return [
            {
                "reference": reference,
                "verifier": case.got.verifier,
                "decision": self.view(reference)["decision"],
                "documents": {
                    field: one.size_bytes for field, one in self._papers.of(case.got.case_id).items()
                },
            }
            for reference, case in self._cases.items()
        ]

    def _known(self, reference: str) -> _Case:
        case = self._cases.get(reference)
        if case is None:
            raise NotFound(f"No case has the reference {reference[:80]!r}.")
        return case

    def _note(self, event: Event) -> None:
        self._journal.append(event)
        self._apply(event)

    def _forget(self, customer: UUID) -> None:
        for reference, case in list(self._cases.items()):
            if case.got.customer == customer:
                self._papers.forget(case.got.case_id)
                del self._cases[reference]

    def _apply(self, event: Event) -> None:
        match event:
            case Got():
                script = script_of(event.treated_as, self._delay)
                self._cases[reference_of(event.case_id)] = _Case(got=event, script=script, told=[])
            case GotDocument():
                self._papers.apply(event)
            case Forgot(customer=customer):
                self._forget(customer)
            case Told():
                self._cases[reference_of(event.case_id)].told.append(event)
            case Rang():
                self._cases[reference_of(event.case_id)].rung = event.words


def reference_of(case_id: UUID) -> str:
    """Return the provider's reference of a case."""
    return f"case-{case_id}"
