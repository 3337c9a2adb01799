"""What the roles of one process share."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.customers.vault import LocalKeyProvider
from roadstead.database.pool import Database
from roadstead.quotes.rates import RateBook
from roadstead.rails.protocol import Rail
from roadstead.randomness import SystemRandomness
from roadstead.stellar.horizon import ANSWER_TIMEOUT_S, HorizonClient
from roadstead.stellar.horizons import Horizons
from roadstead.verification.protocol import IdentityVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The configuration, the database and the edges; what is opened later is closed with `stack`."""

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


def open_horizons(parts: Parts, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> Horizons:
    """Open the Horizons that are configured, until the process ends."""
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
