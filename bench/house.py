"""The server under measurement, in processes of its own: PostgreSQL, an offline network, `roadstead serve`."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from roadstead.config.generated import generate_data_key, generate_seed, generate_text_secret
from roadstead.config.strkey import public_key_of
from roadstead.database.embedded import EmbeddedPostgres
from roadstead.randomness import SystemRandomness

ROOT = Path(__file__).resolve().parents[1]
ANCHOR_FILE = ROOT / "examples" / "anchor.toml"
PASSPHRASE = "Roadstead Benchmark Network ; 2026"  # noqa: S105 - a network's public name
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running server and the one partner that it knows."""

    api: str
    internal: str
    process_id: int
    log_file: Path
    partner_seed: str
    passphrase: str
    issuer: str
    """The account that issues every asset here."""

    @property
    def partner(self) -> str:
        """The partner's account G..."""
        return public_key_of(self.partner_seed)


@asynccontextmanager
async def running_house(
    *, profile: Path | None = None, roles: Sequence[str] = ("api",)
) -> AsyncIterator[House]:
    """Run a server with default configuration on a fresh database, for one partner whose account exists.

    With `profile` the server runs under cProfile, which makes it several times slower, and writes its statistics there
    when it ends.
    """
    with _folder() as folder:
        async with EmbeddedPostgres(folder / "state") as server:
            ports = free_ports(3)
            seed = generate_seed(SystemRandomness())
            environment = _environment(server.url, folder, ports)
            with _network(ports["horizon"], folder):
                await _answers(f"http://127.0.0.1:{ports['horizon']}/")
                await _fund(f"http://127.0.0.1:{ports['horizon']}", public_key_of(seed))
                _command(environment, "migrate")
                _command(environment, "partners", "add", "Benchmark Sender", public_key_of(seed))
                with _server(environment, folder, roles, profile) as process:
                    house = House(
                        api=f"http://127.0.0.1:{ports['api']}",
                        internal=f"http://127.0.0.1:{ports['internal']}",
                        process_id=process.pid,
                        log_file=folder / "server.log",
                        partner_seed=seed,
                        passphrase=PASSPHRASE,
                        issuer=environment["ROADSTEAD_ASSET_USDC_ISSUER"],
                    )
                    await _answers(f"{house.internal}/health")
                    if "api" in roles:
                        await _answers(f"{house.api}/sep31/info")
                    yield house


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="roadstead-bench-") as name:
        folder = Path(name)
        # Root's database runs as another user, who must be able to come in.
        folder.chmod(0o755)
        yield folder


def free_ports(count: int) -> dict[str, int]:
    """Find ports on loopback that nobody listens on."""
    names = ("api", "internal", "horizon")[:count]
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    try:
        return {name: listener.getsockname()[1] for name, listener in zip(names, listeners, strict=True)}
    finally:
        for listener in listeners:
            listener.close()


def _environment(database_url: str, folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """Say where the server runs; everything that has a default is left to it, the logs included."""
    randomness = SystemRandomness()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ROADSTEAD_")}
    issuer = public_key_of(generate_seed(randomness))
    return {
        **plain,
        "ROADSTEAD_NETWORK": "sandbox",
        "ROADSTEAD_NETWORK_PASSPHRASE": PASSPHRASE,
        "ROADSTEAD_HORIZON_URLS": f"http://127.0.0.1:{ports['horizon']}",
        "ROADSTEAD_ANCHOR_FILE": str(ANCHOR_FILE),
        "ROADSTEAD_HOME_DOMAIN": f"127.0.0.1:{ports['api']}",
        "ROADSTEAD_PUBLIC_URL": f"http://127.0.0.1:{ports['api']}",
        "ROADSTEAD_SIGNING_SECRET": generate_seed(randomness),
        "ROADSTEAD_DISTRIBUTION_ACCOUNT": public_key_of(generate_seed(randomness)),
        "ROADSTEAD_JWT_SECRET": generate_text_secret(randomness),
        "ROADSTEAD_DATA_KEY": generate_data_key(randomness),
        "ROADSTEAD_DATABASE_URL": database_url,
        "ROADSTEAD_STATE_DIR": str(folder / "state"),
        "ROADSTEAD_API_PORT": str(ports["api"]),
        "ROADSTEAD_INTERNAL_PORT": str(ports["internal"]),
        "ROADSTEAD_ASSET_EURX_ISSUER": issuer,
        "ROADSTEAD_ASSET_USDC_ISSUER": issuer,
        "ROADSTEAD_RAIL_SEPA_URL": "http://127.0.0.1:9",
        "ROADSTEAD_RAIL_WIRE_URL": "http://127.0.0.1:9",
        "ROADSTEAD_RAIL_ZENGIN_URL": "http://127.0.0.1:9",
    }


def _command(environment: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "roadstead", *arguments],
        env=environment,
        check=True,
        timeout=START_TIMEOUT_S,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _network(port: int, folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "roadstead.sandbox.network", "--port", str(port)]
    with _process(
        [*command, "--passphrase", PASSPHRASE, "--close", "on-submit"], os.environ, folder / "network.log"
    ):
        yield


@contextmanager
def _server(
    environment: Mapping[str, str], folder: Path, roles: Sequence[str], profile: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    profiler = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
    command = [sys.executable, *profiler, "-m", "roadstead", "serve", *roles]
    with _process(command, environment, folder / "server.log") as process:
        yield process


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], log_file: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log_file.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


async def _fund(horizon: str, account: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{horizon}/friendbot?addr={account}") as answer,
    ):
        answer.raise_for_status()


async def _answers(url: str) -> None:
    """Wait until a URL is answered well."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.ok:
                        return
                    trouble = f"status {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble = type(error).__name__
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{url} did not answer well within {START_TIMEOUT_S:g} s ({trouble}).")
            await asyncio.sleep(0.1)
