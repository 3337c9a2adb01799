"""The submitter of an account: one envelope at a time, stored before it is sent, and seen through to its end.

A worker that dies anywhere leaves a row that says what was signed. The next one asks for it by its hash and submits the
very same envelope again, which the network applies once at most. Another is signed only when that one is provably dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.envelopes import store
from roadstead.envelopes.purposes import Dead, Draft, End, Failed, Purpose, Succeeded
from roadstead.envelopes.seeing import Pending, see_through
from roadstead.envelopes.signing import SigningDesk
from roadstead.envelopes.store import Envelope, EnvelopeStatus
from roadstead.errors import Conflict, Forbidden, Unavailable
from roadstead.money import NATIVE
from roadstead.randomness import Randomness, new_id
from roadstead.stellar.horizon import HorizonFault
from roadstead.stellar.outcomes import AccountState
from roadstead.stellar.payments import PaymentTransaction
from roadstead.stellar.records import Root
from roadstead.stellar.submissions import Submissions

log = structlog.get_logger()

LEASE = timedelta(seconds=75)
STEP_TIMEOUT_S = 70.0
"""The deadline of one step: shorter than the lease, longer than a submission with all that is asked around it."""

UNDERFUNDED = "op_underfunded"
FEE_UNDERFUNDED = "tx_insufficient_balance"


class Submitter:
    """Sends payments from one account. Any number may run; the account's lease lets one act at a time."""

    def __init__(
        self,
        *,
        database: Database,
        servers: Sequence[Submissions],
        desk: SigningDesk,
        purposes: Sequence[Purpose],
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        """Put together what it needs; a server is asked until it gives no clear answer, then the next one is."""
        self._database = database
        self._servers = tuple(servers)
        self._desk = desk
        self._purposes: Mapping[str, Purpose] = {purpose.kind: purpose for purpose in purposes}
        self._clock = clock
        self._randomness = randomness
        self._turn = 0

    async def step(self) -> bool:
        """Carry the open envelope on, or sign the next; True when there is more to do at once. Safe to repeat.

        Raises:
            Unavailable: The database, Horizon or the keeper of the key does not answer; nothing is lost.
        """
        if not await self._has_work():
            return False
        token = new_id(self._randomness)
        async with self._database.connection() as connection:
            if not await store.claim_account(connection, self._desk.account, token, LEASE):
                return False
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                return await self._work(token)
        except Conflict as conflict:
            log.warning("envelope_step_given_up", account=self._desk.account, detail=conflict.message)
            return False
        except HorizonFault:
            self._turn += 1
            raise
        except TimeoutError as error:
            self._turn += 1
            raise Unavailable(
                "A step of the submitter took too long. What it sent is asked about by the next."
            ) from error
        finally:
            async with self._database.connection() as connection:
                await store.release_account(connection, self._desk.account, token)

    @property
    def _server(self) -> Submissions:
        return self._servers[self._turn % len(self._servers)]

    async def _has_work(self) -> bool:
        async with self._database.connection() as connection:
            due = await store.is_due(connection, self._desk.account)
            if due is not None:
                return due
            for purpose in self._purposes.values():
                if await purpose.draft(connection) is not None:
                    return True
        return False

    async def _work(self, token: UUID) -> bool:
        async with self._database.connection() as connection:
            envelope = await store.open_envelope(connection, self._desk.account)
        if envelope is None:
            envelope = await self._sign_next(token)
        return envelope is not None and await self._carry_on(envelope, token)

    async def _sign_next(self, token: UUID) -> Envelope | None:
        """Sign the next payment and store its envelope; None when nothing is to be sent now."""
        for purpose in self._purposes.values():
            async with self._database.connection() as connection:
                draft = await purpose.draft(connection)
            if draft is not None:
                return await self._sign(purpose, draft, token)
        return None

    async def _sign(self, purpose: Purpose, draft: Draft, token: UUID) -> Envelope | None:
        root = await self._network()
        state, ledger = await self._account()
        lacking = self._lacking(draft, state)
        if lacking is not None:
            async with self._database.transaction() as connection:
                await store.confirm_lease(connection, self._desk.account, token)
                await purpose.wait(connection, draft.subject_id, lacking, self._clock.now())
            return None
        try:
            envelope = await self._desk.sign(
                purpose,
                draft,
                self._transaction(draft, root, state),
                envelope_id=new_id(self._randomness),
                signed_ledger=min(root.latest_ledger, ledger) - 1,
                now=self._clock.now(),
            )
        except Forbidden as objection:
            async with self._database.transaction() as connection:
                await store.confirm_lease(connection, self._desk.account, token)
                await purpose.refuse(connection, draft.subject_id, objection.message, self._clock.now())
            return None
        async with self._database.transaction() as connection:
            await store.confirm_lease(connection, self._desk.account, token)
            await purpose.begin(connection, draft.subject_id, self._clock.now())
            await store.insert(connection, envelope)
        log.info("envelope_signed", hash=envelope.hash, kind=envelope.kind, subject_id=str(draft.subject_id))
        return envelope

    def _transaction(self, draft: Draft, root: Root, state: AccountState) -> PaymentTransaction:
        valid_until = root.latest_ledger_closed_at + timedelta(seconds=self._desk.terms.valid_for_s)
        return PaymentTransaction(
            source=self._desk.account,
            sequence=state.sequence + 1,
            fee_stroops=self._desk.terms.fee_stroops,
            valid_until_s=int(valid_until.timestamp()),
            destination=draft.destination,
            asset=draft.amount.asset,
            amount_units=draft.amount.units,
            memo=draft.memo,
        )

    def _lacking(self, draft: Draft, state: AccountState) -> str | None:
        """Say what our account lacks for a payment; only what is surely lacking is said."""
        asset, lumens = draft.amount.asset, state.spendable[NATIVE] - self._desk.terms.fee_stroops
        if lumens < 0:
            return FEE_UNDERFUNDED
        left = lumens if asset == NATIVE else state.spendable.get(asset, 0)
        return UNDERFUNDED if left < draft.amount.units and asset.issuer != self._desk.account else None

    async def _account(self) -> tuple[AccountState, int]:
        state = await self._server.account(self._desk.account)
        if state is None or state.ledger is None:
            raise HorizonFault(
                f"Horizon does not show account {self._desk.account} with its ledger: nothing is signed. Check the "
                "account, and that no proxy takes the header Latest-Ledger away.",
                reason="no_account",
            )
        async with self._database.connection() as connection:
            last = await store.last_sequence(connection, self._desk.account)
        if state.sequence < last:
            raise HorizonFault(
                f"Horizon shows account {self._desk.account} as it was before our last transaction: it is asked again.",
                reason="behind",
            )
        return state, state.ledger

    async def _network(self) -> Root:
        root = await self._server.root()
        if root.network_passphrase != self._desk.passphrase:
            raise HorizonFault(
                f"Horizon shows the network {root.network_passphrase[:60]!r}, not ours: nothing is signed.",
                reason="other_network",
            )
        return root

    async def _carry_on(self, envelope: Envelope, token: UUID) -> bool:
        """See an envelope through, as far as it goes now; True when there is more to do at once."""
        purpose = self._purposes[envelope.kind]
        async with self._database.connection() as connection:
            bump = await store.last_bump(connection, envelope.id)
            is_stopped = await purpose.is_stopped(connection, envelope.subject_id)
        content = bump.content if bump else envelope.content
        seen = await see_through(self._server, envelope, content, is_stopped=is_stopped)
        raised = None
        if isinstance(seen, Pending):
            self._turn += int(seen.wants_other_server)
            raised = await self._desk.bump(envelope, bump) if seen.wants_higher_fee else None
        async with self._database.transaction() as connection:
            await store.confirm_lease(connection, self._desk.account, token)
            now = self._clock.now()
            if isinstance(seen, Pending):
                await _postpone(connection, envelope, seen, raised, now)
                if raised is None:
                    await purpose.trouble(connection, envelope, seen.code, now)
                return raised is not None
            await _end(connection, envelope, seen, now)
            await purpose.conclude(connection, envelope, seen, now)
        log.info("envelope_ended", hash=envelope.hash, end=type(seen).__name__.lower())
        return True


async def _postpone(
    connection: Connection, envelope: Envelope, seen: Pending, raised: store.Bump | None, now: datetime
) -> None:
    if raised is not None:
        await store.insert_bump(connection, raised, now)
    due_in = timedelta(0) if raised else seen.due_in
    await store.postpone(connection, envelope.id, due_in, reason=seen.code, is_submitted=seen.is_submitted)


async def _end(connection: Connection, envelope: Envelope, end: End, now: datetime) -> None:
    match end:
        case Succeeded(ledger=ledger):
            await store.end(connection, envelope.id, EnvelopeStatus.SUCCEEDED, now, ledger=ledger)
        case Failed(code=code, ledger=ledger):
            await store.end(connection, envelope.id, EnvelopeStatus.FAILED, now, reason=code, ledger=ledger)
        case Dead(proof=proof):
            await store.end(connection, envelope.id, EnvelopeStatus.DEAD, now, reason=proof)
