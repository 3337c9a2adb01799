"""Sorting the records of a page by what they were. Pure: bytes in, verdicts out, in the order of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from roadstead.payments.decoding import decode
from roadstead.payments.store import UndecodableRecord
from roadstead.payments.verdicts import (
    BalanceClaim,
    BalanceOffer,
    Clawback,
    IncomingPayment,
    Irrelevant,
    OutgoingPayment,
    Undecodable,
)
from roadstead.stellar.horizon import HorizonFault
from roadstead.stellar.records import position_of

_LEDGER_SHIFT = 32


@dataclass(slots=True, kw_only=True)
class Judged:
    """What the records of a page were, and how far they lead."""

    position: str
    payments: list[IncomingPayment] = field(default_factory=list)
    claims: list[tuple[BalanceClaim, bytes]] = field(default_factory=list)
    """Claims of balances, each with its record, as it may turn out that too little is known of it."""
    clawbacks: list[Clawback] = field(default_factory=list)
    outgoing: list[OutgoingPayment] = field(default_factory=list)
    undecodable: list[UndecodableRecord] = field(default_factory=list)
    has_offers: bool = False
    """Whether somebody made a claimable balance for us."""
    is_cut: bool = False
    """Whether records were left for later."""


def judge(records: Sequence[bytes], account: str, position: str, ledger_max: int) -> Judged:
    """Sort the records of a page after a position.

    A record without a readable paging token is named after the one before it, and the cursor passes it together with
    the next record that has one. Records of ledgers after `ledger_max`, which the server had not named when it proved
    itself, are left for later.

    Raises:
        HorizonFault: The page is not in the order of the chain, so that moving the cursor could skip something.
    """
    judged = Judged(position=position)
    reached = int(position)
    for record in records:
        own_position = position_of(record)
        if own_position is not None and own_position < reached:
            raise HorizonFault(
                f"Horizon's page after cursor {position} is not in order. It is asked for again.",
                reason="out_of_order",
            )
        if own_position is not None and own_position >> _LEDGER_SHIFT > ledger_max:
            judged.is_cut = True
            break
        reached = own_position or reached
        name = str(reached) if own_position is not None else f"{reached}+{sha256(record).hexdigest()[:16]}"
        _sort(judged, record, account, name, is_placed=own_position is not None)
    judged.position = str(reached)
    return judged


def _sort(judged: Judged, record: bytes, account: str, name: str, *, is_placed: bool) -> None:
    match decode(record, account) if is_placed else Undecodable("it has no paging token"):
        case IncomingPayment() as payment:
            judged.payments.append(payment)
        case BalanceClaim() as claim:
            judged.claims.append((claim, record))
        case BalanceOffer():
            judged.has_offers = True
        case Clawback() as clawback:
            judged.clawbacks.append(clawback)
        case OutgoingPayment() as payment:
            judged.outgoing.append(payment)
        case Undecodable(reason=reason):
            judged.undecodable.append(UndecodableRecord(position=name, record=record, reason=reason))
        case Irrelevant():
            pass
