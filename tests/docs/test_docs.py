"""What the pages say is so: tables agree with the code, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from tests.tidy.layers import LAYERS

from roadstead.cli import application
from roadstead.config.matching_terms import MATCHING
from roadstead.config.payout_terms import PayoutTerms
from roadstead.ledger import chart
from roadstead.ledger.checks.table import CHECKS
from roadstead.ledger.verify import MIGRATIONS, MIGRATIONS_SENTENCE
from roadstead.payments.dispositions import MOVES as PAYMENT_MOVES
from roadstead.payments.dispositions import Disposition
from roadstead.payouts.decisions import response_to
from roadstead.payouts.reason_codes import ACTIONS, ActionClass
from roadstead.payouts.states import MOVES as PAYOUT_MOVES
from roadstead.payouts.states import PayoutStatus
from roadstead.refunds.states import RefundStatus
from roadstead.remittances.matching import UnmatchedReason
from roadstead.remittances.states import MOVES, NEW, RemittanceStatus
from roadstead.sandbox.sender import Step

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "roadstead"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")]
)
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


def page(name: str) -> str:
    return (ROOT / name).read_text()


def section(name: str, heading: str) -> str:
    """The text of a page under one heading, up to the next of the same or a higher rank."""
    text = page(name)
    marks = heading.partition(" ")[0]
    assert f"\n{heading}\n" in text, f"{name} has no heading {heading!r}"
    after = text.partition(f"\n{heading}\n")[2]
    return re.split(rf"^#{{1,{len(marks)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables in a text, without their headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rules = {number for number, line in enumerate(lines) if set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if number not in rules and number + 1 not in rules
    ]


def coded(cell: str) -> str:
    """The code that a cell begins with."""
    found = _CODE.match(cell)
    assert found, f"the cell {cell!r} does not begin with code"
    return found[1]


def anchors(text: str) -> set[str]:
    """The places in a page that a link may name, as they are made of its headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestStatusesOfARefund:
    def test_every_one_is_explained(self) -> None:
        explained = rows(section("docs/states.md", "## Statuses of a refund"))

        assert [coded(row[0]) for row in explained] == list(RefundStatus)


class TestStates:
    def test_every_status_of_a_remittance_is_explained(self) -> None:
        explained = rows(section("docs/states.md", "## Statuses of a remittance"))

        assert [coded(row[0]) for row in explained] == list(RemittanceStatus)

    def test_those_that_are_final_are_called_so(self) -> None:
        explained = rows(section("docs/states.md", "## Statuses of a remittance"))

        assert {coded(row[0]) for row in explained if row[2] == "yes"} == {
            status for status in RemittanceStatus if status.is_final
        }

    def test_the_moves_are_those_of_the_code(self) -> None:
        told = [
            (coded(row[0]), coded(row[1]))
            for row in rows(section("docs/states.md", "## Moves of a remittance"))
        ]

        assert set(told) == MOVES
        assert len(told) == len(MOVES)
        assert told[0][0] == NEW

    def test_the_moves_of_a_payout_are_those_of_the_code(self) -> None:
        told = [
            (coded(row[0]), coded(row[1])) for row in rows(section("docs/states.md", "## Moves of a payout"))
        ]

        assert set(told) == PAYOUT_MOVES
        assert len(told) == len(PAYOUT_MOVES)

    def test_the_reasons_of_refusals_and_what_follows_them_are_those_of_the_code(self) -> None:
        listed = rows(section("docs/operating/payouts.md", "## What follows a refusal"))
        told = {coded(row[0]): set(re.findall(r"[A-Z]{2}[A-Z0-9]{2}", row[1])) for row in listed}
        codes = {
            action: {code for code, known in ACTIONS.items() if known is action} for action in ActionClass
        }

        assert {coded(row[0]): coded(row[2]) for row in listed} == {
            action: response_to(action, PayoutTerms()) for action in ActionClass
        }
        assert told.pop(ActionClass.UNEXPLAINED) <= codes.pop(ActionClass.UNEXPLAINED)
        assert told == codes

    def test_every_status_of_a_payout_is_explained(self) -> None:
        explained = rows(section("docs/states.md", "## Statuses of a payout"))

        assert {coded(row[0]) for row in explained} == set(PayoutStatus)

    def test_every_disposition_of_a_payment_is_explained(self) -> None:
        told = rows(section("docs/states.md", "## Dispositions of a payment"))
        explained = [row for row in told if row[2] in {"yes", "no"}]

        assert [coded(row[0]) for row in explained] == list(Disposition)
        assert {coded(row[0]) for row in explained if row[2] == "yes"} == {
            disposition for disposition in Disposition if disposition.is_final
        }

    def test_the_moves_of_payments_are_those_of_the_code(self) -> None:
        told = rows(section("docs/states.md", "## Dispositions of a payment"))
        moves = [(coded(row[0]), coded(row[1])) for row in told if row[2] not in {"yes", "no"}]

        assert set(moves) == PAYMENT_MOVES
        assert len(moves) == len(PAYMENT_MOVES)

    def test_every_policy_is_explained(self) -> None:
        told = {coded(row[0]) for row in rows(section("docs/states.md", "## What becomes of it"))}

        assert told == {key.name for key in MATCHING.keys} - {"approval_above", "age_max_s"}

    def test_every_reason_for_an_unmatched_payment_is_explained(self) -> None:
        explained = rows(section("docs/states.md", "## Why a payment funds nothing"))

        assert {coded(row[0]) for row in explained} == set(UnmatchedReason)


