"""Postings: what each event means for the books. Pure functions; every one returns entries that balance per asset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from roadstead.errors import InvariantViolated
from roadstead.ledger import chart
from roadstead.money import Asset, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a posting: a debit when the amount is positive, a credit when it is negative."""

    account: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Entries that belong together, with their cause; posted once per idempotency key, whatever arrives twice."""

    idempotency_key: str
    event: str
    remittance_id: UUID | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The amounts of a remittance, as the books need them."""

    remittance_id: UUID
    amount_in: Money
    service_fee: Money
    rounding: Money
    amount_out: Money


def payment_matched(operation_id: int, delivery: Delivery) -> Posting:
    """Post a payment that funds a remittance: tokens came in, a payout is owed, the fee is pending."""
    exchanged = delivery.amount_in - delivery.service_fee - delivery.rounding
    return _posting(
        idempotency_key=f"payment:{operation_id}",
        event="payment_matched",
        remittance_id=delivery.remittance_id,
        debits=[(chart.TOKENS_RECEIVED, delivery.amount_in), (chart.EXCHANGE_POSITION, delivery.amount_out)],
        credits=[
            (chart.FEES_PENDING, delivery.service_fee),
            (chart.FEES_ROUNDING, delivery.rounding),
            (chart.EXCHANGE_POSITION, exchanged),
            (chart.PAYOUTS_OWED, delivery.amount_out),
        ],
    )


def payment_waiting(operation_id: int, remittance_id: UUID, amount_in: Money) -> Posting:
    """Post a payment that funds a remittance whose rate is not known yet: tokens came in, no more is certain."""
    return _posting(
        idempotency_key=f"payment:{operation_id}",
        event="payment_waiting",
        remittance_id=remittance_id,
        debits=[(chart.TOKENS_RECEIVED, amount_in)],
        credits=[(chart.EXCHANGE_WAITING, amount_in)],
    )


def rate_fixed(delivery: Delivery) -> Posting:
    """Post that the rate of a waiting remittance is fixed: a payout is owed, the fee is pending."""
    exchanged = delivery.amount_in - delivery.service_fee - delivery.rounding
    return _posting(
        idempotency_key=f"rate:{delivery.remittance_id}",
        event="rate_fixed",
        remittance_id=delivery.remittance_id,
        debits=[(chart.EXCHANGE_WAITING, delivery.amount_in), (chart.EXCHANGE_POSITION, delivery.amount_out)],
        credits=[
            (chart.FEES_PENDING, delivery.service_fee),
            (chart.FEES_ROUNDING, delivery.rounding),
            (chart.EXCHANGE_POSITION, exchanged),
            (chart.PAYOUTS_OWED, delivery.amount_out),
        ],
    )


def payment_unmatched(operation_id: int, amount: Money) -> Posting:
    """Post a payment that belongs to no open remittance: the tokens are held in suspense for whoever they belong to."""
    return _posting(
        idempotency_key=f"payment:{operation_id}",
        event="payment_unmatched",
        remittance_id=None,
        debits=[(chart.TOKENS_RECEIVED, amount)],
        credits=[(chart.SUSPENSE_CHAIN, amount)],
    )


def payment_excess(operation_id: int, remittance_id: UUID, excess: Money) -> Posting:
    """Post what a payment brought above what it funded: held in suspense for its payer."""
    return _posting(
        idempotency_key=f"payment:{operation_id}:excess",
        event="payment_excess",
        remittance_id=remittance_id,
        debits=[(chart.TOKENS_RECEIVED, excess)],
        credits=[(chart.SUSPENSE_CHAIN, excess)],
    )


def payment_own(operation_id: int, amount: Money) -> Posting:
    """Post a payment from an account of our own: stock, which belongs to nobody else."""
    return _posting(
        idempotency_key=f"payment:{operation_id}",
        event="payment_own",
        remittance_id=None,
        debits=[(chart.TOKENS_STOCK, amount)],
        credits=[(chart.OWN_TRANSFERS, amount)],
    )


def suspense_matched(operation_id: int, delivery: Delivery) -> Posting:
    """Post that a person found the remittance of an unmatched payment: a payout is owed, the fee is pending."""
    exchanged = delivery.amount_in - delivery.service_fee - delivery.rounding
    return _posting(
        idempotency_key=f"payment:{operation_id}:matched",
        event="suspense_matched",
        remittance_id=delivery.remittance_id,
        debits=[(chart.SUSPENSE_CHAIN, delivery.amount_in), (chart.EXCHANGE_POSITION, delivery.amount_out)],
        credits=[
            (chart.FEES_PENDING, delivery.service_fee),
            (chart.FEES_ROUNDING, delivery.rounding),
            (chart.EXCHANGE_POSITION, exchanged),
            (chart.PAYOUTS_OWED, delivery.amount_out),
        ],
    )


def suspense_waiting(operation_id: int, remittance_id: UUID, amount_in: Money) -> Posting:
    """Post that a person found the remittance of an unmatched payment, and that its rate is not known yet."""
    return _posting(
        idempotency_key=f"payment:{operation_id}:matched",
        event="suspense_waiting",
        remittance_id=remittance_id,
        debits=[(chart.SUSPENSE_CHAIN, amount_in)],
        credits=[(chart.EXCHANGE_WAITING, amount_in)],
    )


