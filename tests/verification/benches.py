"""The shipped verifiers on the bench of the contract, and verifiers that are broken on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from tests.fixtures.operators import add_operator, vote
from tests.fixtures.provider_process import SECRET, ProviderProcess

from roadstead.clock import SystemClock
from roadstead.config.secrets import Secret
from roadstead.contract.bench import Pushed
from roadstead.database.pool import Database
from roadstead.errors import Unavailable
from roadstead.verification.http import HttpVerifier
from roadstead.verification.manual import ManualVerifier
from roadstead.verification.offline import OfflineVerifier
from roadstead.verification.protocol import (
    CaseDocument,
    Decision,
    Forgotten,
    IdentityVerifier,
    ProviderRef,
    Refused,
    Started,
    Unknown,
    Verification,
    VerificationCase,
)
from roadstead.verification.signatures import SIGNATURE_HEADER, event_signature


def new_case(last_name: str = "Receiver", documents: Sequence[CaseDocument] = ()) -> VerificationCase:
    case_id = uuid4()
    return VerificationCase(
        id=case_id,
        customer_id=uuid4(),
        customer_type="sep31-receiver",
        fields={
            "first_name": "Rosalinda",
            "last_name": last_name,
            "bank_account_number": "DE89370400440532013000",
        },
        documents=documents,
        digest=hashlib.sha256(case_id.bytes).hexdigest(),
    )


@dataclass
class OfflineBench:
    verifier: IdentityVerifier = field(default_factory=lambda: OfflineVerifier("offline"))
    decisions: Sequence[Decision] = (Decision.ACCEPTED,)

    def new_case(self, documents: Sequence[CaseDocument] = ()) -> VerificationCase:
        return new_case(documents=documents)

    async def decide(self, reference: ProviderRef, decision: Decision) -> bool:
        return decision is Decision.ACCEPTED

    async def cases(self, case: VerificationCase) -> int:
        return 1

    async def documents(self, case: VerificationCase) -> Mapping[str, int] | None:
        return None

    async def lose_next_answer(self) -> bool:
        return False

    async def go_away(self) -> bool:
        return False

    def pushed(self, reference: ProviderRef) -> Pushed | None:
        return None


@dataclass
class ManualBench(OfflineBench):
    database: Database | None = None
    decisions: Sequence[Decision] = (Decision.ACCEPTED, Decision.REJECTED)

    def _house(self) -> Database:
        assert self.database is not None
        return self.database

    async def decide(self, reference: ProviderRef, decision: Decision) -> bool:
        async with self._house().transaction() as connection:
            hold_id = await connection.fetchval(
                "SELECT id FROM holds WHERE subject = $1 AND status = 'open'", reference
            )
            if hold_id is None:
                return False
            for number in range(2):
                person = await add_operator(connection, f"person-{hold_id}-{number}")
                act = "approve" if number else "propose"
                ruling = "release" if decision is Decision.ACCEPTED else "refuse"
                await vote(connection, hold_id, person, act, decision=ruling)
        return True

    async def cases(self, case: VerificationCase) -> int:
        async with self._house().connection() as connection:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM holds WHERE subject = $1", str(case.id)
            )
        return found

    async def go_away(self) -> bool:
        await self._house().close()
        return True


@dataclass
class HttpBench(OfflineBench):
    provider: ProviderProcess = field(default_factory=ProviderProcess)
    decisions: Sequence[Decision] = (
        Decision.ACCEPTED,
        Decision.NEEDS_INFO,
        Decision.REJECTED,
        Decision.REVOKED,
    )

    async def decide(self, reference: ProviderRef, decision: Decision) -> bool:
        await self.provider.say(reference, decision)
        return True

    async def cases(self, case: VerificationCase) -> int:
        return sum(str(case.id) in known["reference"] for known in await self.provider.cases())

    async def documents(self, case: VerificationCase) -> Mapping[str, int] | None:
        (known,) = [one for one in await self.provider.cases() if str(case.id) in one["reference"]]
        there: Mapping[str, int] = known["documents"]
        return there

    async def lose_next_answer(self) -> bool:
        await self.provider.plan({"kind": "lost_answer"})
        return True

    async def go_away(self) -> bool:
        self.provider.kill()
        return True

    def pushed(self, reference: ProviderRef) -> Pushed | None:
        body = f'{{"references": ["{reference}"]}}'.encode()
        signature = event_signature(SECRET.encode(), SystemClock().now(), body)
        return Pushed(headers={SIGNATURE_HEADER: signature}, body=body)


@asynccontextmanager
async def simulated() -> AsyncIterator[HttpBench]:
    """The http verifier over a real process of the simulated provider."""
    async with ProviderProcess(delay_s=60) as provider:
        verifier = HttpVerifier(
            name="identity",
            base_url=f"{provider.url}/identity",
            secret=Secret(SECRET),
            clock=SystemClock(),
            timeout_s=2,
        )
        try:
            yield HttpBench(verifier=verifier, provider=provider)
        finally:
            await verifier.close()


def by_people(database: Database) -> ManualBench:
    return ManualBench(verifier=ManualVerifier("people", database), database=database)


@dataclass
class Passing:
    """Passes every call on to a sound verifier."""

    sound: IdentityVerifier

    @property
    def name(self) -> str:
        return self.sound.name

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        return await self.sound.start(case)

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        return await self.sound.fetch(reference)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[ProviderRef]:
        return self.sound.receive(headers, body)

    async def close(self) -> None:
        await self.sound.close()


class NewCaseEachTime(Passing):
    """Makes another case of every call."""

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        return await self.sound.start(replace(case, id=uuid4()))


class SilenceIsConsent(Passing):
    """Takes everybody for confirmed of whom nobody says otherwise."""

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        said = await self.sound.fetch(reference)
        if isinstance(said, Unknown):
            return Verification(case_id=UUID(reference.removeprefix("case-")), decision=Decision.ACCEPTED)
        return said


class SilenceIsRefusal(Passing):
    """Takes a lost answer for a refusal."""

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        outcome = await self.sound.start(case)
        return Refused(reason="no_answer") if isinstance(outcome, Unknown) else outcome


class BelievesAnybody(Passing):
    """Reads messages without looking at the signature."""

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[ProviderRef]:
        return (body.decode(),)


class RemembersTheFirstWord(Passing):
    """Never asks twice."""

    def __init__(self, sound: IdentityVerifier) -> None:
        super().__init__(sound)
        self._said: dict[str, Verification] = {}

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        said = await self.sound.fetch(reference)
        if isinstance(said, Verification):
            return self._said.setdefault(reference, said)
        return said


class TellsTales(Passing):
    """Repeats what it was given in its reasons."""

    async def fetch(self, reference: ProviderRef) -> Verification | Refused | Unknown:
        said = await self.sound.fetch(reference)
        if isinstance(said, Verification):
            return Verification(
                case_id=said.case_id, decision=said.decision, reasons=("Rosalinda is no name",)
            )
        return said


class ForgetsDocuments(Passing):
    """Puts cases before the provider without what belongs to them, and still looks at it."""

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        for document in case.documents:
            async with document.opened():
                pass
        return await self.sound.start(replace(case, documents=()))


class StartsWithoutWhatItCannotRead(Passing):
    """Takes a document that cannot be read for one that is not there."""

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        readable = []
        for document in case.documents:
            with suppress(Unavailable):
                async with document.opened():
                    readable.append(document)
        return await self.sound.start(replace(case, documents=readable))


class HoldsEverythingAtOnce(Passing):
    """Opens all documents before it sends the first."""

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        async with AsyncExitStack() as stack:
            for document in case.documents:
                await stack.enter_async_context(document.opened())
            return await self.sound.start(case)


class SaysThatItForgot(Passing):
    """Promises, and tells nobody."""

    async def forget(self, customer_id: UUID, case_ids: Sequence[UUID]) -> Forgotten | Unknown:
        return Forgotten()
