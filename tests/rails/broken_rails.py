"""Rails that are broken on purpose, to show that the contract notices."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from roadstead.money import Money, currency
from roadstead.rails.protocol import (
    Absent,
    BankBalance,
    FieldProblem,
    Observation,
    Outcome,
    PayoutAttempt,
    Rail,
    RailEvent,
    RailTerms,
    Refused,
    Unknown,
)
from roadstead.rails.statements import BankStatement, StatementSource


@dataclass(frozen=True, slots=True)
class PassingRail:
    """Passes every call on to a sound rail."""

    sound: Rail

    @property
    def name(self) -> str:
        return self.sound.name

    @property
    def terms(self) -> RailTerms:
        return self.sound.terms

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        return self.sound.check(attempt)

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        return await self.sound.submit(attempt)

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        return await self.sound.find(attempt)

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        return await self.sound.poll(cursor)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:
        return self.sound.receive(headers, body)

    async def balance(self) -> BankBalance:
        return await self.sound.balance()

    async def statements(self, cursor: str | None) -> tuple[Sequence[BankStatement], str | None]:
        if not isinstance(self.sound, StatementSource):
            raise TypeError(f"{self.sound.name} yields no statements.")
        return await self.sound.statements(cursor)

    async def close(self) -> None:
        await self.sound.close()


@dataclass(frozen=True, slots=True)
class NewKeyEachCall(PassingRail):
    """Sends a new key with every call, so that the bank cannot recognise a repeat."""

    calls: "count[int]" = field(default_factory=lambda: count(1))

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        return await self.sound.submit(replace(attempt, key=f"{attempt.key}N{next(self.calls)}"))


@dataclass(frozen=True, slots=True)
class TimeoutIsRefused(PassingRail):
    """Takes silence for a refusal."""

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        match await self.sound.submit(attempt):
            case Unknown(detail=detail):
                return Refused(reason="TM01", detail=detail)
            case outcome:
                return outcome


@dataclass(frozen=True, slots=True)
class SilenceIsAbsent(PassingRail):
    """Takes an answer that does not come, or speaks of another payout, for the word that there is none."""

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        match await self.sound.find(attempt):
            case Unknown():
                return Absent()
            case found:
                return found


@dataclass(frozen=True, slots=True)
class IdentityEachPoll(PassingRail):
    """Gives an event another identity each time that it is told."""

    calls: "count[int]" = field(default_factory=lambda: count(1))

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        events, following = await self.sound.poll(cursor)
        return [
            replace(event, identity=f"{event.identity}-{next(self.calls)}") for event in events
        ], following


@dataclass(frozen=True, slots=True)
class CursorForgotten(PassingRail):
    """Begins from the beginning whatever it is asked for."""

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        events, following = await self.sound.poll(None)
        return (events, following) if cursor is None or cursor != following else ([], cursor)


@dataclass(frozen=True, slots=True)
class EveryMessageBelieved(PassingRail):
    """Believes whoever pushes."""

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:
        return []


@dataclass(frozen=True, slots=True)
class LimitOnlyDeclared(PassingRail):
    """Declares a limit that its check does not know."""

    @property
    def terms(self) -> RailTerms:
        return replace(self.sound.terms, amount_max=Money(currency("EUR"), 1_000_00))


@dataclass(frozen=True, slots=True)
class CheckThatAsks(PassingRail):
    """Asks the network before it says what is wrong."""

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        with socket.socket() as caller:
            caller.connect_ex(("127.0.0.1", 9))
        return self.sound.check(attempt)
