"""SEP-38: what is exchanged, at which prices, and firm quotes. HTTP only; the rules are in `roadstead.quotes`."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from roadstead.errors import BadInput
from roadstead.partners.receipts import KeyedRequest, Receipt
from roadstead.quotes.documents import PriceDocument, QuoteDocument, price_document
from roadstead.quotes.offer import Delivery, OfferedAsset, PriceRequest
from roadstead.quotes.quoting import ListedPrice
from roadstead.quotes.store import Quote
from roadstead.sep.amounts import AmountText, amount_text
from roadstead.sep.idempotency import IDEMPOTENCY_KEY, done_once
from roadstead.sep.routes import Answer, Audience, Body, Call, Parameter, Route


class DeliveryMethod(msgspec.Struct, kw_only=True, frozen=True):
    """A way to deliver a currency; SEP-31 calls it `funding_method`."""

    name: str
    description: str


class InfoAsset(msgspec.Struct, kw_only=True, frozen=True):
    """An asset that is exchanged. Only currencies have delivery methods and countries."""

    asset: str
    buy_delivery_methods: list[DeliveryMethod] | UnsetType = UNSET
    country_codes: list[str] | UnsetType = UNSET


class AssetsAnswer(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of GET /info."""

    assets: list[InfoAsset]


class AssetPrice(msgspec.Struct, kw_only=True, frozen=True):
    """The indicative price of one unit of what is bought, in what is sold, before the fee."""

    asset: str
    price: str
    decimals: int


