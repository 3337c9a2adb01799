"""The rail that pays by file: batches of ISO 20022 payments out, a bank's reports and statements in.

What the rail knows of an attempt is what its own tables hold, which are written in the same database as the payouts:

- An attempt in no batch was never handed over, so `find` says `ABSENT`, and a repeated `submit` puts it into a batch
  once. After a restore from a backup that may be wrong, because the lost time may have sent it: then nobody can say.
- An attempt in a batch that was not sent is `RECEIVED`: the rail has it and will send it, whatever crashes.
- An attempt in a batch that was sent is `RECEIVED` until the bank says more. Silence says nothing.
- An attempt in a batch that a restored backup knew unsent is `Unknown`: it may have been sent in the lost time.
- What the bank said stands: refused, accepted, settled, returned; money that moved counts more than words.
- A key with other content is `Unknown`: people have to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from roadstead.batches import events, filling, inbox, understanding, withholding
from roadstead.batches.desk import FileDesk
from roadstead.batches.filling import Differs, Kept
from roadstead.batches.inbox import ToldEvent
from roadstead.errors import BadInput, RoadsteadError, Unauthenticated, Unavailable
from roadstead.money import Money, currency
from roadstead.rails.checks import amount_problems, creditor_problems, text_problems
from roadstead.rails.iso20022.reading import AccountReport
from roadstead.rails.iso20022.texts import has_letters
from roadstead.rails.protocol import (
    ABSENT,
    Absent,
    BankBalance,
    FieldProblem,
    Observation,
    Outcome,
    PayoutAttempt,
    RailEvent,
    RailStatus,
    RailTerms,
    Refused,
    Submitted,
    Unknown,
)
from roadstead.rails.statements import BankStatement

EVENTS_MAX = 200
RETURN_WINDOW = timedelta(days=60)
SUBMIT_TIMEOUT_S = 30
POLL_INTERVAL_S = 2.0
SEPA_UNITS_MAX = 99_999_999_999
"""999,999,999.99 euros, the largest SEPA credit transfer (EPC125-05)."""

_STRENGTH = (
    RailStatus.RETURNED,
    RailStatus.SETTLED,
    RailStatus.REFUSED,
    RailStatus.ACCEPTED,
    RailStatus.RECEIVED,
)
"""Which word stands when several were said: those about money that moved before those about what will happen."""


class FileRail:
    """Pays by file. One instance may be shared by all tasks of one event loop; any number of processes have one."""

    def __init__(self, desk: FileDesk) -> None:
        """Bind what the files are worked on with."""
        self.desk = desk
        is_euro = desk.asset == currency("EUR")
        self._terms = RailTerms(
            currencies=frozenset({desk.asset}),
            amount_max=Money(desk.asset, SEPA_UNITS_MAX) if is_euro else None,
            can_find=True,
            dedupe_window=None,
            return_window=RETURN_WINDOW,
            submit_timeout_s=SUBMIT_TIMEOUT_S,
            poll_interval_s=POLL_INTERVAL_S,
            has_statements=True,
            calendar_name=desk.calendar_name,
        )

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self.desk.rail

    @property
    def terms(self) -> RailTerms:
        """What the rail declares of itself: it knows every attempt for ever, because it keeps them."""
        return self._terms

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        """Say what a file could not carry, without asking anybody."""
        problems = [
            *amount_problems(attempt.amount, self._terms),
            *creditor_problems(attempt.creditor, attempt.amount.asset),
            *text_problems(attempt),
        ]
        if attempt.creditor.name.strip() and not has_letters(attempt.creditor.name):
            problems.append(
                FieldProblem(
                    field="first_name", message="The name has no letters that can be written in Latin ones."
                )
            )
        return problems

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        """Put an attempt into the open batch. May be called again with the same attempt; it goes out once."""
        try:
            kept = await filling.put(self.desk, attempt)
            if isinstance(kept, Differs):
                return Unknown(detail=f"Attempt {attempt.key} is known: {kept.why}. A person has to compare.")
            found = await self._observed(attempt.key, kept)
        except RoadsteadError as error:
            return Unknown(detail=error.message)
        if isinstance(found, Unknown):
            return found
        if found.status is RailStatus.REFUSED:
            return Refused(reason=found.reason or "", detail="The bank refused it.")
        return Submitted(status=found.status, reference=found.reference)

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        """Say what is known of an attempt, from our batches and the bank's files. Changes nothing."""
        try:
            kept = await filling.compare(self.desk, attempt)
            if kept is None:
                return await self._absent(attempt.key)
            if isinstance(kept, Differs):
                return Unknown(detail=f"Attempt {attempt.key} is known: {kept.why}. A person has to compare.")
            return await self._observed(attempt.key, kept)
        except RoadsteadError as error:
            return Unknown(detail=error.message)

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        """Return what the bank's files told after `cursor`, oldest first, at most 200 events, and the next cursor.

        Raises:
            Unavailable: The database does not answer.
        """
        async with self.desk.database.connection() as connection:
            told = await inbox.events_after(
                connection, self.name, self.desk.asset, after=_number(cursor), limit=EVENTS_MAX
            )
        return [_event(each) for each in told], str(told[-1].id) if told else cursor

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:  # noqa: ARG002 - see below
        """Refuse every pushed message: what the bank has to say it says in files.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(f"Rail {self.name} pushes no messages; what it has to say stands in files.")

    async def balance(self) -> BankBalance:
        """Return the closing balance of the newest statement.

        Raises:
            Unavailable: No statement has come yet, or the database does not answer.
        """
        async with self.desk.database.connection() as connection:
            found = await inbox.last_balance(connection, self.name, self.desk.asset)
        if found is None:
            raise Unavailable(f"Rail {self.name} has brought no statement with a closing balance yet.")
        return BankBalance(booked=found[0], available=found[0], as_of=found[1])

    async def statements(self, cursor: str | None) -> tuple[Sequence[BankStatement], str | None]:
        """Return the statements of the next file after `cursor` that has some of our account, and the next cursor.

        Raises:
            Unavailable: The database or the keeper of the keys does not answer.
            InvariantViolated: A stored file cannot be decrypted.
        """
        number = _number(cursor)
        while True:
            async with self.desk.database.connection() as connection:
                file = await inbox.statement_after(connection, self.name, number)
            if file is None or file.number is None:
                return [], str(number) if number else cursor
            number = file.number
            read = (await understanding.read_file(self.desk, file)).content
            if isinstance(read, AccountReport):
                own = events.own_statements(read, self.desk.debtor.account)
                if own:
                    return own, str(number)

    async def close(self) -> None:
        """Let go of the channel."""
        await self.desk.channel.close()

    async def _observed(self, key: str, kept: Kept) -> Observation | Unknown:
        """Return the strongest of what was told of an attempt that is in a batch."""
        async with self.desk.database.connection() as connection:
            told = await inbox.events_of(connection, self.name, self.desk.asset, key)
        if kept.is_withheld and not told:
            return Unknown(
                detail=f"Attempt {key} is in batch {kept.batch_id}, of which nobody can say since the database was "
                "restored whether it was sent. It is not sent again: compare with the bank's statements."
            )
        return strongest(told)

    async def _absent(self, key: str) -> Absent | Unknown:
        """Say that an attempt was never handed over, unless a restored database may have forgotten it."""
        async with self.desk.database.connection() as connection:
            told = await inbox.events_of(connection, self.name, self.desk.asset, key)
            forgets = await withholding.restored_after(connection, self.desk.clock.now() - RETURN_WINDOW)
        if told or forgets:
            return Unknown(
                detail=f"Attempt {key} is in no batch, but the database was restored from a backup: a file of the lost "
                "time may have it. Compare with the bank's statements."
            )
        return ABSENT


def strongest(told: Sequence[ToldEvent]) -> Observation:
    """Conclude from everything that was told of an attempt where it stands; told nothing, it is received."""
    for status in _STRENGTH:
        for event in reversed(told):
            if event.status is status:
                return Observation(
                    status=status,
                    reference=event.reference,
                    reason=event.reason,
                    amount=event.amount if status is RailStatus.RETURNED else None,
                )
    return Observation(status=RailStatus.RECEIVED)


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise BadInput(f"{cursor[:40]!r} is no cursor of this rail.")
    return int(cursor)


def _event(told: ToldEvent) -> RailEvent:
    return RailEvent(
        identity=told.identity,
        key=told.key,
        end_to_end_id=told.end_to_end_id,
        status=told.status,
        occurred_at=told.occurred_at,
        amount=told.amount,
        reference=told.reference,
        reason=told.reason,
    )
