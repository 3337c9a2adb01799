"""The simulated provider over HTTP, its bells at the real route: late, twice, taken back, lost, doubled, forged."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.fixtures.authentication import FakeAccounts, services_on, serving
from tests.fixtures.provider_process import SECRET, ProviderProcess
from tests.fixtures.verification import IDENTITY, VerifiedHouse
from tests.verification.test_documents import FIRST, FRONT, SECOND, show, with_papers

from roadstead.clock import SystemClock
from roadstead.config.secrets import Secret
from roadstead.customers.requirements import CustomerStatus
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table
from roadstead.verification.desk import VerificationDesk, verify_due
from roadstead.verification.http import HttpVerifier
from roadstead.verification.upkeep import SILENT_AFTER, watch_silence

DEADLINE_S = 20


@dataclass(slots=True)
class Line:
    """The house, its provider, and the wire between them."""

    at: VerifiedHouse
    provider: ProviderProcess
    desk: VerificationDesk

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Let a worker work until a condition holds; only a bell or the pause makes a case due."""
        async with asyncio.timeout(DEADLINE_S):
            while not await condition():
                await verify_due(self.desk)
                await asyncio.sleep(0.05)

    async def until_status(self, *statuses: str) -> None:
        async def is_there() -> bool:
            return await self.at.status() in statuses

        await self.until(is_there)

    async def register(self, last_name: str) -> None:
        """Register the receiving customer under a name that the provider treats in a way of its own."""
        await self.at.put(last_name=last_name)

    def ask_for_papers(self) -> None:
        """Let receiving clients have to show their papers from now on."""
        with_papers(self.at)
        self.desk = replace(self.desk, configuration=self.at.house.configuration)

    async def heard(self) -> int:
        found: int = await self.at.house.value("SELECT count(*) FROM verifier_events")
        return found


@asynccontextmanager
async def line_to(at: VerifiedHouse, state: Path, *, rings: bool = True) -> AsyncIterator[Line]:
    house = at.house
    async with ProviderProcess(state=state, delay_s=0.5) as provider:
        verifier = HttpVerifier(
            name=IDENTITY,
            base_url=f"{provider.url}/{IDENTITY}",
            secret=Secret(SECRET),
            clock=SystemClock(),
            timeout_s=2,
        )
        services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
        services = replace(services, verifiers={IDENTITY: verifier})
        async with serving(build_application(route_table(house.configuration), services)) as url:
            if rings:
                provider.kill()
                provider.notify = f"{url}/verifiers"
                provider.start()
            desk = replace(at.desk, verifiers={**at.desk.verifiers, IDENTITY: verifier})
            try:
                yield Line(at, provider, desk)
            finally:
                await verifier.close()


@pytest.fixture
async def line(at: VerifiedHouse, tmp_path: Path) -> AsyncIterator[Line]:
    async with line_to(at, tmp_path / "provider") as found:
        yield found


class TestWhatItSays:
    async def test_comes_late_and_is_heard_by_the_bell(self, line: Line) -> None:
        await line.until_status("in_review")
        await line.at.house.execute("UPDATE verification_cases SET due_at = now() + interval '1 h'")
        await line.until_status("accepted")
        assert await line.heard() >= 1

    @pytest.mark.parametrize(
        ("name", "statuses"),
        [
            ("Reject", ["rejected"]),
            ("Mismatch", ["needs_info"]),
            ("Unreadable", ["needs_info"]),
            ("Flip", ["accepted", "rejected"]),
            ("Revoke", ["accepted", "revoked"]),
        ],
    )
    async def test_is_decided_by_the_family_name_and_may_change(
        self, line: Line, name: str, statuses: list[str]
    ) -> None:
        await line.register(name)
        for status in statuses:
            await line.until_status(status)

    async def test_asks_for_a_field_and_accepts_the_customer_with_another_value(self, line: Line) -> None:
        await line.register("Mismatch")
        await line.until_status("needs_info")
        assert (await line.at.look()).required_missing == ("bank_account_number",)

        await line.at.put(last_name="Receiver", bank_account_number="FR7630006000011234567890189")
        await line.until_status("accepted")
        assert (await line.at.look()).status is CustomerStatus.ACCEPTED


