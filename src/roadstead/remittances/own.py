"""Payments of our own accounts: stock that we move ourselves, which belongs to nobody else and waits for nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from roadstead.database.pool import Connection
from roadstead.ledger.postings import payment_own
from roadstead.ledger.store import post
from roadstead.remittances.matching import StoredPayment
from roadstead.remittances.store import Remittance


def is_own(payment: StoredPayment, candidate: Remittance | None) -> bool:
    """Tell whether a payment is a transfer of our own.

    It is when one of our accounts paid and named no remittance (`candidate`): whoever names one pays for it. The
    creation of the receiving account always is, as nobody can have paid for a remittance before the account existed.
    """
    return payment.created_account or (payment.from_own and candidate is None)


def part_own(
    payments: Sequence[StoredPayment], candidate_of: Callable[[StoredPayment], Remittance | None]
) -> tuple[list[StoredPayment], list[StoredPayment]]:
    """Part our own transfers from what others paid; both stay in their order."""
    own: list[StoredPayment] = []
    of_others: list[StoredPayment] = []
    for payment in payments:
        (own if is_own(payment, candidate_of(payment)) else of_others).append(payment)
    return own, of_others


async def write_own(connection: Connection, payments: Sequence[StoredPayment], now: datetime) -> None:
    """Dispose of stored payments as our own, state and books together. Needs a transaction; safe to repeat."""
    if not payments:
        return
    await connection.execute(
        """
        UPDATE payments SET disposition = 'own', disposed_at = $2
        WHERE operation_id = ANY ($1::bigint[]) AND disposition = 'stored'
        """,
        [payment.operation_id for payment in payments],
        now,
    )
    await post(
        connection,
        [
            payment_own(payment.operation_id, payment.amount)
            for payment in payments
            if payment.amount is not None
        ],
    )
