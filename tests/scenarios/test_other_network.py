"""The same environment on somebody else's network: here a Stellar network that was started apart from the sandbox."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.remittances import payouts_to, sending_anchor
from tests.fixtures.sandbox_process import running_sandbox

from roadstead.sandbox.calls import Calls
from roadstead.sandbox.sample import random_iban
from roadstead.sandbox.sender import SendOrder
from roadstead.sandbox.wallet import account_state

PASSPHRASE = "Somebody Else's Network ; 2026"
TIMEOUT_S = 60

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def foreign_horizon() -> Iterator[str]:
    """A network that belongs to nobody's sandbox."""
    command = [sys.executable, "-m", "roadstead.sandbox.network", "--port", "0", "--passphrase", PASSPHRASE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening ").strip()
        process.terminate()


def refused(tmp_path: Path, *arguments: str) -> str:
    """Start a sandbox that does not come up, and return what it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "roadstead", "sandbox", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode != 0
    return ended.stderr + ended.stdout


class TestAnotherNetwork:
    async def test_a_payment_goes_from_the_partner_over_that_network_to_the_bank(
        self, foreign_horizon: str, tmp_path: Path
    ) -> None:
        arguments = ("--horizon", foreign_horizon, "--passphrase", PASSPHRASE)
        with running_sandbox(tmp_path, *arguments) as sandbox:
            ready, iban = sandbox.ready, random_iban()
            assert ready["horizon"] == foreign_horizon
            assert ready["friendbot"] == f"{foreign_horizon}/friendbot"
            assert ready["network_passphrase"] == PASSPHRASE
            assert "network" not in ready["pids"]
            async with sending_anchor(ready) as anchor:
                order = SendOrder(amount="12", receiver_fields={"bank_account_number": iban})
                told = [progress async for progress in anchor.send(order)]
            assert (told[-1].remittance or {})["status"] == "completed"
            (payout,) = await payouts_to(ready, iban)
            assert payout["currency"] == "EUR"
            async with Calls() as calls:
                issuer = await account_state(calls, foreign_horizon, ready["assets"][0]["issuer"])
            assert issuer["home_domain"] == ready["home_domain"]


class TestWhatIsRefused:
    def test_another_passphrase_than_the_network_shows(self, foreign_horizon: str, tmp_path: Path) -> None:
        said = refused(tmp_path, "--horizon", foreign_horizon, "--passphrase", "A third network")
        assert "shows the network" in said.replace("\n", " ")

    def test_a_network_without_its_name(self, foreign_horizon: str, tmp_path: Path) -> None:
        assert "--passphrase" in refused(tmp_path, "--horizon", foreign_horizon)

    def test_the_public_network(self, foreign_horizon: str, tmp_path: Path) -> None:
        passphrase = "Public Global Stellar Network ; September 2015"
        said = refused(tmp_path, "--horizon", foreign_horizon, "--passphrase", passphrase)
        assert "real money" in said

    def test_a_friendbot_alone(self, tmp_path: Path) -> None:
        assert "--horizon" in refused(tmp_path, "--friendbot", "http://127.0.0.1:1/")
