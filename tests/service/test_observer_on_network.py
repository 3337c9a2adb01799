"""The observer on the offline Stellar network: real transactions, real XDR, real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import aiohttp
import asyncpg
import pytest
from stellar_sdk import (
    Account,
    Asset,
    AuthorizationFlag,
    Claimant,
    HashMemo,
    IdMemo,
    Keypair,
    Memo,
    MuxedAccount,
    TextMemo,
    TransactionBuilder,
)
from tests.service.processes import Process, module_process, python_process

from roadstead.database.pool import Database, open_database

PASSPHRASE = "Standalone Network ; February 2017"
PATIENCE_S = 20.0

OBSERVER_PROGRAM = """
import asyncio, signal, sys
from roadstead.clock import SystemClock
from roadstead.database.pool import open_database
from roadstead.service.observer import Observer
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import Horizons

async def main():
    database = await open_database(sys.argv[1], application="observer")
    horizon = HorizonClient(sys.argv[2])
    horizons = Horizons([horizon], network_passphrase=sys.argv[4], clock=SystemClock())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    observer = Observer(account=sys.argv[3], own_accounts=frozenset(sys.argv[5:]), database=database,
                        horizons=horizons, clock=SystemClock(), rescan_every_s=1, balances_every_s=0.3)
    print("running", flush=True)
    await observer.run(stop)
    await horizon.close()
    await database.close()

asyncio.run(main())
"""


@dataclass
class Chain:
    """The offline network, a payer with lumens, and our account."""

    url: str
    session: aiohttp.ClientSession
    payer: Keypair
    ours: Keypair

    async def submit(
        self, build: Callable[[TransactionBuilder], object], *, muxed_id: int | None = None
    ) -> str:
        """Build, sign and submit a transaction of the payer; return its hash."""
        async with self.session.get(f"{self.url}/accounts/{self.payer.public_key}") as response:
            sequence = int((await response.json())["sequence"])
        address = self.payer.public_key
        if muxed_id is not None:
            address = MuxedAccount(address, muxed_id).account_muxed or address
        builder = TransactionBuilder(Account(address, sequence), PASSPHRASE, 100)
        build(builder)
        envelope = builder.set_timeout(60).build()
        envelope.sign(self.payer)
        async with self.session.post(f"{self.url}/transactions", data={"tx": envelope.to_xdr()}) as response:
            content = await response.json()
            assert response.status == 200, content
            return str(content["hash"])

    def as_ours(self) -> Chain:
        """The same network, with our account as the one that submits."""
        return replace(self, payer=self.ours)

    async def pay(self, amount: str, *, memo: Memo | None = None) -> str:
        """Pay lumens to our account."""

        def build(builder: TransactionBuilder) -> None:
            builder.append_payment_op(self.ours.public_key, Asset.native(), amount)
            if memo is not None:
                builder.add_memo(memo)

        return await self.submit(build)

    async def fund(self, keypair: Keypair) -> None:
        """Create an account with friendbot's lumens."""
        async with self.session.get(f"{self.url}/friendbot", params={"addr": keypair.public_key}) as response:
            assert response.status == 200, await response.text()


@pytest.fixture
async def chain() -> AsyncIterator[Chain]:
    arguments = ("--port", "0", "--close", "on-submit", "--passphrase", PASSPHRASE)
    with module_process("roadstead.sandbox.network", *arguments) as network:
        url = (await network.line()).removeprefix("listening ")
        async with aiohttp.ClientSession() as session:
            made = Chain(url, session, Keypair.random(), Keypair.random())
            await made.fund(made.payer)
            await made.fund(made.ours)
            yield made


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="test")
    yield opened
    await opened.close()


@contextmanager
def observing(chain: Chain, database_url: str, *own_accounts: str) -> Iterator[Process]:
    arguments = (database_url, chain.url, chain.ours.public_key, PASSPHRASE, *own_accounts)
    with python_process(OBSERVER_PROGRAM, *arguments) as process:
        yield process


async def rows(database: Database, query: str) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return list(await connection.fetch(query))


