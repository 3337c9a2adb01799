"""Putting together what sends refunds, of the configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.envelopes.signing import SigningDesk
from roadstead.envelopes.submitter import Submitter
from roadstead.randomness import Randomness
from roadstead.refunds.sending import RefundSending
from roadstead.stellar.signers import SeedSigner
from roadstead.stellar.submissions import HorizonSubmissions

log = structlog.get_logger()


@asynccontextmanager
async def opened_submitter(
    configuration: Configuration, database: Database, *, clock: Clock, randomness: Randomness
) -> AsyncIterator[Submitter | None]:
    """Open what sends refunds while the block runs; None in a process that was not given the key to the money.

    Raises:
        ConfigurationError: The key is none.
    """
    settings = configuration.settings
    if settings.distribution_secret is None:
        log.warning("refunds_wait_for_a_key", variable="ROADSTEAD_DISTRIBUTION_SECRET")
        yield None
        return
    async with AsyncExitStack() as stack:
        servers = [HorizonSubmissions(url) for url in settings.horizon_urls]
        for server in servers:
            stack.push_async_callback(server.close)
        yield Submitter(
            database=database,
            servers=servers,
            desk=SigningDesk(
                account=settings.distribution_account,
                passphrase=settings.network_passphrase,
                signer=SeedSigner(settings.distribution_secret),
                terms=configuration.anchor.transactions,
                database=database,
            ),
            purposes=[RefundSending()],
            clock=clock,
            randomness=randomness,
        )
