"""The API of SEP-12 alone, on a real database, with tokens that say who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.customers import PARTNER
from tests.fixtures.environment import sandbox_environment

from roadstead.clock import SystemClock
from roadstead.config.load import load_configuration
from roadstead.customers.vault import LocalKeyProvider
from roadstead.database.migrate import APP_ROLE
from roadstead.database.pool import Database, open_database
from roadstead.errors import Forbidden, Unauthenticated
from roadstead.partners.principal import Principal
from roadstead.partners.subjects import read_subject
from roadstead.quotes.sources import open_rates
from roadstead.randomness import SystemRandomness
from roadstead.sep.application import build_application
from roadstead.sep.sep12 import ROUTES
from roadstead.sep.services import Services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from roadstead.config.effective import Configuration
    from roadstead.partners.challenges import Challenges


class NamingTokens:
    """Reads tokens that are themselves the claim `sub`: no signature, just a name."""

    def read(self, token: str) -> Principal:
        principal = read_subject(token)
        if principal is None:
            raise Unauthenticated("This token does not hold.")
        return principal


class NoPartners:
    """A directory that knows nobody: SEP-12 must not ask it."""

    async def require_active(self, account: str) -> None:
        raise Forbidden(f"{account} is no partner.")


@pytest.fixture(scope="session")
def configuration() -> Configuration:
    return load_configuration(sandbox_environment(HOME="/home/operator"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    # With the rights of the server and no more.
    opened = await open_database(f"{database_url}?role={APP_ROLE}", application="test")
    yield opened
    await opened.close()


@pytest.fixture
def services(configuration: Configuration, database: Database) -> Services:
    return Services(
        configuration=configuration,
        database=database,
        clock=SystemClock(),
        randomness=SystemRandomness(),
        tokens=NamingTokens(),
        partners=NoPartners(),
        # No route of SEP-12 authenticates anybody.
        challenges=cast("Challenges", None),
        keys=LocalKeyProvider(configuration.data_key),
        rates=open_rates(configuration, SystemClock()),
    )


@pytest.fixture
def partner(services: Services) -> Caller:
    """A sending anchor that authenticated with its one key."""
    return Caller(application=build_application(ROUTES, services), token=PARTNER)
