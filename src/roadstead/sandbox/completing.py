"""Opening a remittance where the anchor wants to know more of a customer first (SEP-31 `customer_info_needed`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from roadstead.config.anchor import CustomerRole
from roadstead.sandbox.calls import Refused
from roadstead.sandbox.receiver import Offer, Opened, Receiver

TYPES_MAX = 4
"""How often an anchor may want to know more, before its refusal is believed."""

Customers = dict[CustomerRole, str | None]
"""The ids of both sides; None of a side that need not be known."""


async def open_completing(
    receiver: Receiver,
    offer: Offer,
    customers: Customers,
    open_once: Callable[[Customers], Awaitable[Opened]],
    *,
    given: Mapping[CustomerRole, Mapping[str, str]],
    may_invent: bool,
) -> Opened:
    """Open a remittance; as often as the anchor asks for another type of a customer, complete that and open again.

    A side that was not known so far is registered, and its id put into `customers`.

    Raises:
        BadInput: The anchor refuses it for another reason, or a customer lacks what may not be invented.
        Unavailable: The anchor does not answer.
    """
    for _ in range(TYPES_MAX):
        try:
            return await open_once(customers)
        except Refused as refused:
            wanted = _wanted(offer, refused)
            if wanted is None:
                raise
            role, customer_type = wanted
        customers[role] = await receiver.register(
            role,
            customer_type=customer_type,
            given=given.get(role, {}),
            may_invent=may_invent,
            customer_id=customers.get(role),
        )
    return await open_once(customers)


def _wanted(offer: Offer, refused: Refused) -> tuple[CustomerRole, str] | None:
    """Return the side of which the anchor wants to know more, and the type; None when that is not why it refused."""
    answer = refused.answer if isinstance(refused.answer, dict) else {}
    name = str(answer.get("type"))
    if answer.get("error") != "customer_info_needed":
        return None
    if name in offer.sender_types:
        return CustomerRole.SENDER, name
    return (CustomerRole.RECEIVER, name) if name in offer.receiver_types else None
