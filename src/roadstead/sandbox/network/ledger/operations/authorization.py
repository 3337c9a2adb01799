"""allow_trust, set_trust_line_flags and clawback: what issuers may do to holders."""

from dataclasses import replace
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.assets import (
    AccountId,
    Asset,
    account_from_xdr,
    asset_from_xdr,
    is_issuer,
    is_valid_asset,
    party_from_xdr,
)
from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, refused
from roadstead.sandbox.network.ledger.state import (
    AUTH_REVOCABLE,
    LINE_AUTHORIZED,
    LINE_CLAWBACK,
    LINE_MAINTAIN,
    TrustLine,
)

from .offers import remove_offers
from .rule import Check, Turn

_Allow = xdr.AllowTrustResultCode
_Flags = xdr.SetTrustLineFlagsResultCode
_Clawback = xdr.ClawbackResultCode

_AUTHORITY = LINE_AUTHORIZED | LINE_MAINTAIN
_ALL_FLAGS = _AUTHORITY | LINE_CLAWBACK


def allowed_asset(code: xdr.AssetCode, issuer: AccountId) -> Asset:
    """The asset an allow_trust names: its source issues it."""
    if code.asset_code4 is not None:
        return Asset(code.asset_code4.asset_code4, issuer)
    if code.asset_code12 is not None:
        return Asset(code.asset_code12.asset_code12, issuer)
    return Asset(b"\x00", issuer)


def check_allow(check: Check) -> IntEnum | None:
    """At most one level of authority, over somebody else's line."""
    body: xdr.AllowTrustOp = check.body
    level = body.authorize.uint32
    asset = allowed_asset(body.asset, check.source)
    if level > _AUTHORITY or level == _AUTHORITY or not is_valid_asset(asset):
        return _Allow.ALLOW_TRUST_MALFORMED
    if account_from_xdr(body.trustor) == check.source:
        return _Allow.ALLOW_TRUST_MALFORMED
    return None


def _revocable(turn: Turn) -> bool:
    issuer = turn.view.peek_account(turn.source)
    return issuer is not None and bool(issuer.flags & AUTH_REVOCABLE)


def _loses(before: int, after: int) -> bool:
    """Whether a change of flags takes authority away."""
    if before & LINE_AUTHORIZED and not after & LINE_AUTHORIZED:
        return True
    return bool(before & _AUTHORITY and not after & _AUTHORITY)


def _set_flags(turn: Turn, line: TrustLine, flags: int) -> None:
    if line.flags & _AUTHORITY and not flags & _AUTHORITY:
        remove_offers(turn.view, turn, line.account, line.asset)
    current = turn.view.line(line.account, line.asset) or line
    turn.view.put(replace(current, flags=flags))


def apply_allow(turn: Turn) -> Outcome:
    """Give or take the authority to hold the source's asset."""
    body: xdr.AllowTrustOp = turn.body
    level = body.authorize.uint32
    revocable = _revocable(turn)
    if not revocable and level == 0:
        return refused(_Allow.ALLOW_TRUST_CANT_REVOKE)
    asset = allowed_asset(body.asset, turn.source)
    line = turn.view.peek_line(account_from_xdr(body.trustor), asset)
    if line is None:
        return refused(_Allow.ALLOW_TRUST_NO_TRUST_LINE)
    flags = (line.flags & ~_AUTHORITY) | level
    if not revocable and _loses(line.flags, flags):
        return refused(_Allow.ALLOW_TRUST_CANT_REVOKE)
    _set_flags(turn, line, flags)
    return DONE


def check_flags(check: Check) -> IntEnum | None:
    """Known flags that do not contradict each other, on somebody else's line of an own asset."""
    body: xdr.SetTrustLineFlagsOp = check.body
    asset = asset_from_xdr(body.asset)
    added, cleared = body.set_flags.uint32, body.clear_flags.uint32
    malformed = (
        asset.is_native
        or not is_valid_asset(asset)
        or not is_issuer(check.source, asset)
        or account_from_xdr(body.trustor) == check.source
        or added & cleared
        or added & ~_AUTHORITY
        or added & _AUTHORITY == _AUTHORITY
        or cleared & ~_ALL_FLAGS
    )
    return _Flags.SET_TRUST_LINE_FLAGS_MALFORMED if malformed else None


def apply_flags(turn: Turn) -> Outcome:
    """Change the flags of a holder's line of the source's asset."""
    body: xdr.SetTrustLineFlagsOp = turn.body
    added, cleared = body.set_flags.uint32, body.clear_flags.uint32
    revocable = _revocable(turn)
    if not revocable and cleared & _AUTHORITY:
        return refused(_Flags.SET_TRUST_LINE_FLAGS_CANT_REVOKE)
    line = turn.view.peek_line(account_from_xdr(body.trustor), asset_from_xdr(body.asset))
    if line is None:
        return refused(_Flags.SET_TRUST_LINE_FLAGS_NO_TRUST_LINE)
    flags = (line.flags & ~cleared) | added
    if flags & _AUTHORITY == _AUTHORITY:
        return refused(_Flags.SET_TRUST_LINE_FLAGS_INVALID_STATE)
    if not revocable and _loses(line.flags, flags):
        return refused(_Flags.SET_TRUST_LINE_FLAGS_CANT_REVOKE)
    _set_flags(turn, line, flags)
    return DONE


def check_clawback(check: Check) -> IntEnum | None:
    """A positive amount of an own asset, from somebody else."""
    body: xdr.ClawbackOp = check.body
    asset = asset_from_xdr(body.asset)
    malformed = (
        party_from_xdr(body.from_).account == check.source
        or body.amount.int64 < 1
        or asset.is_native
        or not is_valid_asset(asset)
        or not is_issuer(check.source, asset)
    )
    return _Clawback.CLAWBACK_MALFORMED if malformed else None


def apply_clawback(turn: Turn) -> Outcome:
    """Take an amount of the source's asset out of a holder's line."""
    body: xdr.ClawbackOp = turn.body
    line = turn.view.line(party_from_xdr(body.from_).account, asset_from_xdr(body.asset))
    if line is None:
        return refused(_Clawback.CLAWBACK_NO_TRUST)
    if not line.flags & LINE_CLAWBACK:
        return refused(_Clawback.CLAWBACK_NOT_CLAWBACK_ENABLED)
    balance = line.balance - body.amount.int64
    if balance < line.selling:
        return refused(_Clawback.CLAWBACK_UNDERFUNDED)
    turn.view.put(replace(line, balance=balance))
    return DONE
