"""Asking several Horizons who signs for an account: only one that proves itself is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.stellar.scripted_horizon import (
    ACCOUNT,
    PASSPHRASE,
    PAYER,
    ScriptedHorizon,
    json_response,
    problem,
    serve,
)

from roadstead.clock import Clock
from roadstead.errors import Unavailable
from roadstead.stellar.accounts import HorizonAccountReader
from roadstead.stellar.accounts_of_horizons import AccountsOfHorizons
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import Horizons


class AccountHorizon(ScriptedHorizon):
    """A scripted Horizon that also shows accounts; every account has one signer."""

    signer: str = PAYER
    is_dumb: bool = False

    async def account(self, request: Request) -> Response:
        """Show an account."""
        if self.is_dumb:
            return Response(status_code=503)
        return json_response(
            {
                "account_id": request.path_params["account"],
                "thresholds": {"low_threshold": 0, "med_threshold": 0, "high_threshold": 0},
                "signers": [{"key": self.signer, "weight": 1, "type": "ed25519_public_key"}],
            }
        )


@asynccontextmanager
async def account_horizon() -> AsyncIterator[AccountHorizon]:
    horizon = AccountHorizon()
    application = horizon.application()
    application.router.routes.append(Route("/accounts/{account}", horizon.account))
    async with serve(application) as url:
        horizon.url = url
        yield horizon


@pytest.fixture
async def first() -> AsyncIterator[AccountHorizon]:
    async with account_horizon() as horizon:
        yield horizon


@pytest.fixture
async def second() -> AsyncIterator[AccountHorizon]:
    async with account_horizon() as horizon:
        horizon.signer = ACCOUNT
        yield horizon


async def signer(*servers: AccountHorizon, clock: Clock | None = None) -> str:
    """Ask once who signs."""
    time = clock or servers[0]
    clients = [HorizonClient(server.url, answer_timeout_s=2.0) for server in servers]
    accounts = AccountsOfHorizons(
        Horizons(clients, network_passphrase=PASSPHRASE, clock=time),
        [HorizonAccountReader(server.url) for server in servers],
        time,
    )
    try:
        found = await accounts.signers(PAYER)
        assert found is not None
        return found.signers[0].key
    finally:
        await accounts.close()
        for client in clients:
            await client.close()


class TestSigners:
    async def test_the_first_that_proves_itself_is_asked(
        self, first: AccountHorizon, second: AccountHorizon
    ) -> None:
        assert await signer(first, second) == PAYER

    async def test_one_of_another_network_is_not_believed(
        self, first: AccountHorizon, second: AccountHorizon
    ) -> None:
        first.passphrase = "Another Network"
        assert await signer(first, second) == ACCOUNT

    async def test_the_next_is_asked_when_the_first_fails_in_the_middle(
        self, first: AccountHorizon, second: AccountHorizon
    ) -> None:
        first.is_dumb = True
        assert await signer(first, second) == ACCOUNT

    async def test_without_any_that_proves_itself_nobody_is_let_in(
        self, first: AccountHorizon, second: AccountHorizon
    ) -> None:
        first.passphrase = "Another Network"
        second.root_fault = problem(503, "Still Ingesting")
        with pytest.raises(Unavailable):
            await signer(first, second)

    async def test_one_that_is_far_behind_is_not_believed_either(
        self, first: AccountHorizon, second: AccountHorizon
    ) -> None:
        second.latest_ledger = 1000
        with pytest.raises(Unavailable, match="every Horizon lags"):
            await signer(first, clock=second)
