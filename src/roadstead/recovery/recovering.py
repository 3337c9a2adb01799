"""Recovering: bank and chain know what a backup did not, and are read before any money goes out.

Every step may be repeated, and the servers run meanwhile: they read the chain again from the older cursor and match
what they find, while no money goes out. What remains is then accounted for here:

- *Payouts.* Their keys are the same as before, and the bank is asked about each before it is sent
  (`payouts.doubt`): nothing has to be done here but to hear the bank.
- *Refunds* leave no key on the chain. So every payment of our account since the backup, of which no envelope tells, is
  kept and bound to the refund that it was: one that was ordered again meanwhile, or one that has to be ordered again,
  of a remittance that would be paid out otherwise. What is none of these is for a person to explain.
- *Remittances* that were opened after the backup are lost. Payments to them wait for a person: their payers are not
  refunded by themselves, because the bank may have paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, Unavailable
from roadstead.operations import audit
from roadstead.payments.sent import SentPayment, decode_sent
from roadstead.payouts.cancelling import cancel_and_refund
from roadstead.payouts.events import apply_waiting, poll_rail
from roadstead.rails.protocol import Rail
from roadstead.recovery import store
from roadstead.refunds import store as refunds
from roadstead.refunds.confirming import confirm
from roadstead.refunds.holding import hold
from roadstead.refunds.sending import KIND
from roadstead.remittances import store as remittances
from roadstead.remittances.refunding import OrderRefunds, RefundOrder, RefundSource
from roadstead.remittances.suspense import order_refunds_of
from roadstead.stellar.horizon import PAGE_RECORDS_MAX, Horizon
from roadstead.stellar.records import position_of

log = structlog.get_logger()

PAGES_MAX = 10_000
"""Most pages of the account's operations that one run reads."""
CAUSE = "found on the chain after a restore"
LOST_REMITTANCE = "its remittance may have been lost with the database, and delivered"
EXPLANATION_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a recovery works with."""

    configuration: Configuration
    database: Database
    horizon: Horizon
    rails: Mapping[str, Rail]
    clock: Clock
    order_refunds: OrderRefunds
    chain_source: str
    """The name of the cursor of our account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a recovery has come. It is over when nothing is waited for and nothing is unexplained."""

    restorations: tuple[store.Restoration, ...]
    waits_for: tuple[str, ...] = ()
    """What has to happen first, as sentences; the servers do it by themselves."""
    recognised: int = 0
    """Refunds that were recognised on the chain by this run."""
    held: int = 0
    """Refunds that this run put before a person."""
    unexplained: tuple[store.FoundPayment, ...] = ()
    """Payments of our account that a person has to explain."""
    strangers: tuple[store.Stranger, ...] = ()
    """Payments of the lost time to remittances that are not known; they wait for a person."""
    bank_only: tuple[store.BankPayment, ...] = ()
    """What the banks told of payouts that are not known."""
    is_over: bool = field(default=False)


async def recover(around: Surroundings, *, by: str) -> Progress:
    """Account for what happened between backup and restore as far as that is possible now; end the recovery if all is.

    Raises:
        Unavailable: Horizon, a rail or the database does not answer; run it again.
    """
    async with around.database.connection() as connection:
        restorations = tuple(await store.open_restorations(connection))
    if not restorations:
        return Progress(restorations=(), is_over=True)
    await _hear_banks(around)
    waits_for = await _waits_for(around, restorations)
    if waits_for:
        return Progress(restorations=restorations, waits_for=tuple(waits_for))
    await _find_outgoing(around, restorations)
    recognised = await _recognise(around)
    held = sum([await _hold_refunds_of_the_unknown(around, each) for each in restorations])
    return await _conclude(around, restorations, recognised=recognised, held=held, by=by)


async def explain(database: Database, operation_id: int, explanation: str, *, by: str) -> None:
    """Let a person say what a found payment was that is no refund of ours.

    Raises:
        BadInput: There is no explanation, or it is too long, or there is no such payment without one.
    """
    if not 1 <= len(explanation.strip()) <= EXPLANATION_MAX:
        raise BadInput(f"Say in at most {EXPLANATION_MAX} characters what the payment was.")
    async with database.transaction() as connection:
        if not await store.explain(connection, operation_id, explanation.strip(), by):
            raise BadInput(f"Operation {operation_id} is not among the payments that nobody has explained.")
        await audit.record(
            connection,
            actor=by,
            action="outgoing_payment.explained",
            subject=f"operation {operation_id}",
            detail={"explanation": explanation.strip()},
        )


async def _hear_banks(around: Surroundings) -> None:
    for rail in around.rails.values():
        while await poll_rail(around.database, rail):
            continue
    while await apply_waiting(around.database, around.clock):
        continue


async def _waits_for(around: Surroundings, restorations: tuple[store.Restoration, ...]) -> list[str]:
    restored_at = max(each.restored_at for each in restorations)
    async with around.database.connection() as connection:
        read_until = await store.read_until(connection, around.chain_source)
        undisposed = await store.undisposed(connection)
    waits_for = []
    if read_until is None or read_until < restored_at:
        seen = "nothing" if read_until is None else f"{read_until:%Y-%m-%d %H:%M:%S} UTC"
        waits_for.append(
            f"The observer has read the chain up to {seen}, and has to read past {restored_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    if undisposed:
        waits_for.append(f"{undisposed} payments are stored and not yet matched: a worker does it.")
    return waits_for


async def _find_outgoing(around: Surroundings, restorations: tuple[store.Restoration, ...]) -> None:
    """Read what our account paid since the oldest backup, and keep what nothing tells of."""
    account = around.configuration.settings.distribution_account
    positions = [int(each.cursors.get(around.chain_source, "0")) for each in restorations]
    position = min(positions)
    for _ in range(PAGES_MAX):
        page = await around.horizon.operations(account, str(position), PAGE_RECORDS_MAX)
        found: list[SentPayment] = []
        for record in page.records:
            position = max(position, position_of(record) or 0)
            payment = decode_sent(record, account)
            if payment is not None:
                found.append(payment)
        async with around.database.transaction() as connection:
            await store.keep_found(connection, found)
        if len(page.records) < PAGE_RECORDS_MAX:
            return
    raise Unavailable(
        f"The account made more than {PAGES_MAX * PAGE_RECORDS_MAX} operations since the backup."
    )


async def _recognise(around: Surroundings) -> int:
    """Bind found payments to the refunds that they were, one transaction each; return how many were bound."""
    async with around.database.connection() as connection:
        found = await store.unexplained(connection)
    count = 0
    for payment in found:
        async with around.database.transaction() as connection:
            if await store.lock_unexplained(connection, payment.operation_id) is None:
                continue
            refund_id = await _refund_of(around, connection, payment)
            if refund_id is None:
                continue
            await store.explain(connection, payment.operation_id, "refund", CAUSE, refund_id)
        log.info("refund_recognised", refund_id=str(refund_id), operation_id=payment.operation_id)
        count += 1
    return count


async def _refund_of(
    around: Surroundings, connection: Connection, payment: store.FoundPayment
) -> UUID | None:
    """Find the refund that a payment was, or order the one that it must have been; it is sent then."""
    ordered = await store.unsent_refund(connection, payment)
    if ordered is not None:
        await _confirm(around, connection, ordered, payment)
        return ordered
    for remittance_id, operation_id in await store.funded_by_payer(connection, payment):
        refund_id = await _ordered_again(
            around, connection, payment, operation_id, remittance_id=remittance_id
        )
        if refund_id is not None:
            return refund_id
    for operation_id, memo_remittance_id in await store.waiting_of_payer(connection, payment):
        refund_id = await _ordered_again(
            around, connection, payment, operation_id, memo_remittance_id=memo_remittance_id
        )
        if refund_id is not None:
            return refund_id
    return None


class _NotThisOneError(Exception):
    """The refund that was ordered again is not what the payment sent: it is undone."""


async def _ordered_again(
    around: Surroundings,
    connection: Connection,
    payment: store.FoundPayment,
    operation_id: int,
    *,
    remittance_id: UUID | None = None,
    memo_remittance_id: UUID | None = None,
) -> UUID | None:
    """Order the refund of a payment again and confirm it if it is the one that was found; else undo it."""
    now = around.clock.now()
    try:
        async with connection.transaction():
            if remittance_id is not None:
                await cancel_and_refund(
                    connection, remittance_id, cause=CAUSE, order_refunds=around.order_refunds, now=now
                )
            else:
                order = await _suspense_order(connection, operation_id, memo_remittance_id)
                await order_refunds_of(connection, around.order_refunds, [order], now, cause=CAUSE)
            ordered = _required(await store.unsent_refund(connection, payment))
            await _confirm(around, connection, ordered, payment)
    except (_NotThisOneError, Conflict):
        return None
    return ordered


def _required(refund_id: UUID | None) -> UUID:
    if refund_id is None:
        raise _NotThisOneError
    return refund_id


async def _suspense_order(
    connection: Connection, operation_id: int, memo_remittance_id: UUID | None
) -> RefundOrder:
    named = None if memo_remittance_id is None else await remittances.by_id(connection, memo_remittance_id)
    return RefundOrder(
        source=RefundSource.SUSPENSE,
        operation_id=operation_id,
        remittance=None,
        memo_remittance=named,
        amount=await store.brought(connection, operation_id),
        cause=CAUSE,
    )


async def _confirm(
    around: Surroundings, connection: Connection, refund_id: UUID, payment: store.FoundPayment
) -> None:
    refund = await refunds.by_id(connection, refund_id, lock=True)
    if refund is None or refund.sent_amount != payment.amount:
        raise _NotThisOneError
    await store.keep_envelope(connection, payment.operation_id, refund_id, KIND)
    await confirm(connection, refund, payment.transaction_hash, around.clock.now())


async def _hold_refunds_of_the_unknown(around: Surroundings, restoration: store.Restoration) -> int:
    async with around.database.transaction() as connection:
        found = await store.refunds_of_the_unknown(connection, restoration)
        for refund_id in found:
            refund = await refunds.by_id(connection, refund_id, lock=True)
            if refund is not None:
                await hold(connection, refund, LOST_REMITTANCE, around.clock.now())
    return len(found)


async def _conclude(
    around: Surroundings,
    restorations: tuple[store.Restoration, ...],
    *,
    recognised: int,
    held: int,
    by: str,
) -> Progress:
    async with around.database.transaction() as connection:
        unexplained = await store.unexplained(connection)
        strangers = [one for each in restorations for one in await store.strangers(connection, each)]
        bank_only = [one for each in restorations for one in await store.bank_only(connection, each)]
        if not unexplained:
            await store.end(connection, by)
            await audit.record(
                connection,
                actor=by,
                action="recovery.ended",
                subject=f"restoration {restorations[-1].id}",
                detail={"strangers": str(len(strangers)), "known to banks only": str(len(bank_only))},
            )
    return Progress(
        restorations=restorations,
        recognised=recognised,
        held=held,
        unexplained=tuple(unexplained),
        strangers=tuple(dict.fromkeys(strangers)),
        bank_only=tuple(dict.fromkeys(bank_only)),
        is_over=not unexplained,
    )
