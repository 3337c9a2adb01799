"""Faults that the bank can be told to have: by name, by probability, by key or by account number."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from roadstead.errors import BadInput

FAULTS_MAX = 100


class Operation(StrEnum):
    """What a fault can hit."""

    SUBMIT = "submit"
    FIND = "find"
    EVENTS = "events"
    BALANCES = "balances"
    STATEMENTS = "statements"
    PUSH = "push"
    """A message that the bank pushes."""
    FILE = "file"
    """A file that the bank writes."""


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
    """Status 429 with `Retry-After`, and nothing was done."""
    HALF_ANSWER = "half_answer"
    """The call is carried out, and the answer ends in the middle of its JSON."""
    UNSIGNED_ANSWER = "unsigned_answer"
    """The call is carried out, and the answer of the signed door carries no signature."""
    FORGED_ANSWER = "forged_answer"
    """Nothing is done, and the answer of the signed door says "refused" under a key that is not the bank's."""
    MISSING_STATEMENT = "missing_statement"
    """The first statement of the answer is left out, and the cursor goes past it."""
    MISSING_LINE = "missing_line"
    REPEATED_LINE = "repeated_line"
    WRONG_OPENING = "wrong_opening"
    """The opening and the closing balance are one unit too high."""
    REPEATED = "repeated"
    """The message or file comes twice."""
    DELAYED = "delayed"
    """The message or file comes after the delay, and others before it."""
    REORDERED = "reordered"
    """The events of the message come in the opposite order."""
    MISSING = "missing"
    """The message or file never comes."""
    FORGED = "forged"
    """The message comes under a key that is not the bank's."""
    UNSIGNED = "unsigned"
    """The message comes without a signature."""
    HALF_WRITTEN = "half_written"
    """The file lies there in half before it is whole, for the delay."""
    MALFORMED = "malformed"
    """The file is no XML."""


_CALLS = frozenset(
    {
        FaultKind.LOST_REQUEST,
        FaultKind.LOST_ANSWER,
        FaultKind.SLOW_ANSWER,
        FaultKind.LATE_EXECUTION,
        FaultKind.ERROR,
        FaultKind.ERROR_AFTER_EXECUTION,
        FaultKind.TOO_MANY_REQUESTS,
        FaultKind.HALF_ANSWER,
        FaultKind.UNSIGNED_ANSWER,
        FaultKind.FORGED_ANSWER,
    }
)
STATEMENT_FAULTS = frozenset(
    {
        FaultKind.MISSING_STATEMENT,
        FaultKind.MISSING_LINE,
        FaultKind.REPEATED_LINE,
        FaultKind.WRONG_OPENING,
    }
)
_MESSAGES = frozenset({FaultKind.REPEATED, FaultKind.DELAYED, FaultKind.MISSING})
KINDS: dict[Operation, frozenset[FaultKind]] = {
    Operation.SUBMIT: _CALLS,
    Operation.FIND: _CALLS,
    Operation.EVENTS: _CALLS,
    Operation.BALANCES: _CALLS,
    Operation.STATEMENTS: _CALLS | STATEMENT_FAULTS,
    Operation.PUSH: _MESSAGES | {FaultKind.REORDERED, FaultKind.FORGED, FaultKind.UNSIGNED},
    Operation.FILE: _MESSAGES | STATEMENT_FAULTS | {FaultKind.HALF_WRITTEN, FaultKind.MALFORMED},
}
"""What can go wrong with what."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault of the plan."""

    kind: FaultKind
    on: Operation = Operation.SUBMIT
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    """How many matching calls it still hits."""
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """How likely it hits a matching call; the dice are the plan's."""
    key: Annotated[str, msgspec.Meta(max_length=100)] = "*"
    """Which keys, as a shell pattern; calls without a key match only `*`."""
    account: Annotated[str, msgspec.Meta(max_length=100)] = "*"
    """Which receiving accounts, as a shell pattern; for `submit` only."""
    file: Annotated[str, msgspec.Meta(max_length=100)] = "*"
    """Which files by their names, as a shell pattern; for `file` only."""
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 1
    """What `too_many_requests` says in `Retry-After`."""


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults still to come, in order: the first that matches a call hits it."""

    faults: Annotated[tuple[Fault, ...], msgspec.Meta(max_length=FAULTS_MAX)] = ()
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    """Makes the dice fall the same way every time; without it, nobody knows how."""


def checked(plan: FaultPlan) -> FaultPlan:
    """Return a plan if every fault can happen to what it is on.

    Raises:
        BadInput: One cannot.
    """
    for fault in plan.faults:
        if fault.kind not in KINDS[fault.on]:
            known = ", ".join(sorted(KINDS[fault.on]))
            raise BadInput(f"{fault.kind} cannot happen to {fault.on}; these can: {known}.")
    return plan


def take(
    plan: FaultPlan,
    *,
    on: Operation,
    key: str = "",
    account: str = "",
    file: str = "",
    dice: Callable[[], float] = lambda: 0.0,
) -> tuple[Fault | None, FaultPlan]:
    """Return the fault that hits a call, if any, and the plan that remains; `dice` gives 0 up to, not including, 1."""
    for index, fault in enumerate(plan.faults):
        fits = fnmatchcase(key, fault.key) and fnmatchcase(account, fault.account)
        if fault.on is on and fits and fnmatchcase(file, fault.file) and dice() < fault.probability:
            return fault, msgspec.structs.replace(plan, faults=_used(plan.faults, index))
    return None, plan


def _used(faults: Sequence[Fault], index: int) -> tuple[Fault, ...]:
    fault = faults[index]
    rest = (msgspec.structs.replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
    return (*faults[:index], *rest, *faults[index + 1 :])
