"""The contract of `roadstead.verification.protocol` as tests, to which any verifier can be put.

Run them against a verifier of your own with

    pytest --pyargs roadstead.contract.verifier --verifier package.module:factory

where the factory opens a `VerifierBench`, or subclass `VerifierContract` in a test module that has a fixture `bench`.
Each test is a method that takes the bench, and can also be called by itself. docs/integrating/kyc.md explains it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest
import pytest_asyncio

from roadstead.contract.bench import DEADLINE_S, POLL_S, expect
from roadstead.contract.papers import Papers
from roadstead.contract.verifier_bench import VerifierBench, named_verifier_bench
from roadstead.errors import Unauthenticated, Unavailable
from roadstead.verification.protocol import (
    Decision,
    ForgettingVerifier,
    Forgotten,
    Refused,
    Started,
    Unknown,
    Verification,
    VerificationCase,
)

_REFERENCE = re.compile(r"[!-~]{1,200}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
AT_ONCE = 8


@pytest.mark.asyncio
class VerifierContract:
    """What every verifier owes. The numbers are those of the clauses of the protocol."""

    async def test_a_case_is_taken_and_can_be_asked_about(self, bench: VerifierBench) -> None:
        """Nothing else means anything if this fails: the bench has to make cases that the provider takes."""
        case = bench.new_case()
        said = await bench.verifier.fetch(await _started(bench, case))
        expect(is_kept=isinstance(said, Verification), clause="What was started can be fetched.")

    async def test_a_case_that_is_started_again_is_the_same(self, bench: VerifierBench) -> None:
        """Clause 1: Roadstead starts again whatever it is not sure of."""
        case = bench.new_case()
        first = await _started(bench, case)
        expect(
            is_kept=await _started(bench, case) == first,
            clause="Clause 1: the same case, the same reference.",
        )
        expect(is_kept=await bench.cases(case) == 1, clause="Clause 1: the provider has one case.")

    async def test_a_case_that_is_started_many_times_at_once_is_one(self, bench: VerifierBench) -> None:
        """Clause 1: two workers may start one case when a lease runs out."""
        case = bench.new_case()
        outcomes = await asyncio.gather(*(bench.verifier.start(case) for _ in range(AT_ONCE)))
        references = {outcome.reference for outcome in outcomes if isinstance(outcome, Started)}
        references.add(await _started(bench, case))
        expect(is_kept=len(references) == 1, clause="Clause 1: one case, one reference, at once too.")
        expect(is_kept=await bench.cases(case) == 1, clause="Clause 1: the provider has one case.")

    async def test_a_lost_answer_is_unknown_and_a_repeat_is_the_same_case(self, bench: VerifierBench) -> None:
        """Clauses 1 and 5: what was lost is neither refused nor doubled."""
        case = bench.new_case()
        if not await bench.lose_next_answer():
            pytest.skip("no answer of this verifier can be lost")
        lost = await bench.verifier.start(case)
        expect(is_kept=isinstance(lost, Unknown), clause="Clause 5: a lost answer is Unknown.")
        await _started(bench, case)
        expect(is_kept=await bench.cases(case) == 1, clause="Clause 1: the provider has one case.")

    async def test_nobody_there_is_unknown(self, bench: VerifierBench) -> None:
        """Clause 5: silence refuses nobody and confirms nobody."""
        reference = await _started(bench, bench.new_case())
        if not await bench.go_away():
            pytest.skip("this verifier is always there")
        started = await bench.verifier.start(bench.new_case())
        said = await bench.verifier.fetch(reference)
        expect(is_kept=isinstance(started, Unknown), clause="Clause 5: start without an answer is Unknown.")
        expect(is_kept=isinstance(said, Unknown), clause="Clause 5: fetch without an answer is Unknown.")

    async def test_every_decision_is_told(self, bench: VerifierBench) -> None:
        """Clause 2: what the provider decided is what fetch says."""
        for decision in bench.decisions:
            reference = await _started(bench, bench.new_case())
            if await bench.decide(reference, decision):
                await _until(bench, reference, partial(_is, decision))

    async def test_the_last_word_counts(self, bench: VerifierBench) -> None:
        """Clauses 2 and 6: a decision may be taken back, and fetch says so."""
        reference = await _started(bench, bench.new_case())
        later = [decision for decision in bench.decisions if decision is not Decision.ACCEPTED]
        await bench.decide(reference, Decision.ACCEPTED)
        await _until(bench, reference, lambda said: said.decision is Decision.ACCEPTED)
        if not later or not await bench.decide(reference, later[0]):
            pytest.skip("this verifier takes nothing back")
        await _until(bench, reference, lambda said: said.decision is later[0])

    async def test_a_decision_names_its_case_and_holds_no_words(self, bench: VerifierBench) -> None:
        """Clause 3: so that it is never taken for one about other data. Codes keep people out of the tables."""
        first, second = bench.new_case(), bench.new_case()
        references = [await _started(bench, first), await _started(bench, second)]
        expect(is_kept=references[0] != references[1], clause="Clause 3: two cases have two references.")
        for case, reference in zip((first, second), references, strict=True):
            said = await _until(bench, reference, lambda _: True)
            expect(is_kept=said.case_id == case.id, clause="Clause 3: the decision names the case.")
            codes = all(_CODE.fullmatch(code) for code in said.reasons)
            expect(is_kept=codes, clause="Reasons are codes of letters, digits and _.:- and never words.")
            values = {value for value in case.fields.values() if len(value) > 1}
            told = {*said.reasons, *said.evidence, reference}
            leaks = any(value in text for value in values for text in told)
            expect(is_kept=not leaks, clause="References, reasons and evidence hold nothing of the customer.")

    async def test_documents_reach_the_provider_whole_and_one_after_the_other(
        self, bench: VerifierBench
    ) -> None:
        """Clause 7: every document that the provider wants is there when the case is started, byte for byte."""
        papers = Papers()
        case = bench.new_case(papers.both_sides())
        await _started(bench, case)
        expect(is_kept=papers.open_now == 0, clause="Clause 7: nothing stays open after start.")
        expect(is_kept=papers.open_at_once <= 1, clause="Clause 7: one document is open at a time.")
        there = await bench.documents(case)
        if there is None:
            pytest.skip("this verifier takes no documents")
        sound = there.items() <= papers.sizes.items()
        expect(is_kept=sound, clause="Clause 7: documents arrive under their names, byte for byte.")
        expect(is_kept=bool(there), clause="Clause 7: a provider that takes documents has some of the case.")

    async def test_documents_whose_answer_was_lost_are_not_doubled(self, bench: VerifierBench) -> None:
        """Clauses 1 and 7: what was interrupted goes on, as the same case with the same documents."""
        papers = Papers()
        case = bench.new_case(papers.both_sides())
        if not await bench.lose_next_answer():
            pytest.skip("no answer of this verifier can be lost")
        lost = await bench.verifier.start(case)
        expect(is_kept=isinstance(lost, Unknown), clause="Clause 5: a lost answer is Unknown.")
        await _started(bench, case)
        expect(is_kept=await bench.cases(case) == 1, clause="Clause 1: the provider has one case.")
        there = await bench.documents(case)
        sound = there is None or there.items() <= papers.sizes.items()
        expect(is_kept=sound, clause="Clause 7: the documents are the same after a repetition.")

    async def test_a_document_that_cannot_be_read_starts_nothing(self, bench: VerifierBench) -> None:
        """Clause 7: the provider must not judge half of a case, and nobody is refused because of our database."""
        papers = Papers(problem=Unavailable("The database does not answer: try again."))
        outcome: Started | Refused | Unknown | None = None
        with suppress(Unavailable):
            outcome = await bench.verifier.start(bench.new_case(papers.both_sides()))
        if not papers.opened:
            pytest.skip("this verifier takes no documents")
        sound = outcome is None or isinstance(outcome, Unknown)
        expect(is_kept=sound, clause="Clause 7: what cannot be read is neither Started nor Refused.")

    async def test_a_customer_is_forgotten_for_good_and_nobody_else_is(self, bench: VerifierBench) -> None:
        """Clause 8: Roadstead tells it again until it hears that it is done."""
        verifier = bench.verifier
        if not isinstance(verifier, ForgettingVerifier):
            pytest.skip("this verifier keeps nothing that it could forget")
        erased, other = bench.new_case(), bench.new_case()
        for case in (erased, other):
            await _started(bench, case)
        expect(is_kept=await _forgets(verifier, erased), clause="Clause 8: a customer can be forgotten.")
        expect(
            is_kept=await bench.cases(erased) == 0, clause="Clause 8: nothing is kept of who is forgotten."
        )
        expect(is_kept=await bench.cases(other) == 1, clause="Clause 8: nobody else is forgotten.")
        expect(is_kept=await _forgets(verifier, erased), clause="Clause 8: forgetting twice is the same.")
        stranger = bench.new_case()
        expect(is_kept=await _forgets(verifier, stranger), clause="Clause 8: who is not known is forgotten.")

    async def test_forgetting_without_an_answer_is_unknown(self, bench: VerifierBench) -> None:
        """Clause 8: silence is no promise."""
        verifier, case = bench.verifier, bench.new_case()
        if not isinstance(verifier, ForgettingVerifier):
            pytest.skip("this verifier keeps nothing that it could forget")
        await _started(bench, case)
        if not await bench.go_away():
            pytest.skip("this verifier is always there")
        said = await verifier.forget(case.customer_id, [case.id])
        expect(is_kept=isinstance(said, Unknown), clause="Clause 8: forget without an answer is Unknown.")

    async def test_an_unknown_reference_is_refused(self, bench: VerifierBench) -> None:
        """Roadstead then starts the case again."""
        said = await bench.verifier.fetch(str(uuid4()))
        expect(is_kept=isinstance(said, Refused), clause="A reference of nobody's is Refused.")

    async def test_a_forged_message_is_not_believed(self, bench: VerifierBench) -> None:
        """Clause 4: anybody can send anything."""
        body = b'{"references": ["whatever"]}'
        for headers in ({}, {"authorization": "Bearer x"}, {"roadstead-signature": f"t=1, v1={'0' * 64}"}):
            with pytest.raises(Unauthenticated):
                bench.verifier.receive(headers, body)

    async def test_a_genuine_message_rings_for_its_case_and_a_changed_one_does_not(
        self, bench: VerifierBench
    ) -> None:
        """Clause 4: the signature covers the raw bytes."""
        reference = await _started(bench, bench.new_case())
        pushed = bench.pushed(reference)
        if pushed is None:
            pytest.skip("this verifier pushes nothing")
        rung = bench.verifier.receive(pushed.headers, pushed.body)
        expect(is_kept=reference in rung, clause="Clause 4: a genuine message names its case.")
        with pytest.raises(Unauthenticated):
            bench.verifier.receive(pushed.headers, pushed.body + b" ")
        again = bench.verifier.receive(pushed.headers, pushed.body)
        expect(is_kept=list(again) == list(rung), clause="Clause 4: a message that comes twice is the same.")


async def _started(bench: VerifierBench, case: VerificationCase) -> str:
    """Start a case, again where nobody can say, until the verifier has it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            outcome = await bench.verifier.start(case)
            if isinstance(outcome, Started):
                sound = _REFERENCE.fullmatch(outcome.reference) is not None
                expect(is_kept=sound, clause="A reference has 1 to 200 visible ASCII characters.")
                return outcome.reference
            if isinstance(outcome, Refused):
                pytest.fail(f"The provider takes the bench's case, and refused it: {outcome.reason}")
            await asyncio.sleep(POLL_S)


async def _until(
    bench: VerifierBench, reference: str, is_due: Callable[[Verification], bool]
) -> Verification:
    """Fetch until the verifier says what is due; fail when it never does."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                said = await bench.verifier.fetch(reference)
                if isinstance(said, Verification) and is_due(said):
                    return said
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pytest.fail("Clause 2: what the provider decided is what fetch says. It was not said.")


async def _forgets(verifier: ForgettingVerifier, case: VerificationCase) -> bool:
    """Tell a verifier to forget, again where nobody can say, until it says that it did; False when it never does."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if isinstance(await verifier.forget(case.customer_id, [case.id]), Forgotten):
                    return True
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False


def _is(decision: Decision, said: Verification) -> bool:
    return said.decision is decision


class TestVerifier(VerifierContract):
    """The contract, for the verifier that `--verifier` names."""

    @pytest_asyncio.fixture
    async def bench(self, request: pytest.FixtureRequest) -> AsyncIterator[VerifierBench]:
        """Open the bench that `--verifier` names, anew for each test."""
        async with named_verifier_bench(request.config.getoption("verifier"))() as opened:
            yield opened
