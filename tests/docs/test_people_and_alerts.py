"""What operators are told to do agrees with the code, and the rules for Prometheus are about metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from roadstead.operations.alerts import AlertKind, AlertStatus, Severity
from roadstead.operations.holds import HoldKind
from roadstead.operations.roles import OperatorRole
from roadstead.payouts.states import PayoutStatus
from roadstead.service import gauges, metrics

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operating/people-and-alerts.md").read_text()
FILE = ROOT / "deploy/prometheus/roadstead.rules.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]
]
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
VALUES: dict[tuple[str, str], set[str]] = {
    ("roadstead_payouts", "status"): set(PayoutStatus),
    ("roadstead_payments_waiting", "disposition"): {"stored", "unmatched", "undecodable"},
    ("roadstead_alerts", "status"): set(AlertStatus),
    ("roadstead_alerts", "severity"): set(Severity),
    ("roadstead_leader", "role"): {"observer", "scheduler"},
    ("roadstead_loop_failures_total", "reason"): {"unexpected"},
}
"""What the labels that the rules choose by may say."""


def first_column(heading: str) -> set[str]:
    """The code in the first column of the table that follows a heading of columns."""
    table = PAGE[PAGE.index(heading) :].split("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))


def known_metrics() -> dict[str, tuple[str, ...]]:
    """The names that a scrape shows, each with its labels."""
    assert gauges
    collectors: set[Any] = set(metrics.registry._names_to_collectors.values())
    return {
        f"{collector._name}{suffix}": (*collector._labelnames, *(("le",) if suffix == "_bucket" else ()))
        for collector in collectors
        if hasattr(collector, "_labelnames")
        for suffix in SUFFIXES[collector._type]
    }


class TestThePage:
    def test_explains_every_role(self) -> None:
        assert first_column("| role | may |") == set(OperatorRole)

    def test_explains_every_kind_of_hold(self) -> None:
        assert first_column("| kind | asks |") >= set(HoldKind)

    def test_explains_every_kind_of_alert(self) -> None:
        assert first_column("| kind | tells | what to do |") >= set(AlertKind)

    def test_says_what_to_do_for_every_rule(self) -> None:
        assert first_column("| rule | what to do |") == {rule["alert"] for rule in RULES}


class TestTheRules:
    @pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
    def test_each_is_complete(self, rule: dict[str, Any]) -> None:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))

    @pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
    def test_each_is_about_metrics_and_labels_that_exist(self, rule: dict[str, Any]) -> None:
        known = known_metrics()
        used = re.findall(r"(roadstead_\w+)(?:\{([^}]*)\})?", rule["expr"])

        assert used
        for name, matchers in used:
            assert name in known
            for label, comparison, value in re.findall(r'(\w+)(=~?)"([^"]*)"', matchers):
                assert label in known[name]
                allowed = VALUES.get((name, label))
                if allowed is not None:
                    assert set(value.split("|") if comparison == "=~" else [value]) <= allowed

    @pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
    def test_each_groups_and_tells_by_labels_that_its_metrics_have(self, rule: dict[str, Any]) -> None:
        known = known_metrics()
        labels = {label for name in re.findall(r"roadstead_\w+", rule["expr"]) for label in known[name]}
        grouped = {
            label.strip()
            for group in re.findall(r"by \(([^)]*)\)", rule["expr"])
            for label in group.split(",")
        }
        told = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))

        assert grouped <= labels
        assert told <= grouped

    def test_no_name_is_used_twice(self) -> None:
        names = [rule["alert"] for rule in RULES]

        assert len(names) == len(set(names))
