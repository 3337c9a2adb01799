"""Keys that sign transactions. A key cannot tell a refund from a theft: whoever asks it inspects what is signed."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from roadstead.config.secrets import Secret
from roadstead.config.strkey import KeyKind, decode, encode
from roadstead.errors import ConfigurationError


class Signer(Protocol):
    """A key of ed25519, wherever it is kept."""

    @property
    def public_key(self) -> str:
        """The address G... of the key."""
        ...

    async def sign(self, transaction_hash: bytes) -> bytes:
        """Return the signature of the 32 bytes of a transaction's hash; asking again is safe.

        Raises:
            Unavailable: The keeper of the key does not answer now.
        """
        ...


class SeedSigner:
    """A key whose seed the environment holds."""

    def __init__(self, secret: Secret) -> None:
        """Take the seed S...

        Raises:
            ConfigurationError: It is none.
        """
        raw = decode(KeyKind.SEED, secret.reveal())
        if raw is None:
            raise ConfigurationError(
                "ROADSTEAD_DISTRIBUTION_SECRET is no secret seed: set the one that starts with S."
            )
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self._public_key = encode(KeyKind.PUBLIC, self._key.public_key().public_bytes_raw())

    @property
    def public_key(self) -> str:
        """The address G... of the key."""
        return self._public_key

    async def sign(self, transaction_hash: bytes) -> bytes:
        """Sign a transaction's hash. See `Signer.sign`."""
        return self._key.sign(transaction_hash)
