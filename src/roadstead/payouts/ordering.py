"""Ordering payouts of remittances that were just funded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from roadstead.config.anchor import Anchor
from roadstead.database.pool import Connection
from roadstead.payouts import store
from roadstead.payouts.choosing import first_rail
from roadstead.payouts.identifiers import end_to_end_id, payout_id_of
from roadstead.remittances.funding import Funded


def payout_orderer(
    anchor: Anchor,
) -> Callable[[Connection, Sequence[Funded], datetime], Awaitable[None]]:
    """Return the function that the matcher calls, in its own transaction, for what it found funded."""

    async def order(connection: Connection, funded: Sequence[Funded], now: datetime) -> None:
        orders = []
        for one in funded:
            payout_id = payout_id_of(one.remittance.id)
            amount = one.remittance.delivery.amount_out
            orders.append(
                store.Order(
                    id=payout_id,
                    remittance_id=one.remittance.id,
                    rail=first_rail(anchor, one.remittance.funding_method, amount),
                    amount=amount,
                    end_to_end_id=end_to_end_id(payout_id),
                )
            )
        await store.insert_orders(connection, orders, now)

    return order
