"""Order books, trades and paths."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.history.amounts import amount, asset_fields, moment, price
from roadstead.sandbox.network.history.lists import Order, walk
from roadstead.sandbox.network.history.records import TradeRecord
from roadstead.sandbox.network.ledger.assets import Asset
from roadstead.sandbox.network.ledger.overlay import Store

from .answers import base_url, hal, wants_stream
from .asset_parameters import asset_parameters, parsed_asset, quiet_asset
from .face import Face
from .paging import parse_pair_cursor
from .parameters import account_parameter
from .problems import Problem, bad_request, invalid_order_book, not_found
from .resources import Resource, link
from .serving import serve_list
from .streams import Item, state_events, stream_answer

_LEVELS_DEFAULT = 20
_LEVELS_MAX = 200


def _levels(store: Store, selling: Asset, buying: Asset, limit: int) -> list[Resource]:
    """The price levels of one side, best first, as prices of the book's base in its counter."""
    found: dict[Fraction, int] = {}
    for offer in store.standing((selling, buying)):
        quoted = Fraction(offer.price_n, offer.price_d)
        if quoted not in found and len(found) == limit:
            break
        found[quoted] = found.get(quoted, 0) + offer.amount
    return [
        {"price_r": {"n": n, "d": d}, "price": price(n, d), "amount": amount(units)}
        for (n, d), units in ((quoted.as_integer_ratio(), units) for quoted, units in found.items())
    ]


def _inverted(level: Resource) -> Resource:
    n, d = level["price_r"]["d"], level["price_r"]["n"]
    return {"price_r": {"n": n, "d": d}, "price": price(n, d), "amount": level["amount"]}