def clawed_back(operation_id: int, amount: Money) -> Posting:
    """Post that the issuer of an asset took tokens out of the distribution account."""
    return _posting(
        idempotency_key=f"clawback:{operation_id}",
        event="clawed_back",
        remittance_id=None,
        debits=[(chart.CLAWED_BACK, amount)],
        credits=[(chart.TOKENS_RECEIVED, amount)],
    )


def payout_submitted(key: str, rail: str, remittance_id: UUID, amount: Money) -> Posting:
    """Post that a rail has taken on an attempt: no longer owed by us alone, on its way."""
    return _posting(
        idempotency_key=f"attempt:{key}:submitted",
        event="payout_submitted",
        remittance_id=remittance_id,
        debits=[(chart.PAYOUTS_OWED, amount)],
        credits=[(chart.transit(rail), amount)],
    )


def payout_refused(key: str, rail: str, remittance_id: UUID, amount: Money) -> Posting:
    """Post that a rail gave back an attempt that it had taken on: owed again."""
    return _posting(
        idempotency_key=f"attempt:{key}:refused",
        event="payout_refused",
        remittance_id=remittance_id,
        debits=[(chart.transit(rail), amount)],
        credits=[(chart.PAYOUTS_OWED, amount)],
    )


def payout_settled(key: str, rail: str, delivery: Delivery) -> Posting:
    """Post that the bank paid: the money has left, the fee is earned."""
    return _posting(
        idempotency_key=f"attempt:{key}:settled",
        event="payout_settled",
        remittance_id=delivery.remittance_id,
        debits=[(chart.transit(rail), delivery.amount_out), (chart.FEES_PENDING, delivery.service_fee)],
        credits=[(chart.bank(rail), delivery.amount_out), (chart.FEES_EARNED, delivery.service_fee)],
    )


def payout_found_settled(key: str, rail: str, remittance_id: UUID, amount: Money, fee: Money) -> Posting:
    """Post that the bank paid an attempt that the books held for unpaid: what was owed left without a transit.

    `fee` is what is earned by it; nothing when another attempt has earned it already.
    """
    return _posting(
        idempotency_key=f"attempt:{key}:found_settled",
        event="payout_found_settled",
        remittance_id=remittance_id,
        debits=[(chart.PAYOUTS_OWED, amount), (chart.FEES_PENDING, fee)],
        credits=[(chart.bank(rail), amount), (chart.FEES_EARNED, fee)],
    )


def payout_returned(key: str, rail: str, delivery: Delivery, returned: Money) -> Posting:
    """Post that settled money came back, perhaps less a bank fee: the payout is owed again, our fee is not earned."""
    return _posting(
        idempotency_key=f"attempt:{key}:returned",
        event="payout_returned",
        remittance_id=delivery.remittance_id,
        debits=[
            (chart.bank(rail), returned),
            (chart.BANK_FEES, delivery.amount_out - returned),
            (chart.FEES_EARNED, delivery.service_fee),
        ],
        credits=[(chart.PAYOUTS_OWED, delivery.amount_out), (chart.FEES_PENDING, delivery.service_fee)],
    )


def refund_owed_for_delivery(refund_id: UUID, delivery: Delivery) -> Posting:
    """Post that a remittance is refunded instead of delivered: payout, exchange, rounding and fee are taken back."""
    exchanged = delivery.amount_in - delivery.service_fee - delivery.rounding
    return _posting(
        idempotency_key=f"refund:{refund_id}:owed",
        event="refund_owed_for_delivery",
        remittance_id=delivery.remittance_id,
        debits=[
            (chart.FEES_PENDING, delivery.service_fee),
            (chart.FEES_ROUNDING, delivery.rounding),
            (chart.EXCHANGE_POSITION, exchanged),
            (chart.PAYOUTS_OWED, delivery.amount_out),
        ],
        credits=[(chart.EXCHANGE_POSITION, delivery.amount_out), (chart.REFUNDS_OWED, delivery.amount_in)],
    )


def refund_owed_for_waiting(refund_id: UUID, remittance_id: UUID, amount: Money) -> Posting:
    """Post that a remittance is refunded whose rate was never fixed."""
    return _posting(
        idempotency_key=f"refund:{refund_id}:owed",
        event="refund_owed_for_waiting",
        remittance_id=remittance_id,
        debits=[(chart.EXCHANGE_WAITING, amount)],
        credits=[(chart.REFUNDS_OWED, amount)],
    )


def refund_owed_for_suspense(refund_id: UUID, remittance_id: UUID | None, amount: Money) -> Posting:
    """Post that tokens in suspense go back to their payer."""
    return _posting(
        idempotency_key=f"refund:{refund_id}:owed",
        event="refund_owed_for_suspense",
        remittance_id=remittance_id,
        debits=[(chart.SUSPENSE_CHAIN, amount)],
        credits=[(chart.REFUNDS_OWED, amount)],
    )


