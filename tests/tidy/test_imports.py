"""The server does without what only tests and the sandbox need: each costs memory and time at every start."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.tidy.tree import modules

SDK = "stellar_sdk"
"""Most of it is XDR that nothing here uses: 26 MB and 0.35 s of CPU beside all else that the server loads."""
HEAVY = (SDK, "requests", "pydantic")


class TestWhatTheServerLoads:
    def test_it_starts_without_heavy_libraries(self) -> None:
        program = f"import sys, roadstead.cli.roles; print([name for name in {HEAVY} if name in sys.modules])"
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60
        )
        assert ended.stdout.strip() == "[]"

    def test_only_the_sandbox_knows_the_sdk(self) -> None:
        """Not even for later: a module that is loaded at the first request costs as much."""
        users = {module.name for module in modules() if SDK in _imported(module.tree)}
        assert users
        assert {name for name in users if not name.startswith("roadstead.sandbox.")} == set()


def _imported(tree: ast.Module) -> set[str]:
    """The libraries that a module imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names.update(alias.name.split(".")[0] for alias in aliases)
            case ast.ImportFrom(module=str() as name, level=0):
                names.add(name.split(".")[0])
    return names
