"""A payment from authentication to the bank, with every part real: PostgreSQL, Stellar network, bank, HTTP."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.fixtures.remittances import offer_of, payouts_to, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess

from roadstead.sandbox.calls import Calls
from roadstead.sandbox.progress import Progress, Step
from roadstead.sandbox.roles import SERVER_ROLES
from roadstead.sandbox.sample import random_iban
from roadstead.sandbox.sender import SendOrder
from roadstead.sandbox.wallet import account_state

pytestmark = pytest.mark.timeout(180)


async def send(sandbox: SandboxProcess, order: SendOrder) -> list[Progress]:
    async with sending_anchor(sandbox.ready) as anchor:
        return [progress async for progress in anchor.send(order)]


async def get(url: str) -> Any:
    async with Calls() as calls:
        return await calls.expect("GET", url)


class TestAPaymentInTheAnchorsOwnAsset:
    async def test_goes_from_the_partner_over_stellar_to_the_bank(self, sandbox: SandboxProcess) -> None:
        ready, iban = sandbox.ready, random_iban()

        told = await send(sandbox, SendOrder(amount="100.5", receiver_fields={"bank_account_number": iban}))

        steps = list(dict.fromkeys(progress.step for progress in told))
        assert steps == [step for step in Step if step is not Step.CORRECTED]
        final = told[-1].remittance or {}
        assert final["status"] == "completed"
        assert Decimal(final["amount_in"]) == Decimal("100.5")
        assert Decimal(final["amount_in"]) - Decimal(final["amount_fee"]) == Decimal(final["amount_out"])
        assert Decimal(final["amount_fee"]) > 0
        assert final["completed_at"]
        (payout,) = await payouts_to(ready, iban)
        assert Decimal(payout["amount"]) == Decimal(final["amount_out"])
        assert payout["currency"] == "EUR"
        assert final["external_transaction_id"] in payout.values()

    async def test_is_the_payment_that_stellar_shows(self, sandbox: SandboxProcess) -> None:
        ready = sandbox.ready
        before = await self._held(ready)

        told = await send(sandbox, SendOrder(amount="33"))

        opened = next(progress for progress in told if progress.step is Step.OPENED)
        paid = next(progress for progress in told if progress.step is Step.PAID)
        transaction = await get(f"{ready['horizon']}/transactions/{paid.details['transaction_hash']}")
        assert transaction["memo"] == opened.details["memo"]
        assert opened.details["account"] == ready["distribution_account"]
        assert (told[-1].remittance or {})["stellar_transaction_id"] == transaction["hash"]
        assert await self._held(ready) - before == Decimal(33)

    async def _held(self, ready: dict[str, Any]) -> Decimal:
        async with Calls() as calls:
            state = await account_state(calls, ready["horizon"], ready["distribution_account"])
        return next(
            Decimal(line["balance"]) for line in state["balances"] if line.get("asset_code") == "EURX"
        )


class TestALargePayment:
    async def test_is_opened_once_more_is_known_of_both_customers(self, sandbox: SandboxProcess) -> None:
        told = await send(sandbox, SendOrder(amount="1500"))

        assert (told[-1].remittance or {})["status"] == "completed"
        connection = await asyncpg.connect(sandbox.ready["database_url"])
        try:
            types = await connection.fetchrow(
                "SELECT sender_type, receiver_type FROM remittances WHERE amount_in_units = 15000000000"
            )
        finally:
            await connection.close()
        assert types is not None
        assert tuple(types) == ("sep31-large-sender", "sep31-large-receiver")


class TestAPaymentInAnotherIssuersAsset:
    async def test_is_paid_out_in_dollars(self, sandbox: SandboxProcess) -> None:
        told = await send(
            sandbox,
            SendOrder(amount="50", asset_code="USDC", receiver_fields={"bank_account_number": "7700123456"}),
        )

        final = told[-1].remittance or {}
        assert final["status"] == "completed"
        (payout,) = await payouts_to(sandbox.ready, "7700123456")
        assert (payout["currency"], Decimal(payout["amount"])) == ("USD", Decimal(final["amount_out"]))


class TestTheReadyFile:
    def test_says_everything_and_only_to_its_owner(self, sandbox: SandboxProcess) -> None:
        ready = sandbox.ready

        assert stat.S_IMODE(sandbox.ready_file.stat().st_mode) == 0o600
        assert set(ready["pids"]) == {*SERVER_ROLES, "database", "network", "bank"}
        assert ready["home_domain"] == f"localhost:{ready['api'].rpartition(':')[2]}"
        assert ready["partner"] == ready["partners"][0]
        assert set(ready["partner"]) == {"name", "public_key", "secret"}
        assert len(ready["partners"]) == 2
        assert [asset["code"] for asset in ready["assets"]] == ["EURX", "USDC"]
        assert set(ready["internal"]) == set(SERVER_ROLES)

    async def test_names_a_database_that_an_ordinary_client_opens(self, sandbox: SandboxProcess) -> None:
        connection = await asyncpg.connect(sandbox.ready["database_url"])
        try:
            assert await connection.fetchval("SELECT count(*) FROM partners") == 2
        finally:
            await connection.close()

    async def test_names_a_second_partner_with_lumens_and_ten_million_of_each_asset(
        self, sandbox: SandboxProcess
    ) -> None:
        ready = sandbox.ready
        async with Calls() as calls:
            state = await account_state(calls, ready["horizon"], ready["partners"][1]["public_key"])

        balances = {
            (line.get("asset_code"), line.get("asset_issuer")): Decimal(line["balance"])
            for line in state["balances"]
        }
        for asset in ready["assets"]:
            assert balances[asset["code"], asset["issuer"]] == 10_000_000
        assert balances[None, None] > 0

    async def test_names_where_each_role_is_healthy(self, sandbox: SandboxProcess) -> None:
        async with Calls() as calls:
            for url in sandbox.ready["internal"].values():
                assert (await calls.once("GET", f"{url}/ready")).status == 200
            assert b"# TYPE" in (await calls.once("GET", sandbox.ready["metrics"])).body


class TestSendAsACommand:
    def test_prints_one_json_document_and_no_secret(self, sandbox: SandboxProcess) -> None:
        ready = sandbox.ready

        run = self._send(sandbox, "--json")

        document = json.loads(run.stdout)
        assert run.returncode == 0
        assert document["completed"] is True
        assert document["remittance"]["status"] == "completed"
        assert ready["partner"]["secret"] not in run.stdout + run.stderr

    def test_tells_the_anchors_reason_for_a_refusal(self, sandbox: SandboxProcess) -> None:
        run = self._send(sandbox, "--amount", "0.5")

        assert run.returncode == 1
        assert "400" in run.stderr
        assert "0.5" in run.stderr or "minimum" in run.stderr or "at least" in run.stderr

    def test_refuses_an_asset_that_is_not_received_and_names_those_that_are(
        self, sandbox: SandboxProcess
    ) -> None:
        run = self._send(sandbox, "--asset", "GBPX")

        assert run.returncode == 1
        assert "EURX, USDC" in run.stderr

    def test_prints_the_refusal_as_json_too(self, sandbox: SandboxProcess) -> None:
        run = self._send(sandbox, "--json", "--amount", "20000")

        document = json.loads(run.stdout)
        assert run.returncode == 1
        assert document["completed"] is False
        assert document["remittance"] is None
        assert "10000" in document["error"]["message"]

    def _send(self, sandbox: SandboxProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
        ready = sandbox.ready
        target = ("--to", ready["home_domain"], "--horizon", ready["horizon"], "--amount", "25")
        return subprocess.run(
            [sys.executable, "-m", "roadstead", "send", *target, *arguments],
            env={"PATH": "/usr/bin:/bin", "ROADSTEAD_SENDER_SECRET_FILE": ready["partner_secret_file"]},
            cwd=Path("/"),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )


class TestAnOffer:
    async def test_lists_its_funding_methods_and_customer_types(self, sandbox: SandboxProcess) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            eurx, usdc = await offer_of(anchor, "EURX"), await offer_of(anchor, "USDC")

        assert (eurx.funding_methods, usdc.funding_methods) == (("SEPA",), ("WIRE", "SEPA", "ZENGIN"))
        assert eurx.sender_types
        assert eurx.receiver_types
