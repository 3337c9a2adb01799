"""What people may decide about payments that wait in the queue. Pure rules, and the content that people agree to.

A payment may be matched by hand to a remittance that still waits for its payment, whatever memo it had and whenever it
came; to no other, because a partner takes an expired or finished remittance for over. What arrived is never exceeded.
Everything else goes back to its payer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from roadstead.money import Asset, Money
from roadstead.payments.dispositions import Disposition
from roadstead.payments.queue import Part
from roadstead.remittances.funding import repriced
from roadstead.remittances.matching import Matched, fit
from roadstead.remittances.policies import Policies
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Remittance

MATCH = "match"
REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedPayment:
    """What a decision about a payment looks at, locked."""

    operation_id: int
    disposition: Disposition
    excess_disposition: Disposition | None
    reason: str | None
    receiving_account: str
    payer: str
    asset: Asset
    amount: Money | None
    excess: Money | None
    remittance_id: UUID | None

    @property
    def waiting(self) -> tuple[Part, Money | None] | None:
        """What of it waits for a person and how much that is; None when nothing does."""
        if self.disposition is Disposition.UNMATCHED:
            return Part.PAYMENT, self.amount
        if self.excess_disposition is Disposition.UNMATCHED:
            return Part.EXCESS, self.excess
        return None


@dataclass(frozen=True, slots=True)
class NotPossible:
    """Why something cannot be done; the sentence says what to do instead."""

    why: str


def match_by_hand(
    payment: QueuedPayment, remittance: Remittance, policies: Policies
) -> Matched | NotPossible:
    """Decide how a payment would fund the remittance that a person names."""
    if payment.disposition is not Disposition.UNMATCHED:
        return NotPossible(
            f"Payment {payment.operation_id} is {payment.disposition}: only an unmatched one is matched."
        )
    if payment.amount is None:
        return NotPossible(
            f"Nobody knows how much payment {payment.operation_id} brought: it stays unmatched."
        )
    if remittance.status is not RemittanceStatus.PENDING_SENDER or remittance.funded_by is not None:
        return NotPossible(
            f"Remittance {remittance.id} is {remittance.status} and waits for no payment: refund the payment instead."
        )
    if payment.receiving_account != remittance.receiving_account:
        return NotPossible(
            f"Remittance {remittance.id} is paid to another account of ours: refund the payment."
        )
    if payment.asset != remittance.amount_expected.asset:
        return NotPossible(
            f"Remittance {remittance.id} is paid in {remittance.amount_expected.asset}, and payment "
            f"{payment.operation_id} brought {payment.asset}: refund it."
        )
    return _fit_by_hand(payment.amount, remittance, policies)


def _fit_by_hand(received: Money, remittance: Remittance, policies: Policies) -> Matched | NotPossible:
    """Fit an amount as a person may: as the policies would, or with any excess, or less at a price of its own."""
    decision = fit(received, remittance, policies)
    if isinstance(decision, Matched):
        return decision
    if received > remittance.amount_expected:
        return Matched(remittance_id=remittance.id, excess=received - remittance.amount_expected)
    price = policies.price_received(remittance, received)
    if price is None:
        return NotPossible(
            f"{received} is less than the {remittance.amount_expected} that were agreed, and cannot be delivered "
            "instead (a firm quote, or outside the limits): refund it."
        )
    return Matched(remittance_id=remittance.id, price=price)


def match_content(payment: QueuedPayment, remittance: Remittance, matched: Matched) -> Mapping[str, str]:
    """Write what people agree to when a payment is matched by hand: which, to what, and what is delivered."""
    funded = repriced(remittance, matched.price)
    return {
        "action": MATCH,
        "payment": str(payment.operation_id),
        "payer": payment.payer,
        "received": str(payment.amount),
        "remittance": str(remittance.id),
        "agreed": str(remittance.amount_expected),
        "funded": str(funded.amount_in),
        "fee": str(funded.service_fee + funded.rounding),
        "delivered": "at the rate of that moment" if funded.amount_out is None else str(funded.amount_out),
        "excess": str(matched.excess or Money(payment.asset, 0)),
    }


def refund_content(payment: QueuedPayment, part: Part, amount: Money) -> Mapping[str, str]:
    """Write what people agree to when a payment, or what was too much of it, is sent back."""
    return {
        "action": REFUND,
        "payment": str(payment.operation_id),
        "part": part,
        "amount": str(amount),
        "asset": amount.asset.id,
        "payer": payment.payer,
    }


def refund_by_hand(payment: QueuedPayment) -> tuple[Part, Money] | NotPossible:
    """Decide what of a payment would go back to its payer."""
    waiting = payment.waiting
    if waiting is None:
        return NotPossible(
            f"Payment {payment.operation_id} is {payment.disposition}: nothing of it waits to go back."
        )
    part, amount = waiting
    if amount is None:
        return NotPossible(
            f"Nobody knows how much payment {payment.operation_id} brought: it cannot go back."
        )
    return part, amount
