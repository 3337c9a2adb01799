"""The bearer tokens of SEP-10: issued for a redeemed challenge, read at every request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from joserfc import jwt
from joserfc.jwk import GuestProtocol, OctKey

from roadstead.clock import Clock
from roadstead.config.secrets import Secret
from roadstead.errors import ConfigurationError, Unauthenticated
from roadstead.partners.principal import Principal
from roadstead.partners.subjects import read_subject, subject_of

TOKEN_LIFETIME_S = 3_600
"""How long a token is valid.

A token outlives the rights behind it: a signer removed from the account keeps its last token to the end. An hour
bounds that, and costs a partner one signature an hour, made by a machine. (A disabled partner is refused at once, token
or not.)
"""
TOKEN_LIFETIME_MAX_S = 86_400
"""Tokens that claim a longer life than a day are refused, whoever signed them."""
CLOCK_SKEW_S = 60
"""How far ahead the clock of another of our machines may be when it issues a token."""
VERIFIED_MAX = 4_096
"""Tokens whose signature need not be computed again."""

_ALGORITHM = "HS256"
_AGAIN = "authenticate again at the WEB_AUTH_ENDPOINT named in stellar.toml."
_KEY_ID_BYTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    """What a token says, its signature and form being right; its times are checked at each use."""

    principal: Principal
    issued_at: float
    expires_at: float


class TokenBook:
    """Issues tokens and reads them back; implements `TokenReader`.

    The algorithm is fixed here and never taken from a token. Each token names its key (`kid`), so that keys can be
    changed with an overlap: the first of `secrets` signs, all of them verify.
    """

    def __init__(self, *, issuer: str, secrets: Sequence[Secret], clock: Clock) -> None:
        """Take `issuer`, the URL of the endpoint that hands tokens out, and at least one secret.

        Raises:
            ConfigurationError: There is no secret.
        """
        if not secrets:
            raise ConfigurationError("No secret signs tokens: set ROADSTEAD_JWT_SECRET.")
        self._issuer = issuer
        self._keys = {_key_id(secret): OctKey.import_key(secret.reveal().encode()) for secret in secrets}
        self._signing_key_id = _key_id(secrets[0])
        self._clock = clock
        self._verified: dict[str, _Verified] = {}

    def issue(
        self, principal: Principal, challenge_hash: bytes, now: datetime, *, muxed: bool = False
    ) -> str:
        """Sign a token for a principal, valid for `TOKEN_LIFETIME_S` from `now`.

        `muxed` says that the principal authenticated as M..., which the claim `sub` then shows.
        """
        issued_at = int(now.timestamp())
        claims: dict[str, str | int] = {
            "iss": self._issuer,
            "sub": subject_of(principal, muxed=muxed),
            "iat": issued_at,
            "exp": issued_at + TOKEN_LIFETIME_S,
            "jti": challenge_hash.hex(),
        }
        if principal.client_domain is not None:
            claims["client_domain"] = principal.client_domain
        header = {"alg": _ALGORITHM, "kid": self._signing_key_id}
        return jwt.encode(header, claims, self._keys[self._signing_key_id], algorithms=[_ALGORITHM])

    def read(self, token: str) -> Principal:
        """Return who the token speaks for.

        Raises:
            Unauthenticated: The token is malformed, forged, expired, not yet valid, or from another issuer.
        """
        verified = self._verified.get(token)
        if verified is None:
            verified = self._verify(token)
            if len(self._verified) >= VERIFIED_MAX:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = verified
        now = self._clock.now().timestamp()
        if now >= verified.expires_at:
            self._verified.pop(token, None)
            raise Unauthenticated(f"The token has expired: {_AGAIN}")
        if verified.issued_at > now + CLOCK_SKEW_S:
            raise Unauthenticated(f"The token was issued in the future: {_AGAIN}")
        return verified.principal

    def _verify(self, token: str) -> _Verified:
        """Check the signature and all claims that do not change with time."""
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[_ALGORITHM])
        except Unauthenticated:
            raise
        except Exception as error:  # whatever a library stumbles over, the token does not hold
            raise Unauthenticated(f"The token cannot be read or its signature is wrong: {_AGAIN}") from error
        claims = decoded.claims
        if claims.get("iss") != self._issuer:
            raise Unauthenticated(f"The token comes from another issuer: {_AGAIN}")
        subject = claims.get("sub")
        principal = read_subject(subject) if isinstance(subject, str) else None
        if principal is None:
            raise Unauthenticated(f"The token names no Stellar account: {_AGAIN}")
        issued_at, expires_at = _moment(claims.get("iat")), _moment(claims.get("exp"))
        if issued_at is None or expires_at is None:
            raise Unauthenticated(f"The token does not say when it was issued and when it ends: {_AGAIN}")
        if not 0 < expires_at - issued_at <= TOKEN_LIFETIME_MAX_S:
            raise Unauthenticated(f"The token is meant to last longer than any of ours: {_AGAIN}")
        domain = claims.get("client_domain")
        if isinstance(domain, str):
            principal = replace(principal, client_domain=domain)
        return _Verified(principal=principal, issued_at=issued_at, expires_at=expires_at)

    def _key_of(self, token: GuestProtocol) -> OctKey:
        key = self._keys.get(str(token.headers().get("kid")))
        if key is None:
            raise Unauthenticated(f"The token was signed with a key that is not in use: {_AGAIN}")
        return key


def _key_id(secret: Secret) -> str:
    """Name a key without telling anything about it."""
    return hmac.digest(secret.reveal().encode(), b"roadstead token key", hashlib.sha256)[:_KEY_ID_BYTES].hex()


def _moment(value: object) -> float | None:
    """Read a NumericDate of RFC 7519; a boolean, a text and what is no number at all are none."""
    match value:
        case bool():
            return None
        case int() | float() if 0 <= value < 2**53:
            return float(value)
        case _:
            return None
