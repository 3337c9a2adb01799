"""The matcher's step: takes stored payments in the order of the chain and disposes of each, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg
import structlog

from roadstead.config.matching_terms import Remedy
from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import RoadsteadError
from roadstead.money import parse_asset
from roadstead.quotes.rates import NO_RATES, Snapshot
from roadstead.remittances import store
from roadstead.remittances.funding import Match, OrderPayouts, write_matches
from roadstead.remittances.matching import (
    Matched,
    StoredPayment,
    Unmatched,
    UnmatchedReason,
    match_payment,
    own_memo,
)
from roadstead.remittances.own import part_own, write_own
from roadstead.remittances.policies import NO_POLICIES, Policies
from roadstead.remittances.refunding import OrderRefunds, RefundOrder
from roadstead.remittances.remedies import remedy_of
from roadstead.remittances.suspense import (
    Suspended,
    excess_order,
    order_refunds_of,
    refund_order,
    write_suspended,
)
from roadstead.stellar.memos import Memo, MemoKind

log = structlog.get_logger()

BATCH_MAX = 200

_TURN = "matcher"
_CAUSE = "matcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed:
    """What one step did."""

    matched: int
    unmatched: tuple[Unmatched, ...]
    own: int = 0
    """Transfers between our own accounts."""

    @property
    def count(self) -> int:
        """How many payments were disposed of."""
        return self.matched + len(self.unmatched) + self.own


_NOTHING = Disposed(matched=0, unmatched=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the matcher goes by, besides the payments and remittances themselves."""

    order_payouts: OrderPayouts
    order_refunds: OrderRefunds | None = None
    """None where nothing sends refunds: then all that funds nothing waits for a person."""
    rates: Snapshot = field(default_factory=dict)
    policies: Policies = NO_POLICIES


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
        SELECT operation_id, receiving_account, asset, amount_units, memo_kind, memo, ledger_closed_at, from_own,
            kind = 'create_account' AS created_account, kind = 'claim_claimable_balance' AS was_claimed
        FROM payments WHERE disposition = 'stored' ORDER BY operation_id LIMIT $1
        """,
        BATCH_MAX,
    )
    return [_payment(row) for row in rows]


async def dispose(
    database: Database,
    order_payouts: OrderPayouts,
    now: datetime,
    rates: Snapshot = NO_RATES,
    *,
    policies: Policies = NO_POLICIES,
    order_refunds: OrderRefunds | None = None,
) -> Disposed:
    """Dispose of the oldest stored payments in one transaction: state, books, payout and refund orders together.

    `rates` were taken before; what is paid while its rate is not among them waits, visibly (`waiting.price_waiting`).
    Without `order_refunds` nothing goes back by itself, whatever the policies say.

    A payment that cannot be disposed of never holds up the others: it becomes unmatched as `undecided`, for a person.
    Safe to run anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database does not answer; what was not committed is done again.
    """
    rules = Rules(order_payouts=order_payouts, order_refunds=order_refunds, rates=rates, policies=policies)
    async with database.transaction() as connection:
        if not await take_turn(connection):
            return _NOTHING
        payments = await stored_payments(connection)
        if not payments:
            return _NOTHING
        try:
            async with connection.transaction():
                return await _dispose(connection, payments, rules, now)
        except (RoadsteadError, asyncpg.IntegrityConstraintViolationError):
            log.exception("matching_failed", payments=len(payments))
        return await _dispose_one_by_one(connection, payments, rules, now)


async def _dispose_one_by_one(
    connection: Connection, payments: Sequence[StoredPayment], rules: Rules, now: datetime
) -> Disposed:
    matched = own = 0
    unmatched: list[Unmatched] = []
    for payment in payments:
        try:
            async with connection.transaction():
                one = await _dispose(connection, [payment], rules, now)
        except (RoadsteadError, asyncpg.IntegrityConstraintViolationError):
            log.exception("payment_undecided", operation_id=payment.operation_id)
            undecided = Unmatched(reason=UnmatchedReason.UNDECIDED)
            suspended = Suspended(
                payment=payment, unmatched=undecided, memo_remittance=None, remedy=Remedy.HOLD
            )
            async with connection.transaction():
                await write_suspended(connection, [suspended], now)
            one = Disposed(matched=0, unmatched=(undecided,))
        matched += one.matched
        own += one.own
        unmatched.extend(one.unmatched)
    return Disposed(matched=matched, unmatched=tuple(unmatched), own=own)


async def _dispose(
    connection: Connection, payments: Sequence[StoredPayment], rules: Rules, now: datetime
) -> Disposed:
    memos = {memo for payment in payments if (memo := own_memo(payment.memo)) is not None}
    candidates = await store.by_memos(connection, sorted(memos))
    own, of_others = part_own(payments, lambda payment: candidates.get(own_memo(payment.memo) or 0))
    await write_own(connection, own, now)
    matches, suspended = decide(of_others, candidates, rules)
    payable = await write_matches(connection, matches, now, rules.rates, cause=_CAUSE)
    await write_suspended(connection, suspended, now)
    if rules.order_refunds is not None:
        orders = [order for one in suspended if (order := refund_order(one)) is not None]
        orders += _excess_orders(matches, rules.policies)
        await order_refunds_of(connection, rules.order_refunds, orders, now, cause=_CAUSE)
    await rules.order_payouts(connection, payable, now)
    return Disposed(matched=len(matches), unmatched=tuple(one.unmatched for one in suspended), own=len(own))


def decide(
    payments: Sequence[StoredPayment], candidates: Mapping[int, store.Remittance], rules: Rules
) -> tuple[list[Match], list[Suspended]]:
    """Decide what becomes of payments in the order of the chain; the first that fits a remittance funds it.

    `candidates` are the remittances that own the payments' memos, as they stand before the first of them. Pure: each
    payment is in exactly one of the two lists.
    """
    standing = dict(candidates)
    matches: list[Match] = []
    suspended: list[Suspended] = []
    for payment in payments:
        candidate = standing.get(own_memo(payment.memo) or 0)
        decision = match_payment(payment, candidate, rules.policies)
        if isinstance(decision, Matched) and candidate is not None:
            standing[candidate.memo] = replace(candidate, funded_by=payment.operation_id)
            matches.append(Match(remittance=candidate, operation_id=payment.operation_id, matched=decision))
        elif isinstance(decision, Unmatched):
            may_go_back = rules.order_refunds is not None
            suspended.append(
                Suspended(
                    payment=payment,
                    unmatched=decision,
                    memo_remittance=candidate,
                    remedy=remedy_of(payment, decision.reason, rules.policies)
                    if may_go_back
                    else Remedy.HOLD,
                )
            )
    return matches, suspended


def _excess_orders(matches: Sequence[Match], policies: Policies) -> list[RefundOrder]:
    return [
        excess_order(replace(one.remittance, excess=one.excess, funded_by=one.operation_id), one.operation_id)
        for one in matches
        if one.excess is not None and policies.goes_back(one.excess)
    ]


def _payment(row: Row) -> StoredPayment:
    return StoredPayment(
        operation_id=row["operation_id"],
        receiving_account=row["receiving_account"],
        asset=parse_asset(row["asset"]),
        amount_units=row["amount_units"],
        memo=Memo(kind=MemoKind(row["memo_kind"]), raw=row["memo"]),
        ledger_closed_at=row["ledger_closed_at"],
        from_own=row["from_own"],
        created_account=row["created_account"],
        was_claimed=row["was_claimed"],
    )
