"""Writes docs/conformance.md: `python -m tests.conformance.page > docs/conformance.md`, or `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby

from tests.conformance.registry import Clause, MarkedTest, clauses, marked_tests

INTRODUCTION = """\
# Conformance

Generated from the tests by `make docs`; a test keeps it up to date.

What the Stellar Ecosystem Proposals ask of the server, clause by clause: where it is implemented, and which tests hold
it to it. A clause without a test fails the tests. Where we do otherwise, the reason stands beside it.
"""


def page(known: Iterable[Clause], tests: Iterable[MarkedTest]) -> str:
    """Return the page as Markdown."""
    by_clause: dict[str, list[MarkedTest]] = {}
    for test in tests:
        by_clause.setdefault(test.clause, []).append(test)
    parts = [INTRODUCTION]
    for sep, group in groupby(known, key=lambda clause: clause.id.partition("/")[0]):
        parts.append(f"## {sep}\n")
        parts.append("\n".join(_rows(group, by_clause)) + "\n")
    return "\n".join(parts)


def _rows(group: Iterable[Clause], tests: dict[str, list[MarkedTest]]) -> Iterator[str]:
    yield "| clause | what it asks | where | tests |"
    yield "| --- | --- | --- | --- |"
    for clause in group:
        words = (
            clause.words if clause.deviation is None else f"{clause.words}. **Deviation:** {clause.deviation}"
        )
        named = "<br>".join(f"`{test.path}` `{test.name}`" for test in tests.get(clause.id, []))
        name = clause.id.partition("/")[2]
        yield f"| {name} | {words.replace('|', '&#124;')} | `src/roadstead/{clause.where}` | {named} |"


if __name__ == "__main__":
    sys.stdout.write(page(clauses(), marked_tests()))
