"""What most commands need first: the configuration, the database, and errors told as sentences."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import typer
import uvloop
from rich.console import Console

from roadstead.config.effective import Configuration
from roadstead.config.load import load_configuration
from roadstead.config.settings import Settings
from roadstead.database.embedded import EmbeddedPostgres, InUse
from roadstead.database.migrate import migrate
from roadstead.database.pool import Database, open_database
from roadstead.errors import ConfigurationError, RoadsteadError

COMMAND_CONNECTIONS_MAX = 2

EXIT_REFUSED = 1
EXIT_CONFIGURATION = 2

PIPED_WIDTH = 240
"""Width of tables that go to a file or another program, where nothing may be cut off."""

console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True, soft_wrap=True)

_Result = TypeVar("_Result")


def configuration_from_environment(environ: Mapping[str, str] | None = None) -> Configuration:
    """Load and check the configuration; end the command with every problem named when it does not hold."""
    try:
        return load_configuration(os.environ if environ is None else environ)
    except ConfigurationError as error:
        raise end(error) from error


def end(error: RoadsteadError) -> typer.Exit:
    """Tell an error as a sentence on standard error and return the exit to raise."""
    errors.print(error.message, style="red", markup=False, highlight=False)
    return typer.Exit(EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else EXIT_REFUSED)


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a command's work; an error of ours becomes a sentence and an exit status, not a traceback."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except RoadsteadError as error:
        raise end(error) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@asynccontextmanager
async def database_urls(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """Yield the URLs of the app and of the owner; the embedded server runs as long as it is needed.

    An embedded server that another process of this state folder runs is joined, not started.

    Raises:
        ConfigurationError: The embedded server cannot run here.
        Unavailable: It did not come up.
    """
    if settings.database_url is not None:
        owner = settings.database_owner_url or settings.database_url
        yield settings.database_url.reveal(), owner.reveal()
        return
    server = EmbeddedPostgres(settings.state_dir)
    try:
        url = await asyncio.to_thread(server.start)
    except InUse:
        url = server.url
    try:
        yield url, url
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def open_configured_database(
    configuration: Configuration, *, application: str = "roadstead command"
) -> AsyncIterator[Database]:
    """Open the configured database for the time of a command.

    Raises:
        ConfigurationError: The embedded server cannot run here.
        Unavailable: The database does not answer.
    """
    settings = configuration.settings
    async with database_urls(settings) as (url, owner_url):
        if settings.database_url is None:
            await migrate(owner_url)
        database = await open_database(url, application=application, connections_max=COMMAND_CONNECTIONS_MAX)
        try:
            yield database
        finally:
            await database.close()
