"""The observer: reads the operations of the distribution account from Horizon and stores what came in and went out.

It decides nothing; what a payment means is for others to say, from what is stored. It keeps three promises:

- *Nothing is skipped.* Only pages are stored, in the order of the chain, and the cursor moves in the transaction that
  stores them. The stream is a bell: an event, or the end of the stream, makes the observer read pages from the
  committed cursor. It does so every few seconds anyway, so that a stream that is cut, torn, silent or wrong costs a
  delay and nothing else.
- *Nothing is stored twice*, by the operation's key, however often a page is read and however many observers run. Only
  the one that holds the lease writes.
- *Nothing stops it*, but a chain that is not the one it read before. A record that cannot be understood is kept as it
  came, an alert opens and the cursor moves on. Horizon or PostgreSQL being away is waited for.

An observer that never ran begins at the account's first operation rather than at the present, so that money that was
paid before the first start is found as well; reading a long history once is the price.

The cursor also tells how far the chain was surely read: the last ledger that the Horizon named when it proved itself,
*before* the page that reached the end, and no ledger after it is read until it is named. Where an answer says that the
server behind it had not got there yet, the mark stays. Not every Horizon says so, and servers behind one address may
differ by a few ledgers, so whoever concludes something from the absence of a payment leaves a margin.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set as AbstractSet
from contextlib import aclosing

import structlog

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.operations.alerts import AlertKind, open_alert
from roadstead.payments.completing import Completion
from roadstead.payments.cursors import BEGINNING, Cursor, LedgerMark, Reached, cursor_source
from roadstead.payments.reading import judge
from roadstead.payments.store import Batch, Stored, store
from roadstead.service import metrics
from roadstead.service.balances import LOOK_EVERY_S, BalanceWatch
from roadstead.service.continuity import Continuity
from roadstead.service.leases import Leadership, holder_name
from roadstead.service.loops import Backoff, every, pause
from roadstead.stellar.horizon import PAGE_RECORDS_MAX, AnswerTooLarge, Horizon, HorizonFault
from roadstead.stellar.horizons import Finding, Horizons, Standing
from roadstead.stellar.records import Page, Root

log = structlog.get_logger()

ROLE = "observer"

RESCAN_EVERY_S = 5.0
STOP_GRACE_S = 3.0
"""How long a page under way may take when the process ends; after that it is given up and read again later."""

_PAGE_SHRINKS_BY = 4
_LISTEN_AGAIN_S = 0.5
_CUT_PAUSE_S = 0.5
_TOLD_MAX = 10


async def run_observer(
    configuration: Configuration, database: Database, horizons: Horizons, clock: Clock, stop: asyncio.Event
) -> None:
    """Observe until `stop` is set. Any number may run at once: one reads, the others wait for its lease."""
    observer = Observer(
        account=configuration.settings.distribution_account,
        own_accounts=configuration.own_accounts,
        database=database,
        horizons=horizons,
        clock=clock,
        reseeds_by_itself=configuration.profile.reseeds_by_itself,
    )
    await observer.run(stop)


class Observer:
    """Reads one account of one network. `run` works until it is told to stop."""

    def __init__(
        self,
        *,
        account: str,
        own_accounts: AbstractSet[str] = frozenset(),
        database: Database,
        horizons: Horizons,
        clock: Clock,
        reseeds_by_itself: bool = False,
        rescan_every_s: float = RESCAN_EVERY_S,
        balances_every_s: float = LOOK_EVERY_S,
        backoff_max_s: float = 10.0,
    ) -> None:
        """Bind the parts together; nothing is contacted yet."""
        self._account = account
        self._own_accounts = own_accounts
        self._database = database
        self._horizons = horizons
        self._clock = clock
        self._rescan_every_s = rescan_every_s
        self._backoff_max_s = backoff_max_s
        self._source = cursor_source(account)
        self._leadership = Leadership(database, role=ROLE, holder=holder_name())
        self._continuity = Continuity(
            source=self._source,
            horizons=horizons,
            database=database,
            leadership=self._leadership,
            reseeds_by_itself=reseeds_by_itself,
        )
        self._completion = Completion(database)
        self._balances = BalanceWatch(
            account=account, database=database, leadership=self._leadership, every_s=balances_every_s
        )
        self._bell = asyncio.Event()
        self._page_records = PAGE_RECORDS_MAX
        self._listens_at: tuple[Horizon, str] | None = None

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

    async def _scan(self, stop: asyncio.Event) -> bool:
        """Read pages from the committed cursor to the end of the chain and store them; True when more is there."""
        if not await self._leadership.wait_until_held(stop):
            return False
        finding: Finding | None = None
        try:
            committed = await self._continuity.committed()
            # Asked before the pages: all that its last ledger and those before hold will be in the pages that follow.
            finding = await self._continuity.proven(committed)
            has_more = await self._read_on(finding, committed, stop)
        except HorizonFault as error:
            metrics.horizon_faults.labels(error.reason).inc()
            if finding is not None:
                self._horizons.failed(finding.horizon)
            raise
        await self._look_for_balances(finding)
        if has_more:
            await pause(_CUT_PAUSE_S, stop)
        return has_more

    async def _look_for_balances(self, finding: Finding) -> None:
        try:
            await self._balances.look(finding)
        except HorizonFault as error:
            metrics.horizon_faults.labels(error.reason).inc()
            log.warning("claimable_balances_unknown", reason=error.reason)

    async def _read_on(self, finding: Finding, committed: Cursor | None, stop: asyncio.Event) -> bool:
        position = committed.position if committed else BEGINNING
        while not stop.is_set():
            page, is_last = await self._page_after(finding.horizon, position)
            judged = judge(page.records, self._account, position, finding.root.latest_ledger)
            batch = await self._completion.complete(judged, finding.horizon)
            if judged.has_offers:
                self._balances.hurry()
            is_end = is_last or judged.is_cut
            mark = _mark(finding, page) if is_end else None
            await self._store(batch, self._reached(judged.position, committed, mark))
            self._listens_at = (finding.horizon, judged.position)
            if is_end:
                self._note_end(finding.root)
                return judged.is_cut
            _require_progress(position, judged.position)
            position = judged.position
        return False

    def _reached(self, position: str, committed: Cursor | None, mark: LedgerMark | None) -> Reached:
        return Reached(
            source=self._source,
            position=position,
            network_passphrase=self._horizons.network_passphrase,
            ledger=mark,
            seeding=committed.seeding if committed else 0,
            ledger_offset=committed.ledger_offset if committed else 0,
        )

    async def _page_after(self, horizon: Horizon, position: str) -> tuple[Page, bool]:
        """Read the next page, and tell whether it is the last one now."""
        limit = self._page_records
        try:
            page = await horizon.operations(self._account, position, limit)
        except AnswerTooLarge:
            if limit == 1:
                raise
            self._page_records = max(1, limit // _PAGE_SHRINKS_BY)
            return await self._page_after(horizon, position)
        self._page_records = min(PAGE_RECORDS_MAX, limit * _PAGE_SHRINKS_BY)
        return page, len(page.records) < limit

    async def _store(self, batch: Batch, reached: Reached) -> None:
        """Store a page with the cursor in one transaction."""
        async with self._database.transaction() as connection:
            await self._leadership.confirm(connection)
            stored = await store(connection, batch, reached, own_accounts=self._own_accounts)
            if stored.undecodable:
                await open_alert(
                    connection,
                    kind=AlertKind.UNREADABLE_RECORD,
                    subject=self._source,
                    message="Records of the chain could not be understood; they may be payments. See them with "
                    "roadstead payments undecodable.",
                )
        self._tell(stored, batch)

    def _tell(self, stored: Stored, batch: Batch) -> None:
        metrics.payments_stored.inc(stored.payments)
        metrics.undecodable_records.inc(stored.undecodable)
        metrics.clawbacks_stored.inc(stored.clawbacks)
        if stored.payments:
            log.info(
                "payments_stored",
                count=stored.payments,
                first_operation_id=batch.payments[0].operation_id,
                last_operation_id=batch.payments[-1].operation_id,
            )
        if stored.clawbacks:
            log.error("clawed_back", operation_ids=[one.operation_id for one in batch.clawbacks[:_TOLD_MAX]])
        if stored.undecodable:
            log.error(
                "records_undecodable",
                count=stored.undecodable,
                source=self._source,
                positions=[record.position for record in batch.undecodable[:_TOLD_MAX]],
                reasons=[record.reason for record in batch.undecodable[:_TOLD_MAX]],
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
            if self._listens_at is None or not self._leadership.is_held:
                await pause(_LISTEN_AGAIN_S, stop)
                continue
            horizon, position = self._listens_at
            opened_at_s = time.monotonic()
            try:
                async with aclosing(horizon.stream(self._account, position)) as events:
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


def _mark(finding: Finding, page: Page) -> LedgerMark | None:
    """Return the ledger up to which everything was surely read with the last page, where that can be said."""
    root = finding.root
    if finding.standing is Standing.AHEAD:
        return None
    if page.latest_ledger is not None and page.latest_ledger < root.latest_ledger:
        return None
    return LedgerMark(sequence=root.latest_ledger, closed_at=root.latest_ledger_closed_at)


def _require_progress(position: str, reached: str) -> None:
    if reached == position:
        raise HorizonFault(
            f"Horizon's page after cursor {position} does not lead past it. It is asked for again.",
            reason="no_progress",
        )
