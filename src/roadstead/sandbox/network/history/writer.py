"""From a closed ledger to the records that are kept of it."""

from typing import Any

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.assets import account_of, address
from roadstead.sandbox.network.ledger.close import Applied, ClosedLedger
from roadstead.sandbox.network.ledger.header import Header
from roadstead.sandbox.network.ledger.outcome import outcome_name, transaction_code_name
from roadstead.sandbox.network.ledger.state import Account, AccountKey, BalanceKey, Entry, Key
from roadstead.sandbox.network.ledger.transaction import Conditions, Operation, Transaction, sponsored_account

from .details import operation_details, participants, party_fields, signer_text
from .effects import effects_of
from .records import LedgerRecord, OperationRecord, TransactionRecord
from .trades import trades_of

_MEMO_NAMES = ("none", "text", "id", "hash", "return")
_FULL_CONDITIONS = 2


def _memo(memo: xdr.Memo) -> tuple[str, bytes]:
    name = _MEMO_NAMES[int(memo.type)]
    if memo.text is not None:
        return name, memo.text
    if memo.id is not None:
        return name, str(memo.id.uint64).encode()
    if memo.hash is not None:
        return name, memo.hash.hash
    if memo.ret_hash is not None:
        return name, memo.ret_hash.hash
    return name, b""


def _preconditions(conditions: Conditions) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    if conditions.has_time_bounds:
        found["timebounds"] = {"min_time": str(conditions.min_time)}
        if conditions.max_time:
            found["timebounds"]["max_time"] = str(conditions.max_time)
    if conditions.version == _FULL_CONDITIONS:
        if conditions.has_ledger_bounds:
            bounds: dict[str, Any] = {"min_ledger": conditions.min_ledger}
            if conditions.max_ledger:
                bounds["max_ledger"] = conditions.max_ledger
            found["ledgerbounds"] = bounds
        if conditions.min_sequence is not None:
            found["min_account_sequence"] = str(conditions.min_sequence)
        if conditions.min_sequence_age:
            found["min_account_sequence_age"] = str(conditions.min_sequence_age)
        if conditions.min_sequence_ledger_gap:
            found["min_account_sequence_ledger_gap"] = conditions.min_sequence_ledger_gap
        if conditions.extra_signers:
            found["extra_signers"] = [signer_text(key) for key in conditions.extra_signers]
    return found or None


def _signer_sponsor(before: Entry | None, after: Entry | None) -> str | None:
    if not isinstance(before, Account) or not isinstance(after, Account):
        return None
    known = {signer.key for signer in before.signers}
    for signer in after.signers:
        if signer.key not in known and signer.sponsor is not None:
            return address(signer.sponsor)
    return None


def _sponsor(applied: Applied, index: int, operation: Operation) -> str | None:
    """Who pays the reserve of what an operation created."""
    if not applied.succeeded:
        return None
    for _, before, after in applied.operation_changes[index]:
        if before is None and after is not None and after.sponsor is not None:
            return address(after.sponsor)
        if operation.type == int(xdr.OperationType.SET_OPTIONS):
            found = _signer_sponsor(before, after)
            if found is not None:
                return found
    return None


def _begin_sponsor(applied: Applied, index: int) -> dict[str, Any]:
    """For the end of a sponsoring: who began it."""
    operations = applied.transaction.operations
    if operations[index].type != int(xdr.OperationType.END_SPONSORING_FUTURE_RESERVES):
        return {}
    sponsored = operations[index].source.account
    for earlier in reversed(operations[:index]):
        begins = earlier.type == int(xdr.OperationType.BEGIN_SPONSORING_FUTURE_RESERVES)
        if begins and sponsored_account(earlier) == sponsored:
            return party_fields(earlier.source, "begin_sponsor")
    return {}


def _operation_record(applied: Applied, index: int, operation: Operation, toid: int) -> OperationRecord:
    outcome = applied.outcomes[index]
    changes = applied.operation_changes[index] if applied.succeeded else []
    trades = trades_of(operation, outcome, changes, toid) if applied.succeeded else []
    sponsor = _sponsor(applied, index, operation)
    began = _begin_sponsor(applied, index)
    helpers = [account_of(one) for one in (sponsor, began.get("begin_sponsor")) if one is not None]
    return OperationRecord(
        type=operation.type,
        source=operation.source.account,
        mux_id=operation.source.mux_id,
        details=operation_details(operation, outcome) | began,
        participants=list(dict.fromkeys([*participants(operation), *helpers])),
        effects=effects_of(operation, outcome, changes) if applied.succeeded else [],
        trades=trades,
        sponsor=sponsor,
        code=outcome_name(operation.type, outcome),
        balance_ids=_balance_ids(changes),
    )


