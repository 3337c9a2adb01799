"""The verifier beside refunds that really went over a network."""

from __future__ import annotations

from tests.fixtures.house import House
from tests.refunds.sending import Sending

from roadstead.ledger.verify import verify


class TestAfterARefundWasSent:
    async def test_the_books_are_sound_at_every_step(self, house: House, sending: Sending) -> None:
        operation_id = await sending.order()
        assert (await verify(house.database)).findings == ()
        await sending.work(operation_id)
        assert (await verify(house.database)).findings == ()
