"""The rail to Harbour Bank, which does not exist: what its API says, in the words of `roadstead.rails.protocol`.

The bank takes transfers in cents under a reference of ours, knows a reference for ever, and keeps a journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal, TypeVar

import aiohttp
import msgspec

from roadstead.config.effective import ConfiguredRail
from roadstead.errors import ConfigurationError, Unauthenticated, Unavailable
from roadstead.money import Asset, Money
from roadstead.rails.checks import amount_problems, creditor_problems, text_problems
from roadstead.rails.protocol import (
    ABSENT,
    Absent,
    BankBalance,
    FieldProblem,
    Observation,
    Outcome,
    PayoutAttempt,
    Rail,
    RailEvent,
    RailStatus,
    RailTerms,
    Refused,
    Submitted,
    Unknown,
)

EVENTS_MAX = 200
ANSWER_MAX_BYTES = 1024 * 1024

_Form = TypeVar("_Form")
_STATUSES = {"booked": RailStatus.SETTLED, "refused": RailStatus.REFUSED}


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as the bank knows it."""

    ref: str
    end_to_end: str
    cents: int
    iban: str
    state: Literal["booked", "refused"]
    id: str
    reason: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the bank's journal; numbers are never used again."""

    number: int
    transfer: Transfer
    at: datetime


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What happened after a number, oldest first."""

    entries: list[Entry]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank holds for us."""

    cents: int
    at: datetime


class HarbourRail:
    """Pays through Harbour Bank. One instance serves all tasks of one event loop."""

    def __init__(self, *, name: str, url: str, currency: Asset, timeout_s: int = 10) -> None:
        """Describe the bank; nothing is contacted yet."""
        self._name = name
        self._url = url.rstrip("/")
        self._currency = currency
        self._session: aiohttp.ClientSession | None = None
        self._terms = RailTerms(
            currencies=frozenset({currency}),
            # Both stand in the bank's contract: it answers for every reference, and knows each for ever.
            can_find=True,
            dedupe_window=None,
            return_window=timedelta(days=10),
            submit_timeout_s=timeout_s,
            poll_interval_s=5.0,
        )

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self._name

    @property
    def terms(self) -> RailTerms:
        """What the bank promises in writing, and no more."""
        return self._terms

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        """Say what the bank would refuse, without asking it."""
        return [
            *amount_problems(attempt.amount, self._terms),
            *creditor_problems(attempt.creditor, attempt.amount.asset),
            *text_problems(attempt),
        ]

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        """Hand over an attempt. Its key is the reference, so the bank books it once however often it is sent."""
        content = {
            "ref": attempt.key,
            "end_to_end": attempt.end_to_end_id,
            "cents": attempt.amount.units,
            "iban": attempt.creditor.account_number,
            "name": attempt.creditor.name,
            "text": attempt.information,
        }
        try:
            status, body = await self._call("POST", "/transfers", content)
        except Unavailable as error:
            return Unknown(detail=error.message)
        told = _told(attempt, body) if status in {HTTPStatus.OK, HTTPStatus.CREATED} else None
        if told is None:
            # An error, a conflict, or an answer that cannot be read: whether it pays, nobody can say.
            return Unknown(
                detail=f"The bank answered attempt {attempt.key} with status {status}; ask for it."
            )
        if told.state == "refused":
            return Refused(reason=told.reason or "")
        return Submitted(status=_STATUSES[told.state], reference=told.id)

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        """Ask what became of an attempt. Absent only when the bank itself says so, in so many words."""
        try:
            status, body = await self._call("GET", f"/transfers/{attempt.key}")
        except Unavailable as error:
            return Unknown(detail=error.message)
        if status == HTTPStatus.NOT_FOUND and body == b'{"error":"unknown_ref"}':
            return ABSENT
        told = _told(attempt, body) if status == HTTPStatus.OK else None
        if told is None:
            return Unknown(detail=f"The bank answered a question about {attempt.key} with status {status}.")
        return Observation(status=_STATUSES[told.state], reference=told.id, reason=told.reason)

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        """Return what the journal tells after `cursor`, which is the number of its last line that was read.

        Raises:
            Unavailable: The bank does not answer, or says what cannot be read.
        """
        status, body = await self._call("GET", f"/journal?after={cursor or 0}&limit={EVENTS_MAX}")
        journal = _read(body, Journal) if status == HTTPStatus.OK else None
        if journal is None:
            raise Unavailable(f"Rail {self._name} answered with status {status}, or what cannot be read.")
        events = [self._event(entry) for entry in journal.entries]
        return events, str(journal.entries[-1].number) if journal.entries else cursor

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:  # noqa: ARG002 - see below
        """Refuse every pushed message: the bank pushes none.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(f"Rail {self._name} pushes no messages.")

    async def balance(self) -> BankBalance:
        """Return what the bank holds for us.

        Raises:
            Unavailable: The bank does not answer, or says what cannot be read.
        """
        status, body = await self._call("GET", "/account")
        account = _read(body, Account) if status == HTTPStatus.OK else None
        if account is None:
            raise Unavailable(f"Rail {self._name} answered with status {status}, or what cannot be read.")
        held = Money(self._currency, account.cents)
        return BankBalance(booked=held, available=held, as_of=account.at)

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    def _event(self, entry: Entry) -> RailEvent:
        transfer = entry.transfer
        return RailEvent(
            identity=str(entry.number),
            key=transfer.ref,
            end_to_end_id=transfer.end_to_end,
            status=_STATUSES[transfer.state],
            occurred_at=entry.at,
            amount=Money(self._currency, transfer.cents),
            reference=transfer.id,
            reason=transfer.reason,
        )

    async def _call(self, method: str, path: str, content: object = None) -> tuple[int, bytes]:
        """Return the status and the body of the bank's answer, whatever they are.

        Raises:
            Unavailable: None came in time, or too much; what was asked may have been done or not.
        """
        if self._session is None:
            # A connection of its own for each call: aiohttp repeats a call by itself only where it used one again.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=self._terms.submit_timeout_s),
            )
        try:
            async with self._session.request(
                method, self._url + path, json=content, allow_redirects=False
            ) as answer:
                body = bytearray()
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > ANSWER_MAX_BYTES:
                        raise Unavailable(
                            f"Rail {self._name} answered with more than {ANSWER_MAX_BYTES} bytes."
                        )
                return answer.status, bytes(body)
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"Rail {self._name} does not answer ({type(error).__name__}).") from error


def open_rail(configured: ConfiguredRail) -> Rail:
    """Make the rail that `ROADSTEAD_RAIL_<NAME>_KIND=examples.own_rail.rail:open_rail` asks for.

    Raises:
        ConfigurationError: The bank's address is missing.
    """
    if configured.url is None:
        raise ConfigurationError(
            f"ROADSTEAD_RAIL_{configured.name.upper()}_URL is missing: write the bank's address."
        )
    return HarbourRail(name=configured.name, url=configured.url, currency=configured.currency)


def _told(attempt: PayoutAttempt, body: bytes) -> Transfer | None:
    """Read what the bank says of a transfer; None when that cannot be read, or is not about this very attempt."""
    told = _read(body, Transfer)
    if told is None:
        return None
    is_ours = (told.ref, told.end_to_end, told.cents, told.iban) == (
        attempt.key,
        attempt.end_to_end_id,
        attempt.amount.units,
        attempt.creditor.account_number,
    )
    return told if is_ours else None


def _read(body: bytes, form: type[_Form]) -> _Form | None:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
