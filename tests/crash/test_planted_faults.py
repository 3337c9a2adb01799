"""The harness notices what it is there for: faults are planted into the server, and each is caught."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.crash.campaign import QUIET_WITHIN_S, Report, campaign
from tests.crash.faults import FAULTS
from tests.crash.world import opened_world

SEED = 31
AROUND_MONEY = ("payout.submit", "payouts.submission._s", "service.observer", "horizon.submit")
JOURNEYS = ("plain", "unknown_memo", "dollars", "paid_twice")
"""Few, so that each boundary around money is passed often."""
REST_S = {"sent_before_written": 15.0, "key_per_process": 15.0}
"""How long houses are given to come to rest that never do; all others do, in their own time."""

pytestmark = pytest.mark.timeout(600)


SIGNS = {
    "cursor_before_payments": "on the chain was never stored",
    "envelope_anew": "times too often",
    "key_per_process": "the bank paid",
    "sent_before_written": "(payout accepted); it may end",
}
"""What each fault does to the money, in words of the report."""


async def killed_around_money(folder: Path, database_url: str, fault: str, *, rest_s: float) -> Report:
    async with opened_world(folder, database_url) as world:
        return await campaign(
            world,
            seed=SEED,
            kinds=JOURNEYS,
            fault=fault,
            only=AROUND_MONEY,
            depth=2,
            quiet_within_s=rest_s,
            is_operated=False,
        )


class TestAPlantedFault:
    @pytest.mark.parametrize("fault", sorted(FAULTS))
    async def test_is_caught(self, tmp_path: Path, database_url: str, fault: str) -> None:
        report = await killed_around_money(
            tmp_path, database_url, fault, rest_s=REST_S.get(fault, QUIET_WITHIN_S)
        )

        assert [sign for sign in report.violations if SIGNS[fault] in sign], report.text()


class TestNoFault:
    async def test_is_not_caught(self, tmp_path: Path, database_url: str) -> None:
        report = await killed_around_money(tmp_path, database_url, "", rest_s=QUIET_WITHIN_S)

        assert report.violations == [], report.text()
