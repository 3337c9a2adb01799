"""Trades of a pair of assets summed up over stretches of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.history.amounts import amount, price
from roadstead.sandbox.network.history.records import TradeRecord

from .answers import base_url, hal, refuse_stream
from .asset_parameters import asset_parameters
from .face import Face
from .market_routes import Pair, in_order
from .paging import parse_limit, parse_order
from .problems import bad_request
from .resources import Resource, link
from .serving import first_values

_RESOLUTIONS_MS = frozenset({60_000, 300_000, 900_000, 3_600_000, 86_400_000, 604_800_000})
_RESOLUTION_REASON = (
    "illegal or missing resolution. allowed resolutions are: 1 minute (60000), 5 minutes "
    "(300000), 15 minutes (900000), 1 hour (3600000), 1 day (86400000) and 1 week (604800000)"
)


@dataclass(frozen=True, slots=True)
class _Bucket:
    """The trades of one stretch of time, oldest first."""

    start_ms: int
    trades: list[TradeRecord]


def _ratio(trade: TradeRecord) -> Fraction:
    return Fraction(trade.price_n, trade.price_d)


def _price_fields(name: str, value: Fraction) -> Resource:
    n, d = value.as_integer_ratio()
    return {name: price(n, d), f"{name}_r": {"n": str(n), "d": str(d)}}


def _resource(bucket: _Bucket) -> Resource:
    prices = [_ratio(trade) for trade in bucket.trades]
    base = sum(trade.base_amount for trade in bucket.trades)
    counter = sum(trade.counter_amount for trade in bucket.trades)
    return {
        "timestamp": str(bucket.start_ms),
        "trade_count": str(len(bucket.trades)),
        "base_volume": amount(base),
        "counter_volume": amount(counter),
        "avg": price(counter, base),
        **_price_fields("high", max(prices)),
        **_price_fields("low", min(prices)),
        **_price_fields("open", prices[0]),
        **_price_fields("close", prices[-1]),
    }


def _number(params: dict[str, str], name: str, default: int) -> int:
    text = params.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004 - milliseconds in 64 bits
        raise bad_request(name, "unparseable value")
    return int(text)


@dataclass(frozen=True, slots=True)
class AggregationRoutes:
    """The endpoint over sums of trades."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [Route("/trade_aggregations", self.aggregations)]

    def _trades(self, pair: Pair, start_ms: int, end_ms: int) -> Iterator[tuple[int, TradeRecord]]:
        history = self.face.network.history
        for toid in history.everything.trades:
            found = history.operation(toid)
            if found is None or toid > self.face.ceiling:
                continue
            record, position = found
            at_ms = history.ledgers[record.ledger - 1].close_time * 1000
            if not start_ms <= at_ms < end_ms:
                continue
            for trade in record.operations[position].trades:
                arranged = in_order(trade, pair)
                if arranged is not None:
                    yield at_ms, arranged

    async def aggregations(self, request: Request) -> Response:
        """Volume and prices of one pair, by minute, hour or the like."""
        refuse_stream(request)
        params = first_values(request)
        order, limit = parse_order(params), parse_limit(params)
        pair = Pair(base=asset_parameters(params, "base_"), counter=asset_parameters(params, "counter_"))
        resolution = _number(params, "resolution", 0)
        if resolution not in _RESOLUTIONS_MS:
            raise bad_request("resolution", _RESOLUTION_REASON)
        start_ms = _number(params, "start_time", 0)
        end_ms = _number(params, "end_time", 0) or 2**62
        buckets: dict[int, _Bucket] = {}
        for at_ms, trade in self._trades(pair, start_ms, end_ms):
            start = at_ms // resolution * resolution
            buckets.setdefault(start, _Bucket(start, [])).trades.append(trade)
        starts = sorted(buckets, reverse=order == "desc")[:limit]
        return hal(self._page(request, params, limit, [buckets[start] for start in starts]))

    @staticmethod
    def _page(request: Request, params: dict[str, str], limit: int, buckets: list[_Bucket]) -> dict[str, Any]:
        here = f"{base_url(request)}/trade_aggregations"
        following = dict(params)
        if len(buckets) == limit:
            resolution = int(params["resolution"])
            following["start_time"] = str(buckets[-1].start_ms + resolution)
        return {
            "_links": {
                "self": link(f"{here}?{request.url.query}"),
                "next": link(f"{here}?{urlencode(sorted(following.items()))}"),
                "prev": link(""),
            },
            "_embedded": {"records": [_resource(bucket) for bucket in buckets]},
        }
