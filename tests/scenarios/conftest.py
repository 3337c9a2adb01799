"""Sandboxes for the scenarios: one that the harmless ones share, and the parts of a payment in short words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox that all scenarios share which leave its processes alone."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as shared:
        yield shared
