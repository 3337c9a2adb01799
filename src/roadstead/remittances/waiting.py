"""Remittances that were paid while no rate was known: each gets its rate as soon as there is one."""

from __future__ import annotations

from datetime import datetime

from roadstead.database.pool import Database
from roadstead.errors import InvariantViolated
from roadstead.ledger.postings import rate_fixed
from roadstead.ledger.store import post
from roadstead.quotes.rates import Snapshot
from roadstead.remittances import store
from roadstead.remittances.fixing import fix
from roadstead.remittances.funding import Funded, OrderPayouts

BATCH_MAX = 200


async def price_waiting(
    database: Database, order_payouts: OrderPayouts, rates: Snapshot, now: datetime
) -> int:
    """Fix the rates of the oldest remittances that wait for one: price, books and payout orders together.

    Returns how many were fixed; those of a pair without a current rate go on waiting. Safe to run anywhere, any time.
    """
    if not rates:
        return 0
    async with database.transaction() as connection:
        funded = []
        for waiting in await store.unpriced(connection, list(rates), BATCH_MAX):
            fixed = fix(waiting, rates)
            if fixed is None or fixed.rate is None or fixed.remittance.amount_out is None:
                continue
            if waiting.funded_by is None:
                raise InvariantViolated(f"Remittance {waiting.id} waits for a rate and was never paid.")
            await store.fix_price(connection, waiting.id, fixed.remittance.amount_out, fixed.rate)
            funded.append(Funded(remittance=fixed.remittance, operation_id=waiting.funded_by))
        await post(connection, [rate_fixed(one.remittance.delivery) for one in funded])
        await order_payouts(connection, funded, now)
    return len(funded)
