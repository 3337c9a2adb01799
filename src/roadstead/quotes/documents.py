"""Prices and quotes as SEP-38 writes them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from roadstead.clock import utc_text
from roadstead.money import Money
from roadstead.quotes.pricing import Exchange

FEE_NAME = "Service fee"
FEE_DESCRIPTION = "Fixed and percentage fee."


class FeeLine(msgspec.Struct, kw_only=True, frozen=True):
    """One part of a fee."""

    name: str
    description: str
    amount: str


class Fee(msgspec.Struct, kw_only=True, frozen=True):
    """A fee and its parts; the parts add up to the total."""

    total: str
    asset: str
    details: list[FeeLine]


class PriceDocument(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of GET /price."""

    total_price: str
    price: str
    sell_amount: str
    buy_amount: str
    fee: Fee


class QuoteDocument(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of POST /quote and of GET /quote/:id: the same document, whenever it is asked for."""

    id: str
    expires_at: str
    total_price: str
    price: str
    sell_asset: str
    sell_amount: str
    buy_asset: str
    buy_amount: str
    buy_delivery_method: str | UnsetType = UNSET
    fee: Fee


def fee_document(fee: Money) -> Fee:
    """Write a fee."""
    lines = [FeeLine(name=FEE_NAME, description=FEE_DESCRIPTION, amount=fee.text)] if fee.units else []
    return Fee(total=fee.text, asset=fee.asset.id, details=lines)


def price_document(exchange: Exchange) -> PriceDocument:
    """Write an indicative price."""
    return PriceDocument(
        total_price=exchange.total_price,
        price=exchange.price,
        sell_amount=exchange.sell.text,
        buy_amount=exchange.buy.text,
        fee=fee_document(exchange.fee),
    )


def quote_document(
    exchange: Exchange, *, quote_id: UUID, expires_at: datetime, delivery_method: str | None
) -> QuoteDocument:
    """Write a firm quote; the delivery method stands in it only when the client named one."""
    return QuoteDocument(
        id=str(quote_id),
        expires_at=utc_text(expires_at),
        total_price=exchange.total_price,
        price=exchange.price,
        sell_asset=exchange.sell.asset.id,
        sell_amount=exchange.sell.text,
        buy_asset=exchange.buy.asset.id,
        buy_amount=exchange.buy.text,
        buy_delivery_method=delivery_method or UNSET,
        fee=fee_document(exchange.fee),
    )
