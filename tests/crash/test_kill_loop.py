"""A short run of the kill loop; `make kill-loop` is the long one."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.kill_loop import kill_loop
from tests.fixtures.folders import make_passable_folder

KILLS = 20
REMITTANCES = 60


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account of the database may pass through."""
    made = make_passable_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.timeout(600)
class TestKillsAtRandomMoments:
    async def test_lose_nothing_and_do_nothing_twice(self, folder: Path) -> None:
        seed = secrets.randbelow(10**6)
        sys.stdout.write(f"seed {seed}\n")
        report = await kill_loop(folder, seed=seed, kills=KILLS, remittances=REMITTANCES, pause_s=0.6)

        assert report.violations == [], report.text()
        assert sum(report.kills.values()) >= KILLS
        assert report.remittances >= REMITTANCES
