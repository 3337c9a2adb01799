"""Records of history as Horizon's JSON resources."""

import base64
from typing import Any

from roadstead.sandbox.network.history.amounts import amount, moment
from roadstead.sandbox.network.history.details import muxed_fields
from roadstead.sandbox.network.history.records import (
    LedgerRecord,
    OperationRecord,
    TransactionRecord,
)
from roadstead.sandbox.network.ledger.assets import Party, account_of, address
from roadstead.sandbox.network.ledger.header import TOTAL_LUMENS
from roadstead.sandbox.network.ledger.operations import rule_of

Resource = dict[str, Any]


def link(url: str, *, templated: bool = False) -> Resource:
    """One link."""
    return {"href": url, "templated": True} if templated else {"href": url}


_PAGE = "{?cursor,limit,order}"


def ledger_resource(record: LedgerRecord, base: str) -> Resource:
    """A ledger."""
    own = f"{base}/ledgers/{record.sequence}"
    lists = ("transactions", "operations", "payments", "effects")
    return {
        "_links": {
            "self": link(own),
            **{name: link(f"{own}/{name}{_PAGE}", templated=True) for name in lists},
        },
        "id": record.hash.hex(),
        "paging_token": str(record.sequence << 32),
        "hash": record.hash.hex(),
        "prev_hash": record.previous_hash.hex(),
        "sequence": record.sequence,
        "successful_transaction_count": record.successful,
        "failed_transaction_count": record.failed,
        "operation_count": record.operations,
        "tx_set_operation_count": record.set_operations,
        "closed_at": moment(record.close_time),
        "total_coins": amount(TOTAL_LUMENS),
        "fee_pool": amount(record.fee_pool),
        "base_fee_in_stroops": record.base_fee,
        "base_reserve_in_stroops": record.base_reserve,
        "max_tx_set_size": record.size_max,
        "protocol_version": record.protocol,
        "header_xdr": base64.b64encode(record.header).decode(),
    }


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _memo_fields(record: TransactionRecord) -> Resource:
    match record.memo_type:
        case "none":
            return {}
        case "text":
            return {
                "memo": record.memo.decode("utf-8", "replace").replace("\x00", ""),
                "memo_bytes": _text(record.memo),
            }
        case "id":
            return {"memo": record.memo.decode()}
        case _:
            return {"memo": _text(record.memo)}


def _muxed(name: str, account: bytes, mux_id: int | None) -> Resource:
    return muxed_fields(Party(account, mux_id), name)


def _transaction_links(record: TransactionRecord, shown_hash: str, base: str) -> Resource:
    own = f"{base}/transactions/{shown_hash}"
    token = record.toid
    return {
        "self": link(own),
        "account": link(f"{base}/accounts/{address(record.source)}"),
        "ledger": link(f"{base}/ledgers/{record.ledger}"),
        "operations": link(f"{own}/operations{_PAGE}", templated=True),
        "effects": link(f"{own}/effects{_PAGE}", templated=True),
        "precedes": link(f"{base}/transactions?order=asc&cursor={token}"),
        "succeeds": link(f"{base}/transactions?order=desc&cursor={token}"),
        "transaction": link(own),
    }


def _validity(record: TransactionRecord) -> Resource:
    found: Resource = {}
    if record.valid_after is not None:
        found["valid_after"] = moment(min(record.valid_after, 253402300799))
    if record.valid_before is not None:
        found["valid_before"] = moment(min(record.valid_before, 253402300799))
    return found


def transaction_resource(
    record: TransactionRecord, ledger: LedgerRecord, base: str, asked: bytes | None = None
) -> Resource:
    """A transaction. `asked` is the hash it was asked for by: the outer one by default."""
    shown = (asked or record.hash).hex()
    found: Resource = {
        **_memo_fields(record),
        "_links": _transaction_links(record, shown, base),
        "id": shown,
        "paging_token": str(record.toid),
        "successful": record.successful,
        "hash": shown,
        "ledger": record.ledger,
        "created_at": moment(ledger.close_time),
        "source_account": address(record.source),
        **_muxed("account", record.source, record.source_mux),
        "source_account_sequence": str(record.sequence),
        "fee_account": address(record.fee_source),
        **_muxed("fee_account", record.fee_source, record.fee_mux),
        "fee_charged": str(record.fee_charged),
        "max_fee": str(record.max_fee),
        "operation_count": len(record.operations),
        "envelope_xdr": _text(record.envelope),
        "result_xdr": _text(record.result),
        "result_meta_xdr": _text(record.meta),
        "fee_meta_xdr": _text(record.fee_meta),
        "memo_type": record.memo_type,
        "signatures": [
            _text(value)
            for value in (
                record.inner_signatures if asked == record.inner_hash and asked else record.signatures
            )
        ],
        **_validity(record),
    }
    if record.preconditions is not None:
        found["preconditions"] = record.preconditions
    if record.inner_hash is not None:
        found["fee_bump_transaction"] = {
            "hash": record.hash.hex(),
            "signatures": [_text(value) for value in record.signatures],
        }
        found["inner_transaction"] = {
            "hash": record.inner_hash.hex(),
            "signatures": [_text(value) for value in record.inner_signatures],
            "max_fee": str(record.inner_max_fee),
        }
    return found


def operation_resource(
    record: TransactionRecord,
    position: int,
    ledger: LedgerRecord,
    base: str,
    *,
    joined: bool = False,
) -> Resource:
    """An operation; with its transaction inside where that was asked for."""
    operation: OperationRecord = record.operations[position]
    token = str(record.toid | (position + 1))
    own = f"{base}/operations/{token}"
    shown = record.hash.hex()
    found: Resource = {
        "_links": {
            "self": link(own),
            "transaction": link(f"{base}/transactions/{shown}"),
            "effects": link(f"{own}/effects"),
            "succeeds": link(f"{base}/effects?order=desc&cursor={token}"),
            "precedes": link(f"{base}/effects?order=asc&cursor={token}"),
        },
        "id": token,
        "paging_token": token,
        "transaction_successful": record.successful,
        "source_account": address(operation.source),
        **_muxed("source_account", operation.source, operation.mux_id),
        "type": rule_of(operation.type).name,
        "type_i": operation.type,
        "created_at": moment(ledger.close_time),
        "transaction_hash": shown,
    }
    if joined:
        found["transaction"] = transaction_resource(record, ledger, base)
    if operation.sponsor is not None:
        found["sponsor"] = operation.sponsor
    return {**found, **operation.details}


def effect_resource(
    record: TransactionRecord, position: int, order: int, ledger: LedgerRecord, base: str
) -> Resource:
    """One effect of an operation; `order` counts from 1."""
    effect = record.operations[position].effects[order - 1]
    toid = record.toid | (position + 1)
    token = f"{toid}-{order}"
    found: Resource = {
        "_links": {
            "operation": link(f"{base}/operations/{toid}"),
            "succeeds": link(f"{base}/effects?order=desc&cursor={token}"),
            "precedes": link(f"{base}/effects?order=asc&cursor={token}"),
        },
        "id": f"{toid:019d}-{order:010d}",
        "paging_token": token,
        "account": effect.account,
    }
    if effect.mux_id is not None:
        party = Party(account_of(effect.account), effect.mux_id)
        found |= muxed_fields(party, "account")
    return {
        **found,
        "type": effect.name,
        "type_i": effect.type,
        "created_at": moment(ledger.close_time),
        **effect.details,
    }
