"""Amounts in JSON bodies: read as the characters they were written with, because a number would change them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from roadstead.errors import InvalidAmount
from roadstead.money import AMOUNT_TEXT_MAX

AmountText = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        extra_json_schema={
            "oneOf": [{"type": "number"}, {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]{1,7})?$"}],
            "description": "Amount of the Stellar asset, above zero, at most 7 decimals, no exponent.",
            "examples": [100.5],
        }
    ),
]
"""An amount as its own characters: decoding it into a number first could change it."""


def amount_text(raw: msgspec.Raw) -> str:
    """Return the characters of an amount that came as a JSON number or as a text.

    Raises:
        InvalidAmount: It is neither.
    """
    written = bytes(raw).strip()
    if len(written) > AMOUNT_TEXT_MAX + 2:
        raise InvalidAmount("amount is longer than any amount: write at most 7 decimals.")
    text = written.decode("ascii", "replace")
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return text[1:-1]
    if text[:1].isdigit():
        return text
    raise InvalidAmount(f"amount {text!r} is not valid: write a number above zero, such as 100.50.")
