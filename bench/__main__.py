"""`python -m bench`: measure the API and print a table."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import api
from bench.house import ROOT


def main() -> int:
    """Run the benchmark; the status is 1 with `--check` when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--requests", type=int, default=5_000, help="requests of each main kind (default 5000)"
    )
    parser.add_argument("--concurrency", type=int, default=8, help="requests under way at a time (default 8)")
    parser.add_argument("--check", action="store_true", help="end with status 1 when a target is missed")
    parser.add_argument(
        "--profile", type=Path, help="run the server under cProfile and keep its statistics here"
    )
    given = parser.parse_args()
    print(_circumstances())
    figures = api.run(requests=given.requests, concurrency=given.concurrency, profile=given.profile)
    print(api.table(figures))
    return 1 if given.check and not figures.are_met else 0


def _circumstances() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    commit = described.stdout.strip() or "unknown"
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}, Python {platform.python_version()}, "
        f"{_processor()}, {os.cpu_count()} cores, load {load:.1f} before the start\n"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
