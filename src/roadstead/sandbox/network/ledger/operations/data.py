"""manage_data."""

from dataclasses import replace
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, refused
from roadstead.sandbox.network.ledger.reserves import create_subentry, remove_subentry
from roadstead.sandbox.network.ledger.state import Data

from .rule import Check, Turn, unpaid

_Code = xdr.ManageDataResultCode


def is_plain_text(value: bytes) -> bool:
    """Whether the bytes are ASCII without control characters."""
    return all(0x20 <= byte < 0x7F for byte in value)  # noqa: PLR2004 - the printable range


def check(check: Check) -> IntEnum | None:
    """A name is needed, in plain ASCII."""
    body: xdr.ManageDataOp = check.body
    name = body.data_name.string64
    return None if name and is_plain_text(name) else _Code.MANAGE_DATA_INVALID_NAME


def apply(turn: Turn) -> Outcome:
    """Set, replace or (without a value) delete a data entry of the source."""
    body: xdr.ManageDataOp = turn.body
    name = body.data_name.string64
    entry = turn.view.data(turn.source, name)
    if body.data_value is None:
        if entry is None:
            return refused(_Code.MANAGE_DATA_NAME_NOT_FOUND)
        remove_subentry(turn.view, entry, turn.source)
        return DONE
    value = body.data_value.data_value
    if entry is not None:
        turn.view.put(replace(entry, value=value))
        return DONE
    created = Data(account=turn.source, name=name, value=value)
    problem = create_subentry(turn.view, created, turn.source, turn.sponsorships, turn.terms)
    return DONE if problem is None else unpaid(problem, _Code.MANAGE_DATA_LOW_RESERVE)