def refund_sent(refund_id: UUID, remittance_id: UUID | None, amount: Money, fee: Money) -> Posting:
    """Post that a refund stands in a closed ledger: `amount` went back to the payer, `fee` stays with us."""
    return _posting(
        idempotency_key=f"refund:{refund_id}:sent",
        event="refund_sent",
        remittance_id=remittance_id,
        debits=[(chart.REFUNDS_OWED, amount + fee)],
        credits=[(chart.TOKENS_RECEIVED, amount), (chart.REFUND_FEES, fee)],
    )


def bank_opened(statement_id: int, rail: str, amount: Money) -> Posting:
    """Post what a bank held before its first statement, beyond what the books knew; negative when overdrawn."""
    accounts = (chart.bank(rail), chart.OPENING)
    debit, credit = accounts if amount.units > 0 else reversed(accounts)
    held = amount if amount.units > 0 else -amount
    return _posting(
        idempotency_key=f"opening:{statement_id}",
        event="bank_opened",
        remittance_id=None,
        debits=[(debit, held)],
        credits=[(credit, held)],
    )


def bank_credited(line_id: int, rail: str, amount: Money) -> Posting:
    """Post money that a bank booked in, and of which nobody knows yet whose it is."""
    return _posting(
        idempotency_key=f"line:{line_id}",
        event="bank_credited",
        remittance_id=None,
        debits=[(chart.bank(rail), amount)],
        credits=[(chart.SUSPENSE_BANK, amount)],
    )


def bank_debited(line_id: int, rail: str, amount: Money) -> Posting:
    """Post money that a bank booked out, and of which nobody knows yet what it was for."""
    return _posting(
        idempotency_key=f"line:{line_id}",
        event="bank_debited",
        remittance_id=None,
        debits=[(chart.SUSPENSE_BANK, amount)],
        credits=[(chart.bank(rail), amount)],
    )


def line_resolved(line_id: int, number: int, account: str, amount: Money, *, is_credit: bool) -> Posting:
    """Post what a line in suspense was, as people decided for the `number`th time: it stands on an account of its own.

    `amount` is positive; `is_credit` says that the bank booked it in.
    """
    accounts = (chart.SUSPENSE_BANK, account)
    debit, credit = accounts if is_credit else reversed(accounts)
    return _posting(
        idempotency_key=f"line:{line_id}:resolved:{number}",
        event="line_resolved",
        remittance_id=None,
        debits=[(debit, amount)],
        credits=[(credit, amount)],
    )


def line_matched(line_id: int, number: int, rail: str, amount: Money, *, is_credit: bool) -> Posting:
    """Post that a line in suspense belongs to an attempt, whose own postings move that money: suspense is undone."""
    accounts = (chart.SUSPENSE_BANK, chart.bank(rail))
    debit, credit = accounts if is_credit else reversed(accounts)
    return _posting(
        idempotency_key=f"line:{line_id}:matched:{number}",
        event="line_matched",
        remittance_id=None,
        debits=[(debit, amount)],
        credits=[(credit, amount)],
    )


def line_corrected(line_id: int, number: int, wrong: Posting) -> Posting:
    """Post the contrary of how a line was resolved for the `number`th time: it stands in suspense again."""
    return Posting(
        idempotency_key=f"line:{line_id}:corrected:{number}",
        event="line_corrected",
        remittance_id=None,
        entries=tuple(Entry(account=entry.account, amount=-entry.amount) for entry in wrong.entries),
    )


def _posting(
    *,
    idempotency_key: str,
    event: str,
    remittance_id: UUID | None,
    debits: Iterable[tuple[str, Money]],
    credits: Iterable[tuple[str, Money]],  # noqa: A002 - the accountant's word
) -> Posting:
    sums: dict[tuple[str, Asset], int] = defaultdict(int)
    for account, amount in debits:
        sums[account, amount.asset] += _positive(amount, account, event)
    for account, amount in credits:
        sums[account, amount.asset] -= _positive(amount, account, event)
    entries = tuple(
        Entry(account=account, amount=Money(asset, units))
        for (account, asset), units in sums.items()
        if units
    )
    posting = Posting(
        idempotency_key=idempotency_key, event=event, remittance_id=remittance_id, entries=entries
    )
    require_balance(posting)
    return posting


def _positive(amount: Money, account: str, event: str) -> int:
    if amount.units < 0:
        raise InvariantViolated(f"{event} would post the negative amount {amount} to {account}.")
    return amount.units


def require_balance(posting: Posting) -> None:
    """Refuse a posting that is empty or whose entries do not add up to zero in every asset.

    Raises:
        InvariantViolated: It does not balance.
    """
    if not posting.entries:
        raise InvariantViolated(f"Posting {posting.idempotency_key} has no entries.")
    differences: dict[Asset, int] = defaultdict(int)
    for entry in posting.entries:
        differences[entry.amount.asset] += entry.amount.units
    for asset, units in differences.items():
        if units:
            raise InvariantViolated(
                f"Posting {posting.idempotency_key} does not balance: it is off by {Money(asset, units)}."
            )
