"""Why banks refuse, as data: what each reason code asks for. Pure.

Codes are ISO 20022's external ones (`ExternalStatusReason1Code`, `ExternalReturnReason1Code`), which most rails give or
are translated to. A code that is not in the table is `unexplained`, and so is none at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from roadstead.payouts.content import ACCOUNT_FIELDS, NAME_FIELDS
from roadstead.remittances.store import AskedField


class ActionClass(StrEnum):
    """What has to change before a payout can succeed."""

    FIX_ACCOUNT = "fix_account"
    """The receiving client's account or bank is wrong."""
    FIX_IDENTITY = "fix_identity"
    """Name or address are missing or do not suit the account."""
    FIX_REFERENCE = "fix_reference"
    """What travels with the payment is missing or wrong."""
    ACCOUNT_UNUSABLE = "account_unusable"
    """The account is closed or blocked, or its holder has died."""
    OVER_LIMIT = "over_limit"
    """The amount is not carried."""
    OUR_FUNDS = "our_funds"
    """Our own account has not enough money."""
    OUR_DUPLICATE = "our_duplicate"
    """The bank takes it for a payment that it has already: that one may have been paid."""
    OUR_FORMAT = "our_format"
    """Our instruction is malformed: an engineer has to look."""
    TRY_LATER = "try_later"
    """Nothing is wrong; the bank cannot do it now."""
    COMPLIANCE = "compliance"
    """The law may forbid it. Nobody outside is told why."""
    RECALLED = "recalled"
    """It was called back."""
    UNEXPLAINED = "unexplained"
    """The bank does not say, or says what is not in the table."""


BANK_FIELDS = ("bank_number",)
ADDRESS_FIELDS = ("address", "city", "postal_code", "address_country_code")

_FIX_BANK = ("RC01", "RC04", "CNOR")
_FIX_ADDRESS = ("BE04",)

_CODES: Mapping[ActionClass, tuple[str, ...]] = {
    ActionClass.FIX_ACCOUNT: ("AC01", "AC03", "AC14", "AG01", *_FIX_BANK),
    ActionClass.FIX_IDENTITY: ("BE01", "BE06", "BE22", "RR01", "RR02", "RR03", *_FIX_ADDRESS),
    ActionClass.FIX_REFERENCE: ("FF07", "RR07", "RR09"),
    ActionClass.ACCOUNT_UNUSABLE: ("AC04", "AC06", "AC07", "AC16", "AC17", "MD07"),
    ActionClass.OVER_LIMIT: ("AM02", "AM14", "AM21"),
    ActionClass.OUR_FUNDS: ("AM04",),
    ActionClass.OUR_DUPLICATE: ("AM05", "DUPL"),
    ActionClass.OUR_FORMAT: ("AC02", "AM09", "AM10", "AM18", "BE05", "BE16", "DT01", "FF01", "RR10"),
    ActionClass.TRY_LATER: ("AB05", "AB06", "AB07", "AB08", "AB09", "AB10", "ED05", "NOAS", "TM01"),
    ActionClass.COMPLIANCE: ("FR01", "FRAD", "LEGL", "RR04"),
    ActionClass.RECALLED: ("CUST", "CUTA", "FOCR", "UPAY"),
    ActionClass.UNEXPLAINED: ("MS02", "MS03", "NARR"),
}

ACTIONS: Mapping[str, ActionClass] = {code: action for action, codes in _CODES.items() for code in codes}
"""Every code that is known, and what it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason code and what it asks for."""

    code: str
    action: ActionClass


def reason_of(code: str | None) -> Reason:
    """Look a reason code up; one that nobody knows is unexplained."""
    known = (code or "").strip().upper()
    return Reason(code=known, action=ACTIONS.get(known, ActionClass.UNEXPLAINED))


def customer_fields(
    reason: Reason, *, provided: Collection[str], askable: Collection[str]
) -> tuple[str, ...]:
    """Name the SEP-9 fields of the receiving client to ask for: among those that its type asks for.

    What was provided is preferred, because it is what the bank refused; nothing means that asking would not help.
    """
    for candidates in _candidates(reason):
        asked = tuple(name for name in candidates if name in askable)
        given = tuple(name for name in asked if name in provided)
        if given or asked:
            return given or asked
    return ()


def _candidates(reason: Reason) -> tuple[tuple[str, ...], ...]:
    if reason.code in _FIX_BANK:
        return BANK_FIELDS, ACCOUNT_FIELDS
    if reason.code in _FIX_ADDRESS:
        return ADDRESS_FIELDS, NAME_FIELDS
    if reason.action is ActionClass.FIX_IDENTITY:
        return (NAME_FIELDS,)
    return ACCOUNT_FIELDS, BANK_FIELDS


PURPOSE = "purpose"
REFERENCE = "reference"

_PURPOSE_FIELD = AskedField(description="What the payment is for, in a few words.")
_REFERENCE_FIELD = AskedField(description="What the receiving client should read on the statement.")


def transaction_fields(reason: Reason) -> Mapping[str, AskedField]:
    """Describe the fields of the transaction to ask for."""
    if reason.code == "FF07":
        return {PURPOSE: _PURPOSE_FIELD}
    return {REFERENCE: _REFERENCE_FIELD}
