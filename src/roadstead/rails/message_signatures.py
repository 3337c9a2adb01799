"""Signatures of HTTP messages between us and a bank: RFC 9421 with Ed25519, over the body's Content-Digest (RFC 9530).

A request is signed over its method, its whole URL and, where it has them, its body, content type and idempotency key.
An answer is signed over its status, its body and the request that it answers, signature and all, so that an answer to
one request proves nothing of another. The tag keeps signatures that were made for another purpose from counting here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from http_message_signatures.resolvers import MappingKeyResolver

from roadstead.clock import Clock
from roadstead.config.ed25519 import key_id
from roadstead.errors import Unauthenticated
from roadstead.randomness import Randomness

TAG = "payout-api"
AGE_MAX = timedelta(minutes=5)
"""How far the moment of a signature may lie from now, in both directions."""

_LABEL = "sig"
_NONCE_BYTES = 16
_REQUEST = ("@method", "@target-uri")
_WITH_BODY = ("content-type", "content-digest")
_KEY = "idempotency-key"
_ANSWER = (
    "@status",
    "content-type",
    "content-digest",
    '"@method";req',
    '"@target-uri";req',
    '"signature";req',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as its signature sees it; `url` is the whole URL that the caller asked for."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status_code: int
    headers: dict[str, str]
    request: Request


class MessageSigner:
    """Signs with one key."""

    def __init__(self, key: Ed25519PrivateKey, *, clock: Clock, randomness: Randomness) -> None:
        self._key_id = key_id(key.public_key())
        self._clock = clock
        self._randomness = randomness
        self._signer = HTTPMessageSigner(
            signature_algorithm=ED25519,
            key_resolver=MappingKeyResolver(public_keys={}, private_keys={self._key_id: key}),
        )

    def signed(self, request: Request) -> Request:
        """Return a request with its digest and signature; sign anew for every try."""
        signed = Request(
            method=request.method, url=request.url, headers=dict(request.headers), body=request.body
        )
        self._sign(signed, _parts_of(signed), signed.body or None)
        return signed

    def answer_headers(
        self, request: Request, status: int, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """Return the headers of an answer to a signed request with digest and signature added."""
        answer = _Answer(status_code=status, headers=dict(headers), request=request)
        self._sign(answer, _ANSWER, body)
        return answer.headers

    def _sign(self, message: Any, parts: Iterable[str], body: bytes | None) -> None:
        self._signer.sign(
            message,
            key_id=self._key_id,
            created=self._clock.now(),
            nonce=base64.urlsafe_b64encode(self._randomness.token_bytes(_NONCE_BYTES)).decode(),
            tag=TAG,
            label=_LABEL,
            covered_component_ids=[_component(part) for part in parts],
            body=body,
        )


class MessageVerifier:
    """Verifies signatures of one party, which may have several keys while it changes them."""

    def __init__(
        self, keys: Sequence[Ed25519PublicKey], *, clock: Clock, age_max: timedelta = AGE_MAX
    ) -> None:
        self._clock = clock
        self._age_max = age_max
        self._verifier = _Verifier(
            signature_algorithm=ED25519,
            key_resolver=MappingKeyResolver(public_keys={key_id(key): key for key in keys}, private_keys={}),
        )

    def verify(self, request: Request) -> None:
        """Check a request or a pushed message.

        Raises:
            Unauthenticated: It is not signed by this party, now, over everything that a signature has to cover.
        """
        self._verify(request, _parts_of(request), request.body)

    def verify_answer(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Check the answer to a request of ours.

        Raises:
            Unauthenticated: It is not signed by this party, now, as the answer to this very request.
        """
        self._verify(_Answer(status_code=status, headers=dict(headers), request=request), _ANSWER, body)

    def _verify(self, message: Any, parts: Iterable[str], body: bytes) -> None:
        try:
            results = self._verifier.verify(
                message,
                max_age=None,
                expect_tag=TAG,
                require_components=[_component(part) for part in parts],
                body=body,
            )
        except HTTPMessageSignaturesException as error:
            why = str(error) or "the signature is not of this key over this message"
            raise Unauthenticated(f"The message is not signed as it has to be: {why}.") from error
        except Exception as error:
            # What a stranger sends is whatever there is: nothing that cannot be verified is believed.
            raise Unauthenticated(f"The signature cannot be read: {type(error).__name__}.") from error
        for result in results:
            expires = result.parameters.get("expires")
            self._check_age(int(result.parameters["created"]), None if expires is None else int(expires))

    def _check_age(self, created_s: int, expires_s: int | None) -> None:
        """Compare as numbers: a moment that no calendar has is simply too far away."""
        now_s = self._clock.now().timestamp()
        if abs(now_s - created_s) > self._age_max.total_seconds():
            raise Unauthenticated(
                f"The signature was made more than {self._age_max.total_seconds():g} s from now: sign anew, and check "
                "both clocks."
            )
        if expires_s is not None and expires_s < now_s:
            raise Unauthenticated("The signature was good for a shorter time and is over: sign anew.")


class _Verifier(HTTPMessageVerifier):
    """The library's verifier without its own look at the machine's clock; ours is asked afterwards."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ARG002
        if type(sig_input.params.get("created")) is not int:
            raise HTTPMessageSignaturesException("it does not say when it was made")


def _parts_of(request: Request) -> list[str]:
    """Return what the signature of a request has to cover."""
    names = {name.lower() for name in request.headers}
    return [
        *_REQUEST,
        *(_WITH_BODY if request.body else ()),
        *((_KEY,) if _KEY in names else ()),
    ]


def _component(part: str) -> str:
    return part if part.startswith('"') else f'"{part}"'
