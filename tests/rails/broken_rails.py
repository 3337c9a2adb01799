"""Rails that are broken on purpose, to show that the contract notices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

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
