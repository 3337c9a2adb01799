"""manage_sell_offer, manage_buy_offer and create_passive_sell_offer."""

from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger import pack
from roadstead.sandbox.network.ledger.assets import (
    Asset,
    asset_from_xdr,
    is_issuer,
    is_valid_asset,
    pack_account,
    pack_asset,
)
from roadstead.sandbox.network.ledger.balances import (
    available_lumens,
    can_buy_at_most,
    can_sell_at_most,
    is_authorized,
)
from roadstead.sandbox.network.ledger.crossing import (
    Conversion,
    ConversionEnd,
    Verdict,
    bind,
    convert,
    move,
    release,
)
from roadstead.sandbox.network.ledger.exchange import ExchangeBroken, Rounding, adjusted_amount, promised
from roadstead.sandbox.network.ledger.outcome import OUTER, Outcome, refused, refused_outside
from roadstead.sandbox.network.ledger.overlay import Overlay
from roadstead.sandbox.network.ledger.reserves import create_subentry, remove_subentry
from roadstead.sandbox.network.ledger.state import INT64_MAX, OFFER_PASSIVE, Offer

from .payments import OFFERS_CROSSED_MAX
from .rule import Check, Turn, unpaid

_Sell = xdr.ManageSellOfferResultCode
_Buy = xdr.ManageBuyOfferResultCode

_CREATED = 0
_UPDATED = 1
_DELETED = 2


class Side(Enum):
    """Which of the two amounts an order fixes."""

    SELL = "sell"
    BUY = "buy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a taker wants: sheep to give, wheat to get, at `price` wheat for one sheep at least."""

    side: Side
    selling: Asset
    buying: Asset
    amount: int
    price: tuple[int, int]
    offer_id: int
    passive: bool = False

    @property
    def deletes(self) -> bool:
        """Whether it only takes a standing offer away."""
        return self.amount == 0

    def limits(self, sell_max: int, sold: int, buy_max: int, bought: int) -> tuple[int, int]:
        """What may still be sold and bought: (sell, buy)."""
        if self.side is Side.SELL:
            return min(self.amount - sold, sell_max), buy_max
        return sell_max, min(self.amount - bought, buy_max)

    def liabilities(self) -> tuple[int, int]:
        """What the order would bind if nothing of it were filled: (selling, buying)."""
        if self.side is Side.SELL:
            return promised(self.price, wheat_send_max=self.amount)
        return promised(self.price, wheat_send_max=INT64_MAX, sheep_receive_max=self.amount)

    def code(self, name: str) -> IntEnum:
        """The result code of this kind of order."""
        if self.side is Side.SELL:
            return _Sell.__members__[f"MANAGE_SELL_OFFER_{name}"]
        return _Buy.__members__[f"MANAGE_BUY_OFFER_{name}"]


def _sell_order(body: xdr.ManageSellOfferOp) -> Order:
    return Order(
        side=Side.SELL,
        selling=asset_from_xdr(body.selling),
        buying=asset_from_xdr(body.buying),
        amount=body.amount.int64,
        price=(body.price.n.int32, body.price.d.int32),
        offer_id=body.offer_id.int64,
    )


def _buy_order(body: xdr.ManageBuyOfferOp) -> Order:
    return Order(
        side=Side.BUY,
        selling=asset_from_xdr(body.selling),
        buying=asset_from_xdr(body.buying),
        amount=body.buy_amount.int64,
        price=(body.price.d.int32, body.price.n.int32),
        offer_id=body.offer_id.int64,
    )


def _passive_order(body: xdr.CreatePassiveSellOfferOp) -> Order:
    return Order(
        side=Side.SELL,
        selling=asset_from_xdr(body.selling),
        buying=asset_from_xdr(body.buying),
        amount=body.amount.int64,
        price=(body.price.n.int32, body.price.d.int32),
        offer_id=0,
        passive=True,
    )


def _check(order: Order) -> IntEnum | None:
    malformed = order.code("MALFORMED")
    if not is_valid_asset(order.selling) or not is_valid_asset(order.buying):
        return malformed
    if order.selling == order.buying or order.amount < 0 or min(order.price) <= 0:
        return malformed
    if order.offer_id < 0 or (order.offer_id == 0 and order.deletes):
        return malformed
    return None


