from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadstead.sandbox.network.network import DEFAULT_PASSPHRASE

SOURCES = Path(__file__).parent / "javascript"
INSTALL_TIMEOUT_S = 90
RUN_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript client with its packages, or a reason to do without."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=INSTALL_TIMEOUT_S, check=False, cwd=folder
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not deliver @stellar/stellar-sdk in time")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install @stellar/stellar-sdk: {done.stderr[-200:].decode()}")
    return folder / "client.mjs"


class TestTheJavaScriptClient:
    def test_it_pays_streams_and_reads_why_it_was_refused(
        self, start: Callable[..., Any], client: Path
    ) -> None:
        server = start("--close", "on-submit")
        done = subprocess.run(
            ["node", str(client), server.url, DEFAULT_PASSPHRASE],
            capture_output=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout) == {
            "successful": True,
            "balance": "12.5000000",
            "refusal": {"transaction": "tx_failed", "operations": ["op_underfunded"]},
            "streamed": "12.5000000",
            "baseFee": "100",
            "effects": [
                "account_created",
                "signer_created",
                "trustline_created",
                "account_credited",
            ],
        }
