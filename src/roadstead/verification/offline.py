"""The verifier that takes for true whatever is well-formed: for rehearsals, where nobody's real data should be.

It opens every document once, so that a rehearsal goes the way of a real verifier, and looks at none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from roadstead.errors import Unauthenticated
from roadstead.verification.protocol import (
    Decision,
    ProviderRef,
    Refused,
    Started,
    Unknown,
    Verification,
    VerificationCase,
)

_PREFIX = "offline-"


class OfflineVerifier:
    """Confirms everybody at once. What reaches it has been found well-formed already."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self._name

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        """Take the case; the reference is made of its id, so that nothing has to be remembered."""
        for document in case.documents:
            async with document.opened() as content:
                if len(content) != document.size_bytes:
                    return Refused(reason="document_size")
        return Started(reference=f"{_PREFIX}{case.id}")

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        """Confirm it."""
        try:
            case_id = UUID(reference.removeprefix(_PREFIX))
        except ValueError:
            case_id = None
        if case_id is None or not reference.startswith(_PREFIX):
            return Refused(reason="unknown_reference")
        return Verification(case_id=case_id, decision=Decision.ACCEPTED)

    def receive(self, _headers: Mapping[str, str], _body: bytes) -> Sequence[ProviderRef]:
        """Refuse: it pushes nothing.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(f"The verifier {self._name} sends nothing: whoever sent this is somebody else.")

    async def close(self) -> None:
        """Return at once."""
