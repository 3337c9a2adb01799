"""Arrows run downwards, and in no circle."""

from __future__ import annotations

import pytest
from tests.tidy.layers import circle, imports, module_graph, part_graph, wrong_arrows
from tests.tidy.tree import Module, module, modules


def _tree(**texts: str) -> tuple[Module, ...]:
    return tuple(module(name.replace("__", "/") + ".py", text) for name, text in texts.items())


class TestTheTree:
    def test_there_is_a_tree_to_look_at(self) -> None:
        assert len(modules()) > 10
        assert sum(len(targets) for targets in module_graph(modules()).values()) > 10

    def test_arrows_run_downwards(self) -> None:
        assert wrong_arrows(modules()) == []

    def test_modules_import_each_other_in_no_circle(self) -> None:
        assert circle(module_graph(modules())) == []

    def test_parts_import_each_other_in_no_circle(self) -> None:
        assert circle(part_graph(modules())) == []


class TestTheRulesCatch:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("money.py", "from roadstead.config import anchor"),
            ("config/load.py", "from roadstead.database import pool"),
            ("rails/simulated.py", "import roadstead.stellar.horizon"),
            ("database/pool.py", "def f():\n    from roadstead.rails import protocol"),
            ("ledger/store.py", "from roadstead.payouts import desk"),
            ("payouts/desk.py", "from ..treasury import forecast"),
            ("remittances/states.py", "from roadstead.sep import routes"),
            ("service/api.py", "from roadstead.sep import routes"),
            ("sep/routes.py", "from roadstead.sandbox import bank"),
            ("stellar/horizon.py", "from roadstead.operations import alerts"),
            ("operations/alerts.py", "from roadstead.service import api"),
            ("unheard/of.py", "from roadstead import money"),
        ],
    )
    def test_an_arrow_that_runs_the_wrong_way(self, path: str, text: str) -> None:
        targets = (
            "money config/anchor database/pool stellar/horizon rails/protocol payouts/desk treasury/forecast"
        )
        others = [
            f"{name}.py"
            for name in f"{targets} sep/routes sandbox/bank operations/alerts service/api".split()
        ]
        tree = (module(path, text), *(module(other, "") for other in others if other != path))

        assert len(wrong_arrows(tree)) == 1

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("payouts/desk.py", "from roadstead.ledger import store"),
            ("payments/store.py", "from roadstead.remittances import states"),
            ("callbacks/outbox.py", "from roadstead.partners import directory"),
            ("payouts/desk.py", "from roadstead.callbacks import outbox"),
            ("cli/demo.py", "from roadstead.sandbox import bank"),
            ("sandbox/demo.py", "from roadstead.sep import routes"),
            ("sandbox/demo.py", "from . import bank"),
            ("sep/routes.py", "import json, roadstead.errors"),
        ],
    )
    def test_nothing_in_an_arrow_that_runs_the_right_way(self, path: str, text: str) -> None:
        targets = "errors ledger/store remittances/states partners/directory callbacks/outbox sandbox/bank sep/routes"
        others = [f"{name}.py" for name in targets.split()]
        tree = (module(path, text), *(module(other, "") for other in others if other != path))

        assert list(imports(tree[0], frozenset(known.name for known in tree)))
        assert wrong_arrows(tree) == []

    def test_a_circle_of_modules_even_when_a_function_hides_it(self) -> None:
        tree = _tree(
            ledger__a="from roadstead.ledger import b",
            ledger__b="def f() -> None:\n    from roadstead.ledger.a import g",
        )

        assert set(circle(module_graph(tree))) == {"roadstead.ledger.a", "roadstead.ledger.b"}

    def test_a_circle_of_parts_whose_modules_form_none(self) -> None:
        tree = _tree(
            payments__a="from roadstead.remittances import b",
            remittances__b="",
            remittances__c="from roadstead.payments import d",
            payments__d="",
        )

        assert circle(module_graph(tree)) == []
        assert set(circle(part_graph(tree))) == {"payments", "remittances"}

    def test_a_module_that_imports_its_own_package_while_that_imports_it(self) -> None:
        tree = (module("rails/__init__.py", "from .a import x"), module("rails/a.py", "from . import y"))

        assert set(circle(module_graph(tree))) == {"roadstead.rails", "roadstead.rails.a"}
