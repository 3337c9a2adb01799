"""Output for machines: dataclasses as JSON, amounts as plain texts, times in UTC."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import typer

from roadstead.clock import utc_text
from roadstead.money import Money


def write_json(value: Any) -> None:
    """Write a value, with every dataclass in it, as indented JSON on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(_plain(value)), indent=2).decode())


def _plain(value: Any) -> Any:
    match value:
        case Money():
            return {"amount": value.text, "asset": value.asset.id}
        case datetime():
            return utc_text(value)
        case UUID():
            return str(value)
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case int() if not isinstance(value, bool) and abs(value) > 2**53:
            # Larger numbers lose digits in most JSON readers.
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case _ if is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
