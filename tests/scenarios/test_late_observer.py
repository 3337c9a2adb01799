"""A payment arrives while nobody watches the ledger; whoever watches next finds it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fixtures.remittances import assert_paid_out_once, final_state, open_remittance, sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox, wait_until_gone

pytestmark = pytest.mark.timeout(180)


@contextmanager
def observer_by_hand(sandbox: SandboxProcess) -> Iterator[None]:
    with (sandbox.folder / "observer.txt").open("wb") as output:
        observer = subprocess.Popen(
            [sys.executable, "-m", "roadstead", "serve", "observer"],
            env=sandbox.environment,
            cwd=sandbox.folder,
            stdout=output,
            stderr=output,
        )
    try:
        yield
    finally:
        observer.terminate()
        observer.wait(20)


class TestAPaymentWhileTheObserverIsDown:
    async def test_is_found_and_delivered_by_an_observer_that_starts_later(self, tmp_path: Path) -> None:
        with running_sandbox(tmp_path, "--no-restart") as sandbox:
            observer = sandbox.pids["observer"]
            os.kill(observer, signal.SIGKILL)
            await asyncio.to_thread(wait_until_gone, [observer])
            async with sending_anchor(sandbox.ready) as anchor:
                remittance = await open_remittance(anchor)
                await anchor.pay(
                    remittance.opened, amount=remittance.amount, asset_code=remittance.asset_code
                )
                await asyncio.sleep(2)
                waiting = await anchor.receiver.remittance(remittance.opened.id)
                assert waiting["status"] == "pending_sender"
                assert "observer" not in sandbox.pids

                with observer_by_hand(sandbox):
                    state = await final_state(anchor, remittance.opened.id)

                await assert_paid_out_once(sandbox.ready, remittance, state)
