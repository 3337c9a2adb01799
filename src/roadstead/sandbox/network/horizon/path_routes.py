"""Finding paths through the order books, with the arithmetic of the ledger itself."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.history.amounts import UNITS, amount, asset_fields
from roadstead.sandbox.network.ledger.assets import NATIVE, AccountId, Asset, address
from roadstead.sandbox.network.ledger.crossing import ConversionEnd, Verdict, convert
from roadstead.sandbox.network.ledger.exchange import ExchangeBroken, Rounding
from roadstead.sandbox.network.ledger.overlay import Overlay
from roadstead.sandbox.network.ledger.state import INT64_MAX, Account, AccountKey, Offer

from .answers import hal, refuse_stream
from .asset_parameters import asset_list, asset_parameters
from .face import Face
from .parameters import account_parameter
from .problems import bad_request, one_of
from .resources import Resource

HOPS_MAX = 3
"""Conversions in one path."""
PATHS_PER_ASSET = 5
CONVERSIONS_MAX = 2000
"""Conversions tried for one request: beyond, what was found by then is the answer."""
_OFFERS_MAX = 1000
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,7})?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One path: what is sold, what is bought, and through which assets between."""

    sold: Asset
    sold_units: int
    bought: Asset
    bought_units: int
    between: tuple[Asset, ...]


@dataclass(slots=True, kw_only=True)
class Search:
    """A depth-first search through the books. `hop` converts one amount into a neighbour's."""

    neighbours: Callable[[Asset], Iterable[Asset]]
    hop: Callable[[Asset, Asset, int], int | None]
    left: int = CONVERSIONS_MAX

    def run(self, start: Asset, units: int, wanted: set[Asset]) -> list[tuple[tuple[Asset, ...], int]]:
        """Every way from the start to a wanted asset: (the assets passed, the amount there)."""
        found: list[tuple[tuple[Asset, ...], int]] = []
        self._visit((start,), units, wanted, found)
        return found

    def _visit(
        self,
        passed: tuple[Asset, ...],
        units: int,
        wanted: set[Asset],
        found: list[tuple[tuple[Asset, ...], int]],
    ) -> None:
        here = passed[-1]
        if here in wanted:
            found.append((passed, units))
        if len(passed) > HOPS_MAX:
            return
        for neighbour in self.neighbours(here):
            if neighbour in passed or self.left <= 0:
                continue
            self.left -= 1
            there = self.hop(here, neighbour, units)
            if there:
                self._visit((*passed, neighbour), there, wanted, found)


def _units(text: str, field: str) -> int:
    if not text:
        raise bad_request(field, "Missing required field")
    if not _AMOUNT.match(text):
        raise bad_request(field, "Amount must be positive")
    whole, _, rest = text.partition(".")
    units = int(whole) * UNITS + int(rest.ljust(7, "0") or "0")
    if not 0 < units <= INT64_MAX:
        raise bad_request(field, "Amount must be positive")
    return units


def _resource(found: Found) -> Resource:
    return {
        **asset_fields(found.sold, "source_"),
        "source_amount": amount(found.sold_units),
        **asset_fields(found.bought, "destination_"),
        "destination_amount": amount(found.bought_units),
        "path": [asset_fields(asset) for asset in found.between],
    }


def _order_of(asset: Asset) -> tuple[str, str, str]:
    if asset.is_native:
        return ("native", "", "")
    return (asset.kind, asset.name, address(asset.issuer))


