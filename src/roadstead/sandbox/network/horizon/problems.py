"""Horizon's errors as problem documents (RFC 7807)."""

import base64
from typing import Any

from roadstead.sandbox.network.history.records import TransactionRecord
from roadstead.sandbox.network.ledger import pack
from roadstead.sandbox.network.ledger.outcome import (
    Outcome,
    outcome_name,
    packed_outcome,
    transaction_code_name,
)
from roadstead.sandbox.network.ledger.transaction import Transaction
from roadstead.sandbox.network.ledger.validity import Code, Verdict

_TYPES = "https://stellar.org/horizon-errors/"

_NOT_FOUND = (
    "The resource at the url requested was not found.  This usually occurs for one of two "
    "reasons:  The url requested is not valid, or no data in our database could be found with "
    "the parameters provided."
)
_BEFORE_HISTORY = (
    "This horizon instance is configured to only track a portion of the stellar network's latest "
    "history. This request is asking for results prior to the recorded history known to this "
    "horizon instance."
)
_FAILED = (
    "The transaction failed when submitted to the stellar network. The `extras.result_codes` "
    "field on this response contains further details.  Descriptions of each code can be found "
    "at: https://developers.stellar.org/api/errors/http-status-codes/horizon-specific/"
    "transaction-failed/"
)
_MALFORMED = (
    "Horizon could not decode the transaction envelope in this request. A transaction should be "
    "an XDR TransactionEnvelope struct encoded using base64.  The envelope read from this "
    "request is echoed in the `extras.envelope_xdr` field of this response for your convenience."
)
_TIMEOUT = (
    "Your request timed out before completing.  Please try your request again. If you are "
    "submitting a transaction make sure you are sending exactly the same transaction (with the "
    "same sequence number)."
)
_STALE = (
    "This horizon instance is configured to reject client requests when it can determine that "
    "the history database is lagging too far behind the connected instance of Stellar-Core or "
    "read replica. It's also possible that Stellar-Core is out of sync. Please try again later."
)
_RATE_LIMIT = (
    "The rate limit for the requesting IP address is over its alloted limit.  The allowed limit "
    "and requests left per time period are communicated to clients via the http response headers "
    "'X-RateLimit-*' headers."
)
_MEDIA_TYPE = (
    "The request has an unsupported content type. Presently, the only supported content type is "
    "application/x-www-form-urlencoded."
)
_ORDER_BOOK = (
    "The parameters that specify what order book to view are invalid in some way. Please ensure "
    "that your type parameters (selling_asset_type and buying_asset_type) are one the following "
    "valid values: native, credit_alphanum4, credit_alphanum12.  Also ensure that you have "
    "specified selling_asset_code and selling_asset_issuer if selling_asset_type is not "
    "'native', as well as buying_asset_code and buying_asset_issuer if buying_asset_type is not "
    "'native'"
)
_ACCOUNTS = (
    "Exactly one filter is required. Please ensure that you are including a signer, sponsor, "
    "asset, or liquidity pool filter."
)


class Problem(Exception):
    """An answer that is not what was asked for."""

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        detail: str | None = None,
        extras: dict[str, Any] | None = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"type": _TYPES + name, "title": title, "status": status}
        if detail is not None:
            self.body["detail"] = detail
        if extras is not None:
            self.body["extras"] = extras


def not_found() -> Problem:
    """No such path, or nothing known under it."""
    return Problem(404, "not_found", "Resource Missing", _NOT_FOUND)


def bad_request(field: str, reason: str) -> Problem:
    """A parameter that cannot be used."""
    return Problem(
        400,
        "bad_request",
        "Bad Request",
        "The request you sent was invalid in some way.",
        {"invalid_field": field, "reason": reason},
    )


def refused_by_friendbot(detail: str) -> Problem:
    """Friendbot did not give anything."""
    return Problem(400, "bad_request", "Bad Request", detail)


def one_of(side: str) -> Problem:
    """A path is asked for by assets or by account, never by both or neither."""
    detail = (
        f"The request requires either a list of {side} assets or a {side} account. "
        "Both fields cannot be present."
    )
    return Problem(400, "bad_request", "Bad Request", detail)


def before_history() -> Problem:
    """A record older than what is kept."""
    return Problem(410, "before_history", "Data Requested Is Before Recorded History", _BEFORE_HISTORY)