class PricesAnswer(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of GET /prices: what can be bought for `sell_asset`, or what can be sold for `buy_asset`."""

    buy_assets: list[AssetPrice] | UnsetType = UNSET
    sell_assets: list[AssetPrice] | UnsetType = UNSET


def _no_amount() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class QuoteRequest(msgspec.Struct, kw_only=True, frozen=True):
    """Body of POST /quote: exactly one of the two amounts. Names that are not listed are ignored."""

    sell_asset: str
    buy_asset: str
    context: str
    sell_amount: AmountText = msgspec.field(default_factory=_no_amount)
    buy_amount: AmountText = msgspec.field(default_factory=_no_amount)
    expire_after: str | None = None
    sell_delivery_method: str | None = None
    buy_delivery_method: str | None = None
    country_code: str | None = None


async def info(call: Call) -> Answer:
    """List the assets that are exchanged; the same for everybody."""
    return Answer(content=AssetsAnswer(assets=[_asset(one) for one in call.services.quoting.offer.assets()]))


def _asset(offered: OfferedAsset) -> InfoAsset:
    methods = [
        DeliveryMethod(name=method.name, description=method.description)
        for method in offered.buy_delivery_methods
    ]
    return InfoAsset(
        asset=offered.asset.id,
        buy_delivery_methods=methods or UNSET,
        country_codes=list(offered.country_codes) or UNSET,
    )


async def prices(call: Call) -> Answer:
    """List indicative prices.

    SEP-38 wants `sell_asset` or `buy_asset`. Some clients send both with a `sell_amount`: they get what that buys, as
    far as it is the asset that they name.
    """
    quoting, query = call.services.quoting, call.query
    sell, buy = query.get("sell_asset"), query.get("buy_asset")
    delivery = _delivery(query)
    if sell is not None:
        amount = _needed(query, "sell_amount", "sell_asset")
        wanted = None if buy is None else quoting.offer.asset(buy, "buy_asset")
        token = quoting.offer.asset(sell, "sell_asset")
        listed = await quoting.prices_selling(token, amount, buy=wanted, delivery=delivery)
        return Answer(content=PricesAnswer(buy_assets=[_price(one) for one in listed]))
    if buy is not None:
        amount = _needed(query, "buy_amount", "buy_asset")
        listed = await quoting.prices_buying(quoting.offer.asset(buy, "buy_asset"), amount, delivery=delivery)
        return Answer(content=PricesAnswer(sell_assets=[_price(one) for one in listed]))
    raise BadInput(
        "Send sell_asset with sell_amount, or buy_asset with buy_amount: GET /info lists the assets."
    )


def _needed(query: Any, amount: str, asset: str) -> str:
    other = "buy_amount" if amount == "sell_amount" else "sell_amount"
    if other in query:
        raise BadInput(f"{other} does not go with {asset}: send {amount}.")
    text: str | None = query.get(amount)
    if text is None:
        raise BadInput(f"{amount} is missing: send it with {asset}.")
    return text


def _price(listed: ListedPrice) -> AssetPrice:
    return AssetPrice(asset=listed.asset.id, price=listed.price, decimals=listed.asset.scale)


async def price(call: Call) -> Answer:
    """Give an indicative price for an amount."""
    query = call.query
    exchange = await call.services.quoting.price(
        PriceRequest(
            sell_asset=query.get("sell_asset"),
            buy_asset=query.get("buy_asset"),
            sell_amount=query.get("sell_amount"),
            buy_amount=query.get("buy_amount"),
            context=query.get("context"),
            delivery=_delivery(query),
        )
    )
    return Answer(content=price_document(exchange))


def _delivery(query: Any) -> Delivery:
    return Delivery(
        sell_method=query.get("sell_delivery_method"),
        buy_method=query.get("buy_delivery_method"),
        country_code=query.get("country_code"),
    )


async def give_quote(call: Call) -> Answer:
    """Give a firm quote to the account of the token; on networks with an allow-list only to partners.

    It is given once, if the request has an idempotency key.
    """
    if call.services.configuration.profile.requires_allow_list_at_authentication:
        await call.services.partners.require_active(call.principal.account)
    return await done_once(call, "give quote", lambda keyed: _give_quote(call, keyed))


async def _give_quote(call: Call, keyed: KeyedRequest | None) -> Answer:
    body: QuoteRequest = call.payload
    services = call.services

    def receipt(keyed: KeyedRequest, quote: Quote) -> Receipt:
        return Receipt(request=keyed, status=201, body=quote.document, answered_at=services.clock.now())

    quote = await services.quoting.give(
        PriceRequest(
            sell_asset=body.sell_asset,
            buy_asset=body.buy_asset,
            sell_amount=_amount(body.sell_amount),
            buy_amount=_amount(body.buy_amount),
            context=body.context,
            delivery=Delivery(
                sell_method=body.sell_delivery_method,
                buy_method=body.buy_delivery_method,
                country_code=body.country_code,
            ),
        ),
        account=call.principal.account,
        expire_after=body.expire_after,
        receipt=None if keyed is None else partial(receipt, keyed),
    )
    return Answer(status=201, content=quote.document)


def _amount(raw: msgspec.Raw) -> str | None:
    return None if bytes(raw).strip() == b"null" else amount_text(raw)


async def show_quote(call: Call) -> Answer:
    """Give back a quote: the very document that was given first, for as long as it is asked for."""
    quote = await call.services.quoting.find(call.principal.account, call.path["id"])
    return Answer(content=quote.document)


_DELIVERY = (
    Parameter(name="sell_delivery_method", description="Does not apply: what is sold here are tokens."),
    Parameter(name="buy_delivery_method", description="One of those that GET /info lists.", example="SEPA"),
    Parameter(name="country_code", description="Country of delivery, of ISO 3166.", example="DE"),
)
_SELL = Parameter(
    name="sell_asset",
    description="What the client sells, as GET /info lists it.",
    example="stellar:USDC:GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL",
)
_BUY = Parameter(name="buy_asset", description="What the client buys.", example="iso4217:EUR")
_SELL_AMOUNT = Parameter(name="sell_amount", description="Amount that is sold.", example="100")
_BUY_AMOUNT = Parameter(name="buy_amount", description="Amount that is bought.")

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/sep38/info",
        audience=Audience.OPTIONAL,
        handler=info,
        source="SEP-38 GET /info",
        summary="What is exchanged, and how it is delivered",
        answer=AssetsAnswer,
        refusals=(),
        tags=("SEP-38",),
    ),
    Route(
        method="GET",
        path="/sep38/prices",
        audience=Audience.OPTIONAL,
        handler=prices,
        source="SEP-38 GET /prices",
        summary="Indicative prices of all that an asset buys, or is bought with",
        answer=PricesAnswer,
        parameters=(_SELL, _SELL_AMOUNT, _BUY, _BUY_AMOUNT, *_DELIVERY),
        refusals=(400, 503),
        tags=("SEP-38",),
    ),
    Route(
        method="GET",
        path="/sep38/price",
        audience=Audience.OPTIONAL,
        handler=price,
        source="SEP-38 GET /price",
        summary="Indicative price of an amount",
        answer=PriceDocument,
        parameters=(
            Parameter(name="context", description="sep31.", required=True, example="sep31"),
            _SELL,
            _SELL_AMOUNT,
            _BUY,
            _BUY_AMOUNT,
            *_DELIVERY,
        ),
        refusals=(400, 503),
        tags=("SEP-38",),
    ),
    Route(
        method="POST",
        path="/sep38/quote",
        audience=Audience.AUTHENTICATED,
        handler=give_quote,
        source="SEP-38 POST /quote",
        summary="Ask for a firm quote",
        body=Body(struct=QuoteRequest),
        answer=QuoteDocument,
        status=201,
        parameters=(IDEMPOTENCY_KEY,),
        refusals=(400, 409, 413, 503),
        tags=("SEP-38",),
    ),
    Route(
        method="GET",
        path="/sep38/quote/{id}",
        audience=Audience.AUTHENTICATED,
        handler=show_quote,
        source="SEP-38 GET /quote/:id",
        summary="Look a firm quote up",
        answer=QuoteDocument,
        parameters=(
            Parameter(
                name="id",
                place="path",
                required=True,
                description="The id that POST /quote gave.",
                example="0b4f8f6e-93f8-4f5e-8a63-6d6f2a9f6f0d",
            ),
        ),
        refusals=(404,),
        tags=("SEP-38",),
    ),
)
