"""The plan of faults in effect, with its dice: asked before every call, message and file."""

import random

from roadstead.sandbox.bank.faults import Fault, FaultPlan, Operation, checked, take


class Misfortune:
    """Holds the plan; each fault is used up as it hits."""

    def __init__(self) -> None:
        self.plan = FaultPlan()
        self._dice = random.Random()  # noqa: S311 - a rehearsal's dice

    def set(self, plan: FaultPlan) -> None:
        """Replace the plan, and throw the dice from its seed.

        Raises:
            BadInput: A fault cannot happen to what it is on; the old plan stays.
        """
        self.plan = checked(plan)
        self._dice = random.Random(plan.seed)  # noqa: S311 - a rehearsal's dice

    def next(self, on: Operation, *, key: str = "", account: str = "", file: str = "") -> Fault | None:
        """Return the fault that hits, and use it up."""
        fault, self.plan = take(self.plan, on=on, key=key, account=account, file=file, dice=self._dice.random)
        return fault
