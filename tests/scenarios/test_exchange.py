"""Payments into another currency, with every part real: at a firm quote, and at the rate of the payment."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.fixtures.remittances import final_state, offer_of, payouts_to, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess

from roadstead.config.anchor import CustomerRole
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.sender import SendingAnchor

pytestmark = pytest.mark.timeout(180)

YEN = "iso4217:JPY"


async def customers(anchor: SendingAnchor, account: str) -> dict[str, str]:
    """Register a sender, and a receiver who has an account in Japan."""
    sender_id = await anchor.register_sender(await offer_of(anchor, "USDC"), {})
    receiver_id = await anchor.receiver.register(
        CustomerRole.RECEIVER,
        customer_type="sep31-receiver-zengin",
        given={"bank_account_number": account, "bank_number": "0001123"},
        may_invent=True,
    )
    assert sender_id is not None
    return {"sender_id": sender_id, "receiver_id": receiver_id, "funding_method": "ZENGIN"}


async def pay(anchor: SendingAnchor, proposal: Mapping[str, Any]) -> Mapping[str, Any]:
    """Open a remittance of 100 USDC, pay it, and return its final state."""
    opened = await anchor.receiver.open({"amount": 100, "asset_code": "USDC", **proposal})
    await anchor.pay(opened, amount="100", asset_code="USDC")
    return await final_state(anchor, opened.id)


async def quote(anchor: SendingAnchor, api: str) -> dict[str, Any]:
    asset = f"stellar:USDC:{anchor.receiver.page.issuers['USDC']}"
    body = {"sell_asset": asset, "buy_asset": YEN, "sell_amount": "100", "context": "sep31"}
    async with Calls() as calls:
        answer: dict[str, Any] = await calls.expect(
            "POST",
            f"{api}/sep38/quote",
            statuses=(201,),
            headers=await anchor.receiver._authorized(),
            json=body,
        )
    return answer


class TestAPaymentInYen:
    async def test_at_a_quote_delivers_what_was_quoted(self, sandbox: SandboxProcess) -> None:
        account = str(secrets.randbelow(10**7)).zfill(7)
        async with sending_anchor(sandbox.ready) as anchor:
            given = await quote(anchor, sandbox.ready["api"])
            final = await pay(anchor, {"quote_id": given["id"], **await customers(anchor, account)})

        assert final["status"] == "completed"
        assert (final["quote_id"], final["amount_out"]) == (given["id"], given["buy_amount"])
        assert final["fee_details"] == given["fee"]
        (payout,) = await payouts_to(sandbox.ready, account)
        assert (payout["currency"], payout["amount"]) == ("JPY", given["buy_amount"])

    async def test_without_a_quote_delivers_at_the_rate_of_the_payment(self, sandbox: SandboxProcess) -> None:
        account = str(secrets.randbelow(10**7)).zfill(7)
        async with sending_anchor(sandbox.ready) as anchor:
            final = await pay(anchor, {"destination_asset": YEN, **await customers(anchor, account)})

        assert final["status"] == "completed"
        assert final["amount_out_asset"] == YEN
        (payout,) = await payouts_to(sandbox.ready, account)
        assert payout["currency"] == "JPY"
        # 100 less a fee of 0.75, at 149.5 less 80 basis points.
        assert Decimal(payout["amount"]) == Decimal(final["amount_out"]) == 14_719
