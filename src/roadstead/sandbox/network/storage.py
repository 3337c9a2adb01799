"""How closed ledgers are written to the journal and read back."""

from typing import Any

import msgspec

from .history.lists import History
from .history.records import LedgerRecord
from .journal import LedgerEntryRow, LedgerRow
from .ledger.close import ClosedLedger
from .ledger.entries import pack_key
from .ledger.header import Header
from .ledger.overlay import Store
from .ledger.state import (
    Account,
    AccountKey,
    BalanceKey,
    ClaimableBalance,
    Data,
    DataKey,
    Entry,
    Key,
    LineKey,
    Offer,
    OfferKey,
    TrustLine,
)

_ENCODER = msgspec.msgpack.Encoder()
_KINDS: dict[str, tuple[type[Any], type[Any]]] = {
    "account": (AccountKey, Account),
    "line": (LineKey, TrustLine),
    "offer": (OfferKey, Offer),
    "data": (DataKey, Data),
    "balance": (BalanceKey, ClaimableBalance),
}
_NAMES = {key_type: name for name, (key_type, _) in _KINDS.items()}
_KEY_DECODERS = {name: msgspec.msgpack.Decoder(pair[0]) for name, pair in _KINDS.items()}
_ENTRY_DECODERS = {name: msgspec.msgpack.Decoder(pair[1]) for name, pair in _KINDS.items()}
_HEADER_DECODER = msgspec.msgpack.Decoder(Header)
_RECORD_DECODER = msgspec.msgpack.Decoder(LedgerRecord)


def _entry_row(key: Key, entry: Entry | None) -> LedgerEntryRow:
    return LedgerEntryRow(
        kind=_NAMES[type(key)],
        key=_ENCODER.encode(key),
        content=None if entry is None else _ENCODER.encode(entry),
    )


def ledger_row(
    closed: ClosedLedger, record: LedgerRecord, blobs: list[bytes], *, offer_counter: int
) -> LedgerRow:
    """The journal's form of a closed ledger."""
    return LedgerRow(
        record=_ENCODER.encode(record),
        header=_ENCODER.encode(closed.header),
        transactions=blobs,
        entries=[_entry_row(key, closed.changed[key]) for key in sorted(closed.changed, key=pack_key)],
        offer_counter=offer_counter,
    )


def restore(row: LedgerRow, store: Store, history: History) -> Header:
    """Take a closed ledger from the journal into memory."""
    changes: dict[Key, Entry | None] = {
        _KEY_DECODERS[one.kind].decode(one.key): None
        if one.content is None
        else _ENTRY_DECODERS[one.kind].decode(one.content)
        for one in row.entries
    }
    store.absorb(changes)
    store.offer_counter = row.offer_counter
    history.restore(_RECORD_DECODER.decode(row.record), row.transactions)
    header: Header = _HEADER_DECODER.decode(row.header)
    return header
