"""The drill: a database is destroyed and restored from an older backup, while bank and chain are ahead of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from stellar_sdk import Account as StellarAccount
from stellar_sdk import IdMemo, Payment, TransactionBuilder
from tests.fixtures.chain import DISTRIBUTION, PASSPHRASE, PAYER, Chain, chain_at, network_process
from tests.fixtures.house import House, house_on
from tests.fixtures.killing import KillAt, Killed
from tests.fixtures.operators import add_operator
from tests.fixtures.scripted_rail import Behaviour
from tests.refunds.sending import Sending, sending_from

from roadstead.boundaries import watched_by
from roadstead.config.matching_terms import Remedy
from roadstead.database.backups.creating import create_backup
from roadstead.database.backups.manifest import Manifest
from roadstead.database.backups.restoring import restore_backup
from roadstead.database.pool import Connection, open_database
from roadstead.errors import BadInput
from roadstead.ledger.verify import verify
from roadstead.operations import deciding, operators
from roadstead.operations.resuming import apply_resumes, request_resume
from roadstead.operations.stops import open_stops
from roadstead.payments.cursors import cursor_source
from roadstead.payouts.cancelling import cancel_and_refund
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailStatus
from roadstead.recovery.beginning import begin_recovery
from roadstead.recovery.recovering import Progress, Surroundings, explain, recover
from roadstead.refunds.ordering import refund_orderer
from roadstead.remittances.opening import Opened
from roadstead.remittances.states import RemittanceStatus
from roadstead.service.observer import Observer
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import Horizons

pytestmark = pytest.mark.timeout(180)

PATIENCE_S = 30.0


@dataclass(slots=True)
class World:
    """A house on a real database and a real network, and a bank that remembers what it paid."""

    sending: Sending
    url: str
    """The database's."""

    @property
    def house(self) -> House:
        return self.sending.house

    @property
    def chain(self) -> Chain:
        return self.sending.chain

    async def pay(self, memo: int, amount: str = "100") -> None:
        """Pay on the chain, as a partner does."""
        _, state = await self.chain.get(f"/accounts/{PAYER.public_key}")
        envelope = (
            TransactionBuilder(StellarAccount(PAYER.public_key, int(state["sequence"])), PASSPHRASE, 100)
            .append_operation(Payment(DISTRIBUTION.public_key, self.chain.eurx, amount))
            .add_memo(IdMemo(memo))
            .set_timeout(0)
            .build()
        )
        envelope.sign(PAYER)
        async with self.chain.session.post(
            f"{self.chain.url}/transactions", data={"tx": envelope.to_xdr()}
        ) as response:
            assert response.status == 200, await response.text()

    async def observe(self) -> None:
        """Read the chain to its present end, and match what is found."""
        await self.chain.close()
        now = datetime.now(UTC)
        async with AsyncExitStack() as stack:
            client = HorizonClient(self.chain.url)
            stack.push_async_callback(client.close)
            observer = Observer(
                account=DISTRIBUTION.public_key,
                database=self.house.database,
                horizons=Horizons([client], network_passphrase=PASSPHRASE, clock=self.house.clock),
                clock=self.house.clock,
                rescan_every_s=0.2,
            )
            stop = asyncio.Event()
            running = asyncio.create_task(observer.run(stop))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while not await self.house.value(
                        "SELECT coalesce(max(ledger_closed_at) >= $1, false) FROM cursors", now
                    ):
                        await self.chain.close()
                        await asyncio.sleep(0.3)
            finally:
                stop.set()
                await running
        while (await self.house.match()).count:
            continue

    async def deliver(self, opened: Opened, *script: Behaviour) -> None:
        """Pay a remittance, and let the bank do what the script says."""
        await self.pay(opened.memo)
        await self.observe()
        self.house.rail.script.extend(script)
        await self.house.work()

    async def refund(self, remittance_id: UUID) -> None:
        """Give a delivery up and send its money back on the chain."""
        house = self.house
        async with house.database.transaction() as connection:
            await cancel_and_refund(
                connection,
                remittance_id,
                cause="a test",
                order_refunds=refund_orderer(house.configuration, house.randomness),
                now=house.clock.now(),
            )
        await self.send_refunds()

    async def send_refunds(self) -> None:
        for _ in range(40):
            await self.sending.step()
            if not await self.house.value(
                "SELECT count(*) FROM refunds WHERE status IN ('ordered', 'submitting') "
                "AND NOT outgoing_stopped('refunds', asset)"
            ):
                return
        raise AssertionError("A refund came to no end.")

    async def live_on(self) -> None:
        """Let every worker do all that there is to do."""
        await self.observe()
        for _ in range(6):
            await self.house.hear()
            await self.house.make_due()
            await self.house.work()
        await self.send_refunds()

    def bank_book(self) -> Counter[str]:
        """How often the bank paid or will pay each payout, by its own book."""
        rail = self.house.rail
        paying = {RailStatus.ACCEPTED, RailStatus.SETTLED, RailStatus.RECEIVED}
        return Counter(
            rail.attempts[key].end_to_end_id for key, status in rail.known.items() if status in paying
        )

    async def sent_back(self) -> int:
        """How many transactions our account made."""
        return len(await self.chain.sent())

    async def status(self, opened: Opened) -> RemittanceStatus:
        return (await self.house.remittance(opened.id)).status

    async def recover_again_and_again(self) -> Progress:
        """Die at the first boundary, then at the second, and so on, until there is none left to die at."""
        kills = 0
        while True:
            try:
                with watched_by(KillAt(kills + 1)):
                    return await self.recover()
            except Killed:
                kills += 1

    async def recover(self) -> Progress:
        house = self.house
        client = HorizonClient(self.chain.url)
        try:
            around = Surroundings(
                configuration=house.configuration,
                database=house.database,
                horizon=client,
                rails={house.rail.name: house.rail},
                clock=house.clock,
                order_refunds=refund_orderer(house.configuration, house.randomness),
                chain_source=cursor_source(DISTRIBUTION.public_key),
            )
            return await recover(around, by="operator tests")
        finally:
            await client.close()

    async def resume(self) -> None:
        """Two people let money go again."""
        database = self.house.database
        async with database.transaction() as connection:
            for name in ("olga", "piet"):
                await add_operator(connection, name)
            stops = await open_stops(connection)
            olga, piet = await operators.list_all(connection)
        for each in stops:
            hold = await request_resume(database, each.id, reason="recovered", by=olga)
            await deciding.approve(database, hold.id, digest=hold.digest, by=piet)
            await apply_resumes(database)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    with network_process("--close", "on-submit", "--submit-timeout", "2") as url:
        async with chain_at(url) as chain, house_on(database_url) as house:
            await chain.furnish()
            await chain.apply(DISTRIBUTION, Payment(PAYER.public_key, chain.eurx, "10000"))
            async with sending_from(house, chain) as sending:
                house.clock.moment = datetime.now(UTC)
                house.refunder = refund_orderer(house.configuration, house.randomness)
                yield World(sending=sending, url=database_url)


