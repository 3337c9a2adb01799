"""The pytest plugin that gives the suites their options; pytest finds it by itself (entry point `pytest11`)."""

from __future__ import annotations

import pytest

OPTION = "--rail"
VERIFIER_OPTION = "--verifier"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rail` and `--verifier`, which name what `pytest --pyargs roadstead.contract.rail` (or verifier) tests."""
    parser.getgroup("roadstead").addoption(
        OPTION,
        dest="rail",
        metavar="PACKAGE.MODULE:FACTORY",
        default=None,
        help="opens the RailBench that roadstead.contract.rail puts to the test",
    )
    parser.getgroup("roadstead").addoption(
        VERIFIER_OPTION,
        dest="verifier",
        metavar="PACKAGE.MODULE:FACTORY",
        default=None,
        help="opens the VerifierBench that roadstead.contract.verifier puts to the test",
    )
