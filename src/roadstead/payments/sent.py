"""Payments that our own account made, told from everything else in its operations. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from roadstead.money import Asset
from roadstead.payments.decoding import decode
from roadstead.payments.verdicts import IncomingPayment
from roadstead.stellar.memos import Memo


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEnvelope:
    """The transaction of a payment, as the chain holds it."""

    content: bytes
    """XDR, with its signatures; of a fee bump, the outer one."""
    source: str
    sequence: int
    fee_stroops: int
    """The most that it was willing to pay."""
    ledger: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPayment:
    """One payment of our account to another."""

    operation_id: int
    transaction_hash: str
    ledger_closed_at: datetime
    destination: str
    """M... where it names a sub-account, else G..."""
    asset: Asset
    amount_units: int
    memo: Memo
    envelope: SentEnvelope


class _Parties(msgspec.Struct, frozen=True):
    payer: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    funder: str | None = None
    account: str | None = None


class _Transaction(msgspec.Struct, frozen=True):
    envelope_xdr: bytes
    source_account: str
    source_account_sequence: str
    max_fee: str
    ledger: int


class _Sent(msgspec.Struct, frozen=True):
    transaction: _Transaction


_sent = msgspec.json.Decoder(_Sent)
_parties = msgspec.json.Decoder(_Parties)


def decode_sent(record: bytes, account: str) -> SentPayment | None:
    """Read a record of the operations of `account` as a payment that it made; None when it is none."""
    try:
        parties = _parties.decode(record)
        sent = _sent.decode(record).transaction
        envelope = SentEnvelope(
            content=sent.envelope_xdr,
            source=sent.source_account,
            sequence=int(sent.source_account_sequence),
            fee_stroops=int(sent.max_fee),
            ledger=sent.ledger,
        )
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    destination = parties.to or parties.account
    if account not in (parties.payer, parties.funder) or destination in (None, account):
        return None
    # What leaves us is what arrives there.
    arrived = decode(record, str(destination))
    if not isinstance(arrived, IncomingPayment) or arrived.amount_units is None:
        return None
    return SentPayment(
        operation_id=arrived.operation_id,
        transaction_hash=arrived.transaction_hash,
        ledger_closed_at=arrived.ledger_closed_at,
        destination=arrived.receiving_muxed or arrived.receiving_account,
        asset=arrived.asset,
        amount_units=arrived.amount_units,
        memo=arrived.memo,
        envelope=envelope,
    )
