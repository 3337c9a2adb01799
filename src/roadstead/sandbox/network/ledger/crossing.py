"""Taking offers from the book: for offers that cross and for the hops of path payments."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from .assets import AccountId, Asset, is_issuer
from .balances import (
    Terms,
    add_buying,
    add_selling,
    can_buy_at_most,
    can_sell_at_most,
    with_lumens,
    with_units,
)
from .exchange import ExchangeBroken, Rounding, adjusted_amount, exchange, liabilities
from .operations.rule import Turn
from .outcome import Trade
from .overlay import Overlay
from .reserves import remove_subentry
from .state import INT64_MAX, Offer


class Verdict(Enum):
    """What a taker thinks of the next offer."""

    TAKE = "take"
    BAD_PRICE = "bad price"
    OWN_OFFER = "own offer"


class ConversionEnd(Enum):
    """How a conversion through the book ended."""

    DONE = "done"
    TOO_FEW_OFFERS = "too few offers"
    BAD_PRICE = "bad price"
    CROSSED_SELF = "crossed self"
    TOO_MANY_OFFERS = "too many offers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What was sold and bought on the way."""

    end: ConversionEnd
    amount_sold: int
    amount_bought: int
    trades: tuple[Trade, ...]


def bind(view: Overlay, offer: Offer, terms: Terms) -> bool:
    """Write an offer's liabilities on both sides; False where they no longer fit."""
    selling, buying = liabilities(offer)
    return add_buying(view, offer.seller, offer.buying, buying) and add_selling(
        view, offer.seller, offer.selling, selling, terms
    )


def release(view: Overlay, offer: Offer, terms: Terms) -> None:
    """Take an offer's liabilities off both sides."""
    selling, buying = liabilities(offer)
    freed = add_buying(view, offer.seller, offer.buying, -buying) and add_selling(
        view, offer.seller, offer.selling, -selling, terms
    )
    if not freed:
        raise ExchangeBroken(f"The liabilities of offer {offer.offer_id} are not what they were.")


def adjusted(view: Overlay, offer: Offer, terms: Terms) -> Offer:
    """The offer cut down to what its owner can deliver and take in."""
    amount = adjusted_amount(
        (offer.price_n, offer.price_d),
        min(offer.amount, can_sell_at_most(view, offer.seller, offer.selling, terms)),
        can_buy_at_most(view, offer.seller, offer.buying),
    )
    return offer if amount == offer.amount else replace(offer, amount=amount)


def move(view: Overlay, owner: AccountId, asset: Asset, delta: int, terms: Terms) -> None:
    """Change a balance by what a trade brings or takes; it was checked that it fits."""
    if delta == 0 or is_issuer(owner, asset):
        return
    if asset.is_native:
        account = view.account(owner)
        changed = None if account is None else with_lumens(account, delta, terms)
        if changed is None:
            raise ExchangeBroken("A trade does not fit the balance it was computed for.")
        view.put(changed)
        return
    line = view.line(owner, asset)
    filled = None if line is None else with_units(line, delta)
    if filled is None:
        raise ExchangeBroken("A trade does not fit the trust line it was computed for.")
    view.put(filled)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crossed:
    trade: Trade
    wheat: int
    sheep: int
    wheat_stays: bool
    taken: bool


def _cross(
    view: Overlay,
    offer: Offer,
    terms: Terms,
    *,
    wheat_max: int,
    sheep_max: int,
    rounding: Rounding,
) -> _Crossed:
    """Take as much of one offer as possible."""
    view.offer(offer.seller, offer.offer_id)
    release(view, offer, terms)
    standing = adjusted(view, offer, terms)
    found = exchange(
        price=(offer.price_n, offer.price_d),
        wheat_send_max=min(standing.amount, can_sell_at_most(view, offer.seller, offer.selling, terms)),
        wheat_receive_max=wheat_max,
        sheep_send_max=sheep_max,
        sheep_receive_max=can_buy_at_most(view, offer.seller, offer.buying),
        rounding=rounding,
    )
    move(view, offer.seller, offer.buying, found.sheep, terms)
    move(view, offer.seller, offer.selling, -found.wheat, terms)
    left = replace(standing, amount=standing.amount - found.wheat if found.wheat_stays else 0)
    if left.amount:
        left = adjusted(view, left, terms)
    if left.amount:
        view.put(left)
        bind(view, left, terms)
    else:
        remove_subentry(view, offer, offer.seller)
    trade = Trade(
        seller=offer.seller,
        offer_id=offer.offer_id,
        sold=offer.selling,
        amount_sold=found.wheat,
        bought=offer.buying,
        amount_bought=found.sheep,
        price_n=offer.price_n,
        price_d=offer.price_d,
    )
    return _Crossed(
        trade=trade,
        wheat=found.wheat,
        sheep=found.sheep,
        wheat_stays=found.wheat_stays,
        taken=left.amount == 0,
    )


