"""The tests of this folder take minutes and all of the machine: they run when they are named (`make crash`)."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests out of a run that does not name them."""
    is_named = any("tests/crash" in argument for argument in config.args)
    return None if is_named or not collection_path.name.startswith("test_") else True
