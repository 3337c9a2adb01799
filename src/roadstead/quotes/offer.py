"""What is quoted: pairs, delivery methods and countries, and whether a request fits them. Pure rules."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadstead.config.effective import Configuration, QuotedPair
from roadstead.config.rail_terms import FundingMethod
from roadstead.errors import BadInput
from roadstead.money import Asset, Money, amount_from_text, parse_asset
from roadstead.quotes.pricing import Exchange, Tariff, price_buying, price_selling

CONTEXT = "sep31"
"""The one SEP in whose context prices are asked here."""

_COUNTRY = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAsset:
    """One asset of SEP-38 `/info`."""

    asset: Asset
    buy_delivery_methods: tuple[FundingMethod, ...] = ()
    country_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How the client wants the currency delivered, as it was sent."""

    sell_method: str | None = None
    buy_method: str | None = None
    country_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest:
    """What a client asks the price of, as it was sent: nothing of it is checked yet."""

    sell_asset: str | None
    buy_asset: str | None
    sell_amount: str | None
    buy_amount: str | None
    context: str | None
    delivery: Delivery = Delivery()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request that fits the offer; the client fixed exactly one side."""

    pair: QuotedPair
    sell: Money | None
    buy: Money | None


class Offer:
    """All pairs of the configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.pairs = configuration.pairs
        anchor = configuration.anchor
        self._methods = {
            pair.buy: tuple(
                anchor.funding_method(name)
                for name in dict.fromkeys(
                    name
                    for other in self.pairs
                    if other.buy == pair.buy
                    for name in other.terms.funding_methods
                )
            )
            for pair in self.pairs
        }
        self._tokens = tuple(dict.fromkeys(pair.sell for pair in self.pairs))

    def assets(self) -> list[OfferedAsset]:
        """List the tokens in the order of the pairs, then the currencies."""
        tokens = [OfferedAsset(asset=token) for token in self._tokens]
        return tokens + [
            OfferedAsset(asset=buy, buy_delivery_methods=methods, country_codes=self._countries(buy))
            for buy, methods in self._methods.items()
        ]

    def asset(self, text: str, name: str) -> Asset:
        """Read an asset that is quoted.

        Raises:
            BadInput: It is not of the form of SEP-38, or not quoted.
        """
        asset = parse_asset(text)
        if asset not in self._methods and asset not in self._tokens:
            raise BadInput(f"{name} {text[:80]!r} is not quoted: GET /info lists the assets that are.")
        return asset

    def pairs_of(self, *, sell: Asset | None, buy: Asset | None, delivery: Delivery) -> list[QuotedPair]:
        """List the pairs that sell one asset, buy another, and deliver as is wanted; None stands for any.

        Raises:
            BadInput: A delivery method or a country is not offered for any of them.
        """
        found = [pair for pair in self.pairs if sell in (None, pair.sell) and buy in (None, pair.buy)]
        _require_delivery(found or list(self.pairs), delivery)
        return [pair for pair in found if _delivers(pair, delivery)]

    def wanted(self, request: PriceRequest) -> Wanted:
        """Check a request for a price.

        Raises:
            BadInput: Something is missing, contradicts itself, or is not offered.
        """
        if request.context != CONTEXT:
            raise BadInput(f"context {(request.context or '')[:20]!r} is not served: send {CONTEXT}.")
        pair = self._pair(request)
        _require_delivery([pair], request.delivery)
        amounts = (request.sell_amount, request.buy_amount)
        if amounts.count(None) != 1:
            raise BadInput(
                "Send exactly one of sell_amount and buy_amount: the other one is what you ask for."
            )
        sell = None if request.sell_amount is None else amount_from_text(pair.sell, request.sell_amount)
        buy = None if request.buy_amount is None else amount_from_text(pair.buy, request.buy_amount)
        return Wanted(pair=pair, sell=sell, buy=buy)

    def _pair(self, request: PriceRequest) -> QuotedPair:
        if request.sell_asset is None or request.buy_asset is None:
            raise BadInput("sell_asset and buy_asset are both needed: GET /info lists the assets.")
        sell = self.asset(request.sell_asset, "sell_asset")
        buy = self.asset(request.buy_asset, "buy_asset")
        for pair in self.pairs:
            if (pair.sell, pair.buy) == (sell, buy):
                return pair
        raise BadInput(f"{sell} is not exchanged into {buy}: GET /prices lists what it buys.")

    def _countries(self, buy: Asset) -> tuple[str, ...]:
        pairs = [pair for pair in self.pairs if pair.buy == buy]
        if not all(pair.terms.country_codes for pair in pairs):
            return ()
        return tuple(dict.fromkeys(code for pair in pairs for code in pair.terms.country_codes))


def priced(wanted: Wanted, tariff: Tariff) -> Exchange:
    """Price what is wanted.

    Raises:
        BadInput: The amount is outside the limits of the pair, or nothing would be left after the fee.
    """
    pair = wanted.pair
    if wanted.sell is not None:
        require_within_limits(pair, wanted.sell)
        return price_selling(tariff, wanted.sell, pair.buy)
    if wanted.buy is None:
        raise BadInput("Send exactly one of sell_amount and buy_amount: the other one is what you ask for.")
    exchange = price_buying(tariff, pair.sell, wanted.buy)
    require_within_limits(pair, exchange.sell)
    return exchange


def require_within_limits(pair: QuotedPair, sell: Money) -> None:
    """Return when an amount may be exchanged at once.

    Raises:
        BadInput: It is below the least or above the greatest amount of the pair.
    """
    value = sell.decimal
    if value < pair.amount_min:
        raise BadInput(f"{sell} is too small: {pair.amount_min:f} {sell.asset.code} is the least.")
    if value > pair.amount_max:
        raise BadInput(f"{sell} is too large: {pair.amount_max:f} {sell.asset.code} is the most.")


def delivery_method(pair: QuotedPair, named: str | None) -> str:
    """Return the delivery method of a firm quote: the named one, or the only one.

    Raises:
        BadInput: None is named, and the pair has several.
    """
    methods = pair.terms.funding_methods
    if named is not None:
        return named
    if len(methods) > 1:
        raise BadInput(f"buy_delivery_method is missing: send one of {', '.join(methods)}.")
    return methods[0]


def _require_delivery(pairs: list[QuotedPair], delivery: Delivery) -> None:
    if delivery.sell_method is not None:
        raise BadInput(
            "sell_delivery_method does not apply: what is sold here are tokens, and they are paid on Stellar."
        )
    method, country = delivery.buy_method, delivery.country_code
    methods = dict.fromkeys(name for pair in pairs for name in pair.terms.funding_methods)
    if method is not None and method not in methods:
        raise BadInput(
            f"buy_delivery_method {method[:40]!r} is not offered: send one of {', '.join(methods)}."
        )
    if country is not None and not _COUNTRY.fullmatch(country):
        raise BadInput(f"country_code {country[:20]!r} is none: send a code of ISO 3166 such as DE or US-NY.")
    if country is not None and not any(_serves(pair, country) for pair in pairs):
        raise BadInput(f"Nothing is delivered in {country}: GET /info lists the countries of each asset.")


def _delivers(pair: QuotedPair, delivery: Delivery) -> bool:
    method, country = delivery.buy_method, delivery.country_code
    return (method is None or method in pair.terms.funding_methods) and (
        country is None or _serves(pair, country)
    )


def _serves(pair: QuotedPair, country: str) -> bool:
    codes = pair.terms.country_codes
    return not codes or country in codes or country.partition("-")[0] in codes
