"""The role that answers partners, put together."""

from __future__ import annotations

import structlog

from roadstead.callbacks.fetching import TextFetcher
from roadstead.callbacks.http_client import SafeClient
from roadstead.cli.parts import Parts, open_horizons
from roadstead.partners.challenges import Challenges, auth_endpoint
from roadstead.partners.client_domains import TOML_BYTES_MAX, StellarTomlKeys
from roadstead.partners.directory import CachedPartnerDirectory
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.services import Services
from roadstead.sep.table import route_table
from roadstead.service.internal import open_listener, serve_until
from roadstead.stellar.accounts import TIMEOUT_S as ACCOUNTS_TIMEOUT_S
from roadstead.stellar.accounts import HorizonAccountReader
from roadstead.stellar.accounts_of_horizons import AccountsOfHorizons

log = structlog.get_logger()


async def run(parts: Parts) -> None:
    """Answer partners until the process is told to end."""
    configuration = parts.configuration
    settings = configuration.settings
    accounts = AccountsOfHorizons(
        open_horizons(parts, answer_timeout_s=ACCOUNTS_TIMEOUT_S),
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
