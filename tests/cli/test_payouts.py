"""`roadstead payouts` as an operator uses it, on a real database."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest
from tests.fixtures.house import house_on
from tests.fixtures.scripted_rail import Behaviour
from tests.fixtures.terminal import Terminal
from typer.testing import Result


class Operator:
    """Somebody at a terminal, with one payout that is held because the bank does not say why it refused."""

    def __init__(self, database_url: str, amount: int = 100) -> None:
        self.database_url = database_url
        self.remittance_id = asyncio.run(self._prepare(amount))

    async def _prepare(self, amount: int) -> str:
        async with house_on(self.database_url) as house:
            await house.know_more()
            opened = await house.open(str(amount))
            await house.pay(opened.memo, amount * 10_000_000)
            await house.match()
            house.rail.script.append(Behaviour.REFUSE)
            house.rail.refusals.append("MS03")
            await house.work()
            await house.work()
        return str(opened.id)

    def types(self, *words: str) -> Result:
        """Run `roadstead payouts` with these words."""
        return Terminal(self.database_url).types(None, "payouts", *words)

    def holds(self) -> list[str]:
        """The kinds of the open holds."""
        return list(self.people_needed())

    def people_needed(self) -> dict[str, int]:
        """How many people each open hold needs, by its kind."""
        return dict(Terminal(self.database_url).fetch("SELECT kind, approvals FROM holds ORDER BY kind"))


@pytest.fixture
def operator(database_url: str) -> Operator:
    return Operator(database_url)


class TestLooking:
    def test_the_list_shows_what_is_held_and_why(self, operator: Operator) -> None:
        shown = operator.types("list", "--status", "held")

        assert shown.exit_code == 0
        assert operator.remittance_id in shown.output
        assert "MS03" in shown.output
        assert operator.remittance_id not in operator.types("list", "--status", "settled").output

    def test_one_payout_shows_its_attempts_the_question_and_the_story(self, operator: Operator) -> None:
        shown = operator.types("show", operator.remittance_id).output

        for word in ("held", "refused", "payout_release", "ordered", "MS03"):
            assert word in shown

    def test_machines_read_the_same_as_json(self, operator: Operator) -> None:
        told = json.loads(operator.types("show", operator.remittance_id, "--json").output)

        assert told["payout"]["status"] == "held"
        assert [attempt["reason"] for attempt in told["attempts"]] == ["MS03"]
        assert [hold["kind"] for hold in told["holds"]] == ["payout_release"]
        assert told["timeline"]

    def test_it_tells_nobody_who_is_paid(self, operator: Operator) -> None:
        shown = operator.types("show", operator.remittance_id, "--json").output

        assert "Rosa" not in shown

    @pytest.mark.parametrize("words", [("show", "nonsense"), ("show", str(uuid4()))])
    def test_what_is_not_there_is_said(self, operator: Operator, words: tuple[str, ...]) -> None:
        shown = operator.types(*words)

        assert shown.exit_code == 1
        assert "roadstead payouts list" in shown.output


class TestGivingUp:
    def test_it_asks_people_and_sends_nothing(self, operator: Operator) -> None:
        asked = operator.types("give-up", operator.remittance_id, "--reason", "the partner asks for it")

        assert asked.exit_code == 0
        assert operator.holds() == ["payout_release", "remittance_refund"]

    @pytest.mark.parametrize(("amount", "people"), [(100, 1), (1001, 2)])
    def test_a_large_amount_needs_a_second_person(self, database_url: str, amount: int, people: int) -> None:
        operator = Operator(database_url, amount)
        operator.types("give-up", operator.remittance_id, "--reason", "the partner asks for it")

        assert operator.people_needed()["remittance_refund"] == people

    def test_asking_twice_asks_once(self, operator: Operator) -> None:
        for _ in range(2):
            operator.types("give-up", operator.remittance_id, "--reason", "the partner asks for it")

        assert operator.holds() == ["payout_release", "remittance_refund"]

    def test_of_what_never_arrived_nothing_is_given_back(self, operator: Operator) -> None:
        asked = operator.types("give-up", str(uuid4()), "--reason", "a mistake")

        assert asked.exit_code == 1
        assert "nothing to send back" in asked.output
