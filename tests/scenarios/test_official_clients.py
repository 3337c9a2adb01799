"""The clients that Stellar itself publishes authenticate against the sandbox as they are."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from stellar_sdk import Keypair, TransactionEnvelope
from stellar_sdk.sep.stellar_toml import fetch_stellar_toml
from stellar_sdk.sep.stellar_web_authentication import read_challenge_transaction
from tests.fixtures.javascript import installed
from tests.fixtures.sandbox_process import SandboxProcess

SOURCES = Path(__file__).parent / "javascript"
RUN_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript client with its packages, or a reason to do without."""
    return installed(SOURCES, tmp_path_factory.mktemp("javascript")) / "authenticate.mjs"


class TestTheJavaScriptSdk:
    @pytest.mark.parametrize("memo", [None, "0", "18446744073709551615"])
    def test_it_finds_the_anchor_checks_the_challenge_and_gets_a_token(
        self, sandbox: SandboxProcess, client: Path, memo: str | None
    ) -> None:
        ready = sandbox.ready
        partner, domain = ready["partners"][0], ready["home_domain"]
        account = Keypair.from_secret(partner["secret"]).public_key
        done = subprocess.run(
            ["node", str(client), domain, partner["secret"], *([memo] if memo else [])],
            capture_output=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout) == {
            "client": account,
            "memo": memo,
            "matched": domain,
            "signers": [account],
            "subject": account if memo is None else f"{account}:{memo}",
            "issuer": f"http://{domain}/auth",
            "again": 400,
            "withToken": 404,
            "withoutToken": 403,
        }


class TestThePythonSdk:
    @pytest.mark.clause("SEP-10/discovery")
    async def test_it_finds_the_anchor_checks_the_challenge_and_gets_a_token(
        self, sandbox: SandboxProcess
    ) -> None:
        ready = sandbox.ready
        keypair, domain = Keypair.from_secret(ready["partners"][0]["secret"]), ready["home_domain"]
        anchor = await asyncio.to_thread(fetch_stellar_toml, domain, use_http=True)
        endpoint, passphrase = anchor["WEB_AUTH_ENDPOINT"], anchor["NETWORK_PASSPHRASE"]
        async with aiohttp.ClientSession() as http:
            async with http.get(endpoint, params={"account": keypair.public_key}) as response:
                challenge: dict[str, Any] = await response.json()
            text = challenge["transaction"]
            read = read_challenge_transaction(text, anchor["SIGNING_KEY"], domain, domain, passphrase)
            assert read.client_account_id == keypair.public_key
            envelope = TransactionEnvelope.from_xdr(text, passphrase)
            envelope.sign(keypair)
            async with http.post(endpoint, data={"transaction": envelope.to_xdr()}) as response:
                assert response.status == 200
                token = (await response.json())["token"]
            headers = {"Authorization": f"Bearer {token}"}
            server = anchor["DIRECT_PAYMENT_SERVER"]
            async with http.get(f"{server}/transactions/not-an-id", headers=headers) as response:
                assert response.status == 404
