"""The kinds of operations, one table."""

from functools import cache

from .rule import Rule


@cache
def _rules() -> dict[int, Rule]:
    from .table import RULES  # noqa: PLC0415 - the table imports every rule, the rules this package

    return RULES


def rule_of(operation_type: int) -> Rule:
    """The rule of an operation type; every type an envelope can carry has one."""
    return _rules()[operation_type]
