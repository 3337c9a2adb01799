"""Orders to send money back: what the rooms below say to whoever sends refunds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from roadstead.database.pool import Connection
from roadstead.money import Money
from roadstead.remittances.store import Remittance


class RefundSource(StrEnum):
    """From which account of the books a refund is taken."""

    SUSPENSE = "suspense"
    """A payment that funded nothing, or the part of one above what it funded."""
    WAITING = "waiting"
    """A funded remittance whose rate was never fixed."""
    DELIVERY = "delivery"
    """A funded remittance whose payout will not be made, or came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """An order to send money back to the payer of a payment."""

    source: RefundSource
    operation_id: int
    """The payment whose money goes back: it tells the true payer."""
    remittance: Remittance | None
    """The remittance that the payment funded; None when it funded none."""
    memo_remittance: Remittance | None
    """The remittance that the payment's memo named, whose `refund_memo` is used; None when it named none."""
    amount: Money
    """What leaves our books; the refund fee is taken from it."""
    cause: str
    """Why, for operators: `too_late`, `payout refused AC04`, ..."""


OrderRefunds = Callable[[Connection, Sequence[RefundOrder], datetime], Awaitable[None]]
"""Orders refunds and books them as owed, in the transaction of their cause; repeating an order changes nothing."""
