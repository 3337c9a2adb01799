"""How far a payment of the sending anchor has come, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from roadstead.config.anchor import CustomerRole
from roadstead.sandbox.page import AnchorPage
from roadstead.sandbox.receiver import Opened
from roadstead.sandbox.wallet import Paid

FINAL_STATUSES = frozenset({"completed", "refunded", "expired", "error"})

ASKS_FOR_CUSTOMER = "pending_customer_info_update"

STATUS_WORDS = {
    "pending_sender": "the anchor waits for the payment",
    "pending_stellar": "the payout is on its way over Stellar",
    "pending_receiver": "the anchor works on it",
    "pending_external": "the bank has the payout",
    "pending_customer_info_update": "the anchor needs other data about a customer",
    "pending_transaction_info_update": "the anchor needs other data about the payment",
    "completed": "the money has arrived",
    "refunded": "the money went back",
    "expired": "it was not paid in time",
    "error": "the anchor cannot go on without a person",
}
"""What each status of SEP-31 means, for people who read it for the first time."""


class Step(StrEnum):
    """How far a payment has come."""

    FOUND = "found"
    AUTHENTICATED = "authenticated"
    REGISTERED = "registered"
    OPENED = "opened"
    PAID = "paid"
    STATUS = "status"
    CORRECTED = "corrected"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Something that has just happened, told for people (`message`) and for machines (`details`)."""

    step: Step
    message: str
    details: Mapping[str, str] = field(default_factory=dict)
    remittance: Mapping[str, Any] | None = None
    """The remittance as the anchor shows it (SEP-31), once there is one."""


def found(page: AnchorPage) -> Progress:
    """Tell that the anchor was looked up."""
    return Progress(
        step=Step.FOUND,
        message=f"Found {page.home_domain}",
        details={"home_domain": page.home_domain, "signing_key": page.signing_key},
    )


def authenticated(account: str) -> Progress:
    """Tell that the anchor knows who we are."""
    return Progress(
        step=Step.AUTHENTICATED, message=f"Authenticated as {account}", details={"account": account}
    )


def opened_as(opened: Opened, remittance: Mapping[str, Any]) -> Progress:
    """Tell that a remittance was opened, and how it is to be paid."""
    return Progress(
        step=Step.OPENED,
        message=f"Opened remittance {opened.id}",
        details={
            "id": opened.id,
            "account": opened.account,
            "memo_type": opened.memo_type,
            "memo": opened.memo,
        },
        remittance=remittance,
    )


def paid_with(paid: Paid, amount: str) -> Progress:
    """Tell that an amount is in a ledger."""
    return Progress(
        step=Step.PAID,
        message=f"Paid {amount} in ledger {paid.ledger}",
        details={"transaction_hash": paid.transaction_hash, "ledger": str(paid.ledger)},
    )


def registered(role: CustomerRole, customer_id: str | None) -> Progress:
    """Tell that a customer was registered, or need not be."""
    if customer_id is None:
        return Progress(
            step=Step.REGISTERED, message=f"No {role} needs to be registered", details={"role": role}
        )
    return Progress(
        step=Step.REGISTERED,
        message=f"Registered the {role}, customer {customer_id}",
        details={"role": role.value, "id": customer_id},
    )


def status_text(remittance: Mapping[str, Any]) -> str:
    """Say where a remittance stands, in the anchor's words or in ours."""
    status = str(remittance["status"])
    words = remittance.get("status_message") or STATUS_WORDS.get(status)
    return f"{status}: {words}" if words else status


def finished(remittance: Mapping[str, Any]) -> Progress:
    """Tell the end of a remittance."""
    keys = (
        "id",
        "status",
        "amount_in",
        "amount_out",
        "amount_fee",
        "stellar_transaction_id",
        "external_transaction_id",
    )
    return Progress(
        step=Step.FINISHED,
        message=f"Remittance {remittance.get('id')} is {remittance['status']}",
        details={key: str(remittance[key]) for key in keys if remittance.get(key) is not None},
        remittance=remittance,
    )


def corrected(
    role: CustomerRole, customer_id: str, fields: Iterable[str], asked: Mapping[str, str]
) -> Progress:
    """Tell that a customer's data were corrected; `asked` is what the anchor said of each field that it asked for."""
    return Progress(
        step=Step.CORRECTED,
        message=f"Corrected {', '.join(fields)} of the {role} (SEP-12)",
        details={"role": role.value, "id": customer_id, **asked},
    )
