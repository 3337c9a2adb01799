"""The parameters of requests, checked with Horizon's own words."""

import re

from starlette.requests import Request
from stellar_sdk import StrKey

from roadstead.sandbox.network.ledger.assets import AccountId, account_of

from .problems import bad_request

_ACCOUNT_REASON = "Account ID must start with `G` and contain 56 alphanum characters"
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_BALANCE = re.compile(r"0{8}[0-9a-f]{64}\Z")
_NUMBER = re.compile(r"-?[0-9]+\Z")
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1


def account_parameter(text: str, field: str = "account_id") -> AccountId:
    """An account's raw key."""
    if not StrKey.is_valid_ed25519_public_key(text):
        raise bad_request(field, _ACCOUNT_REASON)
    return account_of(text)


def hash_parameter(text: str) -> bytes:
    """A transaction's hash."""
    if not _HASH.match(text):
        raise bad_request("tx_id", "Transaction hash must be a hex-encoded, lowercase SHA-256 hash")
    return bytes.fromhex(text)


def ledger_parameter(text: str) -> int:
    """A ledger's number."""
    if not _NUMBER.match(text) or not 0 <= int(text) <= 2 * _INT32_MAX + 1:
        raise bad_request("ledger_id", "Ledger ID must be an integer higher than 0")
    return int(text)


def operation_parameter(text: str) -> int:
    """An operation's number."""
    if not _NUMBER.match(text) or not 0 <= int(text) <= _INT64_MAX:
        raise bad_request("id", 'schema: error converting value for "id"')
    return int(text)


def flag_parameter(request: Request, name: str) -> bool:
    """True or false, false when missing."""
    match request.query_params.get(name, ""):
        case "" | "false":
            return False
        case "true":
            return True
        case _:
            raise bad_request(name, "Filter should be true or false")


def join_parameter(request: Request) -> bool:
    """Whether transactions are to be put into operations."""
    match request.query_params.get("join", ""):
        case "":
            return False
        case "transactions":
            return True
        case _:
            raise bad_request("join", "Accepted values: transactions")


def balance_parameter(text: str, field: str = "id") -> bytes:
    """The 32 bytes of a claimable balance id."""
    if not _BALANCE.match(text):
        raise bad_request(field, f"{text} does not validate as claimableBalanceID")
    return bytes.fromhex(text[8:])
