"""Operators: the people who look after the anchor, each with a role and a credential of their own.

A token is shown once and stored as its SHA-256, which is enough for 256 random bits. Who somebody is never changes: a
person who gets another role is disabled and added anew, so that the audit log means the same tomorrow.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import BadInput, Conflict, Forbidden, NotFound, Unauthenticated
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.operations.roles import OperatorRole, Right, may
from roadstead.randomness import Randomness

OPERATORS_MAX = 1000
"""Most operators that one list shows."""
NAME_MAX = 100
TOKEN_PREFIX = "rso_"  # noqa: S105 - how every token begins, not a token
_TOKEN_BYTES = 32
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
# One administrator after the other, so that two cannot disable each other at the same moment.
_LOCK = 0x0AD0BE7A

_COLUMNS = "id, name, email, role, status, created_at, token_at, disabled_at"


class OperatorStatus(StrEnum):
    """Whether an operator may act."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One person."""

    id: UUID
    name: str
    email: str
    role: OperatorRole
    status: OperatorStatus
    created_at: datetime
    token_at: datetime
    disabled_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit log names this person."""
        return f"operator {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An operator with a token that was made just now; nobody can read it again."""

    operator: Operator
    token: str


async def authenticate(connection: Connection, token: str) -> Operator:
    """Find the active operator whose token this is.

    Raises:
        Unauthenticated: It is nobody's token, or that of somebody disabled; the message does not say which.
    """
    row = None
    if _TOKEN.fullmatch(token):
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM operators WHERE token_hash = $1 AND status = 'active'",  # noqa: S608
            _hash(token),
        )
    if row is None:
        raise Unauthenticated(
            "This is not the token of an active operator: check ROADSTEAD_OPERATOR_TOKEN, or ask an administrator for "
            "a new one (roadstead operators rotate)."
        )
    return _operator(row)


def require(operator: Operator, right: Right) -> None:
    """Refuse what an operator's role does not let them do.

    Raises:
        Forbidden: The role has not the right.
    """
    if not may(operator.role, right):
        raise Forbidden(
            f"The role {operator.role} of {operator.name} does not let them {right}: ask somebody whose role does."
        )


async def add(
    database: Database,
    *,
    name: str,
    email: str,
    role: OperatorRole,
    by: Operator | None,
    randomness: Randomness,
) -> Credential:
    """Add an operator and make their token. The first one is an administrator whom nobody has to vouch for.

    Raises:
        BadInput: The name or the email address is not one.
        Conflict: Somebody has the name or the address already, or the first operator would be no administrator.
        Forbidden: `by` is no administrator.
        Unauthenticated: There are operators, and `by` is nobody.
        Unavailable: The database does not answer.
    """
    name, email = _checked_name(name), _checked_email(email)
    token = _new_token(randomness)
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if await connection.fetchval("SELECT EXISTS (SELECT FROM operators)"):
            await _require_manager_now(connection, by)
        elif role is not OperatorRole.ADMINISTRATOR:
            raise Conflict("The first operator must be an administrator, who adds the others: use that role.")
        row = await connection.fetchrow(
            f"""
            INSERT INTO operators (id, name, email, role, token_hash) VALUES (gen_random_uuid(), $1, $2, $3, $4)
            ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
            """,  # noqa: S608 - composed of constants
            name,
            email,
            role,
            _hash(token),
        )
        if row is None:
            raise Conflict(
                f"Somebody has the name {name!r} or that email address already, disabled operators too: choose others."
            )
        operator = _operator(row)
        await _tell(connection, operator, by, what="added")
    return Credential(operator=operator, token=token)


