"""The matcher's step: takes stored payments in the order of the chain and disposes of each, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import RoadsteadError
from roadstead.ledger.postings import Posting, payment_matched, payment_unmatched, payment_waiting
from roadstead.ledger.store import post
from roadstead.money import parse_asset
from roadstead.quotes.rates import NO_RATES, Snapshot
from roadstead.remittances import store
from roadstead.remittances.fixing import WAITING, fix
from roadstead.remittances.matching import (
    Matched,
    StoredPayment,
    Unmatched,
    UnmatchedReason,
    match_payment,
    own_memo,
)
from roadstead.stellar.memos import Memo, MemoKind

log = structlog.get_logger()

BATCH_MAX = 200

_TURN = "matcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Funded:
    """A remittance that this step found funded, for whoever orders its payout."""

    remittance: store.Remittance
    operation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed:
    """What one step did."""

    matched: int
    unmatched: tuple[Unmatched, ...]

    @property
    def count(self) -> int:
        """How many payments were disposed of."""
        return self.matched + len(self.unmatched)


_NOTHING = Disposed(matched=0, unmatched=())

OrderPayouts = Callable[[Connection, Sequence[Funded], datetime], Awaitable[None]]
"""Orders the payouts of remittances that were just funded, in the same transaction."""


async def take_turn(connection: Connection) -> bool:
    """Take the matcher's turn until the transaction ends; False when another worker has it.

    Payments are disposed of in the order of the chain, so that of two payments for one remittance the first one funds
    it; that needs one matcher at a time, but no leader.
    """
    row = await connection.fetchrow(
        "SELECT name FROM schedules WHERE name = $1 FOR UPDATE SKIP LOCKED", _TURN
    )
    return row is not None


async def stored_payments(connection: Connection) -> list[StoredPayment]:
    """Return the oldest payments that nobody has disposed of, at most `BATCH_MAX`."""
    rows = await connection.fetch(
        """
        SELECT operation_id, receiving_account, asset, amount_units, memo_kind, memo, ledger_closed_at
        FROM payments WHERE disposition = 'stored' ORDER BY operation_id LIMIT $1
        """,
        BATCH_MAX,
    )
    return [_payment(row) for row in rows]


async def dispose(
    database: Database, order_payouts: OrderPayouts, now: datetime, rates: Snapshot = NO_RATES
) -> Disposed:
    """Dispose of the oldest stored payments in one transaction: state, books and payout orders together.

    `rates` were taken before; what is paid while its rate is not among them waits, visibly (`waiting.price_waiting`).

    A payment that cannot be disposed of never holds up the others: it becomes unmatched as `undecided`, for a person.
    Safe to run anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database does not answer; what was not committed is done again.
    """
    async with database.transaction() as connection:
        if not await take_turn(connection):
            return _NOTHING
        payments = await stored_payments(connection)
        if not payments:
            return _NOTHING
        try:
            async with connection.transaction():
                return await _dispose(connection, payments, order_payouts, now, rates)
        except (RoadsteadError, asyncpg.IntegrityConstraintViolationError):
            log.exception("matching_failed", payments=len(payments))
        return await _dispose_one_by_one(connection, payments, order_payouts, now, rates)


async def _dispose_one_by_one(
    connection: Connection,
    payments: Sequence[StoredPayment],
    order_payouts: OrderPayouts,
    now: datetime,
    rates: Snapshot,
) -> Disposed:
    matched = 0
    unmatched: list[Unmatched] = []
    for payment in payments:
        try:
            async with connection.transaction():
                one = await _dispose(connection, [payment], order_payouts, now, rates)
        except (RoadsteadError, asyncpg.IntegrityConstraintViolationError):
            log.exception("payment_undecided", operation_id=payment.operation_id)
            undecided = Unmatched(reason=UnmatchedReason.UNDECIDED)
            async with connection.transaction():
                await _write_unmatched(connection, [(payment, undecided)], now)
            one = Disposed(matched=0, unmatched=(undecided,))
        matched += one.matched
        unmatched.extend(one.unmatched)
    return Disposed(matched=matched, unmatched=tuple(unmatched))


async def _dispose(
    connection: Connection,
    payments: Sequence[StoredPayment],
    order_payouts: OrderPayouts,
    now: datetime,
    rates: Snapshot,
) -> Disposed:
    memos = {memo for payment in payments if (memo := own_memo(payment.memo)) is not None}
    candidates = await store.by_memos(connection, sorted(memos))
    funded: dict[UUID, Funded] = {}
    unmatched: list[tuple[StoredPayment, Unmatched]] = []
    for payment in payments:
        candidate = candidates.get(own_memo(payment.memo) or 0)
        decision = match_payment(payment, candidate)
        if isinstance(decision, Matched) and candidate is not None and candidate.id not in funded:
            funded[candidate.id] = Funded(remittance=candidate, operation_id=payment.operation_id)
        elif isinstance(decision, Unmatched):
            unmatched.append((payment, decision))
        else:
            second = Unmatched(reason=UnmatchedReason.ALREADY_FUNDED, remittance_id=decision.remittance_id)
            unmatched.append((payment, second))
    payable = await _write_matched(connection, list(funded.values()), now, rates)
    await _write_unmatched(connection, unmatched, now)
    await order_payouts(connection, payable, now)
    return Disposed(matched=len(funded), unmatched=tuple(decision for _, decision in unmatched))


async def _write_matched(
    connection: Connection, funded: Sequence[Funded], now: datetime, rates: Snapshot
) -> list[Funded]:
    """Write what was funded; return those that can be paid out, because their amount is known."""
    if not funded:
        return []
    await connection.execute(
        """
        UPDATE payments AS p
        SET disposition = 'matched', disposed_at = $3, remittance_id = matched.remittance_id
        FROM unnest($1::uuid[], $2::bigint[]) AS matched (remittance_id, operation_id)
        WHERE p.operation_id = matched.operation_id AND p.disposition = 'stored'
        """,
        [one.remittance.id for one in funded],
        [one.operation_id for one in funded],
        now,
    )
    payable: list[Funded] = []
    fundings: list[store.Funding] = []
    postings: list[Posting] = []
    for one in funded:
        remittance_id, operation_id = one.remittance.id, one.operation_id
        fixed = fix(one.remittance, rates)
        if fixed is None:
            fundings.append(
                store.Funding(remittance_id=remittance_id, operation_id=operation_id, message=WAITING)
            )
            postings.append(payment_waiting(operation_id, remittance_id, one.remittance.amount_in))
            continue
        fundings.append(
            store.Funding(
                remittance_id=remittance_id,
                operation_id=operation_id,
                amount_out=fixed.remittance.amount_out,
                exchange_rate=fixed.rate,
            )
        )
        postings.append(payment_matched(operation_id, fixed.remittance.delivery))
        payable.append(Funded(remittance=fixed.remittance, operation_id=operation_id))
    await store.fund(connection, fundings, now)
    await post(connection, postings)
    return payable


async def _write_unmatched(
    connection: Connection, unmatched: Sequence[tuple[StoredPayment, Unmatched]], now: datetime
) -> None:
    if not unmatched:
        return
    await connection.execute(
        """
        UPDATE payments AS p
        SET disposition = 'unmatched', disposed_at = $4, reason = found.reason, remittance_id = found.remittance_id
        FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS found (operation_id, reason, remittance_id)
        WHERE p.operation_id = found.operation_id AND p.disposition = 'stored'
        """,
        [payment.operation_id for payment, _ in unmatched],
        [decision.reason for _, decision in unmatched],
        [decision.remittance_id for _, decision in unmatched],
        now,
    )
    postings: list[Posting] = [
        payment_unmatched(payment.operation_id, payment.amount)
        for payment, _ in unmatched
        if payment.amount is not None
    ]
    await post(connection, postings)


def _payment(row: Row) -> StoredPayment:
    return StoredPayment(
        operation_id=row["operation_id"],
        receiving_account=row["receiving_account"],
        asset=parse_asset(row["asset"]),
        amount_units=row["amount_units"],
        memo=Memo(kind=MemoKind(row["memo_kind"]), raw=row["memo"]),
        ledger_closed_at=row["ledger_closed_at"],
    )
