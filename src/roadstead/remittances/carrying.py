"""Which amounts the rails of a funding method carry. Pure."""

from __future__ import annotations

from roadstead.config.anchor import Anchor
from roadstead.errors import BadInput
from roadstead.remittances.pricing import Price


def carried(method: str, price: Price, anchor: Anchor) -> str:
    """Return the funding method where a rail of it carries the amount; one whose rate is to come is judged then.

    Raises:
        BadInput: No rail carries it.
    """
    delivered = price.amount_out
    rails = anchor.rails_of(method)
    if delivered is None or any(rail.carries(delivered) for rail in rails):
        return method
    limits = " or ".join(
        " ".join(
            f"at {word} {limit:f}"
            for word, limit in (("least", rail.amount_min), ("most", rail.amount_max))
            if limit is not None
        )
        for rail in rails
    )
    raise BadInput(
        f"{method} delivers {limits}, and {delivered} would arrive: send another amount or method."
    )
