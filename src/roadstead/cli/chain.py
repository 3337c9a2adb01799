"""`roadstead chain`: how far the chain was read, from which Horizon, and reading anew where that has to be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson
from roadstead.cli.output import moment, write_json, write_table
from roadstead.config.effective import Configuration
from roadstead.errors import Conflict

if TYPE_CHECKING:
    from roadstead.payments.cursors import Cursor
    from roadstead.stellar.horizons import Horizons

app = typer.Typer(no_args_is_help=True, help="How far the chain was read, and from which Horizon.")

SEEDINGS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Horizon as it stands now."""

    url: str
    standing: str
    ledger: int | None = None
    closed_at: datetime | None = None
    history_from: int | None = None


@app.command("show")
def show_command(as_json: AsJson = False) -> None:
    """Show how far the chain was read, how every Horizon stands, and when reading began anew."""
    run(_show(configuration_from_environment(), as_json=as_json))


async def _show(configuration: Configuration, *, as_json: bool) -> None:
    from roadstead.payments.cursors import cursor, cursor_source, seedings

    source = cursor_source(configuration.settings.distribution_account)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        committed = await cursor(connection, source)
        begun = await seedings(connection, source, limit=SEEDINGS_SHOWN)
    async with _horizons(configuration) as horizons:
        servers = await _standings(horizons, committed)
    if as_json:
        write_json({"cursor": committed, "horizons": servers, "seedings": begun})
        return
    if committed is None:
        console.print("Nothing was read yet.")
    else:
        mark = committed.ledger
        surely = (
            f"surely up to ledger {mark.sequence} of {moment(mark.closed_at)}" if mark else "not to its end"
        )
        console.print(f"Read to {committed.position}, {surely}.", markup=False)
    write_table(
        ("Horizon", "Stands", "Ledger", "Closed", "History from"),
        [
            (server.url, server.standing, server.ledger, server.closed_at, server.history_from)
            for server in servers
        ],
    )
    for one in begun:
        console.print(
            f"{moment(one.seeded_at)} {one.kind}: from {one.position_before} to {one.position_after} by {one.actor}: "
            f"{one.reason}",
            markup=False,
        )


@app.command("reseed")
def reseed_command(
    reason: Annotated[str, typer.Option(help="Why; everybody reads it, and it is kept.")],
    as_json: AsJson = False,
) -> None:
    """Begin to read anew after a reset of the network, or where its history begins now; only where reading stopped."""
    run(_reseed(configuration_from_environment(), reason, as_json=as_json))


async def _reseed(configuration: Configuration, reason: str, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations.roles import Right
    from roadstead.payments.cursors import SeedingKind, cursor, cursor_source, seedings
    from roadstead.service.continuity import begin_anew, known_of
    from roadstead.stellar.horizons import ChainBroken, Standing

    source = cursor_source(configuration.settings.distribution_account)
    async with open_configured_database(configuration) as database, _horizons(configuration) as horizons:
        by = await acting_operator(database, Right.APPROVE)
        async with database.connection() as connection:
            committed = await cursor(connection, source)
        try:
            finding = await horizons.prove(known_of(committed))
        except ChainBroken as broken:
            finding = broken.finding
        else:
            raise Conflict(
                f"Nothing was changed: {finding.horizon.url} can be read on from where reading ended. See roadstead "
                "chain show."
            )
        if committed is None:
            raise Conflict("Nothing was changed: nothing was read yet.")
        kind = SeedingKind.RESET if finding.standing is Standing.RESET else SeedingKind.GAP
        async with database.transaction() as connection:
            await begin_anew(connection, source, committed, kind, finding, actor=by.actor, reason=reason)
            (begun,) = await seedings(connection, source, limit=1)
    if as_json:
        write_json(begun)
        return
    console.print(f"Reading goes on from {begun.position_after} ({begun.kind}).", markup=False)


async def _standings(horizons: Horizons, committed: Cursor | None) -> list[Server]:
    from roadstead.service.continuity import known_of
    from roadstead.stellar.horizon import HorizonFault

    servers = []
    for server in horizons.servers:
        try:
            finding = await horizons.look_at(server, known_of(committed))
        except HorizonFault as error:
            servers.append(Server(url=server.url, standing=error.reason))
            continue
        servers.append(
            Server(
                url=server.url,
                standing=finding.standing,
                ledger=finding.root.latest_ledger,
                closed_at=finding.root.latest_ledger_closed_at,
                history_from=finding.root.elder_ledger,
            )
        )
    return servers


@asynccontextmanager
async def _horizons(configuration: Configuration) -> AsyncIterator[Horizons]:
    from roadstead.clock import SystemClock
    from roadstead.stellar.horizon import HorizonClient
    from roadstead.stellar.horizons import Horizons

    settings = configuration.settings
    clients = [HorizonClient(url) for url in settings.horizon_urls]
    try:
        yield Horizons(
            clients,
            network_passphrase=settings.network_passphrase,
            clock=SystemClock(),
            lag_max_s=settings.horizon_lag_max_s,
        )
    finally:
        for client in clients:
            await client.close()
