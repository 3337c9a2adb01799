"""The observer: reads the operations of the distribution account from Horizon and stores every incoming credit.

It decides nothing; what a payment means is for others to say, from what is stored. It keeps three promises:

- *Nothing is skipped.* Only pages are stored, in the order of the chain, and the cursor moves in the transaction that
  stores them. The stream is a bell: an event, or the end of the stream, makes the observer read pages from the
  committed cursor. It does so every few seconds anyway, so that a stream that is cut, torn, silent or wrong costs a
  delay and nothing else.
- *Nothing is stored twice*, by the operation id, however often a page is read and however many observers run. Only the
  one that holds the lease writes.
- *Nothing stops it.* A record that cannot be understood is kept as it came, an error is logged and the cursor moves on.
  Horizon or PostgreSQL being away is waited for.

An observer that never ran begins at the account's first operation rather than at the present, so that money that was
paid before the first start is found as well; reading a long history once is the price.

The cursor also tells how far the chain was surely read: the last ledger that Horizon named *before* the page that
reached the end. Servers behind one address may differ by a few ledgers, so whoever concludes something from the absence
of a payment leaves a margin.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from hashlib import sha256

import structlog

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.errors import Unavailable
from roadstead.payments import store
from roadstead.payments.decoding import IncomingPayment, Undecodable, decode
from roadstead.payments.store import Cursor, LedgerMark, Stored, UndecodableRecord
from roadstead.service import metrics
from roadstead.service.leases import Leadership, holder_name
from roadstead.service.loops import Backoff, every, pause
from roadstead.stellar.horizon import PAGE_RECORDS_MAX, AnswerTooLarge, Horizon, HorizonFault
from roadstead.stellar.records import Page, Root, position_of

log = structlog.get_logger()

ROLE = "observer"
BEGINNING = "0"
"""The cursor before the first operation of all."""

RESCAN_EVERY_S = 5.0
STOP_GRACE_S = 3.0
"""How long a page under way may take when the process ends; after that it is given up and read again later."""
LEDGERS_BEHIND_MAX = 20
"""How far a Horizon may be behind what was read already: servers behind one address differ by a few ledgers."""

_HISTORY_STARTS_BY = 2
"""The first ledger or the second is where a Horizon with the whole history begins."""
_PAGE_SHRINKS_BY = 4
_LISTEN_AGAIN_S = 0.5
_TOLD_MAX = 10


class WrongNetwork(Unavailable):
    """Horizon shows another network than the one that is configured, or not enough of it; nothing is read."""

    code = "wrong_network"


def cursor_source(account: str) -> str:
    """Return the name under which the cursor of an account is kept."""
    return f"horizon:{account}"


async def run_observer(
    configuration: Configuration, database: Database, horizon: Horizon, clock: Clock, stop: asyncio.Event
) -> None:
    """Observe until `stop` is set. Any number may run at once: one reads, the others wait for its lease."""
    observer = Observer(
        account=configuration.settings.distribution_account,
        network_passphrase=configuration.settings.network_passphrase,
        database=database,
        horizon=horizon,
        clock=clock,
    )
    await observer.run(stop)


class Observer:
    """Reads one account of one network. `run` works until it is told to stop."""

    def __init__(
        self,
        *,
        account: str,
        network_passphrase: str,
        database: Database,
        horizon: Horizon,
        clock: Clock,
        rescan_every_s: float = RESCAN_EVERY_S,
        backoff_max_s: float = 10.0,
    ) -> None:
        """Bind the parts together; nothing is contacted yet."""
        self._account = account
        self._network_passphrase = network_passphrase
        self._database = database
        self._horizon = horizon
        self._clock = clock
        self._rescan_every_s = rescan_every_s
        self._backoff_max_s = backoff_max_s
        self._source = cursor_source(account)
        self._leadership = Leadership(database, role=ROLE, holder=holder_name())
        self._bell = asyncio.Event()
        self._page_records = PAGE_RECORDS_MAX
        self._read_to: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Observe until `stop` is set; a page under way is stored first."""
        async with self._leadership.kept(), asyncio.TaskGroup() as group:
            scanning = group.create_task(self._scan_until(stop))
            listening = group.create_task(self._listen(stop))
            await stop.wait()
            await asyncio.wait({scanning}, timeout=STOP_GRACE_S)
            scanning.cancel()
            listening.cancel()

    async def _scan_until(self, stop: asyncio.Event) -> None:
        await every(
            self._rescan_every_s,
            lambda: self._scan(stop),
            name=ROLE,
            stop=stop,
            wake=self._bell,
            backoff=Backoff(max_s=self._backoff_max_s),
        )

    async def _scan(self, stop: asyncio.Event) -> None:
        """Read pages from the committed cursor to the end of the chain and store them."""
        if not await self._leadership.wait_until_held(stop):
            return
        try:
            # Asked before the pages: all that this ledger and those before it hold will be in the pages that follow.
            root = await self._horizon.root()
            committed = await self._committed()
            self._require_our_network(root, committed)
            position = committed.position if committed else BEGINNING
            while not stop.is_set():
                page, is_last = await self._page_after(position)
                reached = await self._store(page, position, root if is_last else None)
                if is_last:
                    self._note_end(root)
                    return
                _require_progress(position, reached)
                position = reached
        except HorizonFault as error:
            metrics.horizon_faults.labels(error.reason).inc()
            raise

    async def _committed(self) -> Cursor | None:
        async with self._database.connection() as connection:
            return await store.cursor(connection, self._source)

    def _require_our_network(self, root: Root, committed: Cursor | None) -> None:
        expected = self._network_passphrase
        if root.network_passphrase != expected:
            raise _wrong_network(
                f"Horizon is on network {root.network_passphrase!r}, but the configuration says {expected!r}. Nothing "
                "is read: correct ROADSTEAD_HORIZON_URLS or ROADSTEAD_NETWORK_PASSPHRASE."
            )
        if committed is None:
            if root.elder_ledger > _HISTORY_STARTS_BY:
                log.warning("history_incomplete", elder_ledger=root.elder_ledger)
            return
        if committed.network_passphrase not in (None, expected):
            raise _wrong_network(
                f"This database holds payments of network {committed.network_passphrase!r}, but the configuration says "
                f"{expected!r}. Nothing is read: use a database of its own for each network."
            )
        _require_unbroken_history(root, committed)

    async def _page_after(self, position: str) -> tuple[Page, bool]:
        """Read the next page, and tell whether it is the last one now."""
        limit = self._page_records
        try:
            page = await self._horizon.operations(self._account, position, limit)
        except AnswerTooLarge:
            if limit == 1:
                raise
            self._page_records = max(1, limit // _PAGE_SHRINKS_BY)
            return await self._page_after(position)
        self._page_records = min(PAGE_RECORDS_MAX, limit * _PAGE_SHRINKS_BY)
        return page, len(page.records) < limit

    async def _store(self, page: Page, position: str, end: Root | None) -> str:
        """Store a page with the cursor in one transaction; return the new position."""
        payments, undecodable, next_position = judge(page.records, self._account, position)
        mark = LedgerMark(sequence=end.latest_ledger, closed_at=end.latest_ledger_closed_at) if end else None
        async with self._database.transaction() as connection:
            await self._leadership.confirm(connection)
            stored = await store.store(
                connection,
                source=self._source,
                payments=payments,
                undecodable=undecodable,
                position=next_position,
                network_passphrase=self._network_passphrase,
                ledger=mark,
            )
        self._read_to = next_position
        self._tell(stored, payments, undecodable)
        return next_position

    def _tell(
        self, stored: Stored, payments: list[IncomingPayment], undecodable: list[UndecodableRecord]
    ) -> None:
        metrics.payments_stored.inc(stored.payments)
        metrics.undecodable_records.inc(stored.undecodable)
        if stored.payments:
            log.info(
                "payments_stored",
                count=stored.payments,
                first_operation_id=payments[0].operation_id,
                last_operation_id=payments[-1].operation_id,
            )
        if stored.undecodable:
            log.error(
                "records_undecodable",
                count=stored.undecodable,
                source=self._source,
                positions=[record.position for record in undecodable[:_TOLD_MAX]],
                reasons=[record.reason for record in undecodable[:_TOLD_MAX]],
            )

    def _note_end(self, root: Root) -> None:
        reached_s = time.monotonic()
        closed_at = root.latest_ledger_closed_at
        clock = self._clock
        metrics.observed_ledger.set(root.latest_ledger)

        def lag_s() -> float:
            return (clock.now() - closed_at).total_seconds()

        metrics.observer_lag_s.set_function(lag_s)
        metrics.observer_scan_age_s.set_function(lambda: time.monotonic() - reached_s)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Ring the bell whenever the stream tells of something, and when it ends."""
        backoff = Backoff(max_s=self._backoff_max_s)
        while not stop.is_set():
            if self._read_to is None or not self._leadership.is_held:
                await pause(_LISTEN_AGAIN_S, stop)
                continue
            opened_at_s = time.monotonic()
            try:
                async with aclosing(self._horizon.stream(self._account, self._read_to)) as events:
                    async for _ in events:
                        backoff.reset()
                        self._bell.set()
            except HorizonFault as error:
                metrics.horizon_faults.labels(error.reason).inc()
                log.info("stream_ended", reason=error.reason, error=error.message)
            except Exception:
                metrics.loop_failures("observer_stream", "unexpected")
                log.exception("stream_failed")
            if time.monotonic() - opened_at_s > self._backoff_max_s:
                backoff.reset()
            self._bell.set()
            await pause(backoff.next_s(), stop)


def judge(
    records: tuple[bytes, ...], account: str, position: str
) -> tuple[list[IncomingPayment], list[UndecodableRecord], str]:
    """Sort the records of a page after a position into payments and undecodable ones; return the new position, too.

    A record without a readable paging token is named after the one before it, and the cursor passes it together with
    the next record that has one.

    Raises:
        HorizonFault: The page is not in the order of the chain, so that moving the cursor could skip something.
    """
    payments: list[IncomingPayment] = []
    undecodable: list[UndecodableRecord] = []
    reached = int(position)
    for record in records:
        own_position = position_of(record)
        if own_position is not None and own_position < reached:
            raise HorizonFault(
                f"Horizon's page after cursor {position} is not in order. It is asked for again.",
                reason="out_of_order",
            )
        reached = own_position or reached
        match decode(record, account) if own_position is not None else Undecodable("it has no paging token"):
            case IncomingPayment() as payment:
                payments.append(payment)
            case Undecodable(reason=reason):
                name = (
                    str(reached)
                    if own_position is not None
                    else f"{reached}+{sha256(record).hexdigest()[:16]}"
                )
                undecodable.append(UndecodableRecord(position=name, record=record, reason=reason))
    return payments, undecodable, str(reached)


def _require_unbroken_history(root: Root, committed: Cursor) -> None:
    reached = int(committed.position) >> 32
    if committed.ledger is not None:
        reached = max(reached, committed.ledger.sequence)
    if root.latest_ledger < reached - LEDGERS_BEHIND_MAX:
        raise _wrong_network(
            f"Horizon shows ledgers up to {root.latest_ledger}, but this database has read up to {reached}. Either "
            "Horizon lags behind, which passes, or the test network was reset: then start with an empty database."
        )
    if root.elder_ledger > reached + 1:
        raise _wrong_network(
            f"Horizon keeps history from ledger {root.elder_ledger} only, but this database has read up to {reached}; "
            "payments between would be missed. Point ROADSTEAD_HORIZON_URLS to a Horizon with a longer history."
        )


def _require_progress(position: str, reached: str) -> None:
    if reached == position:
        raise HorizonFault(
            f"Horizon's page after cursor {position} does not lead past it. It is asked for again.",
            reason="no_progress",
        )


def _wrong_network(message: str) -> WrongNetwork:
    log.error("wrong_network", error=message)
    return WrongNetwork(message)