class TestDocuments:
    async def test_reach_the_provider_which_looks_at_them_and_keeps_their_sizes(
        self, line: Line, tmp_path: Path
    ) -> None:
        line.ask_for_papers()
        await show(line.at, FIRST)
        await line.until_status("accepted")
        case = await line.at.case()
        (known,) = [one for one in await line.provider.cases() if one["reference"] == case["reference"]]
        assert known["documents"] == {FRONT: len(FIRST)}
        journal = (tmp_path / "provider" / "journal.jsonl").read_bytes()
        assert FRONT.encode() in journal
        assert b"the first" not in journal
        assert hashlib.sha256(FIRST).hexdigest().encode() not in journal

    async def test_are_asked_for_anew_and_judged_anew(self, line: Line) -> None:
        line.ask_for_papers()
        await line.register("Smudged")
        await show(line.at, FIRST)
        await line.until_status("needs_info")
        assert (await line.at.look()).required_missing == (FRONT,)
        await line.register("Receiver")
        await show(line.at, SECOND)
        await line.until_status("accepted")
        case = await line.at.case()
        (known,) = [one for one in await line.provider.cases() if one["reference"] == case["reference"]]
        assert known["documents"] == {FRONT: len(SECOND)}

    @pytest.mark.parametrize("fault", ["lost_answer", "error"])
    async def test_come_once_however_often_an_answer_is_lost(self, line: Line, fault: str) -> None:
        line.ask_for_papers()
        await show(line.at, FIRST)
        await line.provider.plan({"kind": fault, "times": 3})
        await line.until_status("accepted")
        assert sum(bool(one["documents"]) for one in await line.provider.cases()) == 1


class TestBells:
    async def test_that_is_lost_is_made_up_for_by_asking(self, line: Line) -> None:
        await line.provider.plan({"kind": "lost_bell", "times": 100})
        await line.until_status("accepted")
        assert await line.heard() == 0

    async def test_that_comes_twice_changes_nothing_more(self, line: Line) -> None:
        await line.provider.plan({"kind": "double_bell", "times": 100})
        await line.until_status("accepted")
        assert (await line.at.history()).count("accepted") == 1

    async def test_that_is_forged_is_not_kept(self, line: Line) -> None:
        await line.provider.plan({"kind": "forged_bell", "times": 100})
        await line.until_status("accepted")
        assert await line.heard() == 0


class TestWhatGoesWrong:
    async def test_a_lost_answer_makes_no_second_case(self, line: Line) -> None:
        await line.provider.plan({"kind": "lost_answer", "times": 2})
        await line.until_status("accepted")
        assert len(await line.provider.cases()) == 2

    async def test_an_error_decides_nothing(self, line: Line) -> None:
        await line.provider.plan({"kind": "error", "times": 2})
        await line.until_status("accepted")

    async def test_a_provider_that_was_killed_goes_on_where_it_was(self, line: Line) -> None:
        await line.register("Review")
        await line.until_status("in_review")
        (before,) = [case for case in await line.provider.cases() if case["decision"] == "in_review"][:1]
        line.provider.kill()
        line.provider.start()
        assert before["reference"] in {case["reference"] for case in await line.provider.cases()}
        await line.provider.say((await line.at.case())["reference"], "accepted")
        await line.until_status("accepted")

    async def test_its_journal_holds_no_names(self, line: Line, tmp_path: Path) -> None:
        await line.until_status("accepted")
        journal = (tmp_path / "provider" / "journal.jsonl").read_text()
        assert "Rosa" not in journal
        assert "Receiver" not in journal
        assert "DE89370400440532013000" not in journal

    async def test_long_silence_is_told_to_people_and_over_when_it_answers(self, line: Line) -> None:
        await line.register("Review")
        await line.until_status("in_review")
        house = line.at.house
        later = house.clock.now() + SILENT_AFTER * 2
        await watch_silence(house.database, later)
        assert "verifier_silent" in await house.alerts()

        house.clock.advance(SILENT_AFTER * 2)
        await line.provider.say((await line.at.case())["reference"], "accepted")
        await line.until_status("accepted")
        await line.until(self._nobody_waits(line))
        await watch_silence(house.database, house.clock.now())
        assert "verifier_silent" not in await house.alerts()

    def _nobody_waits(self, line: Line) -> Callable[[], Awaitable[bool]]:
        async def is_so() -> bool:
            query = "SELECT count(*) = 0 FROM verification_cases WHERE status IN ('submitted', 'in_review')"
            return bool(await line.at.house.value(query))

        return is_so
