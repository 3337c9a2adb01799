import pytest

from roadstead.sandbox.bank.faults import Fault, FaultKind, FaultPlan, Operation, take


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
