"""The world around a server that is killed: database, network, bank, a source of rates and a receiver of callbacks."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from tests.crash.watch import Orders
from tests.crash.zygote import Forked, Zygote
from tests.fixtures.receiver import Receiver, receiving

from roadstead.config.anchor_file import load_anchor
from roadstead.config.networks import Network, profile
from roadstead.config.secrets import Secret
from roadstead.config.strkey import public_key_of
from roadstead.database.pool import open_database
from roadstead.operations import operators
from roadstead.operations.operators import Operator
from roadstead.operations.roles import OperatorRole
from roadstead.partners import registry
from roadstead.randomness import SystemRandomness
from roadstead.sandbox import ports, roles
from roadstead.sandbox.accounts import prepare_accounts
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.environment import (
    EXAMPLE_ANCHOR_FILE,
    Addresses,
    plain_environment,
    server_settings,
)
from roadstead.sandbox.keys import Keys, make_keys, with_issuers, with_ports
from roadstead.sandbox.sender import SendingAnchor

PATIENCE_S = 180.0
RETRY_PAUSE_S = 0.25
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a database says that was killed, or is just starting again."""
SERVER = "server"
ADA, BEN = "Ada", "Ben"
ALARM_SECRET = "what-signs-the-alerts-of-a-world-where-servers-are-killed"
_PURPOSES = {**roles.PURPOSES, f"{SERVER}-internal": "health and metrics of all roles in one", "rates": ""}
_HTTP_RATES = """[[rate_sources]]
name = "market"
kind = "http"
refresh_s = 1
max_age_s = 30

[[pairs]]"""


LARGE = "900"
"""Above it a payout, or a refund, waits for people."""
_PAYOUTS = """[payouts]
attempts_max = 2
retry_after_s = 1
retry_after_max_s = 2
unknown_after_s = 6
unexplained = "ask_transaction"
"""
_MATCHING = """other_amount = "{other_amount}"
excess_max = "{excess_max}"
too_late = "refund"
not_waiting = "refund"
wrong_asset = "refund"
unidentified = "refund"
refund_min = "1"
"""
_TERMS = {
    "EURX": {"other_amount": "deliver_received", "excess_max": "0"},
    "USDC": {"other_amount": "refund", "excess_max": "5"},
}