@asynccontextmanager
async def restored(world: World, backup: Path, url: str) -> AsyncIterator[World]:
    """The same bank and chain beside a database that is older than they are."""

    async def begin(connection: Connection, manifest: Manifest) -> None:
        await begin_recovery(connection, manifest)

    await restore_backup(backup, url, replace=False, before_opening=begin)
    database = await open_database(url, application="tests", connections_max=6)
    try:
        house = replace(world.house, database=database)
        house.clock.moment = datetime.now(UTC)
        yield World(sending=replace(world.sending, house=house), url=url)
    finally:
        await database.close()


class TestTheDrill:
    @pytest.mark.parametrize("is_killed", [False, True], ids=["undisturbed", "killed at every boundary"])
    async def test_nothing_is_paid_or_sent_back_twice_and_nothing_is_lost(
        self, world: World, empty_database_url: str, tmp_path: Path, *, is_killed: bool
    ) -> None:
        house, rail = world.house, world.house.rail
        delivered, under_way = await house.open(), await house.open()
        unpaid, unsent, refused, returned, held_back = [await house.open() for _ in range(5)]
        await world.deliver(delivered, Behaviour.SETTLE)
        await world.deliver(under_way, Behaviour.ACCEPT)
        await create_backup(world.url, tmp_path / "backup")

        (under_way_key,) = [key for key, status in rail.known.items() if status is RailStatus.ACCEPTED]
        rail.tell(under_way_key, RailStatus.SETTLED)
        await house.hear()
        await world.deliver(unpaid, Behaviour.SETTLE)
        await world.deliver(refused, Behaviour.REFUSE)
        await world.refund(refused.id)
        await world.deliver(returned, Behaviour.SETTLE)
        returned_key = next(reversed(rail.known))
        rail.tell(returned_key, RailStatus.RETURNED)
        await house.hear()
        await world.refund(returned.id)
        await world.pay(held_back.memo)
        await world.observe()
        await world.refund(held_back.id)
        lost = await house.open()
        await world.deliver(lost, Behaviour.SETTLE)
        await world.pay(unsent.memo)
        before = (world.bank_book(), await world.sent_back(), len(rail.known))
        assert [str(finding) for finding in (await verify(house.database)).findings] == []
        assert [await world.status(one) for one in (refused, returned, held_back)] == [
            RemittanceStatus.REFUNDED
        ] * 3

        async with restored(world, tmp_path / "backup", empty_database_url) as after:
            assert not (await after.recover()).is_over
            await after.live_on()
            assert (after.bank_book(), await after.sent_back(), len(rail.known)) == before
            progress = await (after.recover_again_and_again() if is_killed else after.recover())
            assert (progress.is_over, progress.unexplained) == (True, ())
            assert is_killed or progress.recognised == 3
            await after.live_on()
            assert (after.bank_book(), await after.sent_back(), len(rail.known)) == before
            await after.resume()
            for _ in range(3):
                await after.live_on()

            for one in (delivered, under_way, unpaid):
                assert await after.status(one) is RemittanceStatus.COMPLETED
            for one in (refused, returned, held_back):
                assert await after.status(one) is RemittanceStatus.REFUNDED
            assert (await after.house.payout(unsent.id)).status in {
                PayoutStatus.ACCEPTED,
                PayoutStatus.SETTLED,
            }
            assert [stranger.payer for stranger in progress.strangers] == [PAYER.public_key]
            assert (
                await after.house.value(
                    "SELECT count(*) FROM payments WHERE reason = 'unknown_memo' AND disposition = 'unmatched'"
                )
                == 1
            )
            book = after.bank_book()
            assert set(book.values()) == {1}
            assert len(book) == len(before[0]) + 1
            assert await after.sent_back() == before[1]
            assert [str(finding) for finding in (await verify(after.house.database)).findings] == []

    async def test_a_payment_to_a_lost_remittance_is_not_sent_back_by_itself(
        self, world: World, empty_database_url: str, tmp_path: Path
    ) -> None:
        world.house.set_policy(unidentified=Remedy.REFUND, refund_min=Decimal(1))
        world.house.refunder = refund_orderer(world.house.configuration, world.house.randomness)
        await world.observe()
        await create_backup(world.url, tmp_path / "backup")
        lost = await world.house.open()
        await world.deliver(lost, Behaviour.SETTLE)
        before = await world.sent_back()

        async with restored(world, tmp_path / "backup", empty_database_url) as after:
            await after.observe()
            progress = await after.recover()
            assert (progress.is_over, progress.held, len(progress.strangers)) == (True, 1, 1)
            await after.resume()
            await after.live_on()

            assert await after.sent_back() == before
            assert await after.house.value("SELECT status FROM refunds") == "held"

    async def test_a_payment_of_ours_that_nobody_can_explain_keeps_money_in(
        self, world: World, empty_database_url: str, tmp_path: Path
    ) -> None:
        await world.observe()
        await create_backup(world.url, tmp_path / "backup")
        await world.chain.apply(DISTRIBUTION, Payment(PAYER.public_key, world.chain.eurx, "12"))

        async with restored(world, tmp_path / "backup", empty_database_url) as after:
            await after.observe()
            progress = await after.recover()
            (found,) = progress.unexplained
            assert (progress.is_over, found.amount.text) == (False, "12.0000000")
            assert await after.house.value("SELECT outgoing_stopped('payouts', 'iso4217:EUR')") is True

            with pytest.raises(BadInput, match="what the payment was"):
                await explain(after.house.database, found.operation_id, " ", by="operator tests")
            await explain(
                after.house.database, found.operation_id, "a gift to our partner", by="operator tests"
            )
            assert (await after.recover()).is_over
            assert (await after.recover()).restorations == ()
