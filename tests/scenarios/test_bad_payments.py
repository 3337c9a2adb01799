"""Payments that fit no open remittance: the money is not lost, and an operator sees why."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from stellar_sdk import IdMemo, TextMemo
from stellar_sdk.memo import Memo
from tests.fixtures.remittances import OpenRemittance, open_remittance, payouts_to, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess

from roadstead.sandbox.sender import SendingAnchor

pytestmark = pytest.mark.timeout(180)

SEEN_WITHIN_S = 30.0
REFUNDED_WITHIN_S = 60.0


async def pay(
    anchor: SendingAnchor,
    sandbox: SandboxProcess,
    remittance: OpenRemittance,
    *,
    memo: Memo | None,
    amount: str = "20",
    asset_code: str = "EURX",
) -> str:
    """Pay the anchor as somebody might who got it wrong; return the transaction's hash."""
    issuer = next(asset["issuer"] for asset in sandbox.ready["assets"] if asset["code"] == asset_code)
    paid = await anchor.wallet.pay(
        destination=remittance.opened.account,
        asset_code=asset_code,
        asset_issuer=issuer,
        amount=amount,
        memo=memo,
    )
    return paid.transaction_hash


async def unmatched(sandbox: SandboxProcess, transaction_hash: str) -> dict[str, Any]:
    """Wait until a payment is listed as one that funds nothing, and return its entry; it may go back by itself."""
    async with asyncio.timeout(SEEN_WITHIN_S):
        while True:
            listing = await asyncio.to_thread(sandbox.run, "payments", "list", "--json")
            assert listing.returncode == 0, listing.stderr
            for entry in json.loads(listing.stdout):
                if transaction_hash in entry.values() and entry["reason"] is not None:
                    return dict(entry)
            await asyncio.sleep(0.5)


async def until_refunded(sandbox: SandboxProcess, operation_id: int) -> None:
    """Wait until a payment has gone back."""
    async with asyncio.timeout(REFUNDED_WITHIN_S):
        while True:
            shown = await asyncio.to_thread(sandbox.run, "payments", "show", str(operation_id), "--json")
            assert shown.returncode == 0, shown.stderr
            if json.loads(shown.stdout)["payment"]["disposition"] == "refunded":
                return
            await asyncio.sleep(0.5)


class TestAPaymentThatFitsNoRemittance:
    async def test_with_an_unknown_memo_is_listed_as_unmatched(self, sandbox: SandboxProcess) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            paid = await pay(anchor, sandbox, remittance, memo=IdMemo(2**64 - 1))

            await self._check_unmatched(anchor, sandbox, remittance, paid)

    async def test_with_the_right_digits_as_a_text_memo_is_listed_as_unmatched(
        self, sandbox: SandboxProcess
    ) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            paid = await pay(anchor, sandbox, remittance, memo=TextMemo(remittance.opened.memo))

            await self._check_unmatched(anchor, sandbox, remittance, paid)

    async def test_without_a_memo_is_listed_as_unmatched(self, sandbox: SandboxProcess) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            paid = await pay(anchor, sandbox, remittance, memo=None)

            await self._check_unmatched(anchor, sandbox, remittance, paid)

    async def test_in_another_asset_is_listed_as_unmatched(self, sandbox: SandboxProcess) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            memo = IdMemo(int(remittance.opened.memo))
            paid = await pay(anchor, sandbox, remittance, memo=memo, asset_code="USDC")

            await self._check_unmatched(anchor, sandbox, remittance, paid)

    @pytest.mark.parametrize("amount", ["19.9999999", "20.0000001", "200"])
    async def test_of_another_amount_is_listed_as_unmatched(
        self, sandbox: SandboxProcess, amount: str
    ) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            memo = IdMemo(int(remittance.opened.memo))
            paid = await pay(anchor, sandbox, remittance, memo=memo, amount=amount)

            await self._check_unmatched(anchor, sandbox, remittance, paid)

    async def _check_unmatched(
        self, anchor: SendingAnchor, sandbox: SandboxProcess, remittance: OpenRemittance, paid: str
    ) -> None:
        entry = await unmatched(sandbox, paid)
        assert entry["reason"]
        assert (await anchor.receiver.remittance(remittance.opened.id))["status"] == "pending_sender"
        assert await payouts_to(sandbox.ready, remittance.iban) == []


class TestASecondPayment:
    async def test_for_a_remittance_that_was_paid_is_listed_as_unmatched_and_paid_out_once(
        self, sandbox: SandboxProcess
    ) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            memo = IdMemo(int(remittance.opened.memo))
            await pay(anchor, sandbox, remittance, memo=memo)
            again = await pay(anchor, sandbox, remittance, memo=memo)

            entry = await unmatched(sandbox, again)

            assert entry["reason"]
            async for progress in anchor.follow(remittance.opened.id, timeout_s=60):
                last = progress
            assert last.details["status"] == "completed"
            assert len(await payouts_to(sandbox.ready, remittance.iban)) == 1

    async def test_goes_back_to_its_payer_by_itself(self, sandbox: SandboxProcess) -> None:
        async with sending_anchor(sandbox.ready) as anchor:
            remittance = await open_remittance(anchor)
            memo = IdMemo(int(remittance.opened.memo))
            await pay(anchor, sandbox, remittance, memo=memo)
            again = await pay(anchor, sandbox, remittance, memo=memo)

            entry = await unmatched(sandbox, again)
            assert entry["reason"] == "already_funded"

            await until_refunded(sandbox, entry["operation_id"])
            async for progress in anchor.follow(remittance.opened.id, timeout_s=60):
                last = progress
            assert last.details["status"] == "completed"
            assert "refunds" not in last.details, "what paid for nothing is not a refund of the remittance"