class TestArchitecture:
    def test_shows_every_room(self) -> None:
        shown = {coded(row[0]) for row in rows(section("docs/architecture.md", "## The rooms"))}

        assert shown == {folder.parent.name for folder in PACKAGE.glob("*/__init__.py")}

    def test_names_the_modules_beside_the_rooms(self) -> None:
        modules = {module.stem for module in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
        (sentence,) = re.findall(r"Beside them stand the modules ([^.]+)\.", page("docs/architecture.md"))

        assert set(_CODE.findall(sentence)) == modules

    def test_shows_the_layers_that_are_enforced(self) -> None:
        (drawn,) = re.findall(
            r"```\n(.+?)```", section("docs/architecture.md", "## The layers"), flags=re.DOTALL
        )
        existing = {path.stem for path in PACKAGE.iterdir()}

        assert [set(line.split()) for line in drawn.splitlines()] == [
            there for layer in reversed(LAYERS) if (there := (layer & existing) - {"__main__"})
        ]

    def test_shows_every_account_of_the_books(self) -> None:
        books = section("docs/architecture.md", "## The books")
        shown = {coded(row[0]) for row in rows(books) if ":" in coded(row[0])}
        constants = {
            value
            for name, value in vars(chart).items()
            if name.isupper() and isinstance(value, str) and value != chart.ANY_RAIL
        }

        assert shown == {*constants, chart.transit("RAIL"), chart.bank("RAIL")}

    def test_has_every_check_of_the_books_in_its_own_sentence(self) -> None:
        checks = section("docs/operating/books.md", "## What is checked")
        shown = {coded(row[0]): row[1] for row in rows(checks)}

        assert shown == {check.name: check.sentence for check in CHECKS} | {MIGRATIONS: MIGRATIONS_SENTENCE}

    def test_shows_every_event_that_is_posted(self) -> None:
        books = section("docs/architecture.md", "## The books")
        shown = {coded(row[0]) for row in rows(books) if ":" not in coded(row[0])}
        source = (PACKAGE / "ledger" / "postings.py").read_text()

        assert shown == set(re.findall(r'event="(\w+)"', source))


class TestTheDemoInTheReadme:
    def test_takes_the_steps_that_a_demo_takes(self) -> None:
        told = re.findall(r"^ +[0-9.]+ s  (\w+) ", page("README.md"), flags=re.MULTILINE)

        assert list(dict.fromkeys(told)) == [step for step in Step if step is not Step.FINISHED]

    def test_starts_what_a_demo_starts(self) -> None:
        source = "".join(module.read_text() for module in (PACKAGE / "sandbox").glob("*.py"))
        told = re.findall(r"^\[\d/\d\] (.+)$", page("README.md"), flags=re.MULTILINE)

        assert told
        assert [line for line in told if f'"{line}"' not in source] == []


class TestLinks:
    @pytest.mark.parametrize("name", PAGE_NAMES)
    def test_each_leads_to_a_file_and_a_heading_that_exist(self, name: str) -> None:
        broken = [
            target
            for target in _LINK.findall(page(name))
            if not target.startswith(("https://", "mailto:")) and not self._exists(ROOT / name, target)
        ]

        assert broken == []

    def _exists(self, source: Path, target: str) -> bool:
        path, _, anchor = target.partition("#")
        file = source.parent / path if path else source
        return file.is_file() and (not anchor or anchor in anchors(file.read_text()))

    def test_the_index_leads_to_every_page(self) -> None:
        indexed = {
            (ROOT / folder / target).resolve()
            for folder in ("docs", "docs/decisions")
            for target in _LINK.findall(page(f"{folder}/README.md"))
        }

        assert [
            name
            for name, path in zip(PAGE_NAMES, PAGES, strict=True)
            if "docs/" in name and path not in indexed
        ] == ["docs/README.md"]

    def test_each_decision_is_titled_with_its_number(self) -> None:
        for row in rows(page("docs/decisions/README.md")):
            (target,) = _LINK.findall(row[0])
            title = page(f"docs/decisions/{target}").splitlines()[0]
            assert title.startswith(f"# {int(target[:4])}. ")


def commands(app: typer.Typer) -> dict[str, set[str]]:
    """Every command of ours, with the options that it takes."""
    found: dict[str, set[str]] = {}

    def visit(command: object, name: str) -> None:
        parameters = getattr(command, "params", [])
        found[name] = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
        for word, inner in getattr(command, "commands", {}).items():
            visit(inner, f"{name} {word}")

    visit(typer.main.get_command(app), "roadstead")
    return found


def typed(text: str) -> Iterator[str]:
    """What a page tells people to type: the lines of code blocks, and code in a sentence that is more than one word."""
    yield from (
        line
        for block in re.findall(r"```\w*\n(.+?)```", text, flags=re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
    )
    yield from (
        code for code in _CODE.findall(re.sub(r"```.+?```", "", text, flags=re.DOTALL)) if " " in code
    )


def typed_commands(text: str) -> list[list[str]]:
    """The commands of ours among it, as words."""
    lines = [line.removeprefix(".venv/bin/") for line in typed(text)]
    return [shlex.split(line) for line in lines if line.startswith("roadstead ")]


def resolve(words: list[str], known: dict[str, set[str]]) -> str:
    """The name of the command that these words call."""
    name = words[0]
    for word in words[1:]:
        is_group = any(one.startswith(f"{name} ") for one in known)
        if not is_group or word.startswith("-"):
            break
        name = f"{name} {word}"
        assert name in known, f"there is no command {name!r}"
    return name


class TestCommands:
    @pytest.mark.parametrize("name", PAGE_NAMES)
    def test_each_that_a_page_names_exists_with_its_options(self, name: str) -> None:
        known = commands(application())
        for words in typed_commands(page(name)):
            options = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert options <= {*known[resolve(words, known)], "--help"}, words

    def test_the_readme_names_every_command(self) -> None:
        known = commands(application())
        named = {resolve(words, known) for words in typed_commands(page("README.md"))}

        assert {name.split()[1] for name in known if name != "roadstead"} == {
            name.split()[1] for name in named
        }

    @pytest.mark.parametrize("name", PAGE_NAMES)
    def test_each_target_of_make_that_a_page_names_exists(self, name: str) -> None:
        known = set(re.findall(r"^([a-z-]+):", page("Makefile"), flags=re.MULTILINE))
        named = {line.split()[1] for line in typed(page(name)) if line.startswith("make ")}

        assert named <= known


class TestStyle:
    @pytest.mark.parametrize("name", PAGE_NAMES)
    def test_code_blocks_are_closed_and_lines_end_cleanly(self, name: str) -> None:
        text = page(name)

        assert text.count("```") % 2 == 0
        assert [line for line in text.splitlines() if line != line.rstrip()] == []
        assert text.endswith("\n")
        assert text.startswith("# ")
