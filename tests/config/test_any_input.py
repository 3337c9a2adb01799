"""Whatever the file and the environment say, the answer is a configuration or a refusal that explains itself."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from roadstead.config.anchor_schema import SECTIONS
from roadstead.config.definitions import all_definitions
from roadstead.config.environment import read_environment
from roadstead.config.schema import Form, Problems, Section, Unfit, read_sections

EXAMPLE = tomllib.loads(
    (Path(__file__).resolve().parents[2] / "examples" / "anchor.toml").read_text(), parse_float=Decimal
)
# Calendars load their rules when the first one is read, which is not what hypothesis should time.
read_sections(EXAMPLE, SECTIONS, Problems("anchor.toml"))
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.text(max_size=30),
    st.decimals(),
    st.sampled_from(
        [date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), "", " ", "x" * 5_000, "http://[", 10**50]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
NAMES = [
    name.replace("<CODE>", "EURX").replace("<NAME>", "SEPA")
    for name in (d.variable for d in all_definitions())
]


class TestTheFile:
    @given(st.data(), VALUES)
    def test_any_value_in_any_place_is_read_or_explained(self, data: st.DataObject, value: object) -> None:
        section = data.draw(st.sampled_from(SECTIONS))
        key = data.draw(st.sampled_from(section.keys))
        table = {key.name: value}
        problems = Problems("anchor.toml")

        read_sections(EXAMPLE | {section.name: [table] if section.many else table}, SECTIONS, problems)

        assert all(problem.startswith(f"anchor.toml: {section.name}") for problem in problems.found)

    @given(st.sampled_from(SECTIONS), VALUES)
    def test_any_value_in_place_of_a_table_is_explained(self, section: Section, value: object) -> None:
        problems = Problems("anchor.toml")

        read_sections({section.name: value}, SECTIONS, problems)

        assert problems.found

    @given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
    def test_any_table_at_all_is_explained(self, table: dict[str, object]) -> None:
        problems = Problems("anchor.toml")

        read_sections(table, SECTIONS, problems)

        assert problems.found


class TestTheEnvironment:
    @given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=80)))
    @example({"ROADSTEAD_HORIZON_URLS": "http://[::1"})
    @example({"ROADSTEAD_HORIZON_URLS": "https://a:99999"})
    @example({"ROADSTEAD_DATABASE_URL": "postgresql://[/x"})
    @example({"ROADSTEAD_DATA_KEY": "é"})
    @example({"ROADSTEAD_API_PORT": "9" * 5_000})
    @example({"ROADSTEAD_SIGNING_SECRET": "S" + "A" * 55})
    def test_any_text_in_any_variable_is_read_or_explained(self, environ: dict[str, str]) -> None:
        reading = read_environment(environ)

        assert all(problem.startswith("ROADSTEAD_") for problem in reading.problems)

    @given(st.text(max_size=30), st.text(max_size=10))
    def test_any_variable_name_is_ignored_or_explained(self, name: str, value: str) -> None:
        reading = read_environment({f"ROADSTEAD_{name}": value})

        assert all(problem.startswith("ROADSTEAD_") for problem in reading.problems)


class TestForms:
    @given(st.sampled_from([key.form for section in SECTIONS for key in section.keys]), VALUES)
    def test_a_form_reads_or_says_what_is_unfit(self, form: Form, value: object) -> None:
        outcome = _outcome(form, value)

        assert outcome != "", f"{form.words}: refused without a word"


def _outcome(form: Form, value: object) -> object:
    try:
        form.read(value)
    except Unfit as unfit:
        return str(unfit)
    return None
