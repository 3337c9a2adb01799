"""What each role of an operator may do. Pure rules; the database repeats those of holds."""

from __future__ import annotations

from enum import StrEnum


class OperatorRole(StrEnum):
    """What somebody is trusted with; each role has the rights of those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """What an operator may want to do."""

    LOOK = "look"
    """See what the console and the reports show."""
    ATTEND = "attend to alerts and callbacks"
    """Acknowledge and close alerts, and send callbacks again."""
    STOP = "stop outgoing money"
    """Pull the emergency stop."""
    CUSTOMERS = "look after customers"
    """Find customers, see how they stand with their data masked, and place legal holds."""
    PROPOSE = "propose decisions"
    """Propose what is decided about a hold, and turn down what another proposed."""
    APPROVE = "approve decisions"
    """Agree to what another proposed, and decide alone where one person is enough."""
    REVEAL = "see customers' data"
    """See customers' data in clear, each time with a reason that is kept."""
    MANAGE = "manage operators and partners"
    """Add and disable them, give operators new tokens, and say where partners may be called."""


_BY_ROLE = {
    OperatorRole.VIEWER: frozenset({Right.LOOK}),
    OperatorRole.OPERATOR: frozenset({Right.LOOK, Right.ATTEND, Right.STOP, Right.CUSTOMERS, Right.PROPOSE}),
    OperatorRole.APPROVER: frozenset(Right) - {Right.MANAGE},
    OperatorRole.ADMINISTRATOR: frozenset(Right),
}


def may(role: OperatorRole, right: Right) -> bool:
    """Whether a role has a right."""
    return right in _BY_ROLE[role]
