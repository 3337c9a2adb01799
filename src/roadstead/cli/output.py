"""Output for people, as lines and tables, and for machines, as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import typer
from rich.table import Table

from roadstead.cli.context import console
from roadstead.clock import utc_text
from roadstead.money import Money


def write_json(value: Any) -> None:
    """Write a value as indented JSON on standard output: dataclasses as objects, amounts as texts, times in UTC."""
    typer.echo(msgspec.json.format(msgspec.json.encode(_plain(value)), indent=2).decode())


def write_line(line: str, *, style: str | None = None) -> None:
    """Write a line on standard output as it stands, however long it is; nothing in it is taken for markup."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def write_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Collection[str] = ()
) -> None:
    """Write rows under headings on standard output; the columns named in `right` are flush right, as numbers are."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table, markup=False)


def write_pairs(pairs: Mapping[str, object]) -> None:
    """Write what is told of one thing, each beside its name."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in pairs.items():
        table.add_row(name, _cell(value))
    console.print(table, markup=False)


def moment(at: datetime) -> str:
    """Write a moment in UTC, to the second, as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return moment(value)
        case _:
            return str(value)


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
