"""A house whose refunds go out on the offline network, step by step under a test's hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fixtures.authentication import configured
from tests.fixtures.chain import DISTRIBUTION, ISSUER, PASSPHRASE, Chain
from tests.fixtures.house import House
from tests.refunds.orders import HUNDRED, refunds_of, suspense_order, unmatched_payment

from roadstead.config.anchor import TransactionTerms
from roadstead.config.secrets import Secret
from roadstead.envelopes.signing import SigningDesk
from roadstead.envelopes.store import Envelope, EnvelopeStatus, of_subject
from roadstead.envelopes.submitter import Submitter
from roadstead.errors import Unavailable
from roadstead.refunds import store
from roadstead.refunds.ordering import refund_orderer
from roadstead.refunds.sending import KIND, RefundSending
from roadstead.refunds.states import RefundStatus
from roadstead.remittances.suspense import order_refunds_of
from roadstead.stellar.signers import SeedSigner, Signer
from roadstead.stellar.submissions import HorizonSubmissions, Submissions

STEPS_MAX = 60


@dataclass
class Sending:
    """The house, the chain, and workers that come and go."""

    house: House
    chain: Chain
    terms: TransactionTerms = field(default_factory=lambda: TransactionTerms(valid_for_s=60))
    signer: Signer = field(default_factory=lambda: SeedSigner(Secret(DISTRIBUTION.secret)))
    opened: list[HorizonSubmissions] = field(default_factory=list)

    def server(self, url: str | None = None, **limits: float) -> HorizonSubmissions:
        """A Horizon."""
        server = HorizonSubmissions(url or self.chain.url, **limits)
        self.opened.append(server)
        return server

    def worker(self, servers: Sequence[Submissions] = (), signer: Signer | None = None) -> Submitter:
        """A worker that has just started, and remembers nothing."""
        house = self.house
        return Submitter(
            database=house.database,
            servers=servers or [self.server()],
            desk=SigningDesk(
                account=DISTRIBUTION.public_key,
                passphrase=PASSPHRASE,
                signer=signer or self.signer,
                terms=self.terms,
                database=house.database,
            ),
            purposes=[RefundSending()],
            clock=house.clock,
            randomness=house.randomness,
        )

    async def order(self, units: int = HUNDRED) -> int:
        """Order the refund of a payment that funds nothing; return the payment."""
        operation_id = await unmatched_payment(self.house, units)
        await self.send_back(operation_id, units)
        return operation_id

    async def send_back(self, operation_id: int, units: int = HUNDRED) -> None:
        """Order the refund of a payment in suspense."""
        house = self.house
        order = suspense_order(house, operation_id, units)
        async with house.database.transaction() as connection:
            await order_refunds_of(
                connection,
                refund_orderer(house.configuration, house.randomness),
                [order],
                house.clock.now(),
                cause="tests",
            )

    async def refund(self, operation_id: int) -> store.Refund:
        """The one refund of a payment."""
        (refund,) = await refunds_of(self.house, operation_id)
        return refund

    async def envelopes(self, operation_id: int) -> list[Envelope]:
        """The envelopes of a payment's refund, oldest first."""
        refund = await self.refund(operation_id)
        async with self.house.database.connection() as connection:
            return await of_subject(connection, KIND, refund.id)

    async def make_due(self) -> None:
        """Let every pause and every lease of the dead be over."""
        await self.house.execute("UPDATE envelopes SET due_at = now() - interval '1 s' WHERE status = 'open'")
        await self.house.execute(
            "UPDATE refunds SET due_at = now() - interval '1 s' WHERE due_at IS NOT NULL"
        )
        await self.house.execute("UPDATE signing_accounts SET lease_until = NULL, lease_token = NULL")

    async def step(self, worker: Submitter | None = None) -> bool:
        """One step of a worker, with everything due; silence of the network is a step too."""
        await self.make_due()
        try:
            return await (worker or self.worker()).step()
        except Unavailable:
            return False

    async def work(self, operation_id: int, *, until: RefundStatus = RefundStatus.SENT) -> store.Refund:
        """Let new workers take steps until the refund is where it should be."""
        for _ in range(STEPS_MAX):
            await self.step()
            refund = await self.refund(operation_id)
            if refund.status is until:
                return refund
        raise AssertionError(f"The refund is {refund.status}, {refund.reason}, and not {until}.")

    async def statuses(self, operation_id: int) -> list[EnvelopeStatus]:
        """How the envelopes of a refund ended."""
        return [envelope.status for envelope in await self.envelopes(operation_id)]

    async def alerts(self) -> Mapping[str, int]:
        """The alerts that are open, by kind."""
        async with self.house.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT kind, count(*) FROM alerts WHERE status <> 'closed' GROUP BY 1"
            )
        return {row["kind"]: row["count"] for row in rows}


@asynccontextmanager
async def sending_from(house: House, chain: Chain) -> AsyncIterator[Sending]:
    """Let a house send its refunds on a network."""
    house.configuration = configured(
        {
            "ROADSTEAD_DISTRIBUTION_ACCOUNT": DISTRIBUTION.public_key,
            "ROADSTEAD_ASSET_EURX_ISSUER": ISSUER.public_key,
            "ROADSTEAD_HORIZON_URLS": chain.url,
        }
    )
    sending = Sending(house=house, chain=chain)
    try:
        yield sending
    finally:
        for server in sending.opened:
            await server.close()


def with_anchor(house: House, **changes: Any) -> None:
    """Give the house other terms."""
    house.configuration = replace(house.configuration, anchor=replace(house.configuration.anchor, **changes))
