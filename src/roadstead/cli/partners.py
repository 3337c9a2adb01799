"""`roadstead partners`: the sending anchors we have agreed with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, open_configured_database, run
from roadstead.cli.options import AsJson
from roadstead.cli.output import write_json, write_table
from roadstead.cli.people import actor
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.operations.roles import Right
from roadstead.partners import registry
from roadstead.partners.registry import Partner

app = typer.Typer(no_args_is_help=True, help="The sending anchors we have agreed with, and their accounts.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The partner's name.")]


@app.command("add")
def add_command(
    name: _Name,
    accounts: Annotated[
        list[str],
        typer.Argument(metavar="ACCOUNT...", help="Stellar addresses G... that the partner acts through."),
    ],
    callback_hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--callback-host", metavar="HOST", help="Where it may be called, as host or host:port; repeat it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a partner, or accounts and callback hosts to one; safe to repeat."""

    async def work(database: Database) -> tuple[Partner, ...]:
        hosts = callback_hosts or ()
        who = await actor(database, Right.MANAGE)
        return (await registry.add(database, name, accounts, who, callback_hosts=hosts),)

    run(_show(configuration_from_environment(), work, as_json=as_json))


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List all partners, the disabled ones too."""
    run(_show(configuration_from_environment(), registry.list_all, as_json=as_json))


@app.command("hosts")
def hosts_command(
    name: _Name,
    add: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Call it here too, host or host:port; repeat it.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Call it here no more; repeat it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change the hosts at which a partner may be called back."""

    async def work(database: Database) -> tuple[Partner, ...]:
        changed = await registry.change_callback_hosts(
            database, name, await actor(database, Right.MANAGE), add=add or (), remove=remove or ()
        )
        return (changed,)

    run(_show(configuration_from_environment(), work, as_json=as_json))


@app.command("disable")
def disable_command(name: _Name, as_json: AsJson = False) -> None:
    """Refuse a partner from now on; its open remittances are still delivered or refunded."""

    async def work(database: Database) -> tuple[Partner, ...]:
        return (await registry.disable(database, name, await actor(database, Right.MANAGE)),)

    run(_show(configuration_from_environment(), work, as_json=as_json))


@app.command("enable")
def enable_command(name: _Name, as_json: AsJson = False) -> None:
    """Let a disabled partner in again."""

    async def work(database: Database) -> tuple[Partner, ...]:
        return (await registry.enable(database, name, await actor(database, Right.MANAGE)),)

    run(_show(configuration_from_environment(), work, as_json=as_json))


async def _show(
    configuration: Configuration,
    work: Callable[[Database], Awaitable[tuple[Partner, ...]]],
    *,
    as_json: bool,
) -> None:
    async with open_configured_database(configuration) as database:
        partners = await work(database)
    if as_json:
        write_json(partners)
        return
    write_table(
        ("Partner", "Status", "Since", "Accounts", "Callback hosts"),
        [
            (
                partner.name,
                partner.status,
                f"{partner.disabled_at or partner.created_at:%Y-%m-%d %H:%M}",
                "\n".join(partner.accounts),
                "\n".join(partner.callback_hosts),
            )
            for partner in partners
        ],
    )