async def disable(database: Database, name: str, *, by: Operator | None) -> Operator:
    """Disable an operator for good, from this moment on; safe to repeat.

    Proposals of theirs that wait for others do not count any more.

    Raises:
        Conflict: Nobody would be left who can add operators.
        Forbidden: `by` is no administrator.
        NotFound: There is no operator of that name.
        Unauthenticated: `by` is nobody.
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await _require_manager_now(connection, by)
        operator = await _lock(connection, name)
        if operator.status is OperatorStatus.DISABLED:
            return operator
        if operator.role is OperatorRole.ADMINISTRATOR and await _administrators(connection) == 1:
            raise Conflict(
                f"{operator.name} is the last administrator; without one nobody could add operators: add another first."
            )
        await connection.execute(
            "UPDATE operators SET status = 'disabled', disabled_at = now() WHERE id = $1", operator.id
        )
        disabled = await _lock(connection, name)
        await _tell(connection, disabled, by, what="disabled")
    return disabled


async def rotate(database: Database, name: str, *, by: Operator | None, randomness: Randomness) -> Credential:
    """Give an operator a new token; the old one is dead from this moment on. Everybody may renew their own.

    Raises:
        Conflict: The operator is disabled.
        Forbidden: `by` is neither the operator nor an administrator.
        NotFound: There is no operator of that name.
        Unauthenticated: `by` is nobody.
        Unavailable: The database does not answer.
    """
    token = _new_token(randomness)
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if by is None or by.name != name.strip():
            await _require_manager_now(connection, by)
        operator = await _lock(connection, name)
        if operator.status is OperatorStatus.DISABLED:
            raise Conflict(
                f"{operator.name} is disabled and gets no token: add them anew under another name."
            )
        await connection.execute(
            "UPDATE operators SET token_hash = $2, token_at = now() WHERE id = $1", operator.id, _hash(token)
        )
        renewed = await _lock(connection, name)
        await _tell(connection, renewed, by, what="given a new token")
    return Credential(operator=renewed, token=token)


async def list_all(connection: Connection) -> list[Operator]:
    """List all operators by name, the disabled ones too, at most `OPERATORS_MAX`."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM operators ORDER BY name LIMIT $1",  # noqa: S608 - composed of constants
        OPERATORS_MAX,
    )
    return [_operator(row) for row in rows]


async def _require_manager_now(connection: Connection, by: Operator | None) -> None:
    """Refuse who is no administrator, or was disabled since they showed their token."""
    if by is None:
        raise Unauthenticated(
            "Only an administrator may do this: set ROADSTEAD_OPERATOR_TOKEN to your token, or its file in "
            "ROADSTEAD_OPERATOR_TOKEN_FILE."
        )
    require(by, Right.MANAGE)
    if not await connection.fetchval("SELECT status = 'active' FROM operators WHERE id = $1", by.id):
        raise Unauthenticated(f"Operator {by.name} was disabled meanwhile.")


async def _tell(connection: Connection, operator: Operator, by: Operator | None, *, what: str) -> None:
    """Write it down, and let everybody know: a second identity of one person would defeat every rule of two people."""
    actor = "whoever has the database" if by is None else by.actor
    await audit.record(
        connection,
        actor=actor,
        action=f"operator.{what.replace(' ', '_')}",
        subject=f"operator {operator.id}",
        detail={"name": operator.name, "role": operator.role},
    )
    # Each change is told, also where nobody has closed the alert of the one before.
    await close_alert(
        connection,
        AlertKind.OPERATOR_CHANGED,
        str(operator.id),
        reason="Another change of this operator followed.",
    )
    await open_alert(
        connection,
        kind=AlertKind.OPERATOR_CHANGED,
        subject=str(operator.id),
        message=f"Operator {operator.id} with the role {operator.role} was {what} by {actor}. If you do not know why, "
        "disable them (roadstead operators disable) and look into the audit log.",
        severity=Severity.INFO,
    )


async def _lock(connection: Connection, name: str) -> Operator:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM operators WHERE name = $1 FOR UPDATE",  # noqa: S608 - composed of constants
        name.strip(),
    )
    if row is None:
        raise NotFound(
            f"There is no operator {name.strip()[:NAME_MAX]!r}: roadstead operators list shows them all."
        )
    return _operator(row)


async def _administrators(connection: Connection) -> int:
    count: int = await connection.fetchval(
        "SELECT count(*) FROM operators WHERE role = 'administrator' AND status = 'active'"
    )
    return count


def _operator(row: Row) -> Operator:
    return Operator(
        **{**row, "role": OperatorRole(row["role"]), "status": OperatorStatus(row["status"])},
    )


def _new_token(randomness: Randomness) -> str:
    raw = base64.urlsafe_b64encode(randomness.token_bytes(_TOKEN_BYTES)).decode().rstrip("=")
    return f"{TOKEN_PREFIX}{raw}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise BadInput(f"An operator's name has 1 to {NAME_MAX} printable characters: choose another.")
    return name


def _checked_email(email: str) -> str:
    try:
        return validate_email(
            email.strip(), check_deliverability=False, test_environment=True, allow_quoted_local=False
        ).normalized
    except EmailNotValidError as error:
        raise BadInput("That is no email address: give the one at which this person is reached.") from error
