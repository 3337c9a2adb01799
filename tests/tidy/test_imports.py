"""The server does without what only tests and the sandbox need: each costs memory and time at every start."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.tidy.tree import modules

from roadstead.service.roles import Role

SDK = "stellar_sdk"
"""Most of it is XDR that nothing here uses: 26 MB and 0.35 s of CPU beside all else that the server loads."""
HEAVY = (SDK, "requests", "pydantic")
ROLES = tuple(f"roadstead.cli.{role}_role" for role in Role)
OTHER_ROLES_ONLY = ("lxml", "rapidfuzz", "asyncssh", "roadstead.batches", "roadstead.service.worker")
"""What the API needs nothing of: files of banks, the matcher of names, the work that is not answering."""


class TestWhatTheServerLoads:
    def test_it_starts_without_heavy_libraries(self) -> None:
        assert _loaded("roadstead.cli.roles", *ROLES, watched=HEAVY) == "[]"

    def test_the_api_starts_without_what_only_other_roles_need(self) -> None:
        assert _loaded("roadstead.cli.roles", "roadstead.cli.api_role", watched=OTHER_ROLES_ONLY) == "[]"

    def test_only_the_sandbox_knows_the_sdk(self) -> None:
        """Not even for later: a module that is loaded at the first request costs as much."""
        users = {module.name for module in modules() if SDK in _imported(module.tree)}
        assert users
        assert {name for name in users if not name.startswith("roadstead.sandbox.")} == set()


def _loaded(*names: str, watched: tuple[str, ...]) -> str:
    """Import the command line and modules in a process of their own, and list the watched ones that are there then."""
    program = (
        f"import sys; from importlib import import_module; import roadstead.cli; roadstead.cli.application('serve')\n"
        f"for name in {names}: import_module(name)\n"
        f"print([name for name in {watched} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60
    )
    return ended.stdout.strip()


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
