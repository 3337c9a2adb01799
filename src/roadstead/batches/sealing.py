"""Sealing what stands in files: AES-256-GCM under a key of each batch's, or each received file's, own.

The key is kept wrapped beside its file, by the same keeper that wraps customers' keys. When the file has been kept for
long enough, key and content are destroyed together.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roadstead.customers.vault import DATA_KEY_BYTES, KeyProvider, WrappedKey
from roadstead.errors import InvariantViolated
from roadstead.randomness import Randomness

_NONCE_BYTES = 12
_FORMAT = b"\x01"
_PURPOSE = b"roadstead file"


@dataclass(frozen=True, slots=True)
class Seal:
    """The open key of one batch or received file."""

    owner: UUID
    key: bytes

    def close(self, name: str, plain: bytes, randomness: Randomness) -> bytes:
        """Encrypt bytes, bound to their owner and to a name; the same bytes give another ciphertext each time."""
        nonce = randomness.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + AESGCM(self.key).encrypt(nonce, plain, self._bound_to(name))

    def open(self, name: str, sealed: bytes) -> bytes:
        """Decrypt bytes.

        Raises:
            InvariantViolated: They were sealed for another owner or name, or were changed since.
        """
        body = sealed.removeprefix(_FORMAT)
        try:
            return AESGCM(self.key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], self._bound_to(name))
        except (InvalidTag, ValueError) as error:
            raise InvariantViolated(
                f"The content {name} of {self.owner} cannot be decrypted: it was changed, moved, or locked with "
                "another key. Check that ROADSTEAD_DATA_KEY is the key that this database was filled with."
            ) from error

    def _bound_to(self, name: str) -> bytes:
        return b"\0".join((_PURPOSE, self.owner.bytes, name.encode()))


async def new_seal(keys: KeyProvider, owner: UUID, randomness: Randomness) -> tuple[Seal, WrappedKey]:
    """Make the key of a new batch or file, and wrap it.

    Raises:
        Unavailable: The keeper of the keys does not answer.
    """
    key = randomness.token_bytes(DATA_KEY_BYTES)
    return Seal(owner, key), await keys.wrap(key, customer_id=owner)


async def open_seal(keys: KeyProvider, owner: UUID, wrapped: WrappedKey) -> Seal:
    """Unwrap the key of a batch or file.

    Raises:
        InvariantViolated: It was wrapped for another one, or by another key.
        Unavailable: The keeper of the keys does not answer.
    """
    return Seal(owner, await keys.unwrap(wrapped, customer_id=owner))
