"""Accounts and assets as the engine holds them, and their written forms."""

from functools import lru_cache
from typing import NamedTuple

from stellar_sdk import StrKey, xdr

from . import pack

AccountId = bytes
"""The 32 raw bytes of an account's public key."""

_SHORT = 4
_LONG = 12


class Asset(NamedTuple):
    """An asset: its code padded with zeros to 4 or 12 bytes, and its issuer. Lumens have neither."""

    code: bytes
    issuer: AccountId

    @property
    def is_native(self) -> bool:
        """Whether this is the lumen."""
        return not self.code

    @property
    def kind(self) -> str:
        """The name Horizon gives to this kind of asset."""
        if not self.code:
            return "native"
        return "credit_alphanum4" if len(self.code) == _SHORT else "credit_alphanum12"

    @property
    def name(self) -> str:
        """The code as people write it."""
        return self.code.rstrip(b"\x00").decode("ascii", "replace")

    def __str__(self) -> str:
        """`native`, or `CODE:ISSUER`."""
        return "native" if not self.code else f"{self.name}:{address(self.issuer)}"


NATIVE = Asset(b"", b"")


class Party(NamedTuple):
    """An account as an envelope names it: perhaps with the id of a sub-account (an `M...` address)."""

    account: AccountId
    mux_id: int | None = None


@lru_cache(maxsize=8192)
def address(account: AccountId) -> str:
    """The `G...` form of an account."""
    return StrKey.encode_ed25519_public_key(account)


@lru_cache(maxsize=8192)
def account_of(text: str) -> AccountId:
    """The raw bytes of a `G...` address; raises the SDK's error for anything else."""
    return StrKey.decode_ed25519_public_key(text)


def muxed_address(party: Party) -> str:
    """The `M...` form of a party that carries an id."""
    if party.mux_id is None:
        return address(party.account)
    return StrKey.encode_med25519_public_key(party.account + pack.uint64(party.mux_id))


def asset_named(code: str, issuer: AccountId) -> Asset:
    """The asset with this written code; codes of more than four letters use the long form."""
    width = _SHORT if len(code) <= _SHORT else _LONG
    return Asset(code.encode("ascii").ljust(width, b"\x00"), issuer)


def account_from_xdr(value: xdr.AccountID) -> AccountId:
    """The raw bytes of an XDR account id."""
    key = value.account_id.ed25519
    return key.uint256 if key is not None else b""


def party_from_xdr(value: xdr.MuxedAccount) -> Party:
    """The party an XDR muxed account names."""
    if value.med25519 is not None:
        return Party(value.med25519.ed25519.uint256, value.med25519.id.uint64)
    return Party(value.ed25519.uint256 if value.ed25519 is not None else b"")


def asset_from_xdr(value: xdr.Asset | xdr.ChangeTrustAsset | xdr.TrustLineAsset) -> Asset:
    """The engine's asset for an XDR one; pool shares give an asset that is never valid."""
    if value.alpha_num4 is not None:
        short = value.alpha_num4
        return Asset(short.asset_code.asset_code4, account_from_xdr(short.issuer))
    if value.alpha_num12 is not None:
        long = value.alpha_num12
        return Asset(long.asset_code.asset_code12, account_from_xdr(long.issuer))
    if value.type == xdr.AssetType.ASSET_TYPE_NATIVE:
        return NATIVE
    return Asset(b"\x00", b"")


def pack_account(account: AccountId) -> bytes:
    """An XDR account id."""
    return pack.ZERO + account


def pack_asset(asset: Asset) -> bytes:
    """An XDR asset."""
    match len(asset.code):
        case 0:
            return pack.ZERO
        case 4:
            return pack.ONE + asset.code + pack.ZERO + asset.issuer
        case _:
            return pack.int32(2) + asset.code + pack.ZERO + asset.issuer


@lru_cache(maxsize=4096)
def is_valid_asset(asset: Asset) -> bool:
    """Whether the code is ASCII letters and digits, unpadded in front, in its shortest form."""
    if asset.is_native:
        return True
    name = asset.code.rstrip(b"\x00")
    if not name or not name.isalnum() or not name.isascii():
        return False
    return len(asset.code) == _SHORT or (len(asset.code) == _LONG and len(name) > _SHORT)


def is_issuer(account: AccountId, asset: Asset) -> bool:
    """Whether this account issues the asset."""
    return bool(asset.code) and asset.issuer == account
