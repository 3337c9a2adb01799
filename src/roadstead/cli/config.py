"""`roadstead config`: what is in effect, and where each value comes from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from roadstead.cli.context import configuration_from_environment, console

app = typer.Typer(no_args_is_help=True, help="What is in effect, and where each value comes from.")


@app.callback()
def _config() -> None:
    """Keep `show` a command of its own."""


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """Print the effective configuration with secrets masked and where each value came from."""
    from roadstead.config.show import effective_rows

    rows = effective_rows(configuration_from_environment())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("Setting", "Value", "From", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    console.print(table, markup=False)