@dataclass(frozen=True, slots=True)
class PathRoutes:
    """The endpoints that find paths."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/paths", self.strict_receive),
            Route("/paths/strict-receive", self.strict_receive),
            Route("/paths/strict-send", self.strict_send),
        ]

    def _held(self, account_id: AccountId) -> dict[Asset, int]:
        """What an account could send of each asset it may hold."""
        store = self.face.network.store
        account = store.get(AccountKey(account_id))
        if not isinstance(account, Account):
            return {}
        lines = store.lines_by_account.get(account_id, {}).values()
        held = {line.asset: line.balance - line.selling for line in lines}
        return {**held, NATIVE: account.balance - account.selling}

    def _convert(
        self, sold: Asset, bought: Asset, units: int, payer: AccountId | None, *, receive: bool
    ) -> int | None:
        network = self.face.network
        view = Overlay(network.store, ledger=network.header.sequence)

        def judge(offer: Offer) -> Verdict:
            return Verdict.OWN_OFFER if offer.seller == payer else Verdict.TAKE

        try:
            done = convert(
                view,
                network.header.terms,
                sheep=sold,
                sheep_max=INT64_MAX if receive else units,
                wheat=bought,
                wheat_max=units if receive else INT64_MAX,
                rounding=Rounding.STRICT_RECEIVE if receive else Rounding.STRICT_SEND,
                judge=judge,
                offers_max=_OFFERS_MAX,
            )
        except ExchangeBroken:
            return None
        if done.end is not ConversionEnd.DONE:
            return None
        moved = done.amount_bought if receive else done.amount_sold
        if moved != units:
            return None
        return done.amount_sold if receive else done.amount_bought

    def _sellers_of(self, bought: Asset) -> list[Asset]:
        """For which assets this one can be bought."""
        books = self.face.network.store.books
        return sorted((pair[1] for pair in books if pair[0] == bought), key=_order_of)

    def _bought_for(self, sold: Asset) -> list[Asset]:
        """Which assets can be bought for this one."""
        books = self.face.network.store.books
        return sorted((pair[0] for pair in books if pair[1] == sold), key=_order_of)

    async def strict_receive(self, request: Request) -> Response:
        """Ways to deliver an amount, by what they cost."""
        refuse_stream(request)
        params = request.query_params
        bought = asset_parameters(params, "destination_")
        units = _units(params.get("destination_amount", ""), "destination_amount")
        if bool(params.get("source_account")) == bool(params.get("source_assets")):
            raise one_of("source")
        payer: AccountId | None = None
        limits: dict[Asset, int] = {}
        if params.get("source_account"):
            payer = account_parameter(params["source_account"], "source_account")
            limits = self._held(payer)
        else:
            assets = asset_list(params["source_assets"], "source_assets")
            limits = dict.fromkeys(assets, INT64_MAX)
        search = Search(
            neighbours=self._sellers_of,
            hop=lambda here, there, wanted: self._convert(there, here, wanted, payer, receive=True),
        )
        found = [
            Found(
                sold=passed[-1],
                sold_units=cost,
                bought=bought,
                bought_units=units,
                between=tuple(reversed(passed[1:-1])),
            )
            for passed, cost in search.run(bought, units, set(limits))
            if cost <= limits[passed[-1]]
        ]
        found.sort(key=lambda one: (_order_of(one.sold), one.sold_units, len(one.between)))
        return self._told(found, lambda one: one.sold)

    async def strict_send(self, request: Request) -> Response:
        """Ways to send an amount, by what they yield."""
        refuse_stream(request)
        params = request.query_params
        sold = asset_parameters(params, "source_")
        units = _units(params.get("source_amount", ""), "source_amount")
        if bool(params.get("destination_account")) == bool(params.get("destination_assets")):
            raise one_of("destination")
        if params.get("destination_account"):
            account = account_parameter(params["destination_account"], "destination_account")
            wanted = set(self._held(account))
        else:
            wanted = set(asset_list(params["destination_assets"], "destination_assets"))
        search = Search(
            neighbours=self._bought_for,
            hop=lambda here, there, held: self._convert(here, there, held, None, receive=False),
        )
        found = [
            Found(
                sold=sold,
                sold_units=units,
                bought=passed[-1],
                bought_units=yielded,
                between=passed[1:-1],
            )
            for passed, yielded in search.run(sold, units, wanted)
        ]
        found.sort(key=lambda one: (_order_of(one.bought), -one.bought_units, len(one.between)))
        return self._told(found, lambda one: one.bought)

    def _told(self, found: list[Found], group: Callable[[Found], Asset]) -> Response:
        counts: dict[Asset, int] = {}
        shown: list[Resource] = []
        for one in found:
            counts[group(one)] = counts.get(group(one), 0) + 1
            if counts[group(one)] <= PATHS_PER_ASSET:
                shown.append(_resource(one))
        return hal({"_embedded": {"records": shown}}, latest_ledger=self.face.network.header.sequence)