async def eventually(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await what():  # noqa: ASYNC110 - what is waited for happens in PostgreSQL
            await asyncio.sleep(0.05)


async def lists(database: Database, status: str) -> None:
    """Wait until there is one claimable balance, with this status."""

    async def is_listed() -> bool:
        return [row[0] for row in await rows(database, "SELECT status FROM claimable_balances")] == [status]

    await eventually(is_listed)


async def stores(database: Database, hashes: list[str]) -> None:
    """Wait until exactly these transactions are stored, in this order, after the account's creation."""

    async def are_stored() -> bool:
        found = await rows(
            database,
            "SELECT transaction_hash FROM payments WHERE kind <> 'create_account' ORDER BY operation_id",
        )
        return [row[0] for row in found] == hashes

    await eventually(are_stored)


class TestOnTheNetwork:
    async def test_payments_before_during_and_after_are_stored_once(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        paid = [await chain.pay("1"), await chain.pay("2")]
        with observing(chain, database_url) as process:
            await process.says("running")
            await stores(database, paid)
            paid += [await chain.pay("3")]
            await stores(database, paid)
            assert process.end() == 0
        paid += [await chain.pay("4"), await chain.pay("0.0000001")]
        with observing(chain, database_url):
            await stores(database, paid)
        amounts = await rows(database, "SELECT amount_units FROM payments ORDER BY operation_id")
        assert [row[0] for row in amounts[1:]] == [10_000_000, 20_000_000, 30_000_000, 40_000_000, 1]
        (creation,) = await rows(database, "SELECT * FROM payments WHERE kind = 'create_account'")
        assert (creation["asset"], creation["amount_units"]) == ("stellar:native", 100_000_000_000)

    async def test_poison_memos_are_stored_as_they_are_on_chain(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        text = b"nul \x00 and \xff\xfe"
        memos = [TextMemo(text), IdMemo(2**64 - 1), HashMemo(b"\xab" * 32), TextMemo(b"")]
        paid = [await chain.pay("1", memo=memo) for memo in memos]
        with observing(chain, database_url):
            await stores(database, paid)
        found = await rows(database, "SELECT memo_kind, memo FROM payments ORDER BY operation_id")
        assert [tuple(row) for row in found[1:]] == [
            ("text", text),
            ("id", b"\xff" * 8),
            ("hash", b"\xab" * 32),
            ("text", b""),
        ]

    async def test_each_operation_is_a_payment_of_its_own_with_its_true_parties(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        ours = chain.ours.public_key
        sub_account = MuxedAccount(ours, 4711).account_muxed
        other = Keypair.random()
        assert sub_account is not None

        def build(builder: TransactionBuilder) -> None:
            builder.append_payment_op(ours, Asset.native(), "60")
            builder.append_payment_op(sub_account, Asset.native(), "40")
            builder.append_create_account_op(other.public_key, "5")

        paid = await chain.submit(build, muxed_id=2**64 - 1)
        with observing(chain, database_url):
            await stores(database, [paid, paid])
        first, second = (await rows(database, "SELECT * FROM payments ORDER BY operation_id"))[1:]
        payer = MuxedAccount(chain.payer.public_key, 2**64 - 1).account_muxed
        assert [(row["payer"], row["amount_units"]) for row in (first, second)] == [
            (payer, 600_000_000),
            (payer, 400_000_000),
        ]
        assert (first["receiving_muxed"], second["receiving_muxed"]) == (None, sub_account)
        assert second["receiving_account"] == ours

    async def test_a_merged_account_is_stored_with_the_lumens_of_its_effects(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        merged = await chain.submit(lambda builder: builder.append_account_merge_op(chain.ours.public_key))
        with observing(chain, database_url):
            await stores(database, [merged])
        (row,) = await rows(database, "SELECT * FROM payments WHERE kind = 'account_merge'")
        assert (row["payer"], row["amount_units"]) == (chain.payer.public_key, 99_999_999_900)


class TestBalancesAndClawbacks:
    async def test_a_balance_made_for_us_is_listed_and_becomes_a_payment_when_we_claim_it(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        ours = chain.ours.public_key

        def made_for(claimant: str) -> Callable[[TransactionBuilder], object]:
            return lambda builder: builder.append_create_claimable_balance_op(
                Asset.native(), "7", [Claimant(claimant)]
            )

        await chain.submit(made_for(ours))
        await chain.submit(made_for(chain.payer.public_key))
        with observing(chain, database_url):
            await lists(database, "unclaimed")
            assert await rows(database, "SELECT 1 FROM payments WHERE kind <> 'create_account'") == []
            (balance,) = await rows(
                database, "SELECT id, amount_units, sponsor, predicate FROM claimable_balances"
            )
            assert tuple(balance)[1:] == (70_000_000, chain.payer.public_key, '{"unconditional": true}')
            (alert,) = await rows(database, "SELECT kind, status FROM alerts")
            assert tuple(alert) == ("claimable_balance", "open")

            claimed = await chain.as_ours().submit(
                lambda builder: builder.append_claim_claimable_balance_op(balance["id"])
            )
            await stores(database, [claimed])
            await lists(database, "claimed")
        (payment,) = await rows(database, "SELECT * FROM payments WHERE kind = 'claim_claimable_balance'")
        assert (payment["payer"], payment["asset"], payment["amount_units"]) == (
            chain.payer.public_key,
            "stellar:native",
            70_000_000,
        )

    async def test_a_balance_that_another_took_is_gone_and_the_alert_closes(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        claimants = [Claimant(chain.ours.public_key), Claimant(chain.payer.public_key)]
        await chain.submit(
            lambda builder: builder.append_create_claimable_balance_op(Asset.native(), "7", claimants)
        )
        with observing(chain, database_url):
            await lists(database, "unclaimed")
            (balance,) = await rows(database, "SELECT id FROM claimable_balances")
            await chain.submit(lambda builder: builder.append_claim_claimable_balance_op(balance["id"]))
            await lists(database, "gone")
        (alert,) = await rows(database, "SELECT status FROM alerts")
        assert alert["status"] == "closed"

    async def test_a_clawback_of_the_issuer_is_posted_once(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        token = Asset("CLAW", chain.payer.public_key)
        await chain.submit(
            lambda builder: builder.append_set_options_op(
                set_flags=AuthorizationFlag.AUTHORIZATION_REVOCABLE
                | AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED
            )
        )
        await chain.as_ours().submit(lambda builder: builder.append_change_trust_op(token))
        ours = chain.ours.public_key
        paid = await chain.submit(lambda builder: builder.append_payment_op(ours, token, "100"))
        taken = await chain.submit(lambda builder: builder.append_clawback_op(token, ours, "40"))
        for _ in range(2):
            with observing(chain, database_url):
                await stores(database, [paid])

                async def is_recorded() -> bool:
                    return [
                        row[0] for row in await rows(database, "SELECT transaction_hash FROM clawbacks")
                    ] == [taken]

                await eventually(is_recorded)
        entries = await rows(database, "SELECT account, amount_units FROM entries ORDER BY account")
        assert [tuple(row) for row in entries] == [
            ("losses:clawback", 400_000_000),
            ("tokens:received", -400_000_000),
        ]
        (stopped,) = await rows(database, "SELECT what, asset FROM stops")
        assert tuple(stopped) == ("all", f"stellar:CLAW:{chain.payer.public_key}")


class TestOwnMoney:
    async def test_what_we_pay_is_recorded_and_what_our_accounts_pay_is_marked(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        topped_up = await chain.pay("5")
        sent = await chain.as_ours().submit(
            lambda builder: builder.append_payment_op(chain.payer.public_key, Asset.native(), "1")
        )
        with observing(chain, database_url, chain.payer.public_key):
            await stores(database, [topped_up])

            async def is_recorded() -> bool:
                found = await rows(database, "SELECT transaction_hash, amount_units FROM outgoing_payments")
                return [tuple(row) for row in found] == [(sent, 10_000_000)]

            await eventually(is_recorded)
        (payment,) = await rows(database, "SELECT from_own FROM payments WHERE kind = 'payment'")
        assert payment["from_own"]


class TestKilled:
    async def test_two_observers_and_a_kill_store_everything_once(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        paid: list[str] = []
        with observing(chain, database_url) as first, observing(chain, database_url) as second:
            await first.says("running")
            await second.says("running")
            paid += [await chain.pay("1") for _ in range(10)]
            await stores(database, paid)
            first.kill()
            paid += [await chain.pay("1") for _ in range(10)]
            await stores(database, paid)
        assert await rows(database, "SELECT 1 FROM undecodable_records") == []

    async def test_a_stopped_leader_that_wakes_up_repeats_nothing(
        self, chain: Chain, database: Database, database_url: str
    ) -> None:
        paid = [await chain.pay("1")]
        with observing(chain, database_url) as first:
            await first.says("running")
            await stores(database, paid)
            first.stop()
            with observing(chain, database_url):
                paid.append(await chain.pay("2"))
                await stores(database, paid)
                first.resume()
                paid.append(await chain.pay("3"))
                await stores(database, paid)
                paid.append(await chain.pay("4"))
                await stores(database, paid)
        (lease,) = await rows(database, "SELECT epoch FROM leases WHERE role = 'observer'")
        assert lease["epoch"] == 2
