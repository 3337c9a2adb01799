"""Ordering payouts of remittances that were just funded, and asking at once for what stands in their way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from roadstead.config.anchor import Anchor
from roadstead.customers.standing import NOBODY
from roadstead.database.pool import Connection
from roadstead.errors import BadInput
from roadstead.payouts import store
from roadstead.payouts.asking import ask_customer
from roadstead.payouts.choosing import first_rail
from roadstead.payouts.identifiers import end_to_end_id, payout_id_of
from roadstead.remittances import gate
from roadstead.remittances.demands import sides_of
from roadstead.remittances.funding import Funded


def payout_orderer(
    anchor: Anchor, *, verified_types: frozenset[str] = NOBODY
) -> Callable[[Connection, Sequence[Funded], datetime], Awaitable[None]]:
    """Return the function that the matcher calls, in its own transaction, for what it found funded.

    The gate is asked there too: what arrived for a customer of whom something lacks stays funded, its payout is ordered
    and waits, and the partner is asked in the same transaction.
    """

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
        await _ask_the_gate(connection, anchor, funded, gate.Verified(types=verified_types, now=now))

    return order


async def _ask_the_gate(
    connection: Connection, anchor: Anchor, funded: Sequence[Funded], verified: gate.Verified
) -> None:
    accepted = (
        await gate.accepted_fields_of(connection, [one.remittance.id for one in funded], verified.now)
        if funded
        else {}
    )
    for one in funded:
        remittance = one.remittance
        try:
            sides = sides_of(remittance, anchor, accepted[remittance.id], verified)
        except BadInput:
            # What is asked of its customers is not in anchor.toml any more: the payout itself says so to people.
            continue
        await gate.begin_cases(connection, sides, verified.now)
        word = gate.gate_word(sides)
        if word.lacking and not word.is_rejected:
            await ask_customer(connection, remittance.id, word.lacking, verified.now)
