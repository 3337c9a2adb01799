"""The verifier that lets people decide: each case is a hold, and two of them together confirm or reject a customer.

What they decide about is bound to the digest of the data. They look at the data with `roadstead verifications reveal`,
and at documents with `roadstead verifications fetch`; both are written to the audit log. Holds show ids, the names of
fields, and of documents their types and sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from roadstead.database.pool import Database
from roadstead.errors import Unauthenticated, Unavailable
from roadstead.operations.holds import CONTENT_TEXT_MAX, HoldKind, place_hold
from roadstead.operations.holds import Decision as Ruling
from roadstead.verification.protocol import (
    Decision,
    ProviderRef,
    Refused,
    Started,
    Unknown,
    Verification,
    VerificationCase,
)

APPROVALS = 2
"""How many people decide together."""

_DECISIONS = {Ruling.RELEASE: Decision.ACCEPTED, Ruling.REFUSE: Decision.REJECTED}


class ManualVerifier:
    """Lets people decide. The reference is the id of the case."""

    def __init__(self, name: str, database: Database) -> None:
        self._name = name
        self._database = database

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self._name

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        """Ask people about a case, once: whatever is decided or asked already stays."""
        try:
            async with self._database.transaction() as connection:
                known = await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM holds WHERE kind = $1 AND subject = $2)",
                    HoldKind.VERIFICATION,
                    str(case.id),
                )
                if not known:
                    await place_hold(
                        connection,
                        kind=HoldKind.VERIFICATION,
                        subject=str(case.id),
                        content=_content(case),
                        reason="a customer is to be confirmed (release) or rejected (refuse)",
                        approvals=APPROVALS,
                    )
        except Unavailable as error:
            return Unknown(detail=error.message)
        return Started(reference=str(case.id))

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        """Tell what people decided; a hold that was withdrawn is no decision."""
        try:
            case_id = UUID(reference)
        except ValueError:
            return Refused(reason="unknown_reference")
        try:
            async with self._database.connection() as connection:
                row = await connection.fetchrow(
                    """
                    SELECT id, status, decision FROM holds WHERE kind = $1 AND subject = $2
                    ORDER BY status IN ('decided', 'applied') DESC, placed_at DESC LIMIT 1
                    """,
                    HoldKind.VERIFICATION,
                    str(case_id),
                )
        except Unavailable as error:
            return Unknown(detail=error.message)
        if row is None:
            return Refused(reason="unknown_reference")
        if row["status"] not in {"decided", "applied"}:
            return Verification(case_id=case_id, decision=Decision.IN_REVIEW)
        decision = _DECISIONS[Ruling(row["decision"])]
        return Verification(case_id=case_id, decision=decision, evidence=(f"hold:{row['id']}",))

    def receive(self, _headers: Mapping[str, str], _body: bytes) -> Sequence[ProviderRef]:
        """Refuse: people do not ring.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(f"The verifier {self._name} sends nothing: whoever sent this is somebody else.")

    async def close(self) -> None:
        """Return at once."""


def _content(case: VerificationCase) -> Mapping[str, str]:
    documents = ", ".join(f"{one.field} ({one.media_type}, {one.size_bytes} bytes)" for one in case.documents)
    return {
        "case": str(case.id),
        "customer": str(case.customer_id),
        "type": case.customer_type,
        "fields": ", ".join(sorted(case.fields))[:CONTENT_TEXT_MAX],
        **({"documents": documents[:CONTENT_TEXT_MAX]} if documents else {}),
        "data": case.digest,
        "release": "the customer is confirmed",
        "refuse": "we do not work with the customer",
    }
