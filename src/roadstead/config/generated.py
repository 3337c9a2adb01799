"""Secrets that are made for a rehearsal, and known again where money is real.

Each carries a mark in place of some of its random bits; 192 random bits remain, so that nobody guesses one.
"""

from __future__ import annotations

import base64

from roadstead.config.strkey import KeyKind, decode, encode
from roadstead.randomness import Randomness

_MARK = b"sandbox-"
_RANDOM_BYTES = 24


def generate_seed(randomness: Randomness) -> str:
    """Make a Stellar secret seed S... that `is_generated` recognises."""
    return encode(KeyKind.SEED, _MARK + randomness.token_bytes(_RANDOM_BYTES))


def generate_data_key(randomness: Randomness) -> str:
    """Make a data key, base64 of 32 bytes, that `is_generated` recognises."""
    return base64.b64encode(_MARK + randomness.token_bytes(_RANDOM_BYTES)).decode()


def generate_text_secret(randomness: Randomness) -> str:
    """Make a secret text, such as ROADSTEAD_JWT_SECRET or a token, that `is_generated` recognises."""
    return _MARK.decode() + randomness.token_bytes(_RANDOM_BYTES).hex()


def is_generated(secret: str) -> bool:
    """Tell whether a secret of any of the three forms was made by this module."""
    if secret.startswith(_MARK.decode()):
        return True
    seed = decode(KeyKind.SEED, secret)
    if seed is not None:
        return seed.startswith(_MARK)
    try:
        return base64.b64decode(secret, validate=True).startswith(_MARK)
    except ValueError:
        return False
