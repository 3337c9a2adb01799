"""The harness notices what it is there for: faults are planted into the server, and each is caught."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.crash.campaign import Report, campaign
from tests.crash.faults import FAULTS
from tests.crash.world import opened_world

SEED = 31
AROUND_MONEY = ("payout.submit", "payouts.submission._s", "service.observer", "horizon.submit")
REST_S = 15.0

pytestmark = pytest.mark.timeout(300)


async def killed_around_money(folder: Path, database_url: str, fault: str) -> Report:
    async with opened_world(folder, database_url) as world:
        return await campaign(
            world,
            seed=SEED,
            fault=fault,
            only=AROUND_MONEY,
            depth=2,
            quiet_within_s=REST_S,
            is_operated=False,
        )


class TestAPlantedFault:
    @pytest.mark.parametrize("fault", sorted(FAULTS))
    async def test_is_caught(self, tmp_path: Path, database_url: str, fault: str) -> None:
        report = await killed_around_money(tmp_path, database_url, fault)

        assert report.violations, report.text()


class TestNoFault:
    async def test_is_not_caught(self, tmp_path: Path, database_url: str) -> None:
        report = await killed_around_money(tmp_path, database_url, "")

        assert report.violations == [], report.text()
