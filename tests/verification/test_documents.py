"""Documents on their way to who verifies: described with the case, read only when wanted, and judged by their bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest
from tests.attacks.test_personal_data import everything_stored
from tests.fixtures.documents import pdf, png
from tests.fixtures.verification import CALLER, IDENTITY, ScriptedVerifier, VerifiedHouse, verified_house_on

from roadstead.config.anchor import CustomerField, FieldKind
from roadstead.customers.cases import FieldDecision, Say
from roadstead.customers.files_store import StoredFile
from roadstead.customers.identity import Reference
from roadstead.customers.requirements import CustomerStatus, FieldStatus
from roadstead.customers.submissions import SentFile, write_file_id
from roadstead.errors import Conflict
from roadstead.verification.desk import VerificationDesk, verify_due
from roadstead.verification.protocol import (
    CaseDocument,
    Decision,
    Refused,
    Started,
    Unknown,
    VerificationCase,
)
from roadstead.verification.reading import OPEN_AT_ONCE_MAX

FRONT = "photo_id_front"
FIRST = png(text=b"the first")
SECOND = png(width=80, text=b"the second")


@dataclass(slots=True)
class Reading(ScriptedVerifier):
    """Reads every document of a case before it takes it, as a provider's adapter does."""

    read: dict[str, bytes] = field(default_factory=dict)
    """The bytes that were read last, by field."""

    async def start(self, case: VerificationCase) -> Started | Refused | Unknown:
        outcome = await ScriptedVerifier.start(self, case)
        for document in case.documents:
            async with document.opened() as content:
                self.read[document.field] = content
        return outcome


def with_papers(at: VerifiedHouse) -> None:
    """Let receiving clients have to show their papers from now on."""
    configuration = at.house.configuration
    paper = CustomerField(name=FRONT, description="Front of the identity document", kind=FieldKind.BINARY)
    types = tuple(
        replace(kind, fields=(*kind.fields, paper)) if kind.name == "sep31-receiver" else kind
        for kind in configuration.anchor.customer_types
    )
    at.house.configuration = replace(
        configuration, anchor=replace(configuration.anchor, customer_types=types)
    )


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[VerifiedHouse]:
    async with verified_house_on(database_url) as found:
        found.identity = Reading(name=IDENTITY)
        with_papers(found)
        yield found


async def show(at: VerifiedHouse, content: bytes, name: str = FRONT) -> None:
    """Send a document with a registration, as a partner does."""
    await at.house.registry.register(
        CALLER,
        Reference(id=str(at.house.receiver_id), type="sep31-receiver"),
        {},
        {name: SentFile(content=content)},
    )


async def uploaded(at: VerifiedHouse, content: bytes) -> StoredFile:
    return await at.house.registry.files.upload(CALLER, SentFile(content=content))


async def refer(at: VerifiedHouse, file: StoredFile) -> None:
    """Register with a document that was uploaded before."""
    values = {f"{FRONT}_file_id": write_file_id(file.id)}
    await at.house.registry.register(CALLER, Reference(id=str(at.house.receiver_id)), values)


def case_of(at: VerifiedHouse) -> VerificationCase:
    """Return the case of the receiving client that was started last."""
    return [case for case in at.identity.starts if case.customer_type == "sep31-receiver"][-1]


def document_of(at: VerifiedHouse) -> CaseDocument:
    (document,) = case_of(at).documents
    return document


def read_by(at: VerifiedHouse) -> bytes:
    assert isinstance(at.identity, Reading)
    return at.identity.read[FRONT]


