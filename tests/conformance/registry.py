"""The clauses of the SEPs, and the tests that carry their names.

Each SEP has a file in `clauses`; a test names a clause with `@pytest.mark.clause("SEP-10/token/once")`.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CLAUSES = Path(__file__).resolve().parent / "clauses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One thing that a SEP asks of the server."""

    id: str
    words: str
    where: str
    """The module below `src/roadstead` that sees to it."""
    deviation: str | None = None
    """Why we do otherwise, where we do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedTest:
    """A test that says which clause it specifies."""

    clause: str
    path: str
    name: str


def clauses() -> list[Clause]:
    """Read all clauses, SEP by SEP in the order of their numbers."""
    files = sorted(CLAUSES.glob("sep*.toml"), key=lambda path: int(path.stem.removeprefix("sep")))
    return [Clause(**row) for path in files for row in tomllib.loads(path.read_text())["clause"]]


def marked_tests() -> list[MarkedTest]:
    """Find every test that names a clause, without running any."""
    return [
        MarkedTest(clause=clause, path=str(path.relative_to(TESTS.parent)), name=name)
        for path in sorted(TESTS.rglob("test_*.py"))
        for name, clause in _marks(ast.parse(path.read_text()))
    ]


def _marks(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(
                        func=ast.Attribute(attr="clause"), args=[ast.Constant(value=str() as clause)]
                    ):
                        yield node.name, clause
