"""Delivering callbacks: at least once, in the order of each subject's events, without one receiver holding up others.

A callback is leased, its bytes are fixed, they are signed and sent outside any transaction, and the outcome is
written with the log of the try. A process that dies in between leaves a lease that runs out: the same bytes are then
sent again, with a fresh signature.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import structlog

from roadstead.boundaries import boundary
from roadstead.callbacks import store
from roadstead.callbacks.http_client import Answer, NoAnswer, NoAnswerReason
from roadstead.callbacks.registration import require_permitted
from roadstead.callbacks.resting import RestingHosts
from roadstead.callbacks.retries import next_pause
from roadstead.callbacks.signatures import CallbackSigner
from roadstead.callbacks.store import CallbackStatus, Claimed, SubjectKind
from roadstead.callbacks.targets import Target, TargetRefused
from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import Unavailable
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

IN_FLIGHT_MAX = 32
IN_FLIGHT_PER_HOST_MAX = 4
LEASE = timedelta(seconds=30)
"""Longer than the whole call and the writing of its outcome."""
STATEMENTS_AT_ONCE_MAX = 2
"""Most connections to the database that delivery takes, so that payouts always find one."""

_BAD_REQUEST = 400

Renderer = Callable[[Connection, UUID, str], Awaitable[bytes]]
"""Writes the body of a callback from its subject and the snapshot (JSON) that was taken with the event."""


class Outcome(StrEnum):
    """How a try ended."""

    DELIVERED = "delivered"
    CALLED_INVALID = "called_invalid"
    """The receiver answered 400: it considers our callback wrong."""
    REFUSED = "refused"
    """The receiver answered with another status than 2xx."""
    NO_NAME = "no_name"
    NO_CONNECTION = "no_connection"
    NO_TLS = "no_tls"
    TIMEOUT = "timeout"
    UNREADABLE = "unreadable"
    NOT_PERMITTED = "not_permitted"
    """The URL, its host or an address of it must not be called; nothing was sent."""
    NOT_RENDERED = "not_rendered"
    """We could not write it; nothing was sent."""


_BY_REASON = {
    NoAnswerReason.NAME: Outcome.NO_NAME,
    NoAnswerReason.CONNECTION: Outcome.NO_CONNECTION,
    NoAnswerReason.TLS: Outcome.NO_TLS,
    NoAnswerReason.TIMEOUT: Outcome.TIMEOUT,
    NoAnswerReason.UNREADABLE: Outcome.UNREADABLE,
}
_HOST_IS_ILL = frozenset({Outcome.NO_NAME, Outcome.NO_CONNECTION, Outcome.NO_TLS, Outcome.TIMEOUT})


class CallbackClient(Protocol):
    """Reads and calls URLs; `SafeClient` does."""

    def parse(self, url: str) -> Target:
        """Read a URL.

        Raises:
            TargetRefused: It must not be called.
        """
        ...

    async def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send these very bytes and return the answer, whatever its status.

        Raises:
            TargetRefused: It must not be called; nothing was sent.
            NoAnswer: There was no answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one try, for metrics."""

    outcome: Outcome
    status: CallbackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    outcome: Outcome
    http_status: int | None = None
    answer: str = ""


