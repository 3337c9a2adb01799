"""The example of a rail of one's own keeps the contract, as docs/integrating/rails.md says that it does."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from examples.own_rail.bench import HarbourBench, open_bench
from examples.own_rail.rail import HarbourRail, open_rail

from roadstead.config.effective import ConfiguredRail
from roadstead.contract.rail import RailContract
from roadstead.errors import ConfigurationError
from roadstead.money import currency

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "--pyargs roadstead.contract.rail --rail examples.own_rail.bench:open_bench"


class TestTheExample(RailContract):
    """Every clause."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[HarbourBench]:
        async with open_bench() as opened:
            yield opened


class TestTheCommandOfTheDocumentation:
    def test_runs_the_suite_against_the_example(self) -> None:
        assert COMMAND in (ROOT / "docs/integrating/rails.md").read_text()
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                *COMMAND.split(),
                "-q",
                "-k",
                "again_pays_once",
                "-p",
                "no:cacheprovider",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "1 passed" in done.stdout, done.stdout + done.stderr


class TestTheFactory:
    def test_makes_the_rail_that_the_configuration_names(self) -> None:
        configured = ConfiguredRail(
            name="harbour", currency=currency("EUR"), kind="x", url="http://bank.example", token=None
        )
        assert isinstance(open_rail(configured), HarbourRail)

    def test_says_what_is_missing(self) -> None:
        configured = ConfiguredRail(name="harbour", currency=currency("EUR"), kind="x", url=None, token=None)
        with pytest.raises(ConfigurationError, match="ROADSTEAD_RAIL_HARBOUR_URL"):
            open_rail(configured)
