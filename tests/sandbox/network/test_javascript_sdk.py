from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.javascript import installed

from roadstead.sandbox.network.network import DEFAULT_PASSPHRASE

SOURCES = Path(__file__).parent / "javascript"
RUN_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript client with its packages, or a reason to do without."""
    return installed(SOURCES, tmp_path_factory.mktemp("javascript")) / "client.mjs"


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
