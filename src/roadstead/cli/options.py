"""Options and arguments that many commands have, and how they are read."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from roadstead.errors import BadInput

LIST_MAX = 1000
_SHOWN_MAX = 60

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
Limit = Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, newest first.")]


def read_id(text: str, *, of: str = "", listed_by: str) -> UUID:
    """Read the id of a thing: a `refund`, say, which `roadstead refunds list` lists.

    Raises:
        BadInput: It is none; the message says where to copy it from.
    """
    try:
        return UUID(text)
    except ValueError as error:
        name = f"{of} id" if of else "id"
        raise BadInput(f"{text[:_SHOWN_MAX]!r} is no {name}: copy it from {listed_by}.") from error


def read_remittance_id(text: str) -> UUID:
    """Read the id of a remittance.

    Raises:
        BadInput: It is none.
    """
    return read_id(text, of="remittance", listed_by="roadstead remittances list")
