"""The fields of Horizon's records that our tables keep: read strictly, so that whatever is stored is what it says."""

from __future__ import annotations

import re

from roadstead.errors import BadInput
from roadstead.money import NATIVE, Asset, stellar_asset
from roadstead.stellar.records import read_position

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BALANCE_ID = re.compile(r"[0-9a-f]{72}", re.ASCII)
_ACCOUNT = re.compile(r"G[A-Z2-7]{55}", re.ASCII)
_MUXED = re.compile(r"M[A-Z2-7]{68}", re.ASCII)
_ASSET_TYPES = ("credit_alphanum4", "credit_alphanum12")


def asset_from_horizon(text: str) -> Asset:
    """Read an asset as Horizon writes it in one text: `native`, or code and issuer with a colon between.

    Raises:
        BadInput: It is something else.
    """
    if text == "native":
        return NATIVE
    code, _, issuer = text.partition(":")
    return stellar_asset(code, read_account(issuer))


def read_balance_id(text: str) -> str:
    """Read the id of a claimable balance.

    Raises:
        BadInput: It is no id.
    """
    if not _BALANCE_ID.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is no id of a claimable balance.")
    return text


def read_operation_id(text: str) -> int:
    """Read the id of an operation.

    Raises:
        BadInput: It is something else.
    """
    operation_id = read_position(text)
    if not operation_id:
        raise BadInput(f"Operation id {text[:40]!r} is not a whole number of 64 bits.")
    return operation_id


def read_hash(text: str) -> str:
    """Read the hash of a transaction.

    Raises:
        BadInput: It is something else.
    """
    if not _HASH.fullmatch(text):
        raise BadInput("The transaction hash is not 64 hexadecimal digits.")
    return text


def read_account(text: str) -> str:
    """Read an address G....

    Raises:
        BadInput: It is something else.
    """
    if not _ACCOUNT.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not an address G...")
    return text


def read_muxed(text: str | None) -> str | None:
    """Read an address M..., where there is one.

    Raises:
        BadInput: It is something else.
    """
    if text is not None and not _MUXED.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not an address M...")
    return text


def read_payer(account: str, muxed: str | None) -> str:
    """Read an address in its fullest form: M... where there is one, else G....

    Raises:
        BadInput: It is something else.
    """
    plain = read_account(account)
    return read_muxed(muxed) or plain


def read_asset(asset_type: str, code: str | None, issuer: str | None) -> Asset:
    """Read an asset from its three fields.

    Raises:
        BadInput: It is something else.
    """
    if asset_type == "native":
        return NATIVE
    if asset_type not in _ASSET_TYPES or code is None or issuer is None:
        raise BadInput(f"Asset type {asset_type[:40]!r} is not one that can be paid.")
    return stellar_asset(code, issuer)
