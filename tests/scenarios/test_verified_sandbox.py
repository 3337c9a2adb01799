"""A sandbox that verifies: every part a process of its own, and the provider rings over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.fixtures.remittances import payouts_to, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox

from roadstead.errors import BadInput
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.environment import EXAMPLE_ANCHOR_FILE
from roadstead.sandbox.sample import random_iban
from roadstead.sandbox.sender import SendOrder

PHOTO = """
[[customer_types.fields]]
name = "photo_id_front"
description = "Front of the identity document"
"""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox with `--verify`."""
    with running_sandbox(tmp_path_factory.mktemp("verified"), "--verify") as running:
        yield running


async def send(sandbox: SandboxProcess, **receiver: str) -> Mapping[str, Any]:
    order = SendOrder(amount="12", receiver_fields=receiver)
    async with sending_anchor(sandbox.ready) as anchor:
        told = [progress async for progress in anchor.send(order)]
    return told[-1].remittance or {}


async def said(sandbox: SandboxProcess) -> list[str]:
    async with Calls() as calls:
        found = await calls.expect("GET", f"{sandbox.ready['verifier']}/cases")
    return [case["decision"] for case in found["cases"]]


class TestAPayment:
    async def test_goes_through_once_the_provider_has_confirmed_both_customers(
        self, verified: SandboxProcess
    ) -> None:
        iban = random_iban()
        final = await send(verified, bank_account_number=iban)
        assert final["status"] == "completed"
        assert len(await payouts_to(verified.ready, iban)) == 1
        assert (await said(verified)).count("accepted") >= 2

    async def test_is_not_even_opened_for_a_customer_whom_the_provider_rejects(
        self, verified: SandboxProcess
    ) -> None:
        with pytest.raises(BadInput):
            await send(verified, bank_account_number=random_iban(), last_name="Reject")

    async def test_asks_for_what_the_provider_turned_down(self, verified: SandboxProcess) -> None:
        with pytest.raises(BadInput, match="bank_account_number"):
            await send(verified, bank_account_number=random_iban(), last_name="Mismatch")


class TestTheCommand:
    async def test_lists_cases_by_ids_and_codes(self, verified: SandboxProcess) -> None:
        with pytest.raises(BadInput):
            await send(verified, bank_account_number=random_iban(), last_name="Reject")
        listed: subprocess.CompletedProcess[str] = await asyncio.to_thread(
            verified.run, "verifications", "list", "--json"
        )
        assert listed.returncode == 0, listed.stderr
        assert '"rejected"' in listed.stdout
        assert 'Reject"' not in listed.stdout


class TestDocuments:
    async def test_travel_from_the_partner_to_the_provider_and_money_flows(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """A partner answers what is asked with a photo; every process on its way is a real one."""
        folder = tmp_path_factory.mktemp("papers")
        text = EXAMPLE_ANCHOR_FILE.read_text(encoding="utf-8")
        name = 'description = "People who receive euros on a bank account"\nrole = "receiver"\n'
        assert name in text
        asking = folder / "anchor.toml"
        asking.write_text(text.replace(name, name + PHOTO, 1), encoding="utf-8")
        with running_sandbox(folder, "--verify", environ={"ROADSTEAD_ANCHOR_FILE": str(asking)}) as sandbox:
            final = await send(sandbox, bank_account_number=random_iban())
            assert final["status"] == "completed"
            async with Calls() as calls:
                found = await calls.expect("GET", f"{sandbox.ready['verifier']}/cases")
        documents = [case["documents"] for case in found["cases"] if case["documents"]]
        assert [list(one) for one in documents] == [["photo_id_front"]]
