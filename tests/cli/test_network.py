"""`roadstead network`: telling the offline network what to suffer, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

TIMEOUT_S = 30


@pytest.fixture(scope="module")
def horizon() -> Iterator[str]:
    command = [sys.executable, "-m", "roadstead", "network", "run", "--port", "0", "--close", "manual"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening ").strip()
        process.terminate()


def stage(horizon: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "roadstead", "network", *arguments, "--horizon", horizon],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def latest_ledger(horizon: str) -> int:
    with urlopen(f"{horizon}/", timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own loopback address
        return int(json.load(answer)["history_latest_ledger"])


class TestTheStage:
    def test_ledgers_close_when_they_are_told_to(self, horizon: str) -> None:
        before = latest_ledger(horizon)
        assert stage(horizon, "close", "--count", "3").returncode == 0
        assert latest_ledger(horizon) == before + 3

    @pytest.mark.parametrize(
        "order",
        [
            ("pause",),
            ("resume",),
            ("clock", "3600"),
            ("fail", "503", "--seconds", "1", "--path", "/payments"),
            ("lose-answers", "--count", "2"),
            ("streams", "--drop-after", "1"),
            ("lag", "2"),
            ("lag", "0"),
            ("recover",),
            ("reset",),
        ],
    )
    def test_every_order_is_taken(self, horizon: str, order: tuple[str, ...]) -> None:
        ended = stage(horizon, *order)
        assert ended.returncode == 0, ended.stderr
        json.loads(ended.stdout)

    def test_a_network_that_is_away_is_told_in_a_sentence(self) -> None:
        ended = stage("http://127.0.0.1:9", "close")
        assert ended.returncode == 1
        assert "is the server running" in ended.stderr.replace("\n", " ")
        assert "Traceback" not in ended.stderr
