"""HMAC-SHA256 between us and a provider: over the second and what is sent, so that an old message is known as one."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime

from roadstead.errors import Unauthenticated

SIGNATURE_HEADER = "roadstead-signature"
AGE_MAX_S = 300
"""How far the second of a message may be from ours."""

_HEADER = re.compile(r"t=([0-9]{1,12}),\s*v1=([0-9a-f]{64})", re.ASCII)


def request_signature(secret: bytes, now: datetime, method: str, path: str, body: bytes) -> str:
    """Return the header of a request: it covers the second, the method, the path as it is sent, and the body."""
    return _header(secret, int(now.timestamp()), f"{method} {path}.".encode(), body)


def event_signature(secret: bytes, now: datetime, body: bytes) -> str:
    """Return the header of a pushed message: it covers the second and the body."""
    return _header(secret, int(now.timestamp()), b"", body)


def require_request(
    secret: bytes, header: str, now: datetime, *, method: str, path: str, body: bytes
) -> None:
    """Check the header of a request.

    Raises:
        Unauthenticated: It is not signed with the secret, or long ago.
    """
    _require(secret, header, now, f"{method} {path}.".encode(), body)


def require_event(secret: bytes, header: str, now: datetime, body: bytes) -> None:
    """Check the header of a pushed message.

    Raises:
        Unauthenticated: It is not signed with the secret, or long ago.
    """
    _require(secret, header, now, b"", body)


def _header(secret: bytes, seconds: int, head: bytes, body: bytes) -> str:
    return f"t={seconds}, v1={_digest(secret, seconds, head, body)}"


def _digest(secret: bytes, seconds: int, head: bytes, body: bytes) -> str:
    made = hmac.new(secret, f"{seconds}.".encode() + head, hashlib.sha256)
    # Apart from what stands before it, so that a large document is not copied.
    made.update(body)
    return made.hexdigest()


def _require(secret: bytes, header: str, now: datetime, head: bytes, body: bytes) -> None:
    found = _HEADER.fullmatch(header.strip())
    if found is None:
        raise Unauthenticated(
            "The message carries no signature that can be read: send Roadstead-Signature: t=SECONDS, v1=HEX."
        )
    seconds = int(found[1])
    if not hmac.compare_digest(_digest(secret, seconds, head, body), found[2]):
        raise Unauthenticated(
            "The signature is not ours: sign the second and the bytes that are sent with the shared secret."
        )
    if abs(now.timestamp() - seconds) > AGE_MAX_S:
        raise Unauthenticated(
            f"The message was signed more than {AGE_MAX_S} s from now: check the clock, and sign anew."
        )
