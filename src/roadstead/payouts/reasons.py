"""Why banks refuse: what each reason code asks for, of whom, and in which words. Pure.

A code that is not in the table is `unexplained`, and so is none at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from roadstead.payouts.content import ACCOUNT_FIELDS, NAME_FIELDS
from roadstead.payouts.reason_codes import ACTIONS, ActionClass
from roadstead.remittances.store import AskedField

BANK_FIELDS = ("bank_number",)
ADDRESS_FIELDS = ("address", "city", "postal_code", "address_country_code")

_FIX_BANK = frozenset(
    ("AC08", "AG06", "AGNT", "CNOR", "RC01", "RC02", "RC04", "RC05", "RC07", "RC08", "RC10", "RC11")
)
_FIX_ADDRESS = frozenset(("BE04", "BE09", "BE11", "BE12", "BE14"))

_SENTENCES: Mapping[ActionClass, str] = {
    ActionClass.FIX_ACCOUNT: "The bank cannot pay to the account that was named.",
    ActionClass.FIX_IDENTITY: "The bank says that the name or the address does not suit the account.",
}
_BANK_SENTENCE = "The bank does not know the receiving client's bank."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason code and what it asks for."""

    code: str
    action: ActionClass


def reason_of(code: str | None) -> Reason:
    """Look a reason code up; one that nobody knows is unexplained."""
    known = (code or "").strip().upper()
    return Reason(code=known, action=ACTIONS.get(known, ActionClass.UNEXPLAINED))


def explanation(reason: Reason) -> str:
    """Say to a partner why data of the receiving client are asked for again, in one sentence of the catalogue."""
    return _BANK_SENTENCE if reason.code in _FIX_BANK else _SENTENCES.get(reason.action, "")


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
