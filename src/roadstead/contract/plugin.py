"""The pytest plugin that gives the suite its one option; pytest finds it by itself (entry point `pytest11`)."""

from __future__ import annotations

import pytest

OPTION = "--rail"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rail package.module:factory`, which `pytest --pyargs roadstead.contract.rail` needs."""
    parser.getgroup("roadstead").addoption(
        OPTION,
        dest="rail",
        metavar="PACKAGE.MODULE:FACTORY",
        default=None,
        help="opens the RailBench that roadstead.contract.rail puts to the test",
    )
