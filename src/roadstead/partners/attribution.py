"""The `Authorization` header of a request for a challenge, by which a client's application names itself (SEP-10)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from roadstead.config.strkey import KeyKind, decode
from roadstead.errors import BadInput, Unauthenticated

TOKEN_CHARACTERS_MAX = 4_096
LIFETIME_MAX_S = 900
"""Tokens that claim a longer life are refused: one is made for one request."""
CLOCK_SKEW_S = 60

_PARAMETERS = ("account", "memo", "home_domain", "client_domain")
_PARTS = 3


def check_attribution(
    authorization: str | None,
    *,
    key: str,
    endpoint: str,
    parameters: Mapping[str, str],
    now: datetime,
) -> None:
    """Make sure that a request for a challenge carries a token of its client.

    `key` is the address G... whose key has to have signed it: the one of the client domain where the request names one,
    else the one of the account. `parameters` are those of the request; the token claims the same.

    Raises:
        Unauthenticated: There is no token.
        BadInput: The token cannot be read, is out of time, is signed by another key, or claims other parameters.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            "A challenge needs the header 'Authorization: Bearer <token>' here, with a token that the client's own key "
            "signed (SEP-10)."
        )
    claims = _claims(token, key)
    _require_time(claims, now)
    if claims.get("web_auth_endpoint") != endpoint:
        raise BadInput(
            f"The token of the header is not for this endpoint: claim web_auth_endpoint {endpoint}."
        )
    for name in _PARAMETERS:
        if claims.get(name) != parameters.get(name):
            raise BadInput(f"The token of the header and the query differ in {name}: say the same in both.")


def _claims(token: str, key: str) -> dict[str, Any]:
    """Verify the signature and return what the token says."""
    raw_key = decode(KeyKind.PUBLIC, key)
    parts = token.split(".")
    if raw_key is None or len(parts) != _PARTS or len(token) > TOKEN_CHARACTERS_MAX:
        raise BadInput("The token of the header cannot be read: send a JWT of three parts.")
    try:
        header, claims = (msgspec.json.decode(_decoded(part), type=dict[str, Any]) for part in parts[:2])
        if header.get("alg") != "EdDSA":
            raise BadInput("The token of the header is signed in another way: use alg EdDSA.")
        Ed25519PublicKey.from_public_bytes(raw_key).verify(
            _decoded(parts[2]), f"{parts[0]}.{parts[1]}".encode()
        )
    except InvalidSignature as error:
        raise BadInput(f"The token of the header is not signed by {key}.") from error
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadInput("The token of the header cannot be read: send a JWT of three parts.") from error
    return claims


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _require_time(claims: Mapping[str, Any], now: datetime) -> None:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if type(issued_at) is not int or type(expires_at) is not int:
        raise BadInput("The token of the header has no times: claim iat and exp in whole seconds.")
    moment = now.timestamp()
    if not issued_at - CLOCK_SKEW_S <= moment < expires_at:
        raise BadInput("The token of the header is out of time: make a new one for each request.")
    if expires_at - issued_at > LIFETIME_MAX_S:
        raise BadInput(
            f"The token of the header lasts too long: let it end {LIFETIME_MAX_S} s after its start."
        )
