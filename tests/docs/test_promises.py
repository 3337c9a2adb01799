"""The page of promises names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "promises.md"
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?(?:::(\w+))?`")


def references() -> list[tuple[str, str, str]]:
    return [match.groups(default="") for match in REFERENCE.finditer(PAGE.read_text())]  # type: ignore[misc]


def names(path: str) -> dict[str, set[str]]:
    """Return the classes of a test module with their tests; those outside any class stand under no name."""
    found: dict[str, set[str]] = {"": set()}
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                child.name for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[""].add(node.name)
    return found


@pytest.mark.parametrize(("path", "group", "name"), references())
def test_every_test_that_a_promise_names_exists(path: str, group: str, name: str) -> None:
    known = names(path)
    if not group:
        assert known
    elif not name:
        assert group in known or group in known[""]
    else:
        assert name in known.get(group, set())


def test_every_promise_names_a_test() -> None:
    made = PAGE.read_text().partition("## What is not promised")[0]
    rows = [line for line in made.splitlines() if line.startswith("| ") and "---" not in line]
    promises = [row for row in rows if not row.startswith("| promise")]
    lacking = [row for row in promises if not REFERENCE.search(row)]
    assert promises
    assert lacking == []