def check_sell(check: Check) -> IntEnum | None:
    """Two different assets, a positive price, an amount unless an offer is taken away."""
    return _check(_sell_order(check.body))


def check_buy(check: Check) -> IntEnum | None:
    """Two different assets, a positive price, an amount unless an offer is taken away."""
    return _check(_buy_order(check.body))


def check_passive(check: Check) -> IntEnum | None:
    """Two different assets, a positive price and a positive amount."""
    return _check(_passive_order(check.body))


def apply_sell(turn: Turn) -> Outcome:
    """Trade against the book and leave the rest standing; or change, or take away, an offer."""
    return _Placing(turn, _sell_order(turn.body)).run()


def apply_buy(turn: Turn) -> Outcome:
    """The same, with the amount bought fixed."""
    return _Placing(turn, _buy_order(turn.body)).run()


def apply_passive(turn: Turn) -> Outcome:
    """The same, without taking offers of exactly the reverse price."""
    return _Placing(turn, _passive_order(turn.body)).run()


class _Placing:
    """One order on its way through the book."""

    def __init__(self, turn: Turn, order: Order) -> None:
        self._turn = turn
        self._order = order
        self._view = turn.view
        self._old: Offer | None = None
        self._flags = OFFER_PASSIVE if order.passive else 0

    def run(self) -> Outcome:
        problem = self._line_problem()
        if problem is not None:
            return refused(problem)
        if self._order.offer_id and not self._take_old():
            return refused(self._order.code("NOT_FOUND"))
        if self._order.deletes:
            self._forget_old()
            return _ended(None, _DELETED, None)
        if self._old is None:
            unaffordable = self._reserve()
            if unaffordable is not None:
                return unaffordable
        return self._trade()

    def _line_problem(self) -> IntEnum | None:
        order = self._order
        if order.deletes:
            return None
        if not order.selling.is_native and not is_issuer(self._turn.source, order.selling):
            line = self._view.peek_line(self._turn.source, order.selling)
            if line is None:
                return order.code("SELL_NO_TRUST")
            if line.balance == 0:
                return order.code("UNDERFUNDED")
            if not is_authorized(line):
                return order.code("SELL_NOT_AUTHORIZED")
        if not order.buying.is_native and not is_issuer(self._turn.source, order.buying):
            line = self._view.peek_line(self._turn.source, order.buying)
            if line is None:
                return order.code("BUY_NO_TRUST")
            if not is_authorized(line):
                return order.code("BUY_NOT_AUTHORIZED")
        return None

    def _take_old(self) -> bool:
        old = self._view.offer(self._turn.source, self._order.offer_id)
        if old is None:
            return False
        release(self._view, old, self._turn.terms)
        self._old = old
        self._flags = old.flags
        return True

    def _forget_old(self) -> None:
        if self._old is not None:
            remove_subentry(self._view, self._old, self._turn.source)

    def _reserve(self) -> Outcome | None:
        """Pay the reserve before trading; what is left standing later takes this place."""
        problem = create_subentry(
            self._view,
            self._standing(0, 0),
            self._turn.source,
            self._turn.sponsorships,
            self._turn.terms,
        )
        if problem is not None:
            return unpaid(problem, self._order.code("LOW_RESERVE"))
        entry = self._view.offer(self._turn.source, 0)
        self._old = entry
        return None

    def _standing(self, offer_id: int, amount: int) -> Offer:
        n, d = self._order.price
        return Offer(
            seller=self._turn.source,
            offer_id=offer_id,
            selling=self._order.selling,
            buying=self._order.buying,
            amount=amount,
            price_n=n,
            price_d=d,
            flags=self._flags & OFFER_PASSIVE,
        )

    def _room(self) -> tuple[int, int]:
        """What the source could sell and buy now, liabilities respected."""
        source, order, view = self._turn.source, self._order, self._view
        return (
            can_sell_at_most(view, source, order.selling, self._turn.terms),
            can_buy_at_most(view, source, order.buying),
        )

    def _room_problem(self) -> IntEnum | None:
        selling, buying = self._order.liabilities()
        sell_max, buy_max = self._room()
        if self._order.selling.is_native:
            account = self._turn.source_account()
            sell_max = available_lumens(account, self._turn.terms)
        if buy_max < buying:
            return self._order.code("LINE_FULL")
        if sell_max < selling:
            return self._order.code("UNDERFUNDED")
        return None

    def _judge(self, offer: Offer) -> Verdict:
        n, d = self._order.price
        asked = offer.price_n * n
        given = offer.price_d * d
        if asked > given or (self._flags & OFFER_PASSIVE and asked >= given):
            return Verdict.BAD_PRICE
        if offer.seller == self._turn.source:
            return Verdict.OWN_OFFER
        return Verdict.TAKE

    def _trade(self) -> Outcome:
        problem = self._room_problem()
        if problem is not None:
            return refused(problem)
        placeholder = self._old
        if placeholder is not None:
            self._view.erase(placeholder.key)
        sell_max, buy_max = self._order.limits(*_interleaved(self._room()))
        done = convert(
            self._view,
            self._turn.terms,
            sheep=self._order.selling,
            sheep_max=sell_max,
            wheat=self._order.buying,
            wheat_max=buy_max,
            rounding=Rounding.OFFER,
            judge=self._judge,
            offers_max=OFFERS_CROSSED_MAX,
        )
        match done.end:
            case ConversionEnd.CROSSED_SELF:
                return refused(self._order.code("CROSS_SELF"))
            case ConversionEnd.TOO_MANY_OFFERS:
                return refused_outside(OUTER.opEXCEEDED_WORK_LIMIT)
            case ConversionEnd.DONE:
                stays = False
            case ConversionEnd.TOO_FEW_OFFERS | ConversionEnd.BAD_PRICE:
                stays = True
        if done.amount_bought > 0:
            terms, source = self._turn.terms, self._turn.source
            move(self._view, source, self._order.buying, done.amount_bought, terms)
            move(self._view, source, self._order.selling, -done.amount_sold, terms)
        return self._settle(done, self._left(done) if stays else 0)

    def _left(self, done: Conversion) -> int:
        sell_room, buy_room = self._room()
        sell_max, buy_max = self._order.limits(sell_room, done.amount_sold, buy_room, done.amount_bought)
        return adjusted_amount(self._order.price, sell_max, buy_max)

    def _settle(self, done: Conversion, left: int) -> Outcome:
        reserved = self._old
        if reserved is None:
            raise ExchangeBroken("An order came to its end without a place in the book.")
        if left == 0:
            remove_subentry(self._view, reserved, self._turn.source)
            return _ended(None, _DELETED, done)
        is_new = self._order.offer_id == 0
        offer_id = self._view.next_offer_id() if is_new else self._order.offer_id
        offer = replace(
            self._standing(offer_id, left),
            sponsor=reserved.sponsor,
            entry_extension=reserved.entry_extension,
        )
        self._view.put(offer)
        if not bind(self._view, offer, self._turn.terms):
            raise ExchangeBroken(f"Offer {offer_id} binds more than its owner has.")
        return _ended(offer, _CREATED if is_new else _UPDATED, done)


def _interleaved(room: tuple[int, int]) -> tuple[int, int, int, int]:
    return room[0], 0, room[1], 0


def _packed_offer(offer: Offer) -> bytes:
    return b"".join(
        [
            pack_account(offer.seller),
            pack.int64(offer.offer_id),
            pack_asset(offer.selling),
            pack_asset(offer.buying),
            pack.int64(offer.amount),
            pack.int32(offer.price_n),
            pack.int32(offer.price_d),
            pack.uint32(offer.flags),
            pack.ZERO,
        ]
    )


def _ended(offer: Offer | None, effect: int, done: Conversion | None) -> Outcome:
    trades = () if done is None else done.trades
    payload = pack.array(trade.packed() for trade in trades) + pack.int32(effect)
    if offer is not None:
        payload += _packed_offer(offer)
    return Outcome(payload=payload, trades=trades)


def remove_offers(view: Overlay, turn: Turn, owner: bytes, asset: Asset) -> None:
    """Take away every offer of an owner that sells or buys an asset."""
    for offer in view.offers_of(owner):
        if asset in (offer.selling, offer.buying):
            view.offer(owner, offer.offer_id)
            release(view, offer, turn.terms)
            remove_subentry(view, offer, owner)
