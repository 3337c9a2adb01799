"""The shipped verifiers keep the contract, and verifiers that break it are caught."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.verification import benches
from tests.verification.benches import HttpBench, ManualBench, OfflineBench, by_people, simulated

from roadstead.contract.verifier import VerifierContract
from roadstead.contract.verifier_bench import VerifierBench
from roadstead.database.pool import open_database
from roadstead.verification.protocol import IdentityVerifier

Clause = Callable[[VerifierContract, VerifierBench], Awaitable[None]]


class TestOffline(VerifierContract):
    @pytest.fixture
    def bench(self) -> OfflineBench:
        return OfflineBench()


class TestManual(VerifierContract):
    @pytest.fixture
    async def bench(self, database_url: str) -> AsyncIterator[ManualBench]:
        database = await open_database(database_url, application="tests", connections_max=10)
        yield by_people(database)
        await database.close()


class TestHttpWithTheSimulatedProvider(VerifierContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[HttpBench]:
        async with simulated() as found:
            yield found


class TestBrokenVerifiersAreCaught:
    """Each clause below passes with the sound verifier above; here it has to fail, with a word about the contract."""

    @pytest.mark.parametrize(
        ("kind", "clause"),
        [
            (benches.NewCaseEachTime, VerifierContract.test_a_case_that_is_started_again_is_the_same),
            (benches.NewCaseEachTime, VerifierContract.test_a_case_that_is_started_many_times_at_once_is_one),
            (
                benches.NewCaseEachTime,
                VerifierContract.test_a_lost_answer_is_unknown_and_a_repeat_is_the_same_case,
            ),
            (benches.NewCaseEachTime, VerifierContract.test_a_decision_names_its_case_and_holds_no_words),
            (benches.SilenceIsConsent, VerifierContract.test_nobody_there_is_unknown),
            (
                benches.SilenceIsRefusal,
                VerifierContract.test_a_lost_answer_is_unknown_and_a_repeat_is_the_same_case,
            ),
            (benches.BelievesAnybody, VerifierContract.test_a_forged_message_is_not_believed),
            (
                benches.ForgetsDocuments,
                VerifierContract.test_documents_reach_the_provider_whole_and_one_after_the_other,
            ),
            (
                benches.HoldsEverythingAtOnce,
                VerifierContract.test_documents_reach_the_provider_whole_and_one_after_the_other,
            ),
            (
                benches.StartsWithoutWhatItCannotRead,
                VerifierContract.test_a_document_that_cannot_be_read_starts_nothing,
            ),
            (
                benches.SaysThatItForgot,
                VerifierContract.test_a_customer_is_forgotten_for_good_and_nobody_else_is,
            ),
            (benches.SaysThatItForgot, VerifierContract.test_forgetting_without_an_answer_is_unknown),
            (benches.TellsTales, VerifierContract.test_a_decision_names_its_case_and_holds_no_words),
        ],
    )
    async def test_by_their_clause(
        self, kind: Callable[[IdentityVerifier], IdentityVerifier], clause: Clause
    ) -> None:
        async with simulated() as bench:
            bench.verifier = kind(bench.verifier)
            with pytest.raises(pytest.fail.Exception):
                await clause(VerifierContract(), bench)

    async def test_the_first_word_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("roadstead.contract.verifier.DEADLINE_S", 1)
        async with simulated() as bench:
            bench.verifier = benches.RemembersTheFirstWord(bench.verifier)
            with pytest.raises(pytest.fail.Exception, match="Clause 2"):
                await VerifierContract().test_the_last_word_counts(bench)

    async def test_the_wrapper_alone_breaks_nothing(self) -> None:
        async with simulated() as bench:
            bench.verifier = benches.Passing(bench.verifier)
            await VerifierContract().test_a_case_that_is_started_again_is_the_same(bench)


class TestTheCommandOfIntegrators:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
                *("--pyargs", "roadstead.contract.verifier", *arguments),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    def test_is_green_with_a_sound_verifier(self) -> None:
        ended = self.run("--verifier", "tests.verification.benches:simulated")
        assert ended.returncode == 0, ended.stdout
        assert "16 passed" in ended.stdout

    def test_says_what_is_missing(self) -> None:
        ended = self.run()
        assert ended.returncode != 0
        assert "--verifier package.module:factory" in ended.stdout + ended.stderr
