"""Who types: the operator whose token the environment, a file or a prompt gives."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import typer

from roadstead.database.pool import Database
from roadstead.errors import BadInput, Unauthenticated
from roadstead.operations.operators import Operator, authenticate, require
from roadstead.operations.roles import Right

TOKEN_VARIABLE = "ROADSTEAD_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable
_FILE_BYTES_MAX = 4_096


def given_token() -> str | None:
    """Return the token that the environment or a file gives to this command.

    Raises:
        BadInput: The file of ROADSTEAD_OPERATOR_TOKEN_FILE cannot be read.
    """
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    path = os.environ.get(f"{TOKEN_VARIABLE}_FILE")
    if given:
        return given
    if path:
        try:
            with Path(path).open("rb") as file:
                return file.read(_FILE_BYTES_MAX).decode().strip() or None
        except (OSError, ValueError) as error:
            raise BadInput(
                f"The token cannot be read from {path}, the file of {TOKEN_VARIABLE}_FILE "
                f"({getattr(error, 'strerror', None) or type(error).__name__})."
            ) from None
    return None


def operator_token() -> str | None:
    """Return the token that was given to this command, asking for it where somebody sits at a terminal.

    Raises:
        BadInput: The file of ROADSTEAD_OPERATOR_TOKEN_FILE cannot be read.
    """
    token = given_token()
    if token is None and sys.stdin.isatty():
        answer: str = typer.prompt("Your operator token", hide_input=True, default="", show_default=False)
        return answer.strip() or None
    return token


async def acting_operator(database: Database, right: Right | None = None) -> Operator:
    """Find out who types, and that they have a right, unless what they do asks for it by itself.

    Raises:
        BadInput: The file with the token cannot be read.
        Forbidden: The operator has not the right.
        Unauthenticated: No token was given, or it is not that of an active operator.
        Unavailable: The database does not answer.
    """
    token = operator_token()
    if token is None:
        raise Unauthenticated(
            f"Say who you are: set {TOKEN_VARIABLE} to your operator token, or {TOKEN_VARIABLE}_FILE to its file. "
            "Whoever has none gets one from an administrator (roadstead operators add)."
        )
    async with database.connection() as connection:
        operator = await authenticate(connection, token)
    if right is not None:
        require(operator, right)
    return operator


async def actor(database: Database, right: Right) -> str:
    """Name who types for the audit log: an operator who gave a token, else the operating system's user.

    Raises:
        BadInput: The file with the token cannot be read.
        Forbidden: The operator has not the right.
        Unauthenticated: The token is not that of an active operator.
        Unavailable: The database does not answer.
    """
    token = given_token()
    if token is None:
        return operating_user()
    async with database.connection() as connection:
        operator = await authenticate(connection, token)
    require(operator, right)
    return operator.actor


def operating_user() -> str:
    """Return the operating system's name of who runs this command, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
