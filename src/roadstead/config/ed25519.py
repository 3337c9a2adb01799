"""Ed25519 keys in the form in which OpenSSL writes them: a PEM file, or the one line of base64 inside it."""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

KEY_ID_LENGTH = 16
_ARMOUR = re.compile(r"-----(BEGIN|END) (PRIVATE|PUBLIC) KEY-----")


def private_key_from(text: str) -> Ed25519PrivateKey:
    """Read a private key (PKCS #8), as `openssl genpkey -algorithm ed25519` writes it.

    Raises:
        ValueError: It is none.
    """
    der = _der(text)
    try:
        key = load_der_private_key(der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("is no private key of Ed25519 in the form of PKCS #8") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("is a private key of another kind than Ed25519")  # noqa: TRY004 - what a form raises
    return key


def public_key_from(text: str) -> Ed25519PublicKey:
    """Read a public key (X.509 SubjectPublicKeyInfo), as `openssl pkey -pubout` writes it.

    Raises:
        ValueError: It is none.
    """
    der = _der(text)
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "is no public key of Ed25519 in the form that openssl pkey -pubout writes"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is a public key of another kind than Ed25519")  # noqa: TRY004 - what a form raises
    return key


def public_key_text(key: Ed25519PublicKey) -> str:
    """Write a public key as one line, which `public_key_from` reads."""
    return base64.b64encode(_public_der(key)).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name by which signatures speak of a key: the beginning of the SHA-256 of its DER form, in hex."""
    return sha256(_public_der(key)).hexdigest()[:KEY_ID_LENGTH]


def _public_der(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _der(text: str) -> bytes:
    try:
        return base64.b64decode("".join(_ARMOUR.sub("", text).split()), validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error
