"""Transactions as they arrive: decoded once, hashed, and in the engine's own terms."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from stellar_sdk import xdr

from . import pack
from .assets import Party, account_from_xdr, party_from_xdr
from .state import INT64_MAX

ENVELOPE_BYTES_MAX = 200_000


class MalformedEnvelope(Exception):
    """The bytes are not a transaction envelope of a kind this network accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: who acts, its type number, and the decoded body of that type."""

    source: Party
    explicit: bool
    type: int
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """When a transaction may be included. Absent limits are None; times are unix seconds."""

    has_time_bounds: bool = False
    min_time: int = 0
    max_time: int = 0
    has_ledger_bounds: bool = False
    min_ledger: int = 0
    max_ledger: int = 0
    min_sequence: int | None = None
    min_sequence_age: int = 0
    min_sequence_ledger_gap: int = 0
    extra_signers: tuple[bytes, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature and the last four bytes of the key it claims to be from."""

    hint: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A decoded envelope. For a fee bump, the outer fields are in `bump`."""

    envelope: bytes
    hash: bytes
    source: Party
    sequence: int
    fee_bid: int
    operations: tuple[Operation, ...]
    memo: xdr.Memo
    conditions: Conditions
    signatures: tuple[Signature, ...]
    bump: "FeeBump | None" = None

    @property
    def outer_hash(self) -> bytes:
        """The hash of the whole: of the fee bump where there is one."""
        return self.hash if self.bump is None else self.bump.hash

    @property
    def fee_source(self) -> Party:
        """Who pays the fee."""
        return self.source if self.bump is None else self.bump.source

    @property
    def outer_fee_bid(self) -> int:
        """What the payer offers at most, in stroops."""
        return self.fee_bid if self.bump is None else self.bump.fee_bid

    def minimum_fee(self, base_fee: int) -> int:
        """What the network asks at least, in stroops."""
        count = max(1, len(self.operations)) + (1 if self.bump is not None else 0)
        return count * base_fee


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeBump:
    """The outer half of a fee bump."""

    hash: bytes
    source: Party
    fee_bid: int
    signatures: tuple[Signature, ...]


_ARMS = {
    0: "create_account_op",
    1: "payment_op",
    2: "path_payment_strict_receive_op",
    3: "manage_sell_offer_op",
    4: "create_passive_sell_offer_op",
    5: "set_options_op",
    6: "change_trust_op",
    7: "allow_trust_op",
    8: "destination",
    10: "manage_data_op",
    11: "bump_sequence_op",
    12: "manage_buy_offer_op",
    13: "path_payment_strict_send_op",
    14: "create_claimable_balance_op",
    15: "claim_claimable_balance_op",
    16: "begin_sponsoring_future_reserves_op",
    18: "revoke_sponsorship_op",
    19: "clawback_op",
    20: "clawback_claimable_balance_op",
    21: "set_trust_line_flags_op",
}

_LAST_CLASSIC = 23
_MEMO_TEXT_MAX = 28


def decode(envelope: bytes, network_id: bytes) -> Transaction:
    """Decode an envelope.

    Raises:
        MalformedEnvelope: The bytes are something else; nothing of them can be used.
    """
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise MalformedEnvelope(f"The envelope has {len(envelope)} bytes, too many to read.")
    try:
        outer = xdr.TransactionEnvelope.from_xdr_bytes(envelope)
        transaction = _decode(outer, envelope, network_id)
    except MalformedEnvelope:
        raise
    except Exception as error:  # the decoder raises anything on hostile bytes
        raise MalformedEnvelope(f"The bytes are not a transaction envelope: {error}") from error
    if outer.to_xdr_bytes() != envelope:
        raise MalformedEnvelope("The envelope is not in its canonical form.")
    return transaction


def _decode(outer: xdr.TransactionEnvelope, envelope: bytes, network_id: bytes) -> Transaction:
    if outer.v0 is not None:
        return _from_v0(outer.v0, envelope, network_id)
    if outer.v1 is not None:
        return _from_v1(outer.v1, envelope, network_id)
    if outer.fee_bump is not None:
        return _from_bump(outer.fee_bump, envelope, network_id)
    raise MalformedEnvelope("The envelope is of a kind that carries no transaction.")


def _signatures(values: list[xdr.DecoratedSignature]) -> tuple[Signature, ...]:
    return tuple(
        Signature(hint=value.hint.signature_hint, value=value.signature.signature) for value in values
    )


def _operations(values: list[xdr.Operation], source: Party) -> tuple[Operation, ...]:
    decoded = []
    for value in values:
        kind = int(value.body.type)
        if kind > _LAST_CLASSIC:
            raise MalformedEnvelope("Smart contract operations are not part of this network (protocol 19).")
        arm = _ARMS.get(kind)
        decoded.append(
            Operation(
                source=source if value.source_account is None else party_from_xdr(value.source_account),
                explicit=value.source_account is not None,
                type=kind,
                body=None if arm is None else getattr(value.body, arm),
            )
        )
    return tuple(decoded)


def _time_conditions(bounds: xdr.TimeBounds | None) -> Conditions:
    if bounds is None:
        return Conditions()
    return Conditions(
        has_time_bounds=True,
        min_time=bounds.min_time.time_point.uint64,
        max_time=bounds.max_time.time_point.uint64,
        version=1,
    )


def _conditions(value: xdr.Preconditions) -> Conditions:
    if value.v2 is None:
        return _time_conditions(value.time_bounds)
    full = value.v2
    found = replace(_time_conditions(full.time_bounds), version=2)
    if full.ledger_bounds is not None:
        found = replace(
            found,
            has_ledger_bounds=True,
            min_ledger=full.ledger_bounds.min_ledger.uint32,
            max_ledger=full.ledger_bounds.max_ledger.uint32,
        )
    return replace(
        found,
        min_sequence=None if full.min_seq_num is None else full.min_seq_num.sequence_number.int64,
        min_sequence_age=full.min_seq_age.duration.uint64,
        min_sequence_ledger_gap=full.min_seq_ledger_gap.uint32,
        extra_signers=tuple(key.to_xdr_bytes() for key in full.extra_signers),
    )


def _from_v1(value: xdr.TransactionV1Envelope, envelope: bytes, network_id: bytes) -> Transaction:
    inner = value.tx
    if inner.ext.v != 0:
        raise MalformedEnvelope("The transaction carries smart contract data.")
    source = party_from_xdr(inner.source_account)
    payload = network_id + pack.int32(2) + inner.to_xdr_bytes()
    return Transaction(
        envelope=envelope,
        hash=sha256(payload).digest(),
        source=source,
        sequence=inner.seq_num.sequence_number.int64,
        fee_bid=inner.fee.uint32,
        operations=_operations(inner.operations, source),
        memo=_checked_memo(inner.memo),
        conditions=_conditions(inner.cond),
        signatures=_signatures(value.signatures),
    )


def _checked_memo(memo: xdr.Memo) -> xdr.Memo:
    if memo.text is not None and len(memo.text) > _MEMO_TEXT_MAX:
        raise MalformedEnvelope("The memo text is longer than 28 bytes.")
    return memo


def _from_v0(value: xdr.TransactionV0Envelope, envelope: bytes, network_id: bytes) -> Transaction:
    inner = value.tx
    source = Party(inner.source_account_ed25519.uint256)
    body = inner.to_xdr_bytes()
    payload = network_id + pack.int32(2) + pack.ZERO + body
    return Transaction(
        envelope=envelope,
        hash=sha256(payload).digest(),
        source=source,
        sequence=inner.seq_num.sequence_number.int64,
        fee_bid=inner.fee.uint32,
        operations=_operations(inner.operations, source),
        memo=_checked_memo(inner.memo),
        conditions=_time_conditions(inner.time_bounds),
        signatures=_signatures(value.signatures),
    )


def _from_bump(value: xdr.FeeBumpTransactionEnvelope, envelope: bytes, network_id: bytes) -> Transaction:
    outer = value.tx
    inner = outer.inner_tx.v1
    if inner is None:
        raise MalformedEnvelope("The fee bump carries no inner transaction.")
    if outer.fee.int64 < 0 or outer.fee.int64 > INT64_MAX:
        raise MalformedEnvelope("The fee of the fee bump is negative.")
    payload = network_id + pack.int32(5) + outer.to_xdr_bytes()
    bump = FeeBump(
        hash=sha256(payload).digest(),
        source=party_from_xdr(outer.fee_source),
        fee_bid=outer.fee.int64,
        signatures=_signatures(value.signatures),
    )
    return replace(_from_v1(inner, envelope, network_id), bump=bump)


def sponsored_account(operation: Operation) -> bytes:
    """Whom a begin-sponsoring operation names."""
    return account_from_xdr(operation.body.sponsored_id)
