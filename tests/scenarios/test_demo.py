"""The first thing that a newcomer runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from roadstead.sandbox.state import TEMPORARY_PREFIX

pytestmark = pytest.mark.timeout(180)


class TestTheDemo:
    def test_tells_one_payment_to_its_end_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        # The folder of temporary files is kept short: PostgreSQL's socket has to fit in it.
        with tempfile.TemporaryDirectory() as temporary:
            run = subprocess.run(
                [sys.executable, "-m", "roadstead", "demo", "--once"],
                cwd=tmp_path,
                env={**os.environ, "TMPDIR": temporary},
                capture_output=True,
                text=True,
                timeout=150,
                check=False,
            )

            assert run.returncode == 0, run.stdout + run.stderr
            for told in ("authenticated", "registered", "opened", "paid", "completed", "The bank paid"):
                assert told in run.stdout
            assert list(Path(temporary).glob(f"{TEMPORARY_PREFIX}*")) == []