class Deliverer:
    """Sends what is due. Any number may run at once, in any number of processes."""

    def __init__(
        self,
        *,
        database: Database,
        client: CallbackClient,
        signer: CallbackSigner,
        clock: Clock,
        randomness: Randomness,
        renderers: Mapping[SubjectKind, Renderer],
        private_allowed: bool,
        observe: Callable[[Told], None] = lambda _: None,
        resting: RestingHosts | None = None,
        lease: timedelta = LEASE,
    ) -> None:
        """Take what delivery stands on; `observe` hears of every try."""
        self._database = database
        self._client = client
        self._signer = signer
        self._clock = clock
        self._randomness = randomness
        self._renderers = renderers
        self._private_allowed = private_allowed
        self._observe = observe
        self._resting = resting or RestingHosts()
        self._lease = lease
        self._statements = asyncio.Semaphore(STATEMENTS_AT_ONCE_MAX)
        self._in_flight: dict[asyncio.Task[None], str] = {}
        self.wake = asyncio.Event()
        """Set when a delivery ended, so that there is room for another."""

    async def step(self) -> bool:
        """Begin to deliver what is due, as far as there is room; return whether anything was begun. Never waits for it.

        Raises:
            Unavailable: The database does not answer.
        """
        room = IN_FLIGHT_MAX - len(self._in_flight)
        if room <= 0:
            return False
        free = {
            host: IN_FLIGHT_PER_HOST_MAX - count for host, count in Counter(self._in_flight.values()).items()
        }
        free |= dict.fromkeys(self._resting.hosts(), 0)
        async with self._statements, self._database.connection() as connection:
            claimed = await store.claim_due(
                connection,
                token=new_id(self._randomness),
                lease=self._lease,
                limit=room,
                free_by_host=free,
                per_host_max=IN_FLIGHT_PER_HOST_MAX,
            )
        for callback in claimed:
            task = asyncio.get_running_loop().create_task(self._deliver(callback))
            self._in_flight[task] = callback.host
            task.add_done_callback(self._forget)
        return bool(claimed)

    async def finish(self, grace_s: float) -> None:
        """Let deliveries under way end for a time, then leave them: others send them again when the leases are over."""
        tasks = set(self._in_flight)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self.wake.set()

    async def _deliver(self, callback: Claimed) -> None:
        started_s = time.perf_counter()
        try:
            ended = await self._try(callback)
            duration_ms = round((time.perf_counter() - started_s) * 1000)
            self._resting.note(callback.host, is_ill=ended.outcome in _HOST_IS_ILL)
            await self._record(callback, ended, duration_ms)
        except Unavailable as error:
            # The lease runs out, and somebody tries again.
            log.warning("callback_not_recorded", callback_id=callback.id, error=error.message)
        except Exception:
            log.exception("callback_failed", callback_id=callback.id)

    async def _try(self, callback: Claimed) -> _Ended:
        body = callback.body
        if body is None:
            try:
                body = await self._render(callback)
            except Unavailable:
                raise
            except Exception as error:
                log.exception("callback_not_rendered", callback_id=callback.id)
                return _Ended(outcome=Outcome.NOT_RENDERED, answer=type(error).__name__)
        try:
            target = self._client.parse(callback.url)
            require_permitted(target, callback.permitted_hosts, private_allowed=self._private_allowed)
            headers = self._signer.headers(host=target.authority, body=body, now=self._clock.now())
            boundary("callback.post.before")
            answer = await self._client.post(target, body, headers)
            boundary("callback.post.after")
        except TargetRefused as error:
            return _Ended(outcome=Outcome.NOT_PERMITTED, answer=error.message)
        except NoAnswer as error:
            return _Ended(outcome=_BY_REASON[error.reason], answer=error.message)
        return _Ended(
            outcome=_outcome_of(answer.status),
            http_status=answer.status,
            answer=answer.content.decode("utf-8", "replace"),
        )

    async def _render(self, callback: Claimed) -> bytes:
        render = self._renderers[callback.subject.kind]
        async with self._statements, self._database.transaction() as connection:
            body = await render(connection, callback.subject.id, callback.snapshot)
            return await store.fix_body(connection, callback.id, body)

    async def _record(self, callback: Claimed, ended: _Ended, duration_ms: int) -> None:
        pause: timedelta | None = None
        status = CallbackStatus.DELIVERED
        if ended.outcome is not Outcome.DELIVERED:
            chance = self._randomness.token_bytes(1)[0]
            pause = next_pause(tries=callback.tries + 1, age=callback.age, chance=chance)
            status = CallbackStatus.GIVEN_UP if pause is None else CallbackStatus.WAITING
        async with self._statements, self._database.transaction() as connection:
            await store.insert_try(
                connection,
                callback.id,
                url=callback.url,
                duration_ms=duration_ms,
                outcome=ended.outcome,
                http_status=ended.http_status,
                answer=ended.answer,
            )
            if pause is None:
                kept = await store.end(connection, callback, status)
            else:
                kept = await store.postpone(connection, callback, pause)
        _tell(callback, ended, status, kept=kept)
        self._observe(Told(outcome=ended.outcome, status=status))


def _outcome_of(status: int) -> Outcome:
    if 200 <= status < 300:  # noqa: PLR2004 - the class of the status
        return Outcome.DELIVERED
    return Outcome.CALLED_INVALID if status == _BAD_REQUEST else Outcome.REFUSED


def _tell(callback: Claimed, ended: _Ended, status: CallbackStatus, *, kept: bool) -> None:
    """Log a try: never the URL nor the answer, which may carry a partner's secrets."""
    about = {
        "callback_id": callback.id,
        f"{callback.subject.kind}_id": str(callback.subject.id),
        "callback_event": callback.event,
        "host": callback.host,
        "outcome": str(ended.outcome),
        "http_status": ended.http_status,
    }
    if not kept:
        log.warning("callback_lease_lost", **about)
    elif status is CallbackStatus.GIVEN_UP:
        log.error("callback_given_up", **about)
    elif ended.outcome in (Outcome.CALLED_INVALID, Outcome.NOT_RENDERED):
        log.error("callback_called_invalid", **about)
    elif status is CallbackStatus.WAITING:
        log.warning("callback_not_delivered", **about)
    else:
        log.info("callback_delivered", **about)