@dataclass(slots=True)
class Market:
    """A source of rates that now and then has none."""

    port: int = 0
    is_open: bool = True

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request with rates of this moment, or with rates too old to be used."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            as_of = datetime.now(UTC) - (timedelta(0) if self.is_open else timedelta(hours=1))
            rates = [{"sell": "USDC", "buy": "JPY", "rate": "149.5", "as_of": as_of.isoformat()}]
            body = json.dumps({"rates": rates}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()


@dataclass(slots=True, kw_only=True)
class World:
    """Everything but the server, and how to start one."""

    folder: Path
    zygote: Zygote
    keys: Keys
    addresses: Addresses
    settings: dict[str, str]
    market: Market
    receiver: Receiver
    operators: dict[str, str] = field(default_factory=dict)
    """Tokens of an administrator and an approver, by name."""
    services: dict[str, Forked] = field(default_factory=dict)
    """The network and the bank."""

    @property
    def notes(self) -> Path:
        """Where processes note the boundaries that they pass."""
        return self.folder / "passes"

    @property
    def log(self) -> Path:
        """Where the servers write."""
        return self.folder / "server.log"

    async def serve(
        self,
        *names: str,
        orders: Orders | None = None,
        fault: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> Forked:
        """Start a server with some of the roles, or all of them, with its real entry point."""
        own = {"ROADSTEAD_DISTRIBUTION_SECRET": self.keys.distribution_seed}
        key = own if not names or "worker" in names else {}
        purpose = f"{names[0] if len(names) == 1 else SERVER}-internal"
        port = {"ROADSTEAD_INTERNAL_PORT": str(self.keys.ports[purpose])}
        return await self.zygote.fork(
            "roadstead",
            *("serve", *names),
            environ={**os.environ, **self.settings, **key, **port, **(settings or {})},
            log=self.log,
            orders=orders,
            fault=fault,
        )

    async def command(self, *arguments: str, token: str = "", orders: Orders | None = None) -> Forked:
        """Start a command of an operator, who is known by a token."""
        return await self.zygote.fork(
            "roadstead",
            *arguments,
            environ={**os.environ, **self.settings, "ROADSTEAD_OPERATOR_TOKEN": token},
            log=self.folder / "commands.log",
            orders=orders,
        )

    async def start_service(self, name: str, *, close: str = "auto:0.1") -> None:
        """Start the network or the bank, where it was and with what it had."""
        state = self.folder / name
        port = str(self.keys.ports[name])
        place = ("--port", port, "--state", str(state))
        options = {
            roles.NETWORK: ("--passphrase", self.keys.passphrase, "--close", close),
            roles.BANK: ("--settlement-delay", "0.2", "--return-delay", "0.5"),
        }
        self.services[name] = await self.zygote.fork(
            f"roadstead.sandbox.{name}",
            *(*place, *options[name]),
            environ=plain_environment(os.environ),
            log=self.folder / f"{name}.log",
        )

    def partner(self, number: int = 0) -> SendingAnchor:
        """Return one of the partners, yet without a connection."""
        seed = list(self.keys.partner_seeds.values())[number]
        return SendingAnchor(
            home_domain=self.addresses.home_domain,
            secret=Secret(seed),
            horizon_url=self.addresses.horizon,
            patience_s=PATIENCE_S,
        )

    async def rows(self, query: str, *arguments: object) -> Sequence[Mapping[str, Any]]:
        """Ask the database something, or tell it what may be told twice, again and again while it is away."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self._rows(query, *arguments)
            except _AWAY:
                if time.monotonic() > deadline_s:
                    raise
                await asyncio.sleep(RETRY_PAUSE_S)

    async def _rows(self, query: str, *arguments: object) -> Sequence[Mapping[str, Any]]:
        connection = await asyncpg.connect(self.addresses.database_url, timeout=PATIENCE_S)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    async def let_time_pass(self) -> None:
        """End every lease and every pause, as their time would: for when no process is left that holds one."""
        found = await self.rows(
            "SELECT c.table_name, c.column_name FROM information_schema.columns AS c "
            "JOIN information_schema.tables AS t USING (table_schema, table_name) "
            "WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' "
            "AND (c.column_name IN ('lease_until', 'due_at') "
            "OR (c.table_name, c.column_name) = ('leases', 'expires_at')) ORDER BY 2 DESC"
        )
        await self.rows("UPDATE used_challenges SET expires_at = now() - interval '1 day'")
        # What somebody may still repeat must not look as if three days were over.
        await self.rows(
            "UPDATE receipts SET answered_at = now() - interval '4 days' WHERE answered_at < now() - interval '20 s'"
        )
        for place in found:
            table, column = place["table_name"], place["column_name"]
            await self.rows(f"UPDATE {table} SET {column} = now() WHERE {column} > now()")


@asynccontextmanager
async def opened_world(
    folder: Path,
    database_url: str,
    *,
    anchor_text: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """Open a world on a migrated database; everything in it ends with the block."""
    market = Market()
    prices = await asyncio.start_server(market.answer, "127.0.0.1", 0)
    market.port = prices.sockets[0].getsockname()[1]
    anchor_file = folder / "anchor.toml"
    anchor_file.write_text(anchor_text or anchor())
    randomness = SystemRandomness()
    terms = load_anchor(anchor_file)
    keys = make_keys(randomness, passphrase=profile(Network.SANDBOX).passphrase)
    keys = with_issuers(keys, randomness, [asset.code for asset in terms.assets])
    keys = with_ports(keys, await ports.settle(_PURPOSES, given={}, remembered={}))
    addresses = Addresses(
        api_port=keys.ports["api"],
        horizon=roles.local_url(keys.ports[roles.NETWORK]),
        bank=roles.local_url(keys.ports[roles.BANK]),
        database_url=database_url,
        state_folder=folder,
    )
    environ = {"ROADSTEAD_ANCHOR_FILE": str(anchor_file), "ROADSTEAD_LOG_LEVEL": "info"}
    made = server_settings(environ, anchor=terms, keys=keys, addresses=addresses)
    made["ROADSTEAD_RATES_URL"] = f"http://127.0.0.1:{market.port}/rates"
    async with prices, Zygote(folder) as zygote, receiving() as receiver, receiving() as alarm:
        made["ROADSTEAD_ALERT_WEBHOOK_URL"] = alarm.url
        made["ROADSTEAD_ALERT_WEBHOOK_SECRET"] = ALARM_SECRET
        world = World(
            folder=folder,
            zygote=zygote,
            keys=keys,
            addresses=addresses,
            settings={**made, **(settings or {})},
            market=market,
            receiver=receiver,
        )
        await _furnish(world)
        yield world


def anchor() -> str:
    """Write the example's anchor.toml with rates that are not always there, and refunds that nobody has to order."""
    text = EXAMPLE_ANCHOR_FILE.read_text()
    head, pair, tail = text.partition('[[pairs]]\nsell = "USDC"\ndelivers = "iso4217:JPY"')
    assert pair
    tail = tail.replace('rate_source = "reference"', 'rate_source = "market"', 1)
    tail = tail.replace('kyc = "strict"', 'kyc = "asynchronous"')
    text = head.replace("[[pairs]]", _HTTP_RATES, 1) + pair + tail
    before, own, after = text.partition("[assets.matching]\n")
    assert own
    after = after[after.index("\n\n") :]
    there, follows, rest = after.partition("\n[[funding_methods]]")
    assert follows
    matching = {name: f"\n[assets.matching]\n{_MATCHING.format(**terms)}" for name, terms in _TERMS.items()}
    text = f"{before}{matching['EURX']}{there}{matching['USDC']}{follows}{rest}"
    text = text.replace('refund_approval_above = "5000"', f'refund_approval_above = "{LARGE}"', 1)
    text = text.replace('rail = "sepa"\n', f'rail = "sepa"\napproval_above = "{LARGE}"\n', 1)
    payouts = text.index("[payouts]")
    return f"{text[:payouts]}{_PAYOUTS}{text[text.index(chr(10) * 2, payouts) :]}"


async def _furnish(world: World) -> None:
    """Start network and bank, and give everybody what they need."""
    await asyncio.gather(world.start_service(roles.NETWORK), world.start_service(roles.BANK))
    addresses, keys = world.addresses, world.keys
    async with Calls(patience_s=PATIENCE_S) as calls:
        await calls.expect("GET", f"{addresses.bank}/health")
        await prepare_accounts(
            calls,
            horizon_url=addresses.horizon,
            friendbot_url=f"{addresses.horizon}/friendbot",
            keys=keys,
            home_domain=addresses.home_domain,
        )
    database = await open_database(addresses.database_url, application="tests", connections_max=1)
    try:
        for name, seed in keys.partner_seeds.items():
            hosts = ("localhost", "127.0.0.1")
            await registry.add(database, name, [public_key_of(seed)], "tests", callback_hosts=hosts)
        first: Operator | None = None
        for name, role in ((ADA, OperatorRole.ADMINISTRATOR), (BEN, OperatorRole.APPROVER)):
            credential = await operators.add(
                database,
                name=name,
                email=f"{name.lower()}@anchor.example",
                role=role,
                by=first,
                randomness=SystemRandomness(),
            )
            first = first or credential.operator
            world.operators[name] = credential.token
    finally:
        await database.close()


def internal_url(world: World) -> str:
    """Return where a server with all roles tells how it is."""
    return roles.local_url(world.keys.ports[f"{SERVER}-internal"])


async def until_ready(world: World, server: Forked) -> None:
    """Wait until a server with all roles answers, or has ended."""
    url = f"{internal_url(world)}/ready"
    async with asyncio.timeout(PATIENCE_S), Calls() as calls:
        while not server.is_gone:
            with suppress(Exception):
                if (await calls.once("GET", url)).status == 200:
                    return
            await asyncio.sleep(0.05)


async def until_answering(world: World) -> None:
    """Wait until the API answers."""
    async with Calls(patience_s=PATIENCE_S) as calls:
        answer = await calls.patiently("GET", f"{world.addresses.api}/.well-known/stellar.toml")
    assert answer.status == 200
