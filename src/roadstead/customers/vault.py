"""Customers' data at rest: AES-256-GCM under a key of each customer's own, which is itself wrapped by a master key.

The master key is not in the database; the data key is there only wrapped. Destroying the wrapped key makes the values
unreadable in every copy but a backup of the whole database that still holds the wrapped key. Every ciphertext is bound
to its customer and its field, so that none can be moved to another place and still be read.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roadstead.errors import ConfigurationError, InvariantViolated
from roadstead.randomness import Randomness, SystemRandomness

DATA_KEY_BYTES = 32

_NONCE_BYTES = 12
_FORMAT = b"\x01"
_FIELD_PURPOSE = b"roadstead customer field"
_KEY_PURPOSE = b"roadstead customer key"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key that only the holder of a master key can read, and the version of that master key."""

    ciphertext: bytes
    version: int


class KeyProvider(Protocol):
    """Keeps master keys: in a file of the environment, or in a key management service.

    An implementation that calls a service sets its own deadline and raises `Unavailable` when it passes.
    """

    async def wrap(self, data_key: bytes, *, customer_id: UUID) -> WrappedKey:
        """Wrap a customer's data key under the newest master key.

        Raises:
            Unavailable: The keeper of the keys does not answer.
        """
        ...

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        """Return the data key that was wrapped for this very customer.

        Raises:
            InvariantViolated: It was wrapped for another customer, by another key, or was changed since.
            Unavailable: The keeper of the keys does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalKeyProvider:
    """A single master key that the environment names (`ROADSTEAD_DATA_KEY`)."""

    data_key: bytes = field(repr=False)
    version: int = 1
    randomness: Randomness = field(default=SystemRandomness(), repr=False)

    def __post_init__(self) -> None:
        """Refuse a key of the wrong length.

        Raises:
            ConfigurationError: It has not 32 bytes.
        """
        if len(self.data_key) != DATA_KEY_BYTES:
            raise ConfigurationError(
                f"The key for customers' data has {len(self.data_key)} bytes: ROADSTEAD_DATA_KEY must hold "
                f"{DATA_KEY_BYTES}."
            )

    async def wrap(self, data_key: bytes, *, customer_id: UUID) -> WrappedKey:
        """Wrap a data key; it is bound to the customer and to this key's version."""
        nonce = self.randomness.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.data_key).encrypt(nonce, data_key, self._bound_to(customer_id))
        return WrappedKey(ciphertext=_FORMAT + nonce + sealed, version=self.version)

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        """Return the data key.

        Raises:
            InvariantViolated: It was wrapped for another customer, by another key, or was changed since.
        """
        if wrapped.version != self.version:
            raise InvariantViolated(
                f"Customer {customer_id} is locked with key version {wrapped.version}, which this process does not "
                "have: set ROADSTEAD_DATA_KEY to the key of that version."
            )
        return _open(
            AESGCM(self.data_key),
            wrapped.ciphertext,
            self._bound_to(customer_id),
            what=f"customer {customer_id}",
        )

    def _bound_to(self, customer_id: UUID) -> bytes:
        return b"\0".join((_KEY_PURPOSE, str(self.version).encode(), customer_id.bytes))


def new_data_key(randomness: Randomness) -> bytes:
    """Make the data key of a new customer."""
    return randomness.token_bytes(DATA_KEY_BYTES)


class Vault:
    """One customer's open vault: seals and opens the values of fields."""

    __slots__ = ("_cipher", "_customer_id", "_data_key")

    def __init__(self, customer_id: UUID, data_key: bytes) -> None:
        self._customer_id = customer_id
        self._cipher = AESGCM(data_key)
        self._data_key = data_key

    def seal(self, name: str, value: str, randomness: Randomness) -> bytes:
        """Encrypt the value of a field; the same value gives another ciphertext each time."""
        nonce = randomness.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, value.encode(), self._bound_to(name))

    def open(self, name: str, ciphertext: bytes) -> str:
        """Decrypt the value of a field.

        Raises:
            InvariantViolated: The ciphertext was made for another field or customer, or was changed since.
        """
        what = f"field {name} of customer {self._customer_id}"
        return _open(self._cipher, ciphertext, self._bound_to(name), what=what).decode()

    def digest(self, purpose: bytes, content: bytes) -> str:
        """Return a digest of something of the customer that tells nothing to whoever lacks the customer's key."""
        return hmac.new(self._data_key, purpose + b"\0" + content, hashlib.sha256).hexdigest()

    def _bound_to(self, name: str) -> bytes:
        return b"\0".join((_FIELD_PURPOSE, self._customer_id.bytes, name.encode()))


def _open(cipher: AESGCM, sealed: bytes, bound_to: bytes, *, what: str) -> bytes:
    if not sealed.startswith(_FORMAT):
        raise InvariantViolated(
            f"The data of {what} are of a format that this version does not know: upgrade."
        )
    body = sealed.removeprefix(_FORMAT)
    try:
        return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise InvariantViolated(
            f"The data of {what} cannot be decrypted: it was changed, moved, or locked with another key. Check that "
            "ROADSTEAD_DATA_KEY is the key that this database was filled with."
        ) from error