def _balance_ids(changes: list[tuple[Key, Entry | None, Entry | None]]) -> list[bytes]:
    return [key.balance_id for key, _, _ in changes if isinstance(key, BalanceKey)]


def _codes(applied: Applied) -> tuple[str, str | None]:
    code = transaction_code_name(applied.code)
    if applied.transaction.bump is None:
        return code, None
    outer = "tx_fee_bump_inner_success" if applied.succeeded else "tx_fee_bump_inner_failed"
    return outer, code


def _signature_values(transaction: Transaction) -> tuple[list[bytes], list[bytes]]:
    inner = [signature.value for signature in transaction.signatures]
    if transaction.bump is None:
        return inner, []
    return [signature.value for signature in transaction.bump.signatures], inner


def transaction_record(applied: Applied, ledger: int, index: int) -> TransactionRecord:
    """The record of one applied transaction; `index` counts from 1."""
    transaction = applied.transaction
    toid = (ledger << 32) | (index << 12)
    code, inner_code = _codes(applied)
    memo_type, memo = _memo(transaction.memo)
    outer, inner = _signature_values(transaction)
    return TransactionRecord(
        ledger=ledger,
        index=index,
        hash=transaction.outer_hash,
        inner_hash=None if transaction.bump is None else transaction.hash,
        successful=applied.succeeded,
        code=code,
        inner_code=inner_code,
        source=transaction.source.account,
        source_mux=transaction.source.mux_id,
        sequence=transaction.sequence,
        fee_source=transaction.fee_source.account,
        fee_mux=transaction.fee_source.mux_id,
        fee_charged=applied.fee_charged,
        max_fee=transaction.outer_fee_bid,
        inner_max_fee=None if transaction.bump is None else transaction.fee_bid,
        envelope=transaction.envelope,
        result=applied.packed_result(),
        meta=applied.packed_meta(),
        fee_meta=applied.packed_fee_meta(),
        memo_type=memo_type,
        memo=memo,
        preconditions=_preconditions(transaction.conditions),
        signatures=outer,
        inner_signatures=inner,
        operations=[
            _operation_record(applied, number, operation, toid | (number + 1))
            for number, operation in enumerate(transaction.operations)
        ],
        valid_after=transaction.conditions.min_time if transaction.conditions.has_time_bounds else None,
        valid_before=transaction.conditions.max_time or None,
        touched=_touched(applied),
    )


def _touched(applied: Applied) -> list[bytes]:
    """The accounts whose own entries a transaction used."""
    steps = [applied.fee_changes, applied.before_changes, *applied.operation_changes]
    found = {key.account for step in steps for key, _, _ in step if isinstance(key, AccountKey)}
    return sorted(found)


def _rate(fee: int, operations: int) -> int:
    return -(-fee // max(1, operations))


def ledger_record(header: Header, applied: tuple[Applied, ...]) -> LedgerRecord:
    """The record of one closed ledger."""
    successful = [one for one in applied if one.succeeded]
    counts = [
        len(one.transaction.operations) + (1 if one.transaction.bump is not None else 0) for one in applied
    ]
    return LedgerRecord(
        sequence=header.sequence,
        hash=header.hash,
        previous_hash=header.previous_hash,
        close_time=header.close_time,
        header=header.packed(),
        successful=len(successful),
        failed=len(applied) - len(successful),
        operations=sum(len(one.transaction.operations) for one in successful),
        set_operations=sum(len(one.transaction.operations) for one in applied),
        fee_pool=header.fee_pool,
        base_fee=header.base_fee,
        base_reserve=header.base_reserve,
        size_max=header.size_max,
        protocol=header.protocol,
        fees_charged=[_rate(one.fee_charged, count) for one, count in zip(applied, counts, strict=True)],
        fees_offered=[
            _rate(one.transaction.outer_fee_bid, count) for one, count in zip(applied, counts, strict=True)
        ],
    )


def records_of(closed: ClosedLedger) -> tuple[LedgerRecord, list[TransactionRecord]]:
    """Everything that is kept of a closed ledger."""
    ledger = closed.header.sequence
    records = [
        transaction_record(applied, ledger, index) for index, applied in enumerate(closed.applied, start=1)
    ]
    return ledger_record(closed.header, closed.applied), records
