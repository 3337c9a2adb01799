import re
from pathlib import Path

import pytest

from roadstead.errors import BadInput
from roadstead.sandbox.bank.faults import KINDS, Fault, FaultKind, FaultPlan, Operation, checked, take
from roadstead.sandbox.bank.misfortune import Misfortune
from roadstead.sandbox.bank.rules import REASONS


def taken(plan: FaultPlan, key: str, account: str = "A1") -> tuple[FaultKind | None, FaultPlan]:
    fault, rest = take(plan, on=Operation.SUBMIT, key=key, account=account)
    return None if fault is None else fault.kind, rest


class TestThePlan:
    def test_a_fault_hits_as_often_as_it_says(self) -> None:
        plan = FaultPlan(faults=(Fault(kind=FaultKind.ERROR, times=2),))
        hits = []
        for _ in range(3):
            kind, plan = taken(plan, "K1")
            hits.append(kind)
        assert hits == [FaultKind.ERROR, FaultKind.ERROR, None]

    def test_the_first_fault_that_matches_hits(self) -> None:
        plan = FaultPlan(
            faults=(Fault(kind=FaultKind.ERROR, key="B*"), Fault(kind=FaultKind.LOST_ANSWER, key="A*"))
        )
        assert taken(plan, "A7")[0] is FaultKind.LOST_ANSWER
        assert taken(plan, "B7")[0] is FaultKind.ERROR
        assert taken(plan, "C7")[0] is None

    def test_an_account_can_be_chosen(self) -> None:
        plan = FaultPlan(faults=(Fault(kind=FaultKind.ERROR, account="*000"),))
        assert taken(plan, "K1", account="4711000")[0] is FaultKind.ERROR
        assert taken(plan, "K1", account="4711001")[0] is None

    @pytest.mark.parametrize("on", [Operation.FIND, Operation.EVENTS, Operation.BALANCES])
    def test_a_fault_of_another_call_does_not_hit(self, on: Operation) -> None:
        plan = FaultPlan(faults=(Fault(kind=FaultKind.ERROR, on=on),))
        assert taken(plan, "K1") == (None, plan)


class TestChance:
    def test_decides_with_the_dice_of_the_plan(self) -> None:
        plan = FaultPlan(faults=(Fault(kind=FaultKind.ERROR, times=100, probability=0.5),))
        rolls = iter([0.4, 0.6, 0.1])
        hits = []
        for _ in range(3):
            fault, plan = take(plan, on=Operation.SUBMIT, key="K1", dice=lambda: next(rolls))
            hits.append(fault is not None)
        assert hits == [True, False, True]
        assert plan.faults[0].times == 98

    def test_falls_the_same_way_for_the_same_seed(self) -> None:
        def hits(seed: int) -> list[bool]:
            misfortune = Misfortune()
            fault = Fault(kind=FaultKind.ERROR, times=1000, probability=0.3)
            misfortune.set(FaultPlan(faults=(fault,), seed=seed))
            return [misfortune.next(Operation.SUBMIT) is not None for _ in range(200)]

        assert hits(7) == hits(7)
        assert hits(7) != hits(8)
        assert 30 < sum(hits(7)) < 90


class TestSense:
    @pytest.mark.parametrize(
        ("kind", "on"),
        [
            (FaultKind.HALF_WRITTEN, Operation.SUBMIT),
            (FaultKind.LOST_ANSWER, Operation.FILE),
            (FaultKind.WRONG_OPENING, Operation.EVENTS),
            (FaultKind.REORDERED, Operation.FILE),
        ],
    )
    def test_what_cannot_happen_is_not_planned(self, kind: FaultKind, on: Operation) -> None:
        with pytest.raises(BadInput, match=f"cannot happen to {on}"):
            checked(FaultPlan(faults=(Fault(kind=kind, on=on),)))

    def test_every_kind_can_happen_to_something(self) -> None:
        assert set().union(*KINDS.values()) == set(FaultKind)
        assert set(KINDS) == set(Operation)

    def test_every_kind_is_explained(self) -> None:
        page = Path(__file__).resolve().parents[3] / "docs" / "simulated-bank.md"
        explained = set(re.findall(r"`([a-z_]+)`", page.read_text()))
        assert set(FaultKind) <= explained
        assert set(REASONS) <= set(re.findall(r"`(\d{3})`", page.read_text()))
