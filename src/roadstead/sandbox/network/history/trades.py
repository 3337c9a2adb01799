"""The trades an operation made, arranged as base and counter the way Horizon does."""

from roadstead.sandbox.network.ledger.assets import Asset, address
from roadstead.sandbox.network.ledger.outcome import Outcome
from roadstead.sandbox.network.ledger.state import Entry, Key, Offer
from roadstead.sandbox.network.ledger.transaction import Operation

from .records import TradeRecord

_SYNTHETIC = 1 << 62
_KIND_ORDER = {"native": 0, "credit_alphanum4": 1, "credit_alphanum12": 2}


def asset_order(asset: Asset) -> tuple[int, str, str]:
    """Which of two assets is the base: the smaller."""
    issuer = "" if asset.is_native else address(asset.issuer)
    return (_KIND_ORDER[asset.kind], asset.name if asset.code else "", issuer)


def taker_offer_id(
    operation: Operation, changes: list[tuple[Key, Entry | None, Entry | None]], toid: int
) -> int:
    """The number of the taker's own offer, or a synthetic one where none is left standing."""
    offer_id = getattr(operation.body, "offer_id", None)
    if offer_id is not None and offer_id.int64:
        return int(offer_id.int64)
    for _, before, after in changes:
        if isinstance(after, Offer) and before is None and after.seller == operation.source.account:
            return after.offer_id
    return _SYNTHETIC + toid


def trades_of(
    operation: Operation,
    outcome: Outcome,
    changes: list[tuple[Key, Entry | None, Entry | None]],
    toid: int,
) -> list[TradeRecord]:
    """The trades of one operation, in the order they happened."""
    if not outcome.trades:
        return []
    taker = address(operation.source.account)
    taker_offer = taker_offer_id(operation, changes, toid)
    found: list[TradeRecord] = []
    for order, trade in enumerate(outcome.trades):
        if trade.amount_sold == 0 and trade.amount_bought == 0:
            continue
        seller_side = (trade.offer_id, address(trade.seller), trade.sold, trade.amount_sold)
        taker_side = (taker_offer, taker, trade.bought, trade.amount_bought)
        seller_is_base = asset_order(trade.sold) <= asset_order(trade.bought)
        base, counter = (seller_side, taker_side) if seller_is_base else (taker_side, seller_side)
        n, d = trade.price_n, trade.price_d
        found.append(
            TradeRecord(
                order=order,
                base_offer=base[0],
                base_account=base[1],
                base_asset=str(base[2]),
                base_amount=base[3],
                counter_offer=counter[0],
                counter_account=counter[1],
                counter_asset=str(counter[2]),
                counter_amount=counter[3],
                base_is_seller=seller_is_base,
                price_n=n if seller_is_base else d,
                price_d=d if seller_is_base else n,
            )
        )
    return found
