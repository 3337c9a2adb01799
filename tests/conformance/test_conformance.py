"""Every clause has its test, every mark its clause, and the page says what is the case."""

from __future__ import annotations

from collections import Counter

from tests.conformance.page import page
from tests.conformance.registry import TESTS, Clause, MarkedTest, clauses, marked_tests

ROOT = TESTS.parent


class TestClauses:
    def test_every_clause_has_a_test(self) -> None:
        tested = {test.clause for test in marked_tests()}
        assert [clause.id for clause in clauses() if clause.id not in tested] == []

    def test_every_mark_names_a_clause(self) -> None:
        known = {clause.id for clause in clauses()}
        assert [test for test in marked_tests() if test.clause not in known] == []

    def test_no_clause_stands_there_twice(self) -> None:
        counted = Counter(clause.id for clause in clauses())
        assert [name for name, count in counted.items() if count > 1] == []

    def test_every_clause_is_implemented_in_a_module_that_is_there(self) -> None:
        missing = [
            clause for clause in clauses() if not (ROOT / "src" / "roadstead" / clause.where).is_file()
        ]
        assert missing == []


class TestThePage:
    def test_it_is_up_to_date(self) -> None:
        written = (ROOT / "docs" / "conformance.md").read_text()
        assert written == page(clauses(), marked_tests()), "write it again: make docs"

    def test_it_shows_where_what_and_why_not(self) -> None:
        clause = Clause(id="SEP-99/x", words="Do x", where="sep/x.py", deviation="x is y")
        test = MarkedTest(clause="SEP-99/x", path="tests/x.py", name="test_x")
        assert (
            "| x | Do x. **Deviation:** x is y | `src/roadstead/sep/x.py` | `tests/x.py` `test_x` |"
            in page([clause], [test])
        )
