"""SEP-1 over real HTTP."""

from __future__ import annotations

import tomllib

import aiohttp
import pytest
from tests.fixtures.authentication import FakeAccounts, configured, manual_clock, services_on, serving

from roadstead.database.pool import open_database
from roadstead.sep import sep1
from roadstead.sep.application import build_application


@pytest.mark.clause("SEP-1/served")
async def test_stellar_toml_is_text_for_everybody_and_for_browsers(database_url: str) -> None:
    database = await open_database(database_url, application="test")
    services = services_on(database, FakeAccounts(), manual_clock(), configured())
    async with (
        serving(build_application(sep1.ROUTES, services)) as url,
        aiohttp.ClientSession() as http,
        http.get(f"{url}/.well-known/stellar.toml") as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        content = await response.read()
    await database.close()
    assert tomllib.loads(content.decode())["SIGNING_KEY"] == services.configuration.signing_account
