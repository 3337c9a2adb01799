"""Which of SEP-31's three ways of pricing a partner asks for, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.errors import BadInput
from roadstead.money import Asset, Money, parse_asset
from roadstead.quotes.offer import CONTEXT
from roadstead.quotes.store import StoredQuote
from roadstead.remittances.pricing import Price, price_at_par, price_quoted, price_to_come


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How a remittance is priced, and how its currency may be delivered."""

    price: Price
    funding_methods: tuple[str, ...]
    quote: StoredQuote | None = None


def at_par_or_to_come(
    destination_asset: str | None, amount: Money, accepted: AcceptedAsset, configuration: Configuration
) -> Mode:
    """Price a remittance without a quote: one to one, or, into another currency, at the rate of its payment.

    Raises:
        BadInput: The asset needs a quote, is not delivered as that, or the amount is outside the limits.
    """
    terms = accepted.terms
    if terms.quotes_required:
        raise BadInput(
            f"{accepted.code} is only received at a firm price: send the quote_id of POST /quote (SEP-38)."
        )
    wanted = terms.delivers if destination_asset is None else parse_asset(destination_asset)
    if wanted == terms.delivers:
        price = price_at_par(terms, accepted.asset, amount)
        return Mode(price=price, funding_methods=terms.funding_methods)
    for pair in configuration.pairs:
        if (pair.sell, pair.buy) == (accepted.asset, wanted):
            return Mode(price=price_to_come(pair, amount), funding_methods=pair.terms.funding_methods)
    raise BadInput(
        f"{accepted.code} is not delivered as {wanted}: send destination_asset {terms.delivers}, another one that GET "
        "/prices (SEP-38) lists, or none."
    )


def quoted(
    stored: StoredQuote,
    *,
    amount: Money,
    accepted: AcceptedAsset,
    destination_asset: str | None,
    now: datetime,
) -> Mode:
    """Price a remittance as a quote of the same account promised.

    Raises:
        BadInput: The quote is over or used, or promised something else than is asked for now.
    """
    quote = stored.quote
    if quote.context != CONTEXT:
        raise BadInput(f"Quote {quote.id} was given for {quote.context}: ask for one with context {CONTEXT}.")
    if stored.is_used:
        raise used_up(stored)
    if quote.expires_at <= now:
        raise BadInput(f"Quote {quote.id} has expired: ask for a new one.")
    if quote.sell.asset != accepted.asset:
        raise BadInput(
            f"Quote {quote.id} sells {quote.sell.asset}: send that asset, or ask for another quote."
        )
    if quote.sell != amount:
        raise BadInput(f"Quote {quote.id} sells {quote.sell}: send amount {quote.sell.text}.")
    _require_destination(stored, destination_asset)
    return Mode(price=price_quoted(quote), funding_methods=(quote.delivery_method,), quote=stored)


def used_up(stored: StoredQuote) -> BadInput:
    """Return the refusal of a quote at which a remittance was opened already."""
    return BadInput(f"Quote {stored.quote.id} is used, and each is used once: ask for a new one.")


def _require_destination(stored: StoredQuote, destination_asset: str | None) -> None:
    if destination_asset is None:
        return
    wanted: Asset = parse_asset(destination_asset)
    if wanted != stored.quote.buy.asset:
        raise BadInput(
            f"Quote {stored.quote.id} buys {stored.quote.buy.asset}: send that as destination_asset, or none."
        )
