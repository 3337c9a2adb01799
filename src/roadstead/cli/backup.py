"""`roadstead backup`: make backups of the database, prove that they can be restored, and restore them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadstead.cli.context import (
    EXIT_REFUSED,
    configuration_from_environment,
    database_urls,
    open_configured_database,
    run,
)
from roadstead.cli.options import AsJson
from roadstead.cli.output import write_json, write_line
from roadstead.clock import SystemClock
from roadstead.config.effective import Configuration
from roadstead.config.settings import Settings

if TYPE_CHECKING:
    from roadstead.database.backups.manifest import Manifest
    from roadstead.database.pool import Connection
    from roadstead.ledger.verify import Report
    from roadstead.recovery.recovering import Progress

app = typer.Typer(no_args_is_help=True, help="Backups of the database: create, verify, restore.")

NO_KEY = (
    "The backup holds personal data encrypted. Its key, ROADSTEAD_DATA_KEY, is not in it: keep it elsewhere. Without "
    "it no payout can be prepared and no customer read."
)

_Folder = Annotated[Path, typer.Argument(help="The folder of the backup.", show_default=False)]


@app.command("create")
def create_command(
    to: Annotated[
        Path | None, typer.Option("--to", help="The new folder; roadstead-<time> by default.")
    ] = None,
) -> None:
    """Write a backup of the configured database into a new folder; servers may run on."""
    settings = configuration_from_environment().settings
    folder = to or Path(f"roadstead-{SystemClock().now():%Y%m%dT%H%M%SZ}")
    manifest = run(_create(settings, folder.absolute()))
    write_line(f"{folder}: {_described(manifest)}")
    write_line(NO_KEY)


@app.command("verify")
def verify_command(path: _Folder) -> None:
    """Restore a backup into a database of its own, compare it row by row, and verify its books."""
    manifest, report = run(_verify(path.absolute()))
    write_line(f"{path}: {_described(manifest)}")
    for outcome in report.outcomes:
        for finding in outcome.findings:
            write_line(f"wrong {outcome.name}: {finding}")
    if not report.is_sound:
        raise typer.Exit(1)
    write_line(
        f"Restored, compared, and sound: {len(report.outcomes)} checks of {report.postings_count} postings."
    )


@app.command("restore")
def restore_command(
    path: _Folder,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Set aside what the database holds, in a schema replaced_<time>."),
    ] = False,
) -> None:
    """Restore a backup into the configured database; every server must be stopped, and money stays stopped."""
    settings = configuration_from_environment().settings
    manifest = run(_restore(settings, path.absolute(), replace=replace))
    write_line(f"Restored: {_described(manifest)}")
    write_line(
        "No money goes out. Start the servers, then run roadstead backup recover: it reads back what happened since "
        "the backup. When it is done, two people let money go again (roadstead stops, roadstead resume)."
    )
    write_line(NO_KEY)


@app.command("recover")
def recover_command(
    explain: Annotated[
        int | None,
        typer.Option("--explain", metavar="OPERATION_ID", help="Say what a payment of ours was, and go on."),
    ] = None,
    reason: Annotated[str, typer.Option(help="What the payment was; kept for ever.")] = "",
    as_json: AsJson = False,
) -> None:
    """After a restore: read back from bank and chain what the backup did not know; run it until it is over."""
    progress = run(_recover(configuration_from_environment(), explain, reason))
    if as_json:
        write_json(progress)
    else:
        _tell(progress)
    if not progress.is_over:
        raise typer.Exit(EXIT_REFUSED)


def _tell(progress: Progress) -> None:
    if not progress.restorations:
        write_line("There is nothing to recover from.")
        return
    for sentence in progress.waits_for:
        write_line(f"waits: {sentence}")
    write_line(
        f"{progress.recognised} refunds were recognised on the chain; {progress.held} are held for a person."
    )
    for payment in progress.unexplained:
        write_line(
            f"unexplained: operation {payment.operation_id} paid {payment.amount} to {payment.destination} at "
            f"{payment.ledger_closed_at:%Y-%m-%d %H:%M:%S} UTC, transaction {payment.transaction_hash}. Say what it "
            f"was: roadstead backup recover --explain {payment.operation_id} --reason ..."
        )
    for stranger in progress.strangers:
        write_line(
            f"unknown remittance: payment {stranger.operation_id} of {stranger.ledger_closed_at:%Y-%m-%d %H:%M:%S} UTC "
            f"from {stranger.payer}. Compare with the banks' list below before it goes back."
        )
    for paid in progress.bank_only:
        write_line(
            f"known to the bank only: {paid.rail} {paid.end_to_end_id} is {paid.status} ({paid.occurred_at:%F %T})."
        )
    write_line(
        "Recovered. Two people let money go again: roadstead stops, roadstead resume."
        if progress.is_over
        else "Not over yet: run this again."
    )


async def _recover(configuration: Configuration, operation_id: int | None, reason: str) -> Progress:
    from contextlib import AsyncExitStack

    from roadstead.batches.opening import file_rails
    from roadstead.cli.people import acting_operator
    from roadstead.clock import SystemClock
    from roadstead.customers.vault import local_keys
    from roadstead.operations.roles import Right
    from roadstead.payments.cursors import cursor_source
    from roadstead.rails.opening import open_rails
    from roadstead.randomness import SystemRandomness
    from roadstead.recovery.recovering import Surroundings, explain, recover
    from roadstead.refunds.ordering import refund_orderer
    from roadstead.stellar.horizon import HorizonClient

    settings = configuration.settings
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_configured_database(configuration))
        by = await acting_operator(database, Right.PROPOSE)
        if operation_id is not None:
            await explain(database, operation_id, reason, by=by.actor)
        horizon = HorizonClient(settings.horizon_urls[0])
        stack.push_async_callback(horizon.close)
        keys = local_keys(configuration)
        kinds = file_rails(configuration.anchor, database, keys, SystemClock(), SystemRandomness())
        rails = open_rails(configuration, kinds)
        for rail in rails.values():
            stack.push_async_callback(rail.close)
        around = Surroundings(
            configuration=configuration,
            database=database,
            horizon=horizon,
            rails=rails,
            clock=SystemClock(),
            order_refunds=refund_orderer(configuration, SystemRandomness()),
            chain_source=cursor_source(settings.distribution_account),
        )
        return await recover(around, by=by.actor)


async def _create(settings: Settings, folder: Path) -> Manifest:
    from roadstead.database.backups.creating import create_backup

    async with database_urls(settings) as (_, owner_url):
        return await create_backup(owner_url, folder)


async def _verify(folder: Path) -> tuple[Manifest, Report]:
    from roadstead.database.backups.restoring import restore_backup
    from roadstead.database.pool import open_database
    from roadstead.ledger.verify import verify

    async with _scratch_server() as url:
        manifest = await restore_backup(folder, url, replace=False, before_opening=None)
        database = await open_database(url, application="roadstead backup verify", connections_max=2)
        try:
            return manifest, await verify(database)
        finally:
            await database.close()


async def _restore(settings: Settings, folder: Path, *, replace: bool) -> Manifest:
    from roadstead.database.backups.restoring import restore_backup
    from roadstead.recovery.beginning import begin_recovery

    async def begin(connection: Connection, manifest: Manifest) -> None:
        await begin_recovery(connection, manifest)

    async with database_urls(settings) as (_, owner_url):
        return await restore_backup(folder, owner_url, replace=replace, before_opening=begin)


@asynccontextmanager
async def _scratch_server() -> AsyncIterator[str]:
    """Run an embedded server for as long as it is needed, and remove it with everything in it."""
    from roadstead.database.embedded import EmbeddedPostgres

    folder = await asyncio.to_thread(_passable_folder)
    server = EmbeddedPostgres(folder, durable=False)
    try:
        yield await asyncio.to_thread(server.start)
    finally:
        await asyncio.to_thread(server.destroy)
        shutil.rmtree(folder, ignore_errors=True)


def _passable_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="roadstead-verify-"))
    # Root's database runs as another user, who has to pass through.
    folder.chmod(0o711)
    return folder


def _described(manifest: Manifest) -> str:
    rows = sum(table.rows for table in manifest.tables.values())
    return (
        f"backup of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, Roadstead {manifest.roadstead}, {len(manifest.tables)} "
        f"tables, {rows} rows, {manifest.archive_bytes} bytes"
    )
