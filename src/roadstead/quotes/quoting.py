"""Giving prices: indicative ones, and firm quotes that are reserved when they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from roadstead.clock import Clock
from roadstead.config.effective import Configuration, QuotedPair
from roadstead.database.pool import Database
from roadstead.errors import BadInput, NotFound, Unavailable
from roadstead.money import Asset, Money, amount_from_text, exact_amount
from roadstead.partners.receipts import Receipt
from roadstead.quotes import store
from roadstead.quotes.documents import quote_document
from roadstead.quotes.offer import CONTEXT, Delivery, Offer, PriceRequest, delivery_method, priced
from roadstead.quotes.pricing import Exchange, price_text
from roadstead.quotes.rates import RateBook
from roadstead.randomness import Randomness, new_id

_MOMENT_CHARACTERS_MAX = 40
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrice:
    """One line of SEP-38 `/prices`: the price of one unit of what is bought, in what is sold, before the fee."""

    asset: Asset
    price: str


class Quoting:
    """The desk where prices are asked."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        rates: RateBook,
        database: Database,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self.offer = Offer(configuration)
        self._rates = rates
        self._database = database
        self._clock = clock
        self._randomness = randomness

    async def prices_selling(
        self, sell: Asset, amount: str, *, buy: Asset | None, delivery: Delivery
    ) -> list[ListedPrice]:
        """List what an amount of an asset buys, and at which price.

        Raises:
            BadInput: The amount or the delivery is not valid.
            Unavailable: There would be prices, and no current rate for any.
        """
        money = amount_from_text(sell, amount)
        pairs = self.offer.pairs_of(sell=sell, buy=buy, delivery=delivery)
        fitting = [pair for pair in pairs if pair.amount_min <= money.decimal <= pair.amount_max]
        return await self._listed(fitting, bought=True)

    async def prices_buying(self, buy: Asset, amount: str, *, delivery: Delivery) -> list[ListedPrice]:
        """List what can be sold for an amount of an asset, and at which price.

        Raises:
            BadInput: The amount or the delivery is not valid.
            Unavailable: There would be prices, and no current rate for any.
        """
        if amount_from_text(buy, amount).units == 0:
            raise BadInput("buy_amount is nothing: ask for more.")
        return await self._listed(self.offer.pairs_of(sell=None, buy=buy, delivery=delivery), bought=False)

    async def price(self, request: PriceRequest) -> Exchange:
        """Give an indicative price.

        Raises:
            BadInput: The request does not fit the offer.
            Unavailable: There is no current rate.
        """
        wanted = self.offer.wanted(request)
        return priced(wanted, await self._rates.tariff(wanted.pair))

    async def give(
        self,
        request: PriceRequest,
        *,
        account: str,
        expire_after: str | None,
        receipt: Callable[[store.Quote], Receipt] | None = None,
    ) -> store.Quote:
        """Give a firm quote to an account and reserve what it promises.

        Repeating it gives another quote, unless `receipt` writes a receipt with the same key, which is stored with
        the quote.

        Raises:
            BadInput: The request does not fit the offer, or more than the limits allow would be promised.
            KeyTaken: The receipt's key has one already; nothing was stored.
            Unavailable: There is no current rate, or the database does not answer.
        """
        wanted = self.offer.wanted(request)
        pair = wanted.pair
        method = delivery_method(pair, request.delivery.buy_method)
        exchange = priced(wanted, await self._rates.tariff(pair))
        now = self._clock.now()
        expires_at = expiry(pair, expire_after, now)
        quote_id = new_id(self._randomness)
        document = quote_document(
            exchange, quote_id=quote_id, expires_at=expires_at, delivery_method=request.delivery.buy_method
        )
        quote = store.Quote(
            id=quote_id,
            account=account,
            context=CONTEXT,
            sell=exchange.sell,
            fee=exchange.fee,
            buy=exchange.buy,
            delivery_method=method,
            document=msgspec.json.encode(document),
            given_at=now,
            expires_at=expires_at,
        )
        await self._reserve(pair, quote, None if receipt is None else receipt(quote))
        return quote

    async def find(self, account: str, quote_id: str) -> store.Quote:
        """Return a quote of an account, however old it is.

        Raises:
            NotFound: There is none of that id, or it is somebody else's.
        """
        found = await named_quote(self._database, account, quote_id)
        if found is None:
            raise NotFound(f"Quote {quote_id[:40]!r} is not known: use the id that POST /quote gave you.")
        return found.quote

    async def _reserve(self, pair: QuotedPair, quote: store.Quote, receipt: Receipt | None) -> None:
        terms = pair.terms
        async with self._database.transaction() as connection:
            owner = await store.owner_of(connection, quote.account)
            promised = await store.reservations(
                connection, sell=pair.sell, buy=pair.buy, owner=owner, now=quote.given_at
            )
            if promised.open_count >= terms.open_quotes_max:
                raise BadInput(
                    f"{promised.open_count} quotes are open and not used, which is the most: use one or let one expire."
                )
            left = exact_amount(pair.sell, terms.exposure_max) - promised.exposure
            if quote.sell > left:
                raise BadInput(
                    f"{_not_negative(left)} can be quoted at this moment: ask for less, or again when quotes have"
                    " expired."
                )
            await store.insert(connection, quote, owner=owner, receipt=receipt)

    async def _listed(self, pairs: list[QuotedPair], *, bought: bool) -> list[ListedPrice]:
        listed: list[ListedPrice] = []
        refusal: Unavailable | None = None
        for pair in pairs:
            try:
                tariff = await self._rates.tariff(pair)
            except Unavailable as error:
                refusal = error
                continue
            price = price_text(_ONE, tariff.effective_rate)
            listed.append(ListedPrice(asset=pair.buy if bought else pair.sell, price=price))
        if refusal is not None and not listed:
            raise refusal
        return listed


async def named_quote(database: Database, account: str, quote_id: str) -> store.StoredQuote | None:
    """Return the quote of an account by the id that it sent; None when there is none, or it is somebody else's."""
    try:
        identifier = UUID(quote_id)
    except ValueError:
        return None
    async with database.connection() as connection:
        return await store.by_account(connection, account, identifier)


def expiry(pair: QuotedPair, expire_after: str | None, now: datetime) -> datetime:
    """Return when a quote given now expires, in whole seconds: not before `expire_after`, if that is asked for.

    Raises:
        BadInput: `expire_after` is no moment, over already, or later than a quote of this pair may hold.
    """
    terms = pair.terms
    usual = (now + timedelta(seconds=terms.quote_lifetime_s)).replace(microsecond=0)
    if expire_after is None:
        return usual
    wanted = _moment(expire_after)
    latest = (now + timedelta(seconds=terms.quote_lifetime_max_s)).replace(microsecond=0)
    if wanted <= now:
        raise BadInput("expire_after is over already: send a moment to come, or leave it out.")
    if wanted > latest:
        raise BadInput(
            f"expire_after is too late: a quote of this pair holds at most {terms.quote_lifetime_max_s} seconds."
        )
    whole = wanted.replace(microsecond=0)
    return max(usual, whole if whole == wanted else whole + timedelta(seconds=1))


def _moment(text: str) -> datetime:
    refusal = BadInput("expire_after is not valid: send a moment in UTC such as 2026-01-31T12:00:00Z.")
    if len(text) > _MOMENT_CHARACTERS_MAX or "T" not in text:
        raise refusal
    try:
        moment = datetime.fromisoformat(text)
        # SEP-38's own example leaves the zone out and means UTC.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refusal from error


def _not_negative(money: Money) -> Money:
    return Money(money.asset, max(0, money.units))
