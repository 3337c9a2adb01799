"""Orders of refunds as the rooms below give them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.fixtures.house import House

from roadstead.config.effective import Configuration
from roadstead.money import Money
from roadstead.refunds import store
from roadstead.refunds.ordering import refund_orderer
from roadstead.remittances.refunding import RefundOrder, RefundSource

HUNDRED = 1_000_000_000
"""One hundred tokens in their smallest unit."""


async def give(house: House, *orders: RefundOrder, configuration: Configuration | None = None) -> None:
    """Order refunds in a transaction of their own."""
    order = refund_orderer(configuration or house.configuration, house.randomness)
    async with house.database.transaction() as connection:
        await order(connection, orders, house.clock.now())


def suspense_order(house: House, operation_id: int, units: int = HUNDRED, **changes: Any) -> RefundOrder:
    """An order to send back a payment that funded nothing."""
    values: dict[str, Any] = {
        "source": RefundSource.SUSPENSE,
        "operation_id": operation_id,
        "remittance": None,
        "memo_remittance": None,
        "amount": Money(house.eurx, units),
        "cause": "too_late",
        **changes,
    }
    return RefundOrder(**values)


async def unmatched_payment(house: House, units: int = HUNDRED, memo: int | None = 7) -> int:
    """A payment that funds nothing, in suspense."""
    operation_id = await house.pay(memo, units)
    await house.match()
    return operation_id


async def funded(house: House, **changes: Any) -> tuple[UUID, int]:
    """A remittance that was funded by a payment of 100, with its payout ordered."""
    opened = await house.open(**changes)
    operation_id = await house.pay(opened.memo)
    await house.match()
    return opened.id, operation_id


async def delivery_order(house: House, remittance_id: UUID, operation_id: int) -> RefundOrder:
    """An order to send back what funded a remittance, instead of delivering it."""
    remittance = await house.remittance(remittance_id)
    return suspense_order(
        house,
        operation_id,
        source=RefundSource.DELIVERY,
        remittance=remittance,
        memo_remittance=remittance,
        cause="payout refused AC04",
    )


async def refunds_of(house: House, operation_id: int) -> list[store.Refund]:
    """The refunds of a payment."""
    async with house.database.connection() as connection:
        return await store.by_payment(connection, operation_id)
