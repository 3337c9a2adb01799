"""The bank's own key for signing: in a file, made when it is not there."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from roadstead.config.ed25519 import private_key_from
from roadstead.errors import ConfigurationError


def own_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of a PEM file, made first when there is none.

    Raises:
        ConfigurationError: The file cannot be read or written, or holds no such key.
    """
    try:
        if not path.exists():
            _write(path, Ed25519PrivateKey.generate())
        return private_key_from(path.read_text())
    except ValueError as error:
        raise ConfigurationError(f"The bank's key {path} {error}.") from None
    except OSError as error:
        raise ConfigurationError(f"The bank's key {path} cannot be used: {error.strerror}.") from error


def _write(path: Path, key: Ed25519PrivateKey) -> None:
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
