"""Putting the server together: what all roles of a process share, and how they start and end.

What only one role needs is in that role's module, and loaded only where the role runs.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from roadstead import __version__
from roadstead.cli.context import database_urls
from roadstead.cli.parts import Parts
from roadstead.clock import SystemClock
from roadstead.config.effective import Configuration
from roadstead.config.text_forms import FILES
from roadstead.customers.rotating import require_current_key
from roadstead.customers.vault import LocalKeyProvider, local_keys
from roadstead.database.migrate import migrate, pending
from roadstead.database.pool import Database, open_database
from roadstead.errors import ConfigurationError, Unavailable
from roadstead.payments.cursors import cursor_source
from roadstead.quotes.sources import open_rates
from roadstead.rails.opening import RailFactory, open_rails
from roadstead.randomness import SystemRandomness
from roadstead.service import gauges
from roadstead.service.internal import (
    Check,
    Refresh,
    database_check,
    internal_application,
    open_listener,
    serve_until,
)
from roadstead.service.logging import configure_logging
from roadstead.service.loops import pause
from roadstead.service.readiness import observer_check, rail_check
from roadstead.service.roles import Role
from roadstead.verification.opening import open_verifiers

log = structlog.get_logger()

DATABASE_WAIT_S = 30.0


async def serve_roles(configuration: Configuration, roles: frozenset[Role]) -> None:
    """Run roles in this process until it is told to end (SIGINT, SIGTERM).

    Raises:
        ConfigurationError: Something that was configured does not hold; nothing was started.
        Unavailable: The database did not answer for half a minute.
    """
    settings = configuration.settings
    if settings.distribution_secret is not None and Role.WORKER not in roles:
        raise ConfigurationError(
            "ROADSTEAD_DISTRIBUTION_SECRET is set, but no worker runs in this process: take the key to the money away "
            "from it. Only workers sign refunds."
        )
    name = "+".join(sorted(roles)) if len(roles) < len(Role) else "server"
    configure_logging(
        level=settings.log_level, log_format=settings.log_format, role=name, version=__version__
    )
    stop = _stop_on_signals()
    async with AsyncExitStack() as stack:
        url, owner_url = await stack.enter_async_context(database_urls(settings))
        if settings.database_url is None:
            await migrate(owner_url)
        database = await _patiently(url, name, settings.database_pool_max, stop)
        stack.push_async_callback(database.close)
        await _require_schema(database)
        keys = local_keys(configuration)
        await require_current_key(database, keys)
        parts = _open_parts(configuration, database, keys, stop, stack)
        await _run(parts, roles, name)
    log.info("ended", role=name)


def _open_parts(
    configuration: Configuration,
    database: Database,
    keys: LocalKeyProvider,
    stop: asyncio.Event,
    stack: AsyncExitStack,
) -> Parts:
    parts = Parts(
        configuration=configuration,
        database=database,
        clock=SystemClock(),
        randomness=SystemRandomness(),
        keys=keys,
        rails=open_rails(configuration, _file_rails(configuration, database, keys)),
        rates=open_rates(configuration, SystemClock()),
        verifiers=open_verifiers(configuration, database, SystemClock()),
        stop=stop,
        stack=stack,
    )
    stack.push_async_callback(parts.rates.close)
    for verifier in parts.verifiers.values():
        stack.push_async_callback(verifier.close)
    for rail in parts.rails.values():
        stack.push_async_callback(rail.close)
    return parts


def _file_rails(
    configuration: Configuration, database: Database, keys: LocalKeyProvider
) -> dict[str, RailFactory]:
    if all(rail.kind != FILES for rail in configuration.rails):
        return {}
    # What writes and reads a bank's files is loaded only where there is such a bank.
    from roadstead.batches.opening import file_rails

    return file_rails(configuration.anchor, database, keys, SystemClock(), SystemRandomness())


async def _run(parts: Parts, roles: frozenset[Role], name: str) -> None:
    settings = parts.configuration.settings
    starters = [_starter(role) for role in roles]
    internal = internal_application(
        role=name,
        version=__version__,
        checks=_checks(parts, roles),
        refreshes=[Refresh(name="database", run=lambda: gauges.refresh(parts.database))],
    )
    listener = open_listener(settings.internal_host, settings.internal_port)
    log.info("listening", listener="internal", address=listener.getsockname())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve_until(parts.stop, internal, listener=listener))
            for start in starters:
                group.create_task(_until_stop(start(parts), parts.stop))
    except* ConfigurationError as refusals:
        raise refusals.exceptions[0] from refusals


def _starter(role: Role) -> Callable[[Parts], Awaitable[None]]:
    """Return what runs a role, loading what it needs; each role's parts cost memory that the others do without."""
    match role:
        case Role.API:
            from roadstead.cli import api_role

            return api_role.run
        case Role.OBSERVER:
            from roadstead.cli import observer_role

            return observer_role.run
        case Role.WORKER:
            from roadstead.cli import worker_role

            return worker_role.run
        case Role.SCHEDULER:
            from roadstead.cli import scheduler_role

            return scheduler_role.run


def _checks(parts: Parts, roles: frozenset[Role]) -> list[Check]:
    checks = [database_check(parts.database)]
    if roles & {Role.API, Role.OBSERVER}:
        source = cursor_source(parts.configuration.settings.distribution_account)
        lag_max_s = parts.configuration.settings.horizon_lag_max_s
        checks.append(observer_check(parts.database, source, lag_max_s=lag_max_s))
    if roles & {Role.WORKER, Role.SCHEDULER}:
        checks.extend(rail_check(parts.database, rail) for rail in parts.rails.values())
    return checks


async def _until_stop(work: Awaitable[None], stop: asyncio.Event) -> None:
    """Run a role; when it ends by itself, the whole process ends, so that whoever supervises it starts it again."""
    try:
        await work
    finally:
        stop.set()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _patiently(url: str, name: str, connections_max: int, stop: asyncio.Event) -> Database:
    """Open the database; at a start of many processes at once it may take a moment to come up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DATABASE_WAIT_S
    while True:
        try:
            return await open_database(url, application=f"roadstead {name}", connections_max=connections_max)
        except Unavailable as error:
            if loop.time() > deadline or stop.is_set():
                raise
            log.warning("database_not_there_yet", error=error.message)
        await pause(0.5, stop)


async def _require_schema(database: Database) -> None:
    async with database.connection() as connection:
        lacking = await pending(connection)
    if lacking:
        raise ConfigurationError(
            f"The database lacks {len(lacking)} migration(s), the first is {lacking[0]}: run roadstead migrate, then "
            "start again."
        )
