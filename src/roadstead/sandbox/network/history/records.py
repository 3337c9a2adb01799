"""Closed transactions as they are kept: complete, compact, and packed for memory and disk."""

import zlib
from typing import Any

import msgspec


class Effect(msgspec.Struct, frozen=True, array_like=True):
    """One effect of an operation on one account, in Horizon's words."""

    account: str
    mux_id: int | None
    type: int
    name: str
    details: dict[str, Any]


class TradeRecord(msgspec.Struct, frozen=True, array_like=True):
    """One trade, already arranged as base and counter. Amounts in stroops."""

    order: int
    base_offer: int
    base_account: str
    base_asset: str
    base_amount: int
    counter_offer: int
    counter_account: str
    counter_asset: str
    counter_amount: int
    base_is_seller: bool
    price_n: int
    price_d: int


class OperationRecord(msgspec.Struct, frozen=True, array_like=True):
    """One operation: what Horizon tells of it beyond the common fields."""

    type: int
    source: bytes
    mux_id: int | None
    details: dict[str, Any]
    participants: list[bytes]
    effects: list[Effect] = []
    trades: list[TradeRecord] = []
    sponsor: str | None = None
    code: str = "op_success"
    balance_ids: list[bytes] = []


class TransactionRecord(msgspec.Struct, frozen=True, array_like=True):
    """One closed transaction. `ledger`, `index` (from 1) give its place; fees are in stroops."""

    ledger: int
    index: int
    hash: bytes
    inner_hash: bytes | None
    successful: bool
    code: str
    inner_code: str | None
    source: bytes
    source_mux: int | None
    sequence: int
    fee_source: bytes
    fee_mux: int | None
    fee_charged: int
    max_fee: int
    inner_max_fee: int | None
    envelope: bytes
    result: bytes
    meta: bytes
    fee_meta: bytes
    memo_type: str
    memo: bytes
    preconditions: dict[str, Any] | None
    signatures: list[bytes]
    inner_signatures: list[bytes]
    operations: list[OperationRecord]
    valid_after: int | None = None
    valid_before: int | None = None
    touched: list[bytes] = []

    @property
    def toid(self) -> int:
        """The number that orders everything: ledger, transaction, operation."""
        return (self.ledger << 32) | (self.index << 12)

    @property
    def participants(self) -> set[bytes]:
        """Every account this transaction concerns."""
        found = {self.source, self.fee_source, *self.touched}
        for operation in self.operations:
            found.update(operation.participants)
        return found


class LedgerRecord(msgspec.Struct, frozen=True, array_like=True):
    """One closed ledger as Horizon tells it, with its packed header."""

    sequence: int
    hash: bytes
    previous_hash: bytes
    close_time: int
    header: bytes
    successful: int
    failed: int
    operations: int
    set_operations: int
    fee_pool: int
    base_fee: int
    base_reserve: int
    size_max: int
    protocol: int
    fees_charged: list[int] = []
    fees_offered: list[int] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(TransactionRecord)


def packed(record: TransactionRecord) -> bytes:
    """The record for keeping: compressed."""
    return zlib.compress(_ENCODER.encode(record), 1)


def unpacked(blob: bytes) -> TransactionRecord:
    """The record again."""
    return _DECODER.decode(zlib.decompress(blob))
