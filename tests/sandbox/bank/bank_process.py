"""Runs real bank processes for tests, and talks to them over real HTTP."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from tests.fixtures.forking import Forked, fork

from roadstead.database.embedded.addresses import choose_port

IBAN = "DE89370400440532013000"
EXIT_TIMEOUT_S = 10
POLL_S = 0.05
DEADLINE_S = 20


def instruction(**changes: str) -> dict[str, str]:
    """An instruction that the bank pays, with fields changed."""
    return {
        "end_to_end_id": "E1",
        "amount": "10.50",
        "currency": "EUR",
        "account": IBAN,
        "bank_number": "",
        "name": "Ada Lovelace",
        "information": "A gift",
    } | changes


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, and fail when it does not come."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(POLL_S)


def free_port() -> int:
    """Return a port outside of those that the calls of other tests come from, which would take it before it is used."""
    return choose_port()


@dataclass(slots=True, kw_only=True)
class BankProcess:
    """One bank: the same port and state over all its starts."""

    state: Path | None = None
    options: tuple[str, ...] = ("--settlement-delay", "0.1", "--return-delay", "0.1")
    token: str | None = None
    port: int = field(default_factory=free_port)
    _process: Forked | None = None
    _session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        state = [] if self.state is None else ["--state", str(self.state)]
        token = [] if self.token is None else ["--token", self.token]
        module = [sys.executable, "-m", "roadstead.sandbox.bank", "--port", str(self.port)]
        return [*module, *state, *token, *self.options]

    def start(self) -> str:
        """Start the process; return the line that says that it listens."""
        self._process = fork(*self.command()[2:])
        return self._process.stdout.readline().decode()

    def refused_start(self) -> str:
        """Start the process in the expectation that it ends by itself; return what it said."""
        ended = subprocess.run(
            self.command(), capture_output=True, text=True, timeout=EXIT_TIMEOUT_S, check=False
        )
        assert ended.returncode == 1
        return ended.stderr

    def end(self, number: signal.Signals) -> int:
        """End the process by a signal and return its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(timeout=EXIT_TIMEOUT_S)
        self._process.close()
        self._process = None
        return status

    async def call(
        self, method: str, path: str, content: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return status and decoded body of a call."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        own = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        async with self._session.request(
            method, self.url + path, json=content, headers=own if headers is None else headers
        ) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> Any:
        """Return the body of a call that succeeds."""
        status, body = await self.call("GET", path)
        assert status == 200, body
        return body

    async def executed(self) -> list[dict[str, str]]:
        """Return every payout that the bank executed."""
        payouts: list[dict[str, str]] = (await self.get("/payouts"))["payouts"]
        return payouts

    async def has_executed(self) -> bool:
        """Say whether the bank executed anything yet."""
        return bool(await self.executed())

    async def plan(self, *faults: Mapping[str, Any]) -> None:
        """Tell the bank which faults to have."""
        status, body = await self.call("PUT", "/faults", {"faults": faults})
        assert status == 200, body

    async def __aenter__(self) -> Self:
        """Start the bank."""
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the bank."""
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            self.end(signal.SIGKILL)
