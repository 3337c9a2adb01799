"""Every dependency is declared, justified and locked."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from tests.tidy.tree import ROOT, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
RUNTIME = {re.split(r"[<>=!~\[; ]", line)[0] for line in PROJECT["project"]["dependencies"]}
DEVELOPMENT = {
    re.split(r"[<>=!~\[; ]", line)[0] for group in GROUPS.values() for line in group if isinstance(line, str)
}
EXTRAS = {
    extra: frozenset(re.split(r"[<>=!~\[; ]", line)[0] for line in lines)
    for extra, lines in PROJECT["project"]["optional-dependencies"].items()
}
"""What a part needs that is installed only with the extra of its name."""
JUSTIFIED = dict(
    re.findall(r"^\| ([a-z0-9-]+) \| (.{10,}) \|$", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
)


def _locked(name: str) -> dict[str, str]:
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


class TestDependencies:
    def test_each_has_its_line_and_each_line_its_dependency(self) -> None:
        assert JUSTIFIED.keys() - {"dependency"} == RUNTIME | DEVELOPMENT

    def test_each_is_locked(self) -> None:
        assert _locked("runtime").keys() >= RUNTIME
        assert _locked("development").keys() >= RUNTIME | DEVELOPMENT
        assert {re.split("[<>=]", line)[0] for line in GROUPS["build"]} <= _locked("build").keys()

    @pytest.mark.parametrize("name", ["runtime", "build"])
    def test_the_locks_agree_on_every_version(self, name: str) -> None:
        assert _locked(name).items() <= _locked("development").items()

    @pytest.mark.parametrize("name", ["runtime", "build", "development"])
    def test_every_locked_version_has_its_hashes(self, name: str) -> None:
        text = (ROOT / "locks" / f"{name}.txt").read_text()
        entries = re.split(r"\n(?=\S)", text.strip())

        assert len(entries) == len(_locked(name))
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []

    def test_an_extra_asks_for_nothing_that_is_not_tried_here(self) -> None:
        assert EXTRAS["contract"] <= DEVELOPMENT

    def test_what_is_imported_is_declared(self) -> None:
        distributions = packages_distributions()
        imported = {
            (name.split(".")[0], EXTRAS.get(module.path.split("/")[0], frozenset()))
            for module in modules()
            for node in ast.walk(module.tree)
            for name in _imported(node)
        }
        undeclared = {
            name
            for name, extra in imported
            if name not in {"roadstead", *sys.stdlib_module_names}
            and not {known.lower().replace("_", "-") for known in distributions.get(name, [])}
            & (RUNTIME | extra)
        }

        assert undeclared == set()


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str() as name, level=0):
            return [name]
        case _:
            return []