def not_acceptable() -> Problem:
    """The client wants a form that this resource does not have."""
    title = "An acceptable response content-type could not be provided for this request"
    return Problem(406, "not_acceptable", title)


def unsupported_media_type() -> Problem:
    """A body that is not a form."""
    return Problem(415, "unsupported_media_type", "Unsupported Media Type", _MEDIA_TYPE)


def too_large(limit: int) -> Problem:
    """A body over the limit."""
    detail = f"The body of the request is larger than {limit} bytes. Send one transaction only."
    return Problem(413, "payload_too_large", "Payload Too Large", detail)


def timeout() -> Problem:
    """The ledger did not come in time: whether the transaction will be in one is not known."""
    return Problem(504, "timeout", "Timeout", _TIMEOUT)


def stale_history() -> Problem:
    """History is behind the network."""
    return Problem(503, "stale_history", "Historical DB Is Too Stale", _STALE)


def rate_limited(limit: int, reset_s: int) -> Problem:
    """Too many requests."""
    headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(reset_s),
    }
    return Problem(429, "rate_limit_exceeded", "Rate Limit Exceeded", _RATE_LIMIT, headers=headers)


def server_error() -> Problem:
    """A mistake of the server's own."""
    detail = "An error occurred while processing this request. The server's log tells more."
    return Problem(500, "server_error", "Internal Server Error", detail)


def invalid_order_book() -> Problem:
    """The order book asked for is not one."""
    return Problem(400, "invalid_order_book", "Invalid Order Book Parameters", _ORDER_BOOK)


def invalid_accounts() -> Problem:
    """Accounts can only be listed by one filter."""
    return Problem(400, "invalid_accounts_params", "Invalid Accounts Parameters", _ACCOUNTS)


def malformed_transaction(text: str) -> Problem:
    """What was sent is not a transaction."""
    return Problem(
        400,
        "transaction_malformed",
        "Transaction Malformed",
        _MALFORMED,
        {"envelope_xdr": text},
    )


def _failed(envelope: bytes, codes: dict[str, Any], result: bytes) -> Problem:
    return Problem(
        400,
        "transaction_failed",
        "Transaction Failed",
        _FAILED,
        {
            "envelope_xdr": base64.b64encode(envelope).decode(),
            "result_codes": codes,
            "result_xdr": base64.b64encode(result).decode(),
        },
    )


def failed_transaction(record: TransactionRecord, asked: Transaction) -> Problem:
    """A transaction that is in a ledger and failed there, told as what was submitted."""
    alone = record.inner_code is not None and asked.bump is None
    decisive = record.inner_code if alone and record.inner_code is not None else record.code
    codes: dict[str, Any] = {"transaction": decisive}
    if record.inner_code is not None and not alone:
        codes["inner_transaction"] = decisive = record.inner_code
    if decisive == "tx_failed":
        codes["operations"] = [operation.code for operation in record.operations]
    return _failed(asked.envelope, codes, record.result)


def packed_verdict(transaction: Transaction, verdict: Verdict) -> bytes:
    """The XDR TransactionResult of a refused transaction."""
    body = pack.int32(verdict.code)
    if verdict.inner is not None:
        inner = verdict.inner
        body += transaction.hash + packed_verdict(transaction, inner)
    elif verdict.code == Code.txFAILED:
        body += pack.array(
            packed_outcome(operation.type, outcome)
            for operation, outcome in zip(transaction.operations, verdict.outcomes, strict=True)
        )
    return pack.int64(verdict.fee) + body + pack.ZERO


def _names(transaction: Transaction, outcomes: tuple[Outcome, ...]) -> list[str]:
    return [
        outcome_name(operation.type, outcome)
        for operation, outcome in zip(transaction.operations, outcomes, strict=True)
    ]


def refused_transaction(transaction: Transaction, verdict: Verdict) -> Problem:
    """A transaction that was not let into a ledger."""
    codes: dict[str, Any] = {"transaction": transaction_code_name(verdict.code)}
    decisive = verdict
    if verdict.inner is not None:
        decisive = verdict.inner
        codes["inner_transaction"] = transaction_code_name(decisive.code)
    if decisive.code == Code.txFAILED:
        codes["operations"] = _names(transaction, decisive.outcomes)
    return _failed(transaction.envelope, codes, packed_verdict(transaction, verdict))
