"""Faults that the bank can be told to have: each applies to the next matching calls, a given number of times."""

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

FAULTS_MAX = 100


class Operation(StrEnum):
    """The calls that a fault can hit."""

    SUBMIT = "submit"
    FIND = "find"
    EVENTS = "events"
    BALANCES = "balances"


class FaultKind(StrEnum):
    """What goes wrong."""

    LOST_REQUEST = "lost_request"
    """The connection is cut and nothing was done."""
    LOST_ANSWER = "lost_answer"
    """The call is carried out, and the connection is cut instead of an answer."""
    SLOW_ANSWER = "slow_answer"
    """The call is carried out at once, and answered after the delay."""
    LATE_EXECUTION = "late_execution"
    """The call is carried out only after the delay, whether or not the client still waits."""
    ERROR = "error"
    """Status 500, and nothing was done."""
    ERROR_AFTER_EXECUTION = "error_after_execution"
    """Status 500, although the call was carried out."""
    TOO_MANY_REQUESTS = "too_many_requests"
    """Status 429, and nothing was done."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault of the plan."""

    kind: FaultKind
    on: Operation = Operation.SUBMIT
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    """How many matching calls it still hits."""
    key: Annotated[str, msgspec.Meta(max_length=100)] = "*"
    """Which keys, as a shell pattern; calls without a key match only `*`."""
    account: Annotated[str, msgspec.Meta(max_length=100)] = "*"
    """Which receiving accounts, as a shell pattern; for `submit` only."""
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults still to come, in order: the first that matches a call hits it."""

    faults: Annotated[tuple[Fault, ...], msgspec.Meta(max_length=FAULTS_MAX)] = ()


def take(
    plan: FaultPlan, *, on: Operation, key: str = "", account: str = ""
) -> tuple[Fault | None, FaultPlan]:
    """Return the fault that hits a call, if any, and the plan that remains."""
    for index, fault in enumerate(plan.faults):
        if fault.on is on and fnmatchcase(key, fault.key) and fnmatchcase(account, fault.account):
            return fault, FaultPlan(faults=_used(plan.faults, index))
    return None, plan


def _used(faults: Sequence[Fault], index: int) -> tuple[Fault, ...]:
    fault = faults[index]
    rest = (msgspec.structs.replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
    return (*faults[:index], *rest, *faults[index + 1 :])
