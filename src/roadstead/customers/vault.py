"""Customers' data at rest: AES-256-GCM under a key of each customer's own, which is itself wrapped by a master key.

The master key is not in the database; the data key is there only wrapped. Destroying the wrapped key makes the values
unreadable in every copy but a backup of the whole database that still holds the wrapped key. Every ciphertext is bound
to its customer and its field, so that none can be moved to another place and still be read.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roadstead.config.effective import Configuration
from roadstead.errors import ConfigurationError, InvariantViolated
from roadstead.randomness import Randomness, SystemRandomness

DATA_KEY_BYTES = 32

_NONCE_BYTES = 12
_FORMAT = b"\x01"
_FIELD_PURPOSE = b"roadstead customer field"
_KEY_PURPOSE = b"roadstead customer key"
_INDEX_PURPOSE = b"roadstead blind index"
_DIGEST_PURPOSE = b"roadstead customer digest"
_CONTENT_PURPOSE = b"roadstead customer_files.content"
_FILE_DIGEST_PURPOSE = b"roadstead customer_files.sealed_digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key that only the holder of a master key can read, and the version of that master key."""

    ciphertext: bytes
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindDigest:
    """What a value is found by: the same value always gives the same digest, and nobody can read it back."""

    digest: bytes
    version: int
    """The version of the master key from whose index key it comes."""


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

    @property
    def newest_version(self) -> int:
        """The version of the key that wraps."""
        ...

    def blind(self, purpose: str, value: str) -> tuple[BlindDigest, ...]:
        """Return keyed digests of a value, by each key that may be in use; that of the newest key comes first."""
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
    """The master key that the environment names (`ROADSTEAD_DATA_KEY`), and the one before it during a rotation."""

    data_key: bytes = field(repr=False)
    version: int = 1
    previous: bytes | None = field(default=None, repr=False)
    """The key of version `version - 1`; it unwraps, and wraps nothing any more."""
    randomness: Randomness = field(default=SystemRandomness(), repr=False)

    def __post_init__(self) -> None:
        """Refuse a key of the wrong length.

        Raises:
            ConfigurationError: It has not 32 bytes.
        """
        for key in (self.data_key, *((self.previous,) if self.previous is not None else ())):
            if len(key) != DATA_KEY_BYTES:
                raise ConfigurationError(
                    f"The key for customers' data has {len(key)} bytes: ROADSTEAD_DATA_KEY must hold {DATA_KEY_BYTES}."
                )

    @property
    def newest_version(self) -> int:
        """The version under which keys are wrapped."""
        return self.version

    async def wrap(self, data_key: bytes, *, customer_id: UUID) -> WrappedKey:
        """Wrap a data key; it is bound to the customer and to this key's version."""
        nonce = self.randomness.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.data_key).encrypt(nonce, data_key, _key_bound_to(customer_id, self.version))
        return WrappedKey(ciphertext=_FORMAT + nonce + sealed, version=self.version)

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        """Return the data key.

        Raises:
            InvariantViolated: It was wrapped for another customer, by another key, or was changed since.
        """
        keys = dict(self._keys())
        if wrapped.version not in keys:
            raise InvariantViolated(
                f"Customer {customer_id} is locked with key version {wrapped.version}, which this process does not "
                "have: set ROADSTEAD_DATA_KEY to the key of that version, or ROADSTEAD_DATA_KEY_PREVIOUS during a "
                "rotation."
            )
        return _open(
            AESGCM(keys[wrapped.version]),
            wrapped.ciphertext,
            _key_bound_to(customer_id, wrapped.version),
            what=f"customer {customer_id}",
        )

    def blind(self, purpose: str, value: str) -> tuple[BlindDigest, ...]:
        """Return the digests of a value: with the newest key first, then with the one before it if there is one.

        They are made with keys of their own, derived from the master keys (HMAC-SHA-256), so that a digest says nothing
        of what a master key wraps.
        """
        return tuple(
            BlindDigest(
                digest=_blind(hmac.digest(key, _INDEX_PURPOSE, "sha256"), purpose, value), version=version
            )
            for version, key in self._keys()
        )

    def _keys(self) -> tuple[tuple[int, bytes], ...]:
        newest = (self.version, self.data_key)
        return (newest,) if self.previous is None else (newest, (self.version - 1, self.previous))


def local_keys(configuration: Configuration) -> LocalKeyProvider:
    """Return the keys that a configuration names."""
    return LocalKeyProvider(
        configuration.data_key,
        version=configuration.settings.data_key_version,
        previous=configuration.data_key_previous,
    )


def _key_bound_to(customer_id: UUID, version: int) -> bytes:
    return b"\0".join((_KEY_PURPOSE, str(version).encode(), customer_id.bytes))


def _blind(key: bytes, purpose: str, value: str) -> bytes:
    return hmac.digest(key, b"\0".join((purpose.encode(), value.encode())), "sha256")


def new_data_key(randomness: Randomness) -> bytes:
    """Make the data key of a new customer."""
    return randomness.token_bytes(DATA_KEY_BYTES)


class Vault:
    """One customer's open vault: seals and opens the values of fields."""

    __slots__ = ("_cipher", "_customer_id", "_data_key")

    def __init__(self, customer_id: UUID, data_key: bytes) -> None:
        self._customer_id = customer_id
        self._data_key = data_key
        self._cipher = AESGCM(data_key)

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

    def digest(self, purpose: str, value: str) -> bytes:
        """Return a digest of a value under the customer's key: it dies with the key, and says nothing without it."""
        return _blind(hmac.digest(self._data_key, _DIGEST_PURPOSE, "sha256"), purpose, value)

    def _bound_to(self, name: str) -> bytes:
        return b"\0".join((_FIELD_PURPOSE, self._customer_id.bytes, name.encode()))


def seal_content(key: bytes, file_id: UUID, content: bytes, randomness: Randomness) -> bytes:
    """Encrypt what a file holds, with the file's own key; bound to the file."""
    nonce = randomness.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, content, _CONTENT_PURPOSE + file_id.bytes)
    return b"".join((_FORMAT, nonce, sealed))


def open_content(key: bytes, file_id: UUID, sealed: bytes) -> bytes:
    """Decrypt what a file holds.

    Raises:
        InvariantViolated: It was made for another file or with another key, or was changed since.
    """
    return _open(AESGCM(key), sealed, _CONTENT_PURPOSE + file_id.bytes, what=f"file {file_id}")


def seal_file_digest(key: bytes, file_id: UUID, digest: bytes, randomness: Randomness) -> bytes:
    """Encrypt the digest of what a file holds, with the file's own key: in clear it would tell who has the file."""
    nonce = randomness.token_bytes(_NONCE_BYTES)
    return b"".join(
        (_FORMAT, nonce, AESGCM(key).encrypt(nonce, digest, _FILE_DIGEST_PURPOSE + file_id.bytes))
    )


def open_file_digest(key: bytes, file_id: UUID, sealed: bytes) -> bytes:
    """Decrypt the digest of what a file holds.

    Raises:
        InvariantViolated: It was made for another file or with another key, or was changed since.
    """
    return _open(AESGCM(key), sealed, _FILE_DIGEST_PURPOSE + file_id.bytes, what=f"file {file_id}")


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
