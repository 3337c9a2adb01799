"""What a remittance asks of its customers: the types that were fixed at its opening, and how both stand for them."""

from __future__ import annotations

from roadstead.config.anchor import Anchor
from roadstead.customers.corridors import Corridor, RequiredTypes, required_types
from roadstead.errors import BadInput
from roadstead.money import Money
from roadstead.remittances import gate
from roadstead.remittances.gate import AcceptedFields, Side, Verified
from roadstead.remittances.pricing import Price
from roadstead.remittances.store import Remittance


def types_at(anchor: Anchor, price: Price, funding_method: str) -> RequiredTypes:
    """Return the types that a remittance at a price demands.

    Raises:
        BadInput: The anchor does not accept the asset.
    """
    return required_types(
        anchor,
        Corridor(
            code=price.amount_in.asset.code,
            delivers=price.delivers,
            funding_method=funding_method,
            amount_in=price.amount_in.decimal,
            amount_out=price.amount_out.decimal if price.amount_out else None,
        ),
    )


def types_of(remittance: Remittance, anchor: Anchor) -> RequiredTypes:
    """Return the types that were fixed for a remittance; for one from before, those that the anchor asks for now.

    Raises:
        BadInput: It is from before, and the anchor does not accept its asset any more.
    """
    if remittance.required_types is not None:
        return remittance.required_types
    return required_types(anchor, _corridor(remittance, remittance.amount_in, remittance.amount_out))


def _corridor(remittance: Remittance, amount_in: Money, amount_out: Money | None) -> Corridor:
    return Corridor(
        code=amount_in.asset.code,
        delivers=remittance.asset_out,
        funding_method=remittance.funding_method,
        amount_in=amount_in.decimal,
        amount_out=amount_out.decimal if amount_out else None,
    )


def sides_of(
    remittance: Remittance, anchor: Anchor, accepted: AcceptedFields, verified: Verified
) -> list[Side]:
    """Judge both customers of a remittance for the types that were fixed for it.

    Raises:
        BadInput: A type, or the asset, is not in `anchor.toml` any more: nobody knows what would suffice.
    """
    return gate.sides_of(anchor, types_of(remittance, anchor), accepted, verified)


def demands_no_more(anchor: Anchor, remittance: Remittance, price: Price) -> bool:
    """Tell whether a remittance may be priced anew without asking for other types: less never asks for more."""
    if price.amount_in <= remittance.amount_expected:
        return True
    try:
        return types_at(anchor, price, remittance.funding_method) == types_of(remittance, anchor)
    except BadInput:
        return False