class TestWhatIsHandedOver:
    async def test_nothing_is_submitted_before_the_document_is_there(self, at: VerifiedHouse) -> None:
        await at.verify()
        assert await at.status() == "collecting"
        await show(at, FIRST)
        await at.verify()
        assert await at.status() == "in_review"

    async def test_is_what_the_document_is_and_its_bytes_for_who_opens_it(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.verify()
        document = document_of(at)
        assert (document.field, document.media_type, document.size_bytes) == (FRONT, "image/png", len(FIRST))
        assert document.sha256 == hashlib.sha256(FIRST).hexdigest()
        assert read_by(at) == FIRST

    async def test_is_no_id_of_a_file_among_the_values(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.verify()
        assert FRONT not in case_of(at).fields
        assert not [value for value in case_of(at).fields.values() if value.startswith("file_")]

    async def test_says_nothing_of_what_is_in_it_when_somebody_logs_the_case(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.verify()
        shown = repr(case_of(at))
        assert "Rosa" not in shown
        assert "the first" not in shown

    async def test_may_have_been_uploaded_before_the_registration(self, at: VerifiedHouse) -> None:
        file = await uploaded(at, pdf())
        await refer(at, file)
        await at.verify()
        assert document_of(at).media_type == "application/pdf"
        assert read_by(at) == pdf()

    async def test_has_a_digest_also_of_files_from_before_digests_were_kept(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        async with at.house.database.transaction() as connection:
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute("UPDATE customer_files SET sealed_digest = NULL")
        await at.verify()
        assert document_of(at).sha256 == hashlib.sha256(FIRST).hexdigest()

    async def test_is_never_read_by_who_does_not_open_it(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        at.identity = ScriptedVerifier()
        async with at.house.database.transaction() as connection:
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute("UPDATE customer_files SET content = 'unreadable'")
        await at.verify()
        assert await at.status() == "in_review"

    async def test_stands_nowhere_in_clear_whoever_judges_it(self, at: VerifiedHouse) -> None:
        remark = b"Recognisable Remark In A Document"
        content = png(text=remark)
        await show(at, content)
        await at.verify()
        await at.hear(Decision.ACCEPTED)
        stored = await everything_stored(at.house)
        digest = hashlib.sha256(content)
        for told in (remark, digest.digest(), digest.hexdigest().encode()):
            assert told not in stored


class TestADecisionRestsOnTheBytes:
    async def test_another_document_reopens_it(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.hear(Decision.ACCEPTED)
        await show(at, SECOND)
        assert await at.status() == "collecting"
        assert (await at.look()).status is CustomerStatus.PROCESSING
        await at.hear(Decision.ACCEPTED)
        assert read_by(at) == SECOND
        assert (await at.look()).status is CustomerStatus.ACCEPTED

    async def test_the_same_bytes_again_reopen_nothing(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.hear(Decision.ACCEPTED)
        await show(at, FIRST)
        file = await uploaded(at, FIRST)
        await refer(at, file)
        assert await at.status() == "accepted"
        assert (await at.look()).status is CustomerStatus.ACCEPTED

    async def test_one_that_was_turned_down_stays_so_until_another_is_sent(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        smudged = {FRONT: FieldDecision(status=FieldStatus.REJECTED, say=Say.UNREADABLE)}
        await at.hear(Decision.NEEDS_INFO, fields=smudged)
        assert (await at.look()).required_missing == (FRONT,)
        await show(at, FIRST)
        assert (await at.look()).status is CustomerStatus.NEEDS_INFO
        await show(at, SECOND)
        assert (await at.look()).status is CustomerStatus.PROCESSING


class TestMeanwhile:
    async def test_one_that_is_replaced_before_it_is_read_is_not_judged(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        replaced = False

        async def meanwhile() -> None:
            nonlocal replaced
            if not replaced and at.identity.starts[-1].documents:
                replaced = True
                await show(at, SECOND)

        at.identity.before_answer = meanwhile
        await at.verify(rounds=6)
        assert replaced
        assert read_by(at) == SECOND
        assert await at.history() == ["collecting", "submitted", "collecting", "submitted", "in_review"]

    async def test_one_whose_customer_was_erased_cannot_be_read_any_more(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.verify()
        await at.house.registry.delete(CALLER, Reference(memo="2"))
        with pytest.raises(Conflict):
            async with document_of(at).opened():
                pass

    async def test_few_are_open_at_once_whatever_the_number_of_cases(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.verify()
        document, open_now = document_of(at), 0

        async def hold(most: list[int]) -> None:
            nonlocal open_now
            async with document.opened():
                open_now += 1
                most.append(open_now)
                await asyncio.sleep(0.01)
                open_now -= 1

        most: list[int] = []
        await asyncio.gather(*(hold(most) for _ in range(3 * OPEN_AT_ONCE_MAX)))
        assert max(most) == OPEN_AT_ONCE_MAX

    async def test_a_place_is_free_again_after_a_failure(self, at: VerifiedHouse) -> None:
        await show(at, FIRST)
        await at.verify()
        document = document_of(at)
        for _ in range(OPEN_AT_ONCE_MAX + 1):
            with pytest.raises(ZeroDivisionError):
                async with document.opened():
                    _ = 1 / 0
        async with AsyncExitStack() as stack:
            for _ in range(OPEN_AT_ONCE_MAX):
                await stack.enter_async_context(document.opened())


class TestAVerifierThatFails:
    async def test_tells_the_log_of_no_customer(
        self, at: VerifiedHouse, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def fail() -> None:
            raise ValueError("Rosa is no name")

        await show(at, FIRST)
        at.identity.before_answer = fail
        await at.verify(rounds=1)
        told = capsys.readouterr()
        assert "Rosa" not in told.out + told.err
        assert "ValueError" in told.out + told.err
        assert (await at.case())["tries"] == 1

    async def test_is_not_waited_for_beyond_the_lease_when_it_hangs(
        self, at: VerifiedHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadstead.verification.desk.CALL_S", 0.1)
        await show(at, FIRST)
        at.identity.before_answer = asyncio.Event().wait
        desk: VerificationDesk = at.desk
        assert await verify_due(desk) == 2
        assert await at.status() == "submitted"
        assert (await at.case())["tries"] == 1

        at.identity.before_answer = None
        await at.hear(Decision.ACCEPTED)
        assert await at.status() == "accepted"
        assert len({case.id for case in at.identity.starts if case.customer_type == "sep31-receiver"}) == 1


class TestPeople:
    async def test_are_shown_which_documents_there_are(self, at: VerifiedHouse) -> None:
        anchor = replace(at.house.configuration.anchor, verifiers=())
        at.house.configuration = replace(at.house.configuration, anchor=anchor)
        await show(at, FIRST)
        await at.verify()
        shown = str(await at.house.value("SELECT string_agg(content, ' ') FROM holds"))
        assert f"{FRONT} (image/png, {len(FIRST)} bytes)" in shown
        assert "the first" not in shown
