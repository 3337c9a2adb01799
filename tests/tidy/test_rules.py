"""The tree keeps its own rules, and the rules notice when it does not."""

from __future__ import annotations

import pytest
from tests.tidy import rules
from tests.tidy.rules import RULES, Rule
from tests.tidy.tree import ROOT, module, modules, tracked_files

# Written in two parts, so that this file does not contain what it looks for.
REGISTRY_HOSTS = tuple(
    "".join(parts)
    for parts in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("registry.npmjs", ".org"),
        ("registry.yarnpkg", ".com"),
        ("proxy.golang", ".org"),
        ("crates", ".io"),
        ("deb.debian", ".org"),
        ("docker", ".io"),
        ("ghcr", ".io"),
    )
)
FOREIGN_PATHS = tuple("".join(parts) for parts in (("../", "shared"), ("/work", "/")))


class TestTheTree:
    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
    def test_every_module_keeps_the_rule(self, rule: Rule) -> None:
        assert [f"{module.path}:{problem}" for module in modules() for problem in rule(module)] == []

    @pytest.mark.parametrize("words", [REGISTRY_HOSTS, FOREIGN_PATHS], ids=["registries", "paths elsewhere"])
    def test_no_file_names_what_lies_outside(self, words: tuple[str, ...]) -> None:
        found = [
            f"{path.relative_to(ROOT)}: {word}"
            for path in tracked_files()
            for word in words
            if word.encode() in path.read_bytes()
        ]

        assert found == []

    def test_every_exception_names_something_that_exists(self) -> None:
        defined = {f"{module.path}:{name}" for module in modules() for name, _, _ in rules.functions(module)}

        assert {module.path for module in modules()} >= rules.LONG_MODULES
        assert defined >= rules.LONG_FUNCTIONS


class TestTheRulesCatch:
    @pytest.mark.parametrize(
        ("rule", "path", "text"),
        [
            (rules.no_floats_near_money, "money.py", "fee = 0.1"),
            (rules.no_floats_near_money, "ledger/postings.py", "fee = -1.0"),
            (
                rules.no_floats_near_money,
                "remittances/pricing.py",
                "def f(x: str) -> object:\n    return float(x)",
            ),
            (rules.no_naive_moments, "sandbox/a.py", "from datetime import datetime\nx = datetime.now()"),
            (rules.no_naive_moments, "a.py", "import datetime\nx = datetime.datetime.utcnow()"),
            (rules.no_naive_moments, "a.py", "from datetime import date\nx = date.today()"),
            (rules.no_naive_moments, "a.py", "from datetime import datetime\nx = datetime.fromtimestamp(1)"),
            (rules.time_is_injected, "payouts/desk.py", "from datetime import *\nx = datetime.now(UTC)"),
            (rules.time_is_injected, "payouts/desk.py", "import time\nx = time.time()"),
            (rules.no_assertions, "money.py", "def f(x: int) -> None:\n    assert x"),
            (rules.environment_is_read_at_the_door, "stellar/a.py", "import os\nx = os.environ['A']"),
            (rules.environment_is_read_at_the_door, "stellar/a.py", "import os\nx = os.getenv('A')"),
            (rules.environment_is_read_at_the_door, "stellar/a.py", "from os import environ"),
            (rules.boundaries_are_named, "a.py", "boundary(name)"),
            (rules.boundaries_are_named, "a.py", "boundary('rail.poll')"),
            (rules.boundaries_are_named, "a.py", "from roadstead.boundaries import boundary, watched_by"),
            (rules.modules_are_short, "a.py", "x = 1\n" * 401),
            (rules.functions_are_short, "a.py", "async def f() -> None:\n" + "    g()\n" * 70),
            (rules.networks_are_not_told_apart, "a.py", "x = network == 'testnet'"),
            (rules.networks_are_not_told_apart, "a.py", "x = settings.network is not Network.MAINNET"),
            (rules.networks_are_not_told_apart, "a.py", "x = network in ('sandbox', 'testnet')"),
            (rules.networks_are_not_told_apart, "a.py", "match n:\n    case Network.SANDBOX:\n        pass"),
            (rules.networks_are_not_told_apart, "a.py", "match n:\n    case 'mainnet':\n        pass"),
        ],
    )
    def test_a_planted_violation(self, rule: Rule, path: str, text: str) -> None:
        assert len(list(rule(module(path, text)))) == 1

    @pytest.mark.parametrize(
        ("rule", "path", "text"),
        [
            (rules.no_floats_near_money, "rails/simulated.py", "timeout_s = 0.5"),
            (rules.no_floats_near_money, "money.py", "x = 10 / 3; y: float"),
            (rules.no_naive_moments, "a.py", "x = datetime.now(UTC); y = clock.now()"),
            (rules.time_is_injected, "clock.py", "x = datetime.now(UTC)"),
            (rules.time_is_injected, "payouts/desk.py", "x = clock.now(); y = time.monotonic()"),
            (rules.environment_is_read_at_the_door, "cli/main.py", "import os\nx = os.environ"),
            (rules.boundaries_are_named, "a.py", "boundary('rail.poll.before')"),
            (rules.modules_are_short, "a.py", "x = 1\n" * 400),
            (rules.functions_are_short, "a.py", "def f() -> None:\n" + "    g()\n" * 69),
            (rules.networks_are_not_told_apart, "config/networks.py", "x = network == 'testnet'"),
            (
                rules.networks_are_not_told_apart,
                "a.py",
                "x = profile(Network.SANDBOX); y = kind == 'simulated'",
            ),
        ],
    )
    def test_nothing_where_nothing_is_wrong(self, rule: Rule, path: str, text: str) -> None:
        assert list(rule(module(path, text))) == []
