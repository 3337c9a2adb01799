"""Asking the partner of a paid remittance for data of its customers (SEP-31 `pending_customer_info_update`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.remittances import store as remittances
from roadstead.remittances.states import RemittanceStatus

_AGAIN = "Send these fields of the customers again through SEP-12"
_MAY_BE_ASKED = frozenset({RemittanceStatus.PENDING_RECEIVER, RemittanceStatus.PENDING_EXTERNAL})


async def ask_customer(
    connection: Connection, remittance_id: UUID, fields: Sequence[str], now: datetime, *, why: str = ""
) -> None:
    """Tell the partner which data stand in the way of a payout, unless it is asked for something already.

    `why` is said before it, a whole sentence of the catalogue. The money stays where it is: the payout is ordered, and
    goes on when the data are there.
    """
    remittance = await remittances.by_id(connection, remittance_id, lock=True)
    if remittance is None or remittance.status not in _MAY_BE_ASKED:
        return
    await remittances.move(
        connection,
        remittances.Move(
            remittance_id=remittance.id,
            status_from=remittance.status,
            status_to=RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
            cause="customer data missing",
            message=" ".join(filter(None, (why, f"{_AGAIN}: {', '.join(fields)}."))),
        ),
        now,
    )
