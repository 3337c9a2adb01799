"""The simulated rail keeps the contract, rails that break it are caught, and integrators can run the same suite."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.rails.broken_rails import (
    CheckThatAsks,
    CursorForgotten,
    EveryMessageBelieved,
    IdentityEachPoll,
    LimitOnlyDeclared,
    NewKeyEachCall,
    PassingRail,
    SilenceIsAbsent,
    TimeoutIsRefused,
)
from tests.rails.conftest import TIMEOUT_S, SimulatedBench
from tests.sandbox.bank.bank_process import BankProcess

from roadstead.contract.bench import RailBench, executions_after_a_marker, named_bench
from roadstead.contract.rail import RailContract
from roadstead.money import currency
from roadstead.rails.protocol import Rail
from roadstead.rails.simulated import SimulatedRail

ROOT = Path(__file__).resolve().parents[2]
Clause = Callable[[RailContract, RailBench], Awaitable[None]]


class TestTheSimulatedRail(RailContract):
    """Every clause, over a real bank process."""


def broken(bench: SimulatedBench, kind: Callable[[Rail], Rail]) -> SimulatedBench:
    return replace(bench, rail=kind(bench.rail))


@asynccontextmanager
async def a_bench(kind: Callable[[Rail], Rail] = PassingRail) -> AsyncIterator[SimulatedBench]:
    """As an integrator writes it: a bank that knows nothing yet, and the rail to it."""
    with TemporaryDirectory() as folder:
        async with BankProcess(state=Path(folder) / "bank", token="secret") as bank:
            rail = SimulatedRail(
                name="simulated",
                base_url=bank.url,
                token=bank.token,
                currencies=[currency("EUR")],
                submit_timeout_s=TIMEOUT_S,
            )
            yield SimulatedBench(bank, kind(rail))
            await rail.close()


@asynccontextmanager
async def a_bench_that_pays_twice() -> AsyncIterator[SimulatedBench]:
    async with a_bench(NewKeyEachCall) as bench:
        yield bench


class TestBrokenRailsAreCaught:
    """Each clause below passes with the sound rail above; here it has to fail, with its own words and nothing else."""

    @pytest.mark.parametrize(
        ("kind", "clause"),
        [
            (NewKeyEachCall, RailContract.test_an_attempt_submitted_again_pays_once),
            (NewKeyEachCall, RailContract.test_an_attempt_submitted_many_times_at_once_pays_once),
            (
                NewKeyEachCall,
                RailContract.test_a_lost_answer_is_unknown_and_a_repeat_pays_no_second_time,
            ),
            (
                TimeoutIsRefused,
                RailContract.test_a_lost_answer_is_unknown_and_a_repeat_pays_no_second_time,
            ),
            (TimeoutIsRefused, RailContract.test_a_timeout_is_unknown_and_the_late_payment_is_found),
            (
                TimeoutIsRefused,
                RailContract.test_a_key_with_other_content_is_neither_paid_nor_called_refused,
            ),
            (
                SilenceIsAbsent,
                RailContract.test_a_key_with_other_content_is_neither_paid_nor_called_refused,
            ),
            (IdentityEachPoll, RailContract.test_polling_again_tells_the_same_identities),
            (CursorForgotten, RailContract.test_the_cursor_resumes_and_stays_at_the_end),
            (EveryMessageBelieved, RailContract.test_a_pushed_message_without_proof_is_not_believed),
            (LimitOnlyDeclared, RailContract.test_what_the_terms_exclude_is_a_problem_before_it_is_sent),
            (CheckThatAsks, RailContract.test_check_is_pure_and_asks_nobody),
        ],
    )
    async def test_by_the_clause_that_they_break(
        self, bench: SimulatedBench, kind: Callable[[Rail], Rail], clause: Clause
    ) -> None:
        with pytest.raises(pytest.fail.Exception):
            await clause(RailContract(), broken(bench, kind))

    async def test_a_new_key_for_every_call_really_pays_twice(self, bench: SimulatedBench) -> None:
        paid_twice, attempt = broken(bench, NewKeyEachCall), bench.new_attempt()
        await paid_twice.rail.submit(attempt)
        await paid_twice.rail.submit(attempt)
        assert await executions_after_a_marker(bench, attempt) == 2

    async def test_the_wrapper_alone_breaks_nothing(self, bench: SimulatedBench) -> None:
        await RailContract().test_an_attempt_submitted_again_pays_once(broken(bench, PassingRail))


def run_suite(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the suite as an integrator does: in a folder of theirs, with nothing of our configuration."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", *options]
    return subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


class TestTheSuiteOfIntegrators:
    def test_is_green_for_a_rail_that_keeps_the_contract(self, tmp_path: Path) -> None:
        done = run_suite(tmp_path, "roadstead.contract.rail", "--rail", "tests.rails.test_contract:a_bench")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "passed" in done.stdout

    def test_is_red_for_one_that_pays_twice_and_says_which_clause(self, tmp_path: Path) -> None:
        name = "roadstead.contract.rail::TestRail::test_an_attempt_submitted_again_pays_once"
        done = run_suite(tmp_path, name, "--rail", "tests.rails.test_contract:a_bench_that_pays_twice")
        assert done.returncode == 1
        assert "Clause 4" in done.stdout

    def test_says_what_is_missing_when_no_rail_is_named(self) -> None:
        for name in (None, "no_such", "no_such_package:factory", "roadstead.money:no_such"):
            with pytest.raises(pytest.UsageError, match="--rail"):
                named_bench(name)