def order_book(store: Store, base: Asset, counter: Asset, limit: int) -> Resource:
    """Both sides of a book."""
    return {
        "bids": [_inverted(level) for level in _levels(store, counter, base, limit)],
        "asks": _levels(store, base, counter, limit),
        "base": asset_fields(base),
        "counter": asset_fields(counter),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The assets a list of trades is asked for, in the order asked."""

    base: Asset
    counter: Asset


def _flipped(trade: TradeRecord) -> TradeRecord:
    return TradeRecord(
        order=trade.order,
        base_offer=trade.counter_offer,
        base_account=trade.counter_account,
        base_asset=trade.counter_asset,
        base_amount=trade.counter_amount,
        counter_offer=trade.base_offer,
        counter_account=trade.base_account,
        counter_asset=trade.base_asset,
        counter_amount=trade.base_amount,
        base_is_seller=not trade.base_is_seller,
        price_n=trade.price_d,
        price_d=trade.price_n,
    )


def trade_resource(trade: TradeRecord, toid: int, closed_at: int, base: str) -> Resource:
    """One trade."""
    token = f"{toid}-{trade.order}"
    base_asset, counter_asset = parsed_asset(trade.base_asset), parsed_asset(trade.counter_asset)
    return {
        "_links": {
            "self": link(""),
            "base": link(f"{base}/accounts/{trade.base_account}"),
            "counter": link(f"{base}/accounts/{trade.counter_account}"),
            "operation": link(f"{base}/operations/{toid}"),
        },
        "id": token,
        "paging_token": token,
        "ledger_close_time": moment(closed_at),
        "trade_type": "orderbook",
        "base_offer_id": str(trade.base_offer),
        "base_account": trade.base_account,
        "base_amount": amount(trade.base_amount),
        **({} if base_asset is None else asset_fields(base_asset, "base_")),
        "counter_offer_id": str(trade.counter_offer),
        "counter_account": trade.counter_account,
        "counter_amount": amount(trade.counter_amount),
        **({} if counter_asset is None else asset_fields(counter_asset, "counter_")),
        "base_is_seller": trade.base_is_seller,
        "price": {"n": str(trade.price_n), "d": str(trade.price_d)},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """A list of trades."""

    face: Face
    base: str
    numbers: Callable[[], "array[int]"]
    arranged: Callable[[TradeRecord], TradeRecord | None]

    def check(self, cursor: str) -> None:
        """Raise a Problem for a cursor that is no pair of numbers."""
        parse_pair_cursor(cursor)

    def items(self, cursor: str, order: Order) -> Iterator[Item]:
        """The trades beyond the cursor."""
        pair = parse_pair_cursor(cursor)
        start = None if pair is None else pair[0] - 1 if order == "asc" else pair[0] + 1
        for toid in walk(self.numbers(), None if start is None else max(0, start), order):
            if toid > self.face.ceiling:
                continue
            yield from self._of_operation(toid, pair, order)

    def _of_operation(self, toid: int, pair: tuple[int, int] | None, order: Order) -> Iterator[Item]:
        found = self.face.network.history.operation(toid)
        if found is None:
            return
        record, position = found
        closed_at = self.face.network.history.ledgers[record.ledger - 1].close_time
        trades = record.operations[position].trades
        for trade in trades if order == "asc" else reversed(trades):
            place = (toid, trade.order)
            if pair is not None and not _beyond(place, pair, order):
                continue
            shown = self.arranged(trade)
            if shown is not None:
                body = trade_resource(shown, toid, closed_at, self.base)
                yield Item(f"{toid}-{trade.order}", lambda body=body: body)  # type: ignore[misc]


def _beyond(place: tuple[int, int], cursor: tuple[int, int], order: Order) -> bool:
    if cursor[1] < 0:
        return place[0] > cursor[0] if order == "asc" else place[0] < cursor[0]
    return place > cursor if order == "asc" else place < cursor


@dataclass(frozen=True, slots=True)
class MarketRoutes:
    """The endpoints over order books and trades."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/order_book", self.book),
            Route("/trades", self.trades),
            Route("/accounts/{account_id}/trades", self.account_trades),
            Route("/offers/{offer_id}/trades", self.offer_trades),
        ]

    async def book(self, request: Request) -> Response:
        """The order book of two assets."""
        streaming = wants_stream(request)
        problem = invalid_order_book()
        params = request.query_params
        base = quiet_asset(params, "selling_", problem)
        counter = quiet_asset(params, "buying_", problem)
        limit = self._limit(params.get("limit", ""), problem)

        def look() -> dict[str, Any]:
            return order_book(self.face.network.store, base, counter, limit)

        if streaming:
            return stream_answer(state_events(self.face, look))
        return hal(look(), latest_ledger=self.face.network.header.sequence)

    @staticmethod
    def _limit(text: str, problem: Problem) -> int:
        if not text:
            return _LEVELS_DEFAULT
        if not text.isdecimal() or not 0 < int(text[:6]) <= _LEVELS_MAX:
            raise problem
        return int(text)

    async def trades(self, request: Request) -> Response:
        """Trades, perhaps of one offer or one pair of assets."""
        params = request.query_params
        if params.get("trade_type", "") not in {"", "all", "orderbook", "liquidity_pool"}:
            reason = "Trade type must be all, orderbook, or liquidity_pool"
            raise bad_request("trade_type", reason)
        pair = self._pair(request)
        offer_id = self._offer_id(params.get("offer_id", ""))
        nothing = params.get("trade_type") == "liquidity_pool"

        def arranged(trade: TradeRecord) -> TradeRecord | None:
            if nothing or not _concerns(trade, offer_id):
                return None
            return trade if pair is None else in_order(trade, pair)

        everything = self.face.network.history.everything
        return self._served(request, lambda: everything.trades, arranged)

    def _pair(self, request: Request) -> Pair | None:
        params = request.query_params
        given = [name for name in ("base", "counter") if params.get(f"{name}_asset_type")]
        if not given:
            return None
        if len(given) == 1:
            reason = "this endpoint supports asset pairs but only one asset supplied"
            raise bad_request("base_asset_type,counter_asset_type", reason)
        return Pair(base=asset_parameters(params, "base_"), counter=asset_parameters(params, "counter_"))

    @staticmethod
    def _offer_id(text: str) -> int | None:
        if not text:
            return None
        if not text.isdecimal() or len(text) > 19:  # noqa: PLR2004 - the digits of 64 bits
            raise bad_request("offer_id", "Offer ID must be an integer higher than 0")
        return int(text)

    async def account_trades(self, request: Request) -> Response:
        """The trades of one account."""
        account = account_parameter(request.path_params["account_id"])
        lists = self.face.network.history.account_lists(account)
        if lists is None:
            raise not_found()
        owner = request.path_params["account_id"]
        return self._served(
            request,
            lambda: lists.trades,
            lambda trade: trade if owner in (trade.base_account, trade.counter_account) else None,
        )

    async def offer_trades(self, request: Request) -> Response:
        """The trades of one offer."""
        offer_id = self._offer_id(request.path_params["offer_id"])
        everything = self.face.network.history.everything
        return self._served(
            request,
            lambda: everything.trades,
            lambda trade: trade if _concerns(trade, offer_id) else None,
        )

    def _served(
        self,
        request: Request,
        numbers: Callable[[], "array[int]"],
        arranged: Callable[[TradeRecord], TradeRecord | None],
    ) -> Response:
        source = Trades(face=self.face, base=base_url(request), numbers=numbers, arranged=arranged)
        return serve_list(request, self.face, source)


def _concerns(trade: TradeRecord, offer_id: int | None) -> bool:
    return offer_id is None or offer_id in (trade.base_offer, trade.counter_offer)


def in_order(trade: TradeRecord, pair: Pair) -> TradeRecord | None:
    """The trade as one of base against counter, or None where it is of other assets."""
    base, counter = str(pair.base), str(pair.counter)
    if (trade.base_asset, trade.counter_asset) == (base, counter):
        return trade
    if (trade.base_asset, trade.counter_asset) == (counter, base):
        return _flipped(trade)
    return None
