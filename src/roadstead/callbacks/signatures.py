"""Signatures of callbacks: who receives one can tell that it is ours, fresh, meant for its host, and unchanged.

The same for SEP-31, SEP-12 and their siblings: the header `Signature: t=<unix seconds>, s=<base64>`, where the
signature is Ed25519 with stellar.toml's SIGNING_KEY over `<t>.<host>.<body>`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from roadstead.config.secrets import Secret
from roadstead.config.strkey import KeyKind, decode
from roadstead.errors import BadInput, ConfigurationError, Unauthenticated

HEADER = "Signature"
LEGACY_HEADER = "X-Stellar-Signature"
"""Deprecated by the SEPs, still read by older receivers; always says the same as `HEADER`."""
AGE_MAX = timedelta(minutes=2)

_FORM = re.compile(r"t=([0-9]{1,12}), ?s=([A-Za-z0-9+/]{86}==)", re.ASCII)


class CallbackSigner:
    """Signs callbacks with the anchor's signing key."""

    def __init__(self, seed: Secret) -> None:
        """Take the seed S... of stellar.toml's SIGNING_KEY.

        Raises:
            ConfigurationError: It is no seed.
        """
        raw = decode(KeyKind.SEED, seed.reveal())
        if raw is None:
            raise ConfigurationError("ROADSTEAD_SIGNING_SECRET is no secret seed S...: check it.")
        self._key = Ed25519PrivateKey.from_private_bytes(raw)

    def headers(self, *, host: str, body: bytes, now: datetime) -> Mapping[str, str]:
        """Return the headers that prove these very bytes to this host at this moment.

        `host` is the authority of the URL, with the port where the URL names one. Sign anew for every try: receivers
        drop what is older than a minute or two.
        """
        seconds = int(now.timestamp())
        signature = base64.b64encode(self._key.sign(signed_bytes(seconds, host, body))).decode()
        value = f"t={seconds}, s={signature}"
        return {HEADER: value, LEGACY_HEADER: value}


def signed_bytes(seconds: int, host: str, body: bytes) -> bytes:
    """Return what the signature covers."""
    return f"{seconds}.{host}.".encode() + body


def verify(
    header: str, *, host: str, body: bytes, signing_key: str, now: datetime, age_max: timedelta = AGE_MAX
) -> datetime:
    """Check the signature of a callback as its receiver does, and return when it was made.

    Raises:
        BadInput: The key is no address G...
        Unauthenticated: The header is malformed, too old or from the future, or the signature is not of this key over
            these bytes for this host.
    """
    raw = decode(KeyKind.PUBLIC, signing_key)
    if raw is None:
        raise BadInput("The signing key is no address G...: take SIGNING_KEY from stellar.toml.")
    parts = _FORM.fullmatch(header)
    if parts is None:
        raise Unauthenticated("The signature header is not of the form 't=<seconds>, s=<base64>'.")
    made_at = datetime.fromtimestamp(int(parts[1]), UTC)
    if abs(now - made_at) > age_max:
        raise Unauthenticated(f"The signature was made at {made_at:%Y-%m-%d %H:%M:%S}, too far from now.")
    try:
        signature = base64.b64decode(parts[2], validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, signed_bytes(int(parts[1]), host, body))
    except (InvalidSignature, binascii.Error) as error:
        raise Unauthenticated("The signature is not of this key over this body for this host.") from error
    return made_at
