"""Golden scenarios: what an accountant reads in tests/scenarios/golden is exactly what the books do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fixtures.golden import ScenarioError, read_scenario
from tests.fixtures.golden_steps import meanings, play
from tests.fixtures.house import House, house_on

FOLDER = Path(__file__).parent / "golden"
PATHS = sorted(FOLDER.glob("*.txt"))

PLAIN = (FOLDER / "plain_delivery.txt").read_text()


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


class TestTheScenarios:
    @pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
    async def test_the_books_are_as_written(self, house: House, path: Path) -> None:
        await play(read_scenario(path), house)

    def test_each_has_a_title_of_its_own(self) -> None:
        titles = [read_scenario(path).title for path in PATHS]
        assert len(set(titles)) == len(titles)


class TestTheirReader:
    @pytest.mark.parametrize(
        ("wrong", "complaint"),
        [
            ("Payer sings.\n", r"x.txt:2: 'Payer sings.' is a step of 0 meanings"),
            ("Payer sends 1 EURX.\n    payment_eaten\n", r"x.txt:3: 'payment_eaten' is no event"),
            ("Payer sends 1 EURX.\n    payment_matched\n", r"x.txt:2: payment_matched has no entries"),
            ("Payer sends 1 EURX.\n        debit a 1 EUR\n", r"x.txt:3 is indented by 8"),
            ("Payer sends 1 EURX.\n      payment_matched\n", r"x.txt:3 is indented by 6"),
            ("    payment_matched\n", r"x.txt:2 posts something before the first step"),
            (
                "Payer sends 1 EURX.\n    payment_matched\n        debit slush:fund 1 EURX\n",
                r"x.txt:4: slush:fund is not in the chart",
            ),
            (
                "Payer sends 1 EURX.\n    payment_matched\n        debit payouts:owed many EURX\n",
                r"x.txt:4: .* is no entry",
            ),
            (
                (
                    "Payer sends 1 EURX.\n    payment_matched\n"
                    "        debit payouts:owed 1 EUR\n        credit payouts:owed 1 EUR\n"
                ),
                r"x.txt:5: payouts:owed stands twice",
            ),
            ("", r"x.txt has no step"),
        ],
    )
    def test_refuses_what_it_does_not_know_and_says_where(
        self, tmp_path: Path, wrong: str, complaint: str
    ) -> None:
        path = tmp_path / "x.txt"
        path.write_text(f"A title\n{wrong}")
        with pytest.raises(ScenarioError, match=complaint):
            meanings(read_scenario(path))

    async def test_a_wrong_amount_is_found(self, house: House, tmp_path: Path) -> None:
        path = tmp_path / "x.txt"
        path.write_text(PLAIN.replace("99.40 EUR", "99.41 EUR"))
        with pytest.raises(ScenarioError, match="must post"):
            await play(read_scenario(path), house)

    async def test_a_posting_that_is_not_written_is_found(self, house: House, tmp_path: Path) -> None:
        path = tmp_path / "x.txt"
        path.write_text(re.sub(r"\n {4,}.*", "", PLAIN))
        with pytest.raises(ScenarioError, match="must post\n    nothing\nbut posted\n    payment_matched"):
            await play(read_scenario(path), house)