def convert(
    outer: Overlay,
    terms: Terms,
    *,
    sheep: Asset,
    sheep_max: int,
    wheat: Asset,
    wheat_max: int,
    rounding: Rounding,
    judge: Callable[[Offer], Verdict],
    offers_max: int,
) -> Conversion:
    """Sell sheep for wheat, best offers first, until one of the limits is reached."""
    sold = bought = 0
    trades: list[Trade] = []

    def ended(end: ConversionEnd) -> Conversion:
        return Conversion(end=end, amount_sold=sold, amount_bought=bought, trades=tuple(trades))

    while wheat_max - bought > 0 and sheep_max - sold > 0:
        view = Overlay(outer, ledger=terms.ledger)
        offer = view.best_offer((wheat, sheep))
        if offer is None:
            return ended(ConversionEnd.TOO_FEW_OFFERS)
        match judge(offer):
            case Verdict.BAD_PRICE:
                return ended(ConversionEnd.BAD_PRICE)
            case Verdict.OWN_OFFER:
                return ended(ConversionEnd.CROSSED_SELF)
            case Verdict.TAKE:
                pass
        if len(trades) >= offers_max:
            return ended(ConversionEnd.TOO_MANY_OFFERS)
        crossed = _cross(
            view,
            offer,
            terms,
            wheat_max=wheat_max - bought,
            sheep_max=sheep_max - sold,
            rounding=rounding,
        )
        view.commit()
        trades.append(crossed.trade)
        sold += crossed.sheep
        bought += crossed.wheat
        if crossed.wheat_stays:
            return ended(ConversionEnd.DONE)
        if not crossed.taken and wheat_max - bought > 0 and sheep_max - sold > 0:
            return ended(ConversionEnd.TOO_FEW_OFFERS)
    return ended(ConversionEnd.DONE)


def _not_own(source: AccountId) -> Callable[[Offer], Verdict]:
    def judge(offer: Offer) -> Verdict:
        return Verdict.OWN_OFFER if offer.seller == source else Verdict.TAKE

    return judge


def convert_for_receive(
    turn: Turn, *, sold: Asset, bought: Asset, amount: int, offers_max: int
) -> Conversion:
    """Buy exactly this amount, whatever it costs."""
    found = convert(
        turn.view,
        turn.terms,
        sheep=sold,
        sheep_max=INT64_MAX,
        wheat=bought,
        wheat_max=amount,
        rounding=Rounding.STRICT_RECEIVE,
        judge=_not_own(turn.source),
        offers_max=offers_max,
    )
    if found.end is ConversionEnd.DONE and found.amount_bought != amount:
        return replace(found, end=ConversionEnd.TOO_FEW_OFFERS)
    return found


def convert_for_send(turn: Turn, *, sold: Asset, bought: Asset, amount: int, offers_max: int) -> Conversion:
    """Sell exactly this amount, whatever it yields."""
    found = convert(
        turn.view,
        turn.terms,
        sheep=sold,
        sheep_max=amount,
        wheat=bought,
        wheat_max=INT64_MAX,
        rounding=Rounding.STRICT_SEND,
        judge=_not_own(turn.source),
        offers_max=offers_max,
    )
    if found.end is ConversionEnd.DONE and found.amount_sold != amount:
        return replace(found, end=ConversionEnd.TOO_FEW_OFFERS)
    return found
