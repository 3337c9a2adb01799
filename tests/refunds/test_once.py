"""Once and only once: workers die anywhere, servers lie or lag, networks want more, people decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from tests.fixtures.authentication import key, serving
from tests.fixtures.chain import DISTRIBUTION
from tests.fixtures.killing import KillAt, Killed
from tests.fixtures.operators import add_operator, vote
from tests.refunds.sending import Sending

from roadstead.boundaries import watched_by
from roadstead.config.anchor import TransactionTerms
from roadstead.config.secrets import Secret
from roadstead.envelopes.store import EnvelopeStatus
from roadstead.errors import Unavailable
from roadstead.operations.stops import Outgoing, stop
from roadstead.refunds.holding import apply_decisions, ask_again
from roadstead.refunds.states import RefundStatus
from roadstead.stellar.outcomes import AccountState, Applied
from roadstead.stellar.records import Root
from roadstead.stellar.signers import SeedSigner
from roadstead.stellar.submissions import Answer, Submissions, Taken, Unreadable

DEAD, OPEN, SUCCEEDED = EnvelopeStatus.DEAD, EnvelopeStatus.OPEN, EnvelopeStatus.SUCCEEDED


@dataclass
class Liar:
    """A server that stands before an honest one and changes what a test says."""

    honest: Submissions
    knows_nothing: bool = False
    """Whether it has never heard of any transaction."""
    state: AccountState | None = None
    """An account as it was long ago."""
    answer: Answer | None = None
    """What it says of every envelope, without passing it on."""

    async def root(self) -> Root:
        return await self.honest.root()

    async def account(self, account: str) -> AccountState | None:
        return self.state or await self.honest.account(account)

    async def find(self, transaction_hash: str) -> Applied | None:
        return None if self.knows_nothing else await self.honest.find(transaction_hash)

    async def listed(self, account: str, after_ledger: int) -> list[Applied]:
        return [] if self.knows_nothing else await self.honest.listed(account, after_ledger)

    async def closed_at(self, ledger: int) -> datetime | None:
        return await self.honest.closed_at(ledger)

    async def submit(self, envelope: bytes) -> Answer:
        return self.answer or await self.honest.submit(envelope)


async def outlive(sending: Sending) -> None:
    """Let the time of every envelope that is open be over, with ledgers that closed after it."""
    await sending.chain.stage("clock", advance_s=600)
    await sending.chain.close(2)


class TestAWorkerThatDies:
    async def test_at_any_boundary_pays_once(self, sending: Sending) -> None:
        kills = 0
        while True:
            operation_id = await sending.order()
            killer = KillAt(kills + 1)
            try:
                with watched_by(killer):
                    await sending.worker().step()
            except Killed:
                kills += 1
            else:
                break
            await sending.work(operation_id)
            assert len(await sending.chain.sent()) == kills
        await sending.work(operation_id)

        assert kills > 15
        assert len(await sending.chain.sent()) == kills + 1
        assert await sending.chain.balance() == f"{100 * (kills + 1)}.0000000"
        assert await sending.house.books() == {}

    async def test_and_is_only_asleep_writes_nothing_any_more(self, sending: Sending) -> None:
        operation_id = await sending.order()
        asleep = sending.worker()

        def steal(name: str) -> None:
            if name == "horizon.submit.after":
                raise Killed

        with pytest.raises(Killed), watched_by(steal):
            await asleep.step()
        await sending.work(operation_id)

        assert await sending.statuses(operation_id) == [SUCCEEDED]

    async def test_many_at_once_pay_once(self, sending: Sending) -> None:
        import asyncio  # noqa: PLC0415

        operation_id = await sending.order()
        workers = [sending.worker() for _ in range(4)]
        for _ in range(6):
            await asyncio.gather(*(worker.step() for worker in workers), return_exceptions=True)

        await sending.work(operation_id)
        assert len(await sending.chain.sent()) == 1


class TestAServerThatLies:
    async def test_and_calls_applied_what_it_dropped_is_not_believed(self, sending: Sending) -> None:
        operation_id = await sending.order()
        liar = Liar(honest=sending.server(), answer=Taken())
        for _ in range(3):
            await sending.step(sending.worker([liar]))
        assert (await sending.refund(operation_id)).status is RefundStatus.SUBMITTING
        assert await sending.chain.sent() == []

        await sending.work(operation_id)
        assert await sending.statuses(operation_id) == [SUCCEEDED]
        assert len(await sending.chain.sent()) == 1

    async def test_and_speaks_html_is_not_understood(self, sending: Sending) -> None:
        async def page(_request: Request) -> Response:
            return HTMLResponse("<h1>All is well</h1>")

        operation_id = await sending.order()
        application = Starlette(routes=[Route("/{path:path}", page, methods=["GET", "POST"])])
        async with serving(application) as url:
            with pytest.raises(Unavailable):
                await sending.worker([sending.server(url)]).step()

        assert await sending.statuses(operation_id) == []

    async def test_after_whose_silence_the_next_is_asked(self, sending: Sending) -> None:
        operation_id = await sending.order()
        worker = sending.worker([sending.server("http://127.0.0.1:9"), sending.server()])
        for _ in range(3):
            await sending.step(worker)

        assert (await sending.refund(operation_id)).status is RefundStatus.SENT


class TestAServerThatLags:
    async def _applied_unheard(self, sending: Sending) -> tuple[int, AccountState]:
        """A refund that was applied while its worker died, and our account as it was before."""
        before = await sending.server().account(DISTRIBUTION.public_key)
        assert before is not None
        operation_id = await sending.order()

        def die(name: str) -> None:
            if name == "horizon.submit.after":
                raise Killed

        with pytest.raises(Killed), watched_by(die):
            await sending.worker().step()
        await outlive(sending)
        return operation_id, before

    async def test_and_knows_neither_hash_nor_ledger_proves_nothing(self, sending: Sending) -> None:
        operation_id, before = await self._applied_unheard(sending)
        stale = Liar(honest=sending.server(), knows_nothing=True, state=before)
        for _ in range(5):
            await sending.step(sending.worker([stale]))
        assert await sending.statuses(operation_id) == [OPEN]

        await sending.work(operation_id)
        assert await sending.statuses(operation_id) == [SUCCEEDED]
        assert await sending.chain.balance() == "100.0000000"

    async def test_behind_a_balancer_with_one_that_does_not_proves_nothing(self, sending: Sending) -> None:
        operation_id, _ = await self._applied_unheard(sending)
        mixed = Liar(honest=sending.server(), knows_nothing=True)
        for _ in range(5):
            await sending.step(sending.worker([mixed]))

        assert await sending.statuses(operation_id) == [OPEN]
        assert len(await sending.chain.sent()) == 1

    async def test_and_shows_our_account_of_old_is_not_signed_for(self, sending: Sending) -> None:
        before = await sending.server().account(DISTRIBUTION.public_key)
        await sending.work(await sending.order())
        second = await sending.order()

        with pytest.raises(Unavailable, match="before our last transaction"):
            await sending.worker([Liar(honest=sending.server(), state=before)]).step()

        assert await sending.statuses(second) == []


class TestANetworkThatWantsMore:
    async def test_gets_the_same_transaction_with_a_higher_fee(self, sending: Sending) -> None:
        sending.terms = TransactionTerms(fee_stroops=50, fee_max_stroops=100_000, valid_for_s=60)
        operation_id = await sending.order()

        refund = await sending.work(operation_id)

        (record,) = await sending.chain.sent()
        (envelope,) = await sending.envelopes(operation_id)
        bumps = await sending.house.value("SELECT array_agg(hash) FROM envelope_bumps")
        assert record["inner_transaction"]["hash"] == envelope.hash
        assert refund.transaction_hash in bumps
        assert record["fee_account"] == DISTRIBUTION.public_key
        assert await sending.chain.balance() == "100.0000000"

    async def test_more_than_our_limit_does_not_get_it(self, sending: Sending) -> None:
        sending.terms = TransactionTerms(fee_stroops=50, fee_max_stroops=99, valid_for_s=60)
        operation_id = await sending.order()
        for _ in range(4):
            await sending.step()
        sending.house.clock.advance(timedelta(minutes=5))
        await sending.step()

        assert await sending.house.value("SELECT count(*) FROM envelope_bumps") == 0
        assert await sending.alerts() == {"refund_stuck": 1}
        assert await sending.chain.sent() == []
        assert await sending.statuses(operation_id) == [OPEN]

    async def test_an_envelope_that_nobody_can_read_ends_before_a_person(self, sending: Sending) -> None:
        operation_id = await sending.order()
        liar = Liar(honest=sending.server(), answer=Unreadable())
        await sending.step(sending.worker([liar]))
        assert await sending.alerts() == {"refund_stuck": 1}
        await outlive(sending)
        await sending.step(sending.worker([liar]))

        refund = await sending.refund(operation_id)
        assert (refund.status, refund.reason) == (RefundStatus.HELD, "malformed")
        assert await sending.statuses(operation_id) == [DEAD]

    async def test_a_wrong_key_ends_before_a_person(self, sending: Sending) -> None:
        operation_id = await sending.order()
        stranger = sending.worker(signer=SeedSigner(Secret(key("stranger").secret)))
        await sending.step(stranger)
        await outlive(sending)
        await sending.step(stranger)

        refund = await sending.refund(operation_id)
        assert refund.status is RefundStatus.HELD
        assert refund.reason in {"tx_bad_auth", "op_bad_auth"}


class TestTheKey:
    async def test_signs_nothing_that_goes_to_another_than_the_payer(self, sending: Sending) -> None:
        """Somebody who can write to the database as its owner still does not get the money."""
        operation_id = await sending.order()
        await sending.house.execute("ALTER TABLE refunds DISABLE TRIGGER refunds_fixed")
        await sending.house.execute("UPDATE refunds SET destination = $1", key("thief").public_key)
        await sending.step()

        refund = await sending.refund(operation_id)
        assert (refund.status, refund.reason) == (RefundStatus.HELD, "policy")
        assert await sending.statuses(operation_id) == []
        assert await sending.chain.sent() == []


class TestPeople:
    async def _decide(self, sending: Sending, decision: str) -> None:
        async with sending.house.database.connection() as connection:
            hold_id = await connection.fetchval("SELECT id FROM holds WHERE status = 'open'")
            person = await add_operator(connection, f"person {decision}")
            await vote(connection, hold_id, person, "propose", decision=decision)
        await apply_decisions(sending.house.database, sending.house.clock.now())

    async def _held(self, sending: Sending) -> tuple[int, UUID]:
        operation_id = await sending.order()
        liar = Liar(honest=sending.server(), answer=Unreadable())
        await sending.step(sending.worker([liar]))
        await outlive(sending)
        await sending.step(sending.worker([liar]))
        refund = await sending.refund(operation_id)
        assert refund.status is RefundStatus.HELD
        return operation_id, refund.id

    async def test_release_what_is_held_and_it_is_paid_once(self, sending: Sending) -> None:
        operation_id, _ = await self._held(sending)

        await self._decide(sending, "release")
        await sending.work(operation_id)

        assert await sending.statuses(operation_id) == [DEAD, SUCCEEDED]
        assert await sending.alerts() == {}

    async def test_refuse_and_are_asked_once_more(self, sending: Sending) -> None:
        operation_id, refund_id = await self._held(sending)

        await self._decide(sending, "refuse")
        for _ in range(3):
            await sending.step()
        refund = await sending.refund(operation_id)
        assert (refund.status, refund.reason) == (RefundStatus.HELD, "refused")

        async with sending.house.database.transaction() as connection:
            await ask_again(connection, refund_id, actor="tests")
        await self._decide(sending, "release")
        await sending.work(operation_id)
        assert await sending.chain.balance() == "100.0000000"

    async def test_stop_refunds_and_nothing_is_signed(self, sending: Sending) -> None:
        operation_id = await sending.order()
        async with sending.house.database.transaction() as connection:
            await stop(connection, what=Outgoing.REFUNDS, asset=None, reason="tests", actor="tests")
        for _ in range(3):
            await sending.step()

        assert await sending.statuses(operation_id) == []

    async def test_stop_refunds_and_what_is_signed_is_asked_about_but_not_sent(
        self, sending: Sending
    ) -> None:
        operation_id = await sending.order()

        def die(name: str) -> None:
            if name == "horizon.submit.before":
                raise Killed

        with pytest.raises(Killed), watched_by(die):
            await sending.worker().step()
        async with sending.house.database.transaction() as connection:
            await stop(connection, what=Outgoing.REFUNDS, asset=None, reason="tests", actor="tests")
        for _ in range(3):
            await sending.step()
        assert await sending.chain.sent() == []
        await outlive(sending)
        await sending.step()

        assert await sending.statuses(operation_id) == [DEAD]
        assert (await sending.refund(operation_id)).status is RefundStatus.ORDERED


class TestTheDatabaseRefuses:
    async def test_a_second_envelope_of_a_refund_that_was_sent(self, sending: Sending) -> None:
        await sending.work(await sending.order())

        with pytest.raises(asyncpg.UniqueViolationError, match="envelopes_one_may_pay"):
            await sending.house.execute(
                """
                INSERT INTO envelopes (id, kind, subject_id, hash, content, account, sequence, fee_stroops, valid_until,
                    signed_ledger)
                SELECT gen_random_uuid(), kind, subject_id, repeat('0', 64), content, account, sequence + 1,
                    fee_stroops, valid_until, signed_ledger
                FROM envelopes
                """
            )

    @pytest.mark.parametrize(
        "change", ["content = ''", "hash = repeat('0', 64)", "status = 'open', ledger = NULL", "sequence = 1"]
    )
    async def test_to_change_what_was_signed_or_ended(self, change: str, sending: Sending) -> None:
        await sending.work(await sending.order())

        with pytest.raises(asyncpg.RestrictViolationError):
            await sending.house.execute(f"UPDATE envelopes SET {change}")
