"""The server is killed at every boundary that it has, and nothing is lost and nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.crash.campaign import Report, campaign
from tests.crash.sites import commit_sites, effects, sites_in, unseen
from tests.crash.world import opened_world
from tests.tidy.tree import module, modules

SEED = 31
QUIET_WITHIN_S = 240.0
"""Longer than a callback rests that failed five times because a server was killed at each."""
SIDES = (".commit.before", ".commit.after", ".read")
ROOMS_OF_THEIR_OWN = {
    "database/pool.py": "the pool itself",
    "database/backups/creating.py": "one connection for a whole backup, which only reads",
    "database/migrate.py": "migrations, each in one transaction, with tests of their own",
}


NOT_PASSED = {
    "cli.chain._reseed": "a network that began anew",
    "cli.chain._reseed.2": "the same",
    "batches.": "a rail that pays by file; tests/batches ends it at each step of a batch's life",
    "cli.batches": "the same",
    "cli.customers": "operators who look after customers' data",
    "cli.screening": "operators who look at cases",
    "cli.statements": "operators who look at statements",
    "cli.suspense": "operators who say what lines in suspense are; tests/statements ends the worker that books it",
    "cli.verifications": "operators who look at verifications",
    "customers.courier": "customers who confirm an address with a code",
    "customers.erasing": "customers who are erased when retention is over, and legal holds",
    "customers.files": "customers who send documents",
    "customers.registry": "looks at customers that read only",
    "customers.rotating": "a master key that is changed; tests/customers ends it between its batches",
    "customers.showing": "operators who look at customers",
    "screening.importing": "a new list of sanctions",
    "screening.screening.follow_lists": "a list that somebody else keeps",
    "screening.showing": "operators who look at cases",
    "sep.rail_events": "a bank that pushes",
    "statements.booking": "lines that can only be guessed",
    "statements.importing": "a statement that a person fetched by hand",
    "statements.taking.poll_statements.2": "a bank that tells of a statement twice",
    "verification.": "customers who are verified; tests/verification ends workers between asking and writing",
    "envelopes.submitter.Submitter._sign": "fees that rise above what we pay",
    "envelopes.submitter.Submitter._sign.2": "a refund that may not be signed",
    "payments.completing.Completion._claim": "a claimable balance whose creation was read long ago",
    "payouts.deciding.decide_refusal_foreseen": "a rail that would refuse what the API took",
    "payouts.deciding._is_confirmed.2": "a bank that takes a refusal back",
    "payouts.submission._rest": "a stop of all payouts while one is in doubt",
    "recovery.recovering": "a recovery after a restore",
    "service.continuity.Continuity": "a Horizon that shows another past",
}
"""Places that commit and are not passed here, with what it would take; tests of their own rooms pass them."""


NOT_REACHED = ("batch.", "code.", "file.", "keys.", "verifier.")
"""How the names of effects begin that belong to what is not here; tests of their own rooms pass them."""


class TestTheCode:
    def test_commits_nowhere_past_the_boundaries(self) -> None:
        found = [
            problem
            for one in modules()
            if one.path not in ROOMS_OF_THEIR_OWN and not one.path.startswith("sandbox/")
            for problem in unseen(one)
        ]

        assert found == []

    def test_has_places_that_commit_and_effects(self) -> None:
        assert len(commit_sites()) > 40
        assert {"payout.submit.before", "payout.submit.after", "callback.post.before"} <= effects()

    @pytest.mark.parametrize(
        "text",
        [
            "import asyncpg\nasync def f():\n    await asyncpg.connect('')",
            "async def f(self):\n    async with self._pool.acquire() as c:\n        pass",
            "async def f(store):\n    async with store.transaction() as c:\n        pass",
        ],
    )
    def test_that_would_commit_past_them_is_found(self, text: str) -> None:
        assert len(list(unseen(module("payouts/a.py", text)))) == 1

    def test_names_a_place_as_python_names_its_function(self) -> None:
        text = (
            "class A:\n"
            "    async def f(self):\n"
            "        async def g():\n"
            "            async with self._database.transaction() as connection:\n"
            "                pass\n"
        )

        assert [site.name for site in sites_in(module("payouts/a.py", text))] == ["payouts.a.A.f.<locals>.g"]


def unpassed(report: Report) -> list[str]:
    """List the places that commit, or might, and did not."""
    passed = {name.removesuffix(side) for name in report.passed for side in SIDES}
    return sorted({site.name for site in commit_sites()} - passed)


@pytest.mark.timeout(900)
class TestAKillAtEveryBoundary:
    async def test_loses_nothing_and_does_nothing_twice(self, tmp_path: Path, database_url: str) -> None:
        blind = {"ROADSTEAD_RAIL_WIRE_KIND": "tests.crash.rails:blind"}
        async with opened_world(tmp_path, database_url, settings=blind) as world:
            report = await campaign(world, seed=SEED, quiet_within_s=QUIET_WITHIN_S)

        (tmp_path / "boundaries.txt").write_text(report.text())
        assert report.violations == [], report.text()
        assert report.missed == [], report.text()
        reached = {name for name in effects() if not name.startswith(NOT_REACHED)}
        assert reached <= set(report.passed)
        assert [name for name in unpassed(report) if not name.startswith(tuple(NOT_PASSED))] == []
