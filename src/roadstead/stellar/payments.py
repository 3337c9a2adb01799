"""The bytes of the one transaction that this server signs: a single payment from its own account, packed in XDR.

What is signed is exactly one form: one payment, time bounds, a memo. It is packed here directly, so that a worker that
sends money does not load a general SDK, and read back strictly: bytes of any other form are refused, whatever they are.
Stellar's SDK for Python is the judge of both in the tests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum

from roadstead.config.strkey import KeyKind, decode, encode
from roadstead.errors import BadInput
from roadstead.money import NATIVE, Asset, stellar_asset
from roadstead.stellar.memos import NO_MEMO, Memo, MemoKind
from roadstead.stellar.packed import Reader, packed_bytes

SIGNATURE_BYTES = 64
HINT_BYTES = 4

_KEY_BYTES = 32
_ED25519 = 0
_MUXED_ED25519 = 0x100
_TIME_BOUNDS = 1
_PAYMENT = 1
_MUXED_VERSION = 12 << 3
_MUXED_BYTES = 1 + _KEY_BYTES + 8 + 2
_SHORT_CODE_MAX = 4
_LONG_CODE_MAX = 12


class _Envelope(IntEnum):
    TRANSACTION = 2
    FEE_BUMP = 5


class _AssetType(IntEnum):
    NATIVE = 0
    ALPHANUM4 = 1
    ALPHANUM12 = 2


_MEMO_TYPES = {
    MemoKind.NONE: 0,
    MemoKind.TEXT: 1,
    MemoKind.ID: 2,
    MemoKind.HASH: 3,
    MemoKind.RETURN: 4,
}
_MEMO_KINDS = {number: kind for kind, number in _MEMO_TYPES.items()}


class UnknownForm(BadInput):
    """The bytes are not the one form of transaction that this server signs."""

    code = "unknown_transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTransaction:
    """A transaction with one payment, from the account that is its source."""

    source: str
    """The account G... that pays, and whose sequence number it takes."""
    sequence: int
    fee_stroops: int
    """The most that it may cost."""
    valid_until_s: int
    """The last close time, in seconds since 1970, of a ledger that may apply it."""
    destination: str
    """G... or M..."""
    asset: Asset
    amount_units: int
    memo: Memo = NO_MEMO


def pack_payment(payment: PaymentTransaction) -> bytes:
    """Pack a transaction, without its envelope. The same content gives the same bytes.

    Raises:
        BadInput: An address or the asset is none of Stellar.
    """
    return b"".join(
        (
            _packed_destination(payment.source),
            struct.pack(">Iq", payment.fee_stroops, payment.sequence),
            struct.pack(">IQQ", _TIME_BOUNDS, 0, payment.valid_until_s),
            _packed_memo(payment.memo),
            struct.pack(">III", 1, 0, _PAYMENT),
            _packed_destination(payment.destination),
            _packed_asset(payment.asset),
            struct.pack(">q", payment.amount_units),
            struct.pack(">I", 0),
        )
    )


def read_payment(content: bytes) -> PaymentTransaction:
    """Read a transaction back, strictly.

    Raises:
        UnknownForm: It is of any other form, or followed by anything.
    """
    reader = Reader(content)
    try:
        source = _read_account(reader)
        fee_stroops, sequence = reader.unpack(">Iq")
        conditions, min_time_s, valid_until_s = reader.unpack(">IQQ")
        memo = _read_memo(reader)
        operations, source_present, kind = reader.unpack(">III")
        destination = _read_account(reader)
        asset = _read_asset(reader)
        amount_units, extension = reader.unpack(">qI")
        payment = PaymentTransaction(
            source=source,
            sequence=sequence,
            fee_stroops=fee_stroops,
            valid_until_s=valid_until_s,
            destination=destination,
            asset=asset,
            amount_units=amount_units,
            memo=memo,
        )
        fixed = (conditions, min_time_s, operations, source_present, kind, extension)
        if fixed != (_TIME_BOUNDS, 0, 1, 0, _PAYMENT, 0) or pack_payment(payment) != content:
            raise UnknownForm("The transaction is not a single payment with time bounds: it is not signed.")
    except (ValueError, BadInput) as error:
        raise UnknownForm(
            "The transaction is not a single payment with time bounds: it is not signed."
        ) from error
    return payment


def transaction_hash(passphrase: str, transaction: bytes) -> bytes:
    """Return what the signatures of a transaction cover, and what it is found by."""
    return _hash(passphrase, _Envelope.TRANSACTION, transaction)


def pack_envelope(transaction: bytes, *, public_key: str, signature: bytes) -> bytes:
    """Put a transaction and its one signature into an envelope."""
    return struct.pack(">I", _Envelope.TRANSACTION) + transaction + _signed(public_key, signature)


def pack_bump(envelope: bytes, *, fee_source: str, fee_stroops: int) -> bytes:
    """Pack a transaction that gives another, already in its envelope, a higher fee (CAP-15); without its envelope."""
    return b"".join(
        (_packed_destination(fee_source), struct.pack(">q", fee_stroops), envelope, struct.pack(">I", 0))
    )


def bump_hash(passphrase: str, bump: bytes) -> bytes:
    """Return what the signatures of a fee bump cover."""
    return _hash(passphrase, _Envelope.FEE_BUMP, bump)


def pack_bump_envelope(bump: bytes, *, public_key: str, signature: bytes) -> bytes:
    """Put a fee bump and its one signature into an envelope."""
    return struct.pack(">I", _Envelope.FEE_BUMP) + bump + _signed(public_key, signature)


def _signed(public_key: str, signature: bytes) -> bytes:
    key = decode(KeyKind.PUBLIC, public_key)
    if key is None or len(signature) != SIGNATURE_BYTES:
        raise BadInput("The signature is not one of an ed25519 key.")
    return struct.pack(">I", 1) + key[-HINT_BYTES:] + packed_bytes(signature)


def _hash(passphrase: str, envelope: _Envelope, content: bytes) -> bytes:
    network_id = hashlib.sha256(passphrase.encode()).digest()
    return hashlib.sha256(network_id + struct.pack(">I", envelope) + content).digest()


def _packed_destination(address: str) -> bytes:
    key = decode(KeyKind.PUBLIC, address)
    if key is not None:
        return struct.pack(">I", _ED25519) + key
    key, muxed_id = _read_muxed(address)
    return struct.pack(">IQ", _MUXED_ED25519, muxed_id) + key


def _read_account(reader: Reader) -> str:
    (kind,) = reader.unpack(">I")
    if kind == _ED25519:
        return encode(KeyKind.PUBLIC, reader.take(_KEY_BYTES))
    if kind != _MUXED_ED25519:
        raise UnknownForm("An account of the transaction is of a kind that is not known.")
    (muxed_id,) = reader.unpack(">Q")
    return _muxed_text(reader.take(_KEY_BYTES), muxed_id)


def _read_muxed(address: str) -> tuple[bytes, int]:
    try:
        raw = base64.b32decode(address + "=" * (-len(address) % 8))
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"{address[:80]!r} is no Stellar address: it starts with G or M.") from error
    if len(raw) != _MUXED_BYTES:
        raise BadInput(f"{address[:80]!r} is no Stellar address: it starts with G or M.")
    key, muxed_id = raw[1 : 1 + _KEY_BYTES], int.from_bytes(raw[1 + _KEY_BYTES : -2], "big")
    if _muxed_text(key, muxed_id) != address:
        raise BadInput(f"{address[:80]!r} is no Stellar address: its checksum does not fit.")
    return key, muxed_id


def _muxed_text(key: bytes, muxed_id: int) -> str:
    payload = bytes([_MUXED_VERSION]) + key + muxed_id.to_bytes(8, "big")
    checksum = binascii.crc_hqx(payload, 0).to_bytes(2, "little")
    return base64.b32encode(payload + checksum).decode().rstrip("=")


def _packed_memo(memo: Memo) -> bytes:
    kind = struct.pack(">I", _MEMO_TYPES[memo.kind])
    raw = memo.raw or b""
    return kind + (packed_bytes(raw) if memo.kind is MemoKind.TEXT else raw)


def _read_memo(reader: Reader) -> Memo:
    (number,) = reader.unpack(">I")
    kind = _MEMO_KINDS.get(number)
    match kind:
        case MemoKind.NONE:
            return NO_MEMO
        case MemoKind.TEXT:
            return Memo(kind, reader.counted())
        case MemoKind.ID:
            return Memo(kind, reader.take(8))
        case MemoKind.HASH | MemoKind.RETURN:
            return Memo(kind, reader.take(32))
        case None:
            raise UnknownForm("The memo of the transaction is of a kind that is not known.")


def _packed_asset(asset: Asset) -> bytes:
    if asset == NATIVE:
        return struct.pack(">I", _AssetType.NATIVE)
    issuer = decode(KeyKind.PUBLIC, asset.issuer or "")
    if issuer is None:
        raise BadInput(f"{asset} is no asset of Stellar.")
    code = asset.code.encode()
    is_short = len(code) <= _SHORT_CODE_MAX
    kind = _AssetType.ALPHANUM4 if is_short else _AssetType.ALPHANUM12
    padded = code.ljust(_SHORT_CODE_MAX if is_short else _LONG_CODE_MAX, b"\0")
    return struct.pack(">I", kind) + padded + struct.pack(">I", _ED25519) + issuer


def _read_asset(reader: Reader) -> Asset:
    (kind,) = reader.unpack(">I")
    if kind == _AssetType.NATIVE:
        return NATIVE
    if kind not in (_AssetType.ALPHANUM4, _AssetType.ALPHANUM12):
        raise UnknownForm("The asset of the transaction is of a kind that is not known.")
    code = reader.take(_SHORT_CODE_MAX if kind == _AssetType.ALPHANUM4 else _LONG_CODE_MAX).rstrip(b"\0")
    (key_type,) = reader.unpack(">I")
    if key_type != _ED25519:
        raise UnknownForm("The issuer of the asset is of a kind that is not known.")
    return stellar_asset(code.decode("ascii"), encode(KeyKind.PUBLIC, reader.take(_KEY_BYTES)))
