"""`roadstead config`: what is in effect, and where each value comes from."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from roadstead.cli.context import configuration_from_environment
from roadstead.cli.options import AsJson
from roadstead.cli.output import write_table

app = typer.Typer(no_args_is_help=True, help="What is in effect, and where each value comes from.")


@app.callback()
def _config() -> None:
    """Keep `show` a command of its own."""


@app.command()
def show(as_json: AsJson = False) -> None:
    """Print the effective configuration with secrets masked and where each value came from."""
    from roadstead.config.show import effective_rows

    rows = effective_rows(configuration_from_environment())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    write_table(("Setting", "Value", "From"), [tuple(asdict(row).values()) for row in rows])
