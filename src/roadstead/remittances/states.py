"""The states of a remittance (SEP-31) and the moves between them, as data: code, database and docs share this table."""

from __future__ import annotations

from enum import StrEnum


class RemittanceStatus(StrEnum):
    """What a partner is told about a remittance.

    "Paid on the chain" is a fact of its own (`funded_by`), which the status alone does not tell.
    """

    PENDING_SENDER = "pending_sender"
    """Waiting for the sending anchor's payment on Stellar."""
    PENDING_RECEIVER = "pending_receiver"
    """With us: before the payment, being prepared; after it, on its way to the bank."""
    PENDING_CUSTOMER_INFO_UPDATE = "pending_customer_info_update"
    """A customer's data has to be corrected through SEP-12."""
    PENDING_TRANSACTION_INFO_UPDATE = "pending_transaction_info_update"
    """A field of the remittance has to be corrected through PATCH."""
    PENDING_EXTERNAL = "pending_external"
    """A bank has the payout; it is not yet confirmed."""
    COMPLETED = "completed"
    """The bank confirmed the payout."""
    REFUNDED = "refunded"
    """What arrived went back to its payer."""
    EXPIRED = "expired"
    """The payment did not come in time."""
    ERROR = "error"
    """Nothing more happens without a person."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in _FINAL


_FINAL = frozenset(
    {RemittanceStatus.COMPLETED, RemittanceStatus.REFUNDED, RemittanceStatus.EXPIRED, RemittanceStatus.ERROR}
)

NEW = "new"
"""Where a remittance comes from before it has a status."""

_MOVES_BY_ORIGIN: dict[str, tuple[RemittanceStatus, ...]] = {
    NEW: (
        RemittanceStatus.PENDING_SENDER,
        RemittanceStatus.PENDING_RECEIVER,
        RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
    ),
    RemittanceStatus.PENDING_SENDER: (
        RemittanceStatus.PENDING_RECEIVER,
        RemittanceStatus.EXPIRED,
        RemittanceStatus.ERROR,
    ),
    RemittanceStatus.PENDING_RECEIVER: (
        RemittanceStatus.PENDING_SENDER,
        RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
        RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE,
        RemittanceStatus.PENDING_EXTERNAL,
        RemittanceStatus.COMPLETED,
        RemittanceStatus.REFUNDED,
        RemittanceStatus.EXPIRED,
        RemittanceStatus.ERROR,
    ),
    RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE: (
        RemittanceStatus.PENDING_RECEIVER,
        RemittanceStatus.REFUNDED,
        RemittanceStatus.EXPIRED,
        RemittanceStatus.ERROR,
    ),
    RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE: (
        RemittanceStatus.PENDING_RECEIVER,
        RemittanceStatus.REFUNDED,
        RemittanceStatus.ERROR,
    ),
    RemittanceStatus.PENDING_EXTERNAL: (
        RemittanceStatus.COMPLETED,
        RemittanceStatus.PENDING_RECEIVER,
        RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
        RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE,
        RemittanceStatus.REFUNDED,
        RemittanceStatus.ERROR,
    ),
    RemittanceStatus.COMPLETED: (RemittanceStatus.REFUNDED,),
}

MOVES = frozenset(
    (origin, destination) for origin, destinations in _MOVES_BY_ORIGIN.items() for destination in destinations
)
"""Every legal move; the database holds the same table and refuses all others."""
