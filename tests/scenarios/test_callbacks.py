"""A partner that is called back: everything real, from the payment on Stellar to the signature that it checks."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from tests.fixtures.receiver import hang_up, receiving, status
from tests.fixtures.remittances import final_state, open_remittance, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess

from roadstead.callbacks.signatures import verify
from roadstead.sandbox.calls import Calls

pytestmark = pytest.mark.timeout(180)

TOLD_WITHIN_S = 60.0


class TestAPartnerThatIsCalledBack:
    async def test_hears_of_every_step_in_order_even_if_it_was_away_at_first(
        self, sandbox: SandboxProcess
    ) -> None:
        async with (
            receiving() as receiver,
            sending_anchor(sandbox.ready) as anchor,
            Calls() as calls,
        ):
            receiver.script = [hang_up, status(503)]
            remittance = await open_remittance(anchor)
            remittance_id = remittance.opened.id
            answer = await calls.once(
                "PUT",
                f"{sandbox.ready['api']}/sep31/transactions/{remittance_id}/callback",
                json={"url": receiver.url},
                headers=await anchor.receiver._authorized(),
            )
            assert answer.status == 204, answer.body
            await anchor.pay(remittance.opened, amount=remittance.amount, asset_code=remittance.asset_code)
            final = await final_state(anchor, remittance_id)
            async with asyncio.timeout(TOLD_WITHIN_S):
                while receiver.statuses[-1:] != ["completed"]:
                    receiver.arrived.clear()
                    await receiver.arrived.wait()
        assert receiver.statuses == ["pending_receiver"] * 2 + [
            "pending_receiver",
            "pending_external",
            "completed",
        ]
        assert receiver.heard[-1].transaction == final
        for heard in receiver.heard:
            made_at = verify(
                heard.headers["signature"],
                host=receiver.authority,
                body=heard.body,
                signing_key=sandbox.ready["signing_key"],
                now=datetime.now(UTC),
            )
            assert made_at.tzinfo is UTC
        listed = await asyncio.to_thread(
            sandbox.run, "callbacks", "list", "--remittance", remittance_id, "--json"
        )
        assert [entry["status"] for entry in json.loads(listed.stdout)] == ["delivered"] * 3
