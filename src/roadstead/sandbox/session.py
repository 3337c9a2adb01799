"""A sandbox in a terminal: what it shows while it is set up, while it runs, and when it does not start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from roadstead.sandbox.logs import follow
from roadstead.sandbox.options import SandboxOptions
from roadstead.sandbox.sandbox import STEPS, Sandbox
from roadstead.sandbox.sending import spinner_name

_STEP_WORDS = {
    "database": "PostgreSQL runs",
    "network": "the Stellar network closes ledgers",
    "bank": "the bank is open",
    "schema": "the tables are there",
    "accounts": "accounts are funded and hold their assets",
    "api": "the API answers",
    "observer": "the observer watches the ledger",
    "worker": "the worker is ready to pay out",
    "scheduler": "the scheduler keeps time",
}


@dataclass(slots=True)
class SetUp:
    """Shows how far the set-up is: a bar in a terminal, a line for each step elsewhere."""

    console: Console
    bar: Progress | None = None
    finished: int = 0

    def done(self, step: str) -> None:
        """Note that a step of the set-up is done."""
        self.finished += 1
        words = _STEP_WORDS.get(step, step)
        if self.bar is None:
            self.console.print(f"[{self.finished}/{len(STEPS)}] {words}", markup=False, highlight=False)
            return
        for task in self.bar.task_ids:
            self.bar.update(task, completed=self.finished, description=words)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar while the block runs, where there is a terminal to show it in."""
        if not self.console.is_terminal:
            yield
            return
        spinner = SpinnerColumn(spinner_name(self.console))
        columns = (spinner, BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as bar:
            bar.add_task("starting", total=len(STEPS))
            self.bar = bar
            yield
        self.bar = None


@asynccontextmanager
async def sandbox_session(
    console: Console, options: SandboxOptions, *, verbose: bool = False
) -> AsyncIterator[Sandbox]:
    """Run a sandbox while the block runs, showing its set-up and what happens to its processes.

    Raises:
        RoadsteadError: It does not start.
    """
    set_up = SetUp(console)
    sandbox = Sandbox(options, tell=lambda sentence: _tell(console, sentence), done=set_up.done)
    started_s = time.monotonic()
    following = (
        asyncio.create_task(follow(lambda: sandbox.logs, show=lambda line: _show(console, line)))
        if verbose
        else None
    )
    try:
        with set_up.shown():
            await sandbox.__aenter__()
        try:
            console.print(f"Ready after {time.monotonic() - started_s:.1f} s.\n", highlight=False)
            yield sandbox
        finally:
            await sandbox.__aexit__()
    finally:
        if following is not None:
            following.cancel()


async def run_sandbox(console: Console, options: SandboxOptions, *, verbose: bool) -> int:
    """Run a sandbox until it is cancelled; return the exit status.

    Raises:
        RoadsteadError: It does not start.
    """
    async with sandbox_session(console, options, verbose=verbose) as sandbox:
        ready = sandbox.ready
        rows = {
            "API": ready["api"],
            "stellar.toml": f"{ready['api']}/.well-known/stellar.toml",
            "Horizon": ready["horizon"],
            "Bank": f"{ready['bank']}/payouts",
            "Metrics": ready["metrics"],
            "Partner": f"{ready['partner']['public_key']} (its secret is in {ready['partner_secret_file']})",
            "Settings": ready["environment_file"],
            "Logs": ready["logs"],
        }
        for name, value in rows.items():
            console.print(f"  {name:<13} {value}", markup=False, highlight=False, soft_wrap=True)
        console.print("\nPress Ctrl-C to stop.")
        await until_stopped(console)
        return 0


async def until_stopped(console: Console) -> None:
    """Wait until this task is cancelled, and take that as the end that it is meant to be."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        console.print("\nStopping.")


def _tell(console: Console, sentence: str) -> None:
    console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _show(console: Console, line: str) -> None:
    console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
