"""SEP-10 against an offline Stellar network: the keys that count are those of the chain, at this moment."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from stellar_sdk import Account, Keypair, Signer, TransactionBuilder, TransactionEnvelope
from stellar_sdk.sep.stellar_web_authentication import read_challenge_transaction
from tests.fixtures.authentication import configured, key, manual_clock, services_on, serving
from tests.fixtures.environment import HOME_DOMAIN

from roadstead.database.pool import open_database
from roadstead.sep import sep10
from roadstead.sep.application import build_application
from roadstead.stellar.accounts import HorizonAccountReader

CONFIGURATION = configured()
PASSPHRASE = CONFIGURATION.settings.network_passphrase
CLIENT, COSIGNER = key("client"), key("cosigner")
START_DEADLINE_S = 20


@dataclass(slots=True)
class Chain:
    """An offline network in a process of its own."""

    url: str
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession

    async def create(self, account: str) -> None:
        async with self.http.get(f"{self.url}/friendbot", params={"addr": account}) as response:
            assert response.status == 200, await response.text()

    async def set_options(self, *signers: Keypair, **options: int | Signer) -> None:
        async with self.http.get(f"{self.url}/accounts/{CLIENT.public_key}") as response:
            sequence = int((await response.json())["sequence"])
        builder = TransactionBuilder(Account(CLIENT.public_key, sequence), PASSPHRASE, 100)
        builder.append_set_options_op(**options)  # type: ignore[arg-type]
        transaction = builder.set_timeout(60).build()
        for signer in signers:
            transaction.sign(signer)
        form = {"tx": transaction.to_xdr()}
        async with self.http.post(f"{self.url}/transactions", data=form) as response:
            assert response.status == 200, await response.text()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass(slots=True)
class Client:
    """A client that checks the challenge as SEP-10 tells clients to, and signs it."""

    url: str
    http: aiohttp.ClientSession

    async def authenticate(self, *signers: Keypair) -> tuple[int, str]:
        """Return the status, and the token or the reason of the refusal."""
        query = {"account": CLIENT.public_key}
        async with self.http.get(f"{self.url}/auth", params=query) as response:
            challenge = await response.json()
        text = challenge["transaction"]
        server = CONFIGURATION.signing_account
        read = read_challenge_transaction(text, server, HOME_DOMAIN, HOME_DOMAIN, PASSPHRASE)
        assert read.client_account_id == CLIENT.public_key
        envelope = TransactionEnvelope.from_xdr(text, challenge["network_passphrase"])
        for signer in signers:
            envelope.sign(signer)
        form = {"transaction": envelope.to_xdr()}
        async with self.http.post(f"{self.url}/auth", data=form) as response:
            answer = await response.json()
            return response.status, answer.get("token") or answer["error"]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def chain(http: aiohttp.ClientSession) -> AsyncIterator[Chain]:
    arguments = ("-m", "roadstead.sandbox.network", "--port", "0", "--close", "on-submit")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, "--passphrase", PASSPHRASE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), START_DEADLINE_S)).decode().strip()
    assert line.startswith("listening "), line
    running = Chain(line.removeprefix("listening "), process, http)
    yield running
    await running.end()


@pytest.fixture
async def client(database_url: str, chain: Chain, http: aiohttp.ClientSession) -> AsyncIterator[Client]:
    database = await open_database(database_url, application="test")
    accounts = HorizonAccountReader(chain.url)
    services = services_on(database, accounts, manual_clock(), CONFIGURATION)
    async with serving(build_application(sep10.ROUTES, services)) as url:
        yield Client(url, http)
    await accounts.close()
    await database.close()


@pytest.mark.clause("SEP-10/token/account-missing")
async def test_an_account_that_is_not_there_yet_signs_with_its_master_key(client: Client) -> None:
    assert (await client.authenticate(CLIENT))[0] == 200
    assert (await client.authenticate(COSIGNER))[0] == 400


@pytest.mark.clause("SEP-10/token/signers")
async def test_the_keys_and_weights_of_the_chain_decide(client: Client, chain: Chain) -> None:
    await chain.create(CLIENT.public_key)
    assert (await client.authenticate(CLIENT))[0] == 200

    cosigner = Signer.ed25519_public_key(COSIGNER.public_key, 1)
    await chain.set_options(CLIENT, signer=cosigner, med_threshold=2, high_threshold=2)
    status, reason = await client.authenticate(CLIENT)
    assert (status, "do not meet threshold 2" in reason) == (400, True)
    assert (await client.authenticate(COSIGNER, CLIENT))[0] == 200

    await chain.set_options(CLIENT, COSIGNER, master_weight=0, med_threshold=1, high_threshold=1)
    assert (await client.authenticate(CLIENT))[0] == 400
    assert (await client.authenticate(COSIGNER))[0] == 200


async def test_a_network_that_went_away_is_no_missing_account(client: Client, chain: Chain) -> None:
    await chain.end()
    status, reason = await client.authenticate(CLIENT)
    assert (status, "could not be asked" in reason) == (503, True)
