"""The verifier behind HTTP: any provider, or an adapter in front of one, that speaks docs/integrating/kyc.md."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import aiohttp
import msgspec
from yarl import URL

from roadstead.boundaries import boundary
from roadstead.clock import Clock
from roadstead.config.secrets import Secret
from roadstead.customers.requirements import FieldStatus
from roadstead.errors import BadInput
from roadstead.verification.protocol import (
    CaseDocument,
    Decision,
    FieldDecision,
    Forgotten,
    ProviderRef,
    Refused,
    Say,
    Started,
    Unknown,
    Verification,
    VerificationCase,
)
from roadstead.verification.signatures import SIGNATURE_HEADER, request_signature, require_event

TIMEOUT_S = 10.0
DOCUMENT_TIMEOUT_S = 30.0
"""How long one document may take; several are sent one after the other."""
START_S = 40.0
"""How long all of a start may take; the next try goes on with the documents that are still wanted."""
ROUNDS_MAX = 3
"""How often a provider is asked in one start what it still wants."""
ANSWER_BYTES_MAX = 256 * 1024
REFERENCES_MAX = 100
WANTED_MAX = 100

_OK = 200
_REFUSALS = frozenset({400, 413, 415, 422})
_NOT_FOUND = 404

_Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_Reference = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$")]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _StartedAnswer(msgspec.Struct, frozen=True):
    reference: _Reference | None = None
    wanted: Annotated[list[str], msgspec.Meta(max_length=WANTED_MAX)] = []


class _FieldAnswer(msgspec.Struct, frozen=True):
    status: FieldStatus
    say: Say | None = None


class _CaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    decision: Decision
    fields: dict[str, _FieldAnswer] = {}
    say: Say | None = None
    reasons: Annotated[list[_Code], msgspec.Meta(max_length=20)] = []
    evidence: Annotated[list[_Reference], msgspec.Meta(max_length=20)] = []
    valid_until: _Moment | None = None


class _RefusedAnswer(msgspec.Struct, frozen=True):
    code: _Code = "refused"


class _EventBody(msgspec.Struct, frozen=True):
    references: Annotated[list[_Reference], msgspec.Meta(max_length=REFERENCES_MAX)]


_event = msgspec.json.Decoder(_EventBody)


class HttpVerifier:
    """Asks a provider over HTTP. One instance may be shared by all tasks of one event loop."""

    def __init__(
        self, *, name: str, base_url: str, secret: Secret, clock: Clock, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Take where the provider is and what is signed with; nothing is contacted yet."""
        self._name = name
        self._base = URL(base_url)
        self._base_path = self._base.raw_path.rstrip("/")
        self._secret = secret
        self._clock = clock
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self._name

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        """Put a case before the provider, by its own id, and send the documents that it wants, until it wants none.

        A repetition is the same case, and sends only what is still wanted.
        """
        try:
            async with asyncio.timeout(START_S):
                for _ in range(ROUNDS_MAX):
                    wanted = await self._announce(case)
                    if not isinstance(wanted, list):
                        return wanted
                    for document in wanted:
                        problem = await self._hand_over(case, document)
                        if problem is not None:
                            return problem
        except TimeoutError:
            return Unknown(detail=f"The verifier {self._name} did not take all documents in {START_S:g} s.")
        return Unknown(detail=f"The verifier {self._name} wants documents that it was sent.")

    async def _announce(self, case: VerificationCase) -> list[CaseDocument] | Started | Refused | Unknown:
        """Tell the provider of a case; it says under which reference it has it, or which documents it wants before."""
        content = {
            "id": str(case.id),
            "customer": str(case.customer_id),
            "customer_type": case.customer_type,
            "fields": dict(case.fields),
            "documents": [
                {
                    "field": document.field,
                    "media_type": document.media_type,
                    "size_bytes": document.size_bytes,
                    "sha256": document.sha256,
                }
                for document in case.documents
            ],
        }
        answer = await self._call("PUT", f"/cases/{case.id}", msgspec.json.encode(content))
        if isinstance(answer, Unknown):
            return answer
        status, body = answer
        if status // 100 != _OK // 100:
            return self._declined(status, body)
        try:
            said = msgspec.json.decode(body, type=_StartedAnswer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            said = _StartedAnswer()
        if said.reference is not None and not said.wanted:
            return Started(reference=said.reference)
        known = {document.field: document for document in case.documents}
        if not said.wanted or not known.keys() >= set(said.wanted):
            return Unknown(
                detail=f"The verifier {self._name} gave no reference, and named no document of the case that it wants."
            )
        return [known[name] for name in dict.fromkeys(said.wanted)]

    async def _hand_over(self, case: VerificationCase, document: CaseDocument) -> Refused | Unknown | None:
        """Send one document; None when the provider has it."""
        path = f"/cases/{case.id}/documents/{quote(document.field, safe='')}"
        async with document.opened() as content:
            answer = await self._call(
                "PUT", path, content, media_type=document.media_type, timeout_s=DOCUMENT_TIMEOUT_S
            )
        if isinstance(answer, Unknown):
            return answer
        status, body = answer
        return None if status // 100 == _OK // 100 else self._declined(status, body)

    def _declined(self, status: int, body: bytes) -> Refused | Unknown:
        if status in _REFUSALS:
            return Refused(reason=_refusal(body))
        return Unknown(detail=f"The verifier {self._name} answered with status {status}.")

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        """Ask the provider what is decided."""
        answer = await self._call("GET", f"/cases/{quote(reference, safe='')}", b"")
        if isinstance(answer, Unknown):
            return answer
        status, body = answer
        if status == _NOT_FOUND:
            return Refused(reason="unknown_reference")
        if status != _OK:
            return Unknown(detail=f"The verifier {self._name} answered with status {status}.")
        try:
            said = msgspec.json.decode(body, type=_CaseAnswer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Unknown(detail=f"The verifier {self._name} gave a decision that cannot be read.")
        return Verification(
            case_id=said.id,
            decision=said.decision,
            fields={name: FieldDecision(status=one.status, say=one.say) for name, one in said.fields.items()},
            say=said.say,
            reasons=tuple(said.reasons),
            evidence=tuple(said.evidence),
            valid_until=said.valid_until,
        )

    async def forget(self, customer_id: UUID, case_ids: Sequence[UUID]) -> Forgotten | Unknown:  # noqa: ARG002
        """Tell the provider to keep nothing of a customer; its pseudonym stands in every case, so the ids say no more.

        A 404 is no answer: a provider that has not built this would give it too.
        """
        answer = await self._call("DELETE", f"/customers/{customer_id}", b"")
        if isinstance(answer, Unknown):
            return answer
        status, _ = answer
        if status // 100 == _OK // 100:
            return Forgotten()
        return Unknown(detail=f"The verifier {self._name} answered with status {status}.")

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[ProviderRef]:
        """Check the signature over the raw bytes, and return the references. See `IdentityVerifier.receive`.

        Raises:
            BadInput: It is the provider's and cannot be understood.
            Unauthenticated: It is not signed with the secret, or long ago.
        """
        require_event(
            self._secret.reveal().encode(), headers.get(SIGNATURE_HEADER, ""), self._clock.now(), body
        )
        try:
            return tuple(_event.decode(body).references)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadInput(
                'The message cannot be understood: send JSON such as {"references": ["..."]}.'
            ) from error

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        media_type: str = "application/json",
        timeout_s: float | None = None,
    ) -> tuple[int, bytes] | Unknown:
        signed_path = self._base_path + path
        headers = {
            "Content-Type": media_type,
            SIGNATURE_HEADER: request_signature(
                self._secret.reveal().encode(), self._clock.now(), method, signed_path, body
            ),
        }
        boundary("verifier.call.before")
        try:
            async with (
                asyncio.timeout(timeout_s or self._timeout_s),
                self._opened().request(
                    method,
                    # Sent as it was signed: the client would write ':' for '%3A'.
                    self._base.with_path(signed_path, encoded=True),
                    # A large body is written piece by piece only when it comes as a file.
                    data=BytesIO(body) if body else None,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                answer = await _bounded(response)
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            # Errors of the client quote the URL; their kind says enough.
            return Unknown(detail=f"The verifier {self._name} gave no answer ({type(error).__name__}).")
        boundary("verifier.call.after")
        if len(answer) > ANSWER_BYTES_MAX:
            return Unknown(detail=f"The verifier {self._name} answered with more than can be read.")
        return status, answer

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"User-Agent": "Roadstead"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read an answer, and a little more than may be read of one that is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(65_536):
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            break
    return b"".join(parts)


def _refusal(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_RefusedAnswer).code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "refused"
