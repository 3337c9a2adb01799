"""Funding: a payment pays for a remittance, in state and books together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from roadstead.database.pool import Connection
from roadstead.ledger.postings import (
    Posting,
    payment_excess,
    payment_matched,
    payment_waiting,
    suspense_matched,
    suspense_waiting,
)
from roadstead.ledger.store import post
from roadstead.money import Money
from roadstead.quotes.rates import Snapshot
from roadstead.remittances import funding_store
from roadstead.remittances.fixing import WAITING, fix
from roadstead.remittances.matching import Matched
from roadstead.remittances.pricing import Price
from roadstead.remittances.store import Remittance


@dataclass(frozen=True, slots=True, kw_only=True)
class Funded:
    """A remittance that was just found funded, for whoever orders its payout."""

    remittance: Remittance
    operation_id: int


OrderPayouts = Callable[[Connection, Sequence[Funded], datetime], Awaitable[None]]
"""Orders the payouts of remittances that were just funded, in the same transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A payment, the remittance that it funds, and how."""

    remittance: Remittance
    operation_id: int
    matched: Matched
    from_suspense: bool = False
    """Whether the payment was unmatched before, so that the books have it already."""

    @property
    def excess(self) -> Money | None:
        """What arrived above what is funded, where that is anything."""
        return self.matched.excess


def repriced(remittance: Remittance, price: Price | None) -> Remittance:
    """Return a remittance at the price of what arrived; without one, as it was agreed."""
    if price is None:
        return remittance
    return replace(
        remittance,
        amount_in=price.amount_in,
        service_fee=price.service_fee,
        rounding=price.rounding,
        fee_lines=price.fee_texts,
        amount_out=price.amount_out,
    )


async def write_matches(
    connection: Connection, matches: Sequence[Match], now: datetime, rates: Snapshot, *, cause: str
) -> list[Funded]:
    """Write what was funded; return those that can be paid out, because their amount is known.

    Raises:
        Conflict: A remittance or a payment moved meanwhile; the transaction has to be undone.
    """
    if not matches:
        return []
    await funding_store.match_payments(
        connection,
        [
            funding_store.MatchedPayment(
                operation_id=one.operation_id, remittance_id=one.remittance.id, excess=one.excess
            )
            for one in matches
        ],
        now,
        cause=cause,
    )
    payable: list[Funded] = []
    fundings: list[funding_store.Funding] = []
    postings: list[Posting] = []
    for one in matches:
        remittance = repriced(one.remittance, one.matched.price)
        fixed = fix(remittance, rates)
        fundings.append(
            funding_store.Funding(
                remittance=remittance if fixed is None else fixed.remittance,
                operation_id=one.operation_id,
                is_repriced=one.matched.price is not None,
                exchange_rate=None if fixed is None else fixed.rate,
                message=WAITING if fixed is None else None,
            )
        )
        if fixed is not None:
            payable.append(Funded(remittance=fixed.remittance, operation_id=one.operation_id))
        postings.extend(_postings(one, remittance if fixed is None else fixed.remittance))
    await funding_store.fund(connection, fundings, now)
    await post(connection, postings)
    return payable


def _postings(match: Match, remittance: Remittance) -> list[Posting]:
    """Write what funding means for the books; what is suspended already is not received again."""
    operation_id = match.operation_id
    if remittance.amount_out is None:
        funded = suspense_waiting if match.from_suspense else payment_waiting
        first = funded(operation_id, remittance.id, remittance.amount_in)
    else:
        delivered = suspense_matched if match.from_suspense else payment_matched
        first = delivered(operation_id, remittance.delivery)
    if match.excess is None or match.from_suspense:
        return [first]
    return [first, payment_excess(operation_id, remittance.id, match.excess)]
