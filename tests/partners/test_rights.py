"""The role that the server works with may do what partners need, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from tests.fixtures.authentication import FakeAccounts, configured, key, manual_clock, services_on, signed

from roadstead.database.pool import Database, open_database
from roadstead.partners import registry
from roadstead.partners.challenges import purge_used

CLIENT = key("client")


@pytest.fixture
async def restricted(database_url: str) -> AsyncIterator[Database]:
    """The database as the server's role sees it."""
    opened = await open_database(f"{database_url}?role=roadstead_app", application="test")
    yield opened
    await opened.close()


async def test_partners_are_kept_and_authenticated_with_the_servers_role(restricted: Database) -> None:
    clock = manual_clock()
    services = services_on(restricted, FakeAccounts(), clock, configured(allow_list=True))
    await registry.add(restricted, "Sending Anchor", [CLIENT.public_key], "alex")
    await registry.disable(restricted, "Sending Anchor", "alex")
    await registry.enable(restricted, "Sending Anchor", "alex")
    challenge = await services.challenges.open(account=CLIENT.public_key)
    text = signed(challenge.transaction, challenge.network_passphrase, CLIENT)
    assert services.tokens.read(await services.challenges.redeem(text)).account == CLIENT.public_key
    assert await purge_used(restricted, clock.now() + timedelta(hours=1)) == 1


@pytest.mark.parametrize(
    "statement", ["DELETE FROM partners", "DELETE FROM partner_accounts", "DELETE FROM audit_log"]
)
async def test_nobody_is_struck_off_the_list(restricted: Database, statement: str) -> None:
    async with restricted.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
