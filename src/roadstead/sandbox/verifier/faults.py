"""What goes wrong, as somebody plans it: each fault happens so many times and is gone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec


class FaultKind(StrEnum):
    """What goes wrong."""

    ERROR = "error"
    """A request is answered with 500, and nothing was done."""
    LOST_ANSWER = "lost_answer"
    """A request is done and answered with 500."""
    LOST_BELL = "lost_bell"
    """A bell is never rung."""
    DOUBLE_BELL = "double_bell"
    """A bell is rung twice."""
    FORGED_BELL = "forged_bell"
    """A bell is rung by somebody who has not the secret."""


class Fault(msgspec.Struct, kw_only=True):
    """A fault, and how often it happens."""

    kind: FaultKind
    times: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class FaultPlan(msgspec.Struct, kw_only=True):
    """Everything that will go wrong."""

    faults: list[Fault] = []

    def take(self, *kinds: FaultKind) -> FaultKind | None:
        """Let the next fault of these kinds happen; None when there is none."""
        for fault in self.faults:
            if fault.kind in kinds:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault.kind
        return None
