"""Putting the server together: which parts each role needs, and how they start and end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from roadstead import __version__
from roadstead.batches.opening import file_rails
from roadstead.callbacks.delivery import Deliverer
from roadstead.callbacks.fetching import TextFetcher
from roadstead.callbacks.http_client import SafeClient
from roadstead.callbacks.signatures import CallbackSigner
from roadstead.callbacks.store import SubjectKind
from roadstead.cli.context import database_urls
from roadstead.clock import Clock, SystemClock
from roadstead.config.effective import Configuration
from roadstead.customers.courier import Courier
from roadstead.customers.messengers import open_messenger
from roadstead.customers.rotating import require_current_key
from roadstead.customers.vault import LocalKeyProvider, local_keys
from roadstead.database.migrate import migrate, pending
from roadstead.database.pool import Database, open_database
from roadstead.errors import ConfigurationError, Unavailable
from roadstead.messages.catalogue import Catalogue, shipped_messages
from roadstead.partners.challenges import Challenges, auth_endpoint
from roadstead.partners.client_domains import TOML_BYTES_MAX, StellarTomlKeys
from roadstead.partners.directory import CachedPartnerDirectory
from roadstead.partners.tokens import TokenBook
from roadstead.payments.cursors import cursor_source
from roadstead.quotes.rates import RateBook
from roadstead.quotes.sources import open_rates
from roadstead.rails.opening import open_rails
from roadstead.rails.protocol import Rail
from roadstead.randomness import SystemRandomness
from roadstead.refunds.opening import opened_submitter
from roadstead.screening.clearance import requirements_of
from roadstead.sep import sep12_changes, sep31
from roadstead.sep.application import build_application
from roadstead.sep.services import Services
from roadstead.sep.table import route_table
from roadstead.service import gauges, scheduler
from roadstead.service.housekeeping import Job, screening_upkeep, verification_upkeep
from roadstead.service.internal import (
    Check,
    Refresh,
    database_check,
    internal_application,
    open_listener,
    serve_until,
)
from roadstead.service.leases import Leadership, holder_name
from roadstead.service.logging import configure_logging
from roadstead.service.loops import pause
from roadstead.service.metrics import codes_handed_over
from roadstead.service.observer import run_observer
from roadstead.service.readiness import observer_check, rail_check
from roadstead.service.roles import Role
from roadstead.service.worker import count_callback, run_worker
from roadstead.stellar.accounts import TIMEOUT_S as ACCOUNTS_TIMEOUT_S
from roadstead.stellar.accounts import HorizonAccountReader
from roadstead.stellar.accounts_of_horizons import AccountsOfHorizons
from roadstead.stellar.horizon import ANSWER_TIMEOUT_S, HorizonClient
from roadstead.stellar.horizons import Horizons
from roadstead.verification.consequences import Consequences
from roadstead.verification.opening import open_verifiers
from roadstead.verification.protocol import IdentityVerifier

log = structlog.get_logger()

DATABASE_WAIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the roles of one process share."""

    configuration: Configuration
    database: Database
    clock: Clock
    randomness: SystemRandomness
    keys: LocalKeyProvider
    rails: dict[str, Rail]
    rates: RateBook
    verifiers: dict[str, IdentityVerifier]
    stop: asyncio.Event
    stack: AsyncExitStack


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
        kinds = file_rails(configuration.anchor, database, keys, SystemClock(), SystemRandomness())
        parts = Parts(
            configuration=configuration,
            database=database,
            clock=SystemClock(),
            randomness=SystemRandomness(),
            keys=keys,
            rails=open_rails(configuration, kinds),
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
        await _run(parts, roles, name)
    log.info("ended", role=name)


async def _run(parts: Parts, roles: frozenset[Role], name: str) -> None:
    settings = parts.configuration.settings
    starters: dict[Role, Callable[[Parts], Awaitable[None]]] = {
        Role.API: _serve_api,
        Role.OBSERVER: _observe,
        Role.WORKER: _work,
        Role.SCHEDULER: _schedule,
    }
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
            for role in roles:
                group.create_task(_until_stop(starters[role](parts), parts.stop))
    except* ConfigurationError as refusals:
        raise refusals.exceptions[0] from refusals


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


async def _serve_api(parts: Parts) -> None:
    configuration = parts.configuration
    settings = configuration.settings
    accounts = AccountsOfHorizons(
        _horizons(parts, answer_timeout_s=ACCOUNTS_TIMEOUT_S),
        [HorizonAccountReader(url) for url in settings.horizon_urls],
        parts.clock,
    )
    parts.stack.push_async_callback(accounts.close)
    partners = CachedPartnerDirectory(
        parts.database, parts.clock, support_email=configuration.anchor.organization.support_email
    )
    tokens = TokenBook(
        issuer=auth_endpoint(settings.public_url), secrets=settings.token_secrets, clock=parts.clock
    )
    services = Services(
        configuration=configuration,
        database=parts.database,
        clock=parts.clock,
        randomness=parts.randomness,
        tokens=tokens,
        partners=partners,
        challenges=Challenges(
            configuration=configuration,
            database=parts.database,
            accounts=accounts,
            partners=partners,
            tokens=tokens,
            clock=parts.clock,
            randomness=parts.randomness,
            domain_keys=_domain_keys(parts),
        ),
        keys=parts.keys,
        rates=parts.rates,
        rails=parts.rails,
        verifiers=parts.verifiers,
    )
    application = build_application(route_table(configuration), services)
    log.info("stellar_toml", bytes=len(services.stellar_toml))
    listener = open_listener(settings.api_host, settings.api_port)
    log.info("listening", listener="api", address=listener.getsockname())
    await serve_until(parts.stop, application, listener=listener)


def _domain_keys(parts: Parts) -> StellarTomlKeys:
    """Read the keys of clients' domains from addresses that callbacks may go to as well."""
    client = SafeClient(private_allowed=parts.configuration.profile.allows_callbacks_to_private_addresses)
    texts = TextFetcher(client, parts.clock, bytes_max=TOML_BYTES_MAX)
    parts.stack.push_async_callback(client.close)
    parts.stack.push_async_callback(texts.close)
    return StellarTomlKeys(texts)


async def _observe(parts: Parts) -> None:
    await run_observer(parts.configuration, parts.database, _horizons(parts), parts.clock, parts.stop)


def _horizons(parts: Parts, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> Horizons:
    settings = parts.configuration.settings
    servers = [HorizonClient(url, answer_timeout_s=answer_timeout_s) for url in settings.horizon_urls]
    for server in servers:
        parts.stack.push_async_callback(server.close)
    return Horizons(
        servers,
        network_passphrase=settings.network_passphrase,
        clock=parts.clock,
        lag_max_s=settings.horizon_lag_max_s,
    )


async def _work(parts: Parts) -> None:
    private_allowed = parts.configuration.profile.allows_callbacks_to_private_addresses
    client = SafeClient(private_allowed=private_allowed)
    parts.stack.push_async_callback(client.close)
    deliverer = Deliverer(
        database=parts.database,
        client=client,
        signer=CallbackSigner(parts.configuration.settings.signing_secret),
        clock=parts.clock,
        randomness=parts.randomness,
        renderers={
            SubjectKind.REMITTANCE: sep31.callback_renderer(parts.configuration.anchor),
            SubjectKind.CUSTOMER: sep12_changes.callback_renderer(parts.configuration.anchor),
        },
        private_allowed=private_allowed,
        observe=count_callback,
    )
    submitter = await parts.stack.enter_async_context(
        opened_submitter(parts.configuration, parts.database, clock=parts.clock, randomness=parts.randomness)
    )
    await run_worker(
        parts.configuration,
        parts.database,
        parts.rails,
        parts.keys,
        parts.rates,
        clock=parts.clock,
        randomness=parts.randomness,
        deliverer=deliverer,
        stop=parts.stop,
        submitter=submitter,
        courier=_courier(parts),
        verifiers=parts.verifiers,
    )


def _courier(parts: Parts) -> Courier | None:
    """Return who sends codes to customers; None where no field has to be confirmed."""
    messenger = open_messenger(parts.configuration, parts.clock)
    if messenger is None:
        return None
    organization = parts.configuration.anchor.organization
    courier = Courier(
        database=parts.database,
        keys=parts.keys,
        messenger=messenger,
        anchor_name=organization.dba or organization.name,
        catalogue=Catalogue(shipped_messages()),
        clock=parts.clock,
        randomness=parts.randomness,
        observe=lambda outcome: codes_handed_over.labels(outcome).inc(),
    )
    parts.stack.push_async_callback(courier.close)
    return courier


def _jobs(parts: Parts) -> list[Job]:
    jobs = screening_upkeep(parts.database, requirements_of(parts.configuration), parts.clock)
    if parts.verifiers:
        jobs += verification_upkeep(parts.database, _consequences(parts.configuration), parts.clock)
    return jobs


async def _schedule(parts: Parts) -> None:
    leadership = Leadership(parts.database, role=scheduler.ROLE, holder=holder_name())
    async with leadership.kept():
        await scheduler.run_scheduler(
            parts.database,
            parts.rails,
            anchor=parts.configuration.anchor,
            leadership=leadership,
            clock=parts.clock,
            stop=parts.stop,
            jobs=_jobs(parts),
        )


def _consequences(configuration: Configuration) -> Consequences:
    return Consequences(anchor=configuration.anchor, verified_types=configuration.verified_types)


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
