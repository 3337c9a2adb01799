"""A payment that nobody waited for goes back by itself, through the processes that a real anchor runs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from stellar_sdk import IdMemo
from tests.fixtures.remittances import open_remittance, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess

pytestmark = pytest.mark.timeout(180)

SENT_WITHIN_S = 60.0


async def sent(sandbox: SandboxProcess, operation_id: int) -> dict[str, Any]:
    """Wait until the refund of a payment is sent, and return its entry."""
    async with asyncio.timeout(SENT_WITHIN_S):
        while True:
            listing = await asyncio.to_thread(sandbox.run, "refunds", "list", "--status", "sent", "--json")
            assert listing.returncode == 0, listing.stderr
            for entry in json.loads(listing.stdout):
                if entry["operation_id"] == operation_id:
                    return dict(entry)
            await asyncio.sleep(0.5)


class TestASecondPayment:
    async def test_goes_back_to_its_payer_once(self, sandbox: SandboxProcess) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            issuer = next(asset["issuer"] for asset in sandbox.ready["assets"] if asset["code"] == "EURX")
            hashes = [
                (
                    await anchor.wallet.pay(
                        destination=remittance.opened.account,
                        asset_code="EURX",
                        asset_issuer=issuer,
                        amount="20",
                        memo=IdMemo(int(remittance.opened.memo)),
                    )
                ).transaction_hash
                for _ in range(2)
            ]
            operation_id = await self._operation(sandbox, hashes[1])

            refund = await sent(sandbox, operation_id)

        assert refund["destination"] == anchor.account
        shown = await asyncio.to_thread(sandbox.run, "refunds", "show", refund["id"])
        assert refund["transaction_hash"] in shown.stdout

    async def _operation(self, sandbox: SandboxProcess, transaction_hash: str) -> int:
        async with asyncio.timeout(SENT_WITHIN_S):
            while True:
                listing = await asyncio.to_thread(sandbox.run, "payments", "list", "--json")
                for entry in json.loads(listing.stdout):
                    if entry["transaction_hash"] == transaction_hash:
                        return int(entry["operation_id"])
                await asyncio.sleep(0.5)
