"""change_trust."""

from dataclasses import replace
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.assets import Asset, asset_from_xdr, is_issuer, is_valid_asset
from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, refused
from roadstead.sandbox.network.ledger.reserves import create_subentry, remove_subentry
from roadstead.sandbox.network.ledger.state import (
    AUTH_CLAWBACK,
    AUTH_REQUIRED,
    LINE_AUTHORIZED,
    LINE_CLAWBACK,
    Account,
    TrustLine,
)

from .rule import Check, Turn, unpaid

_Code = xdr.ChangeTrustResultCode


def check(check: Check) -> IntEnum | None:
    """A limit that is not negative for a well-formed asset of somebody else."""
    body: xdr.ChangeTrustOp = check.body
    asset = asset_from_xdr(body.line)
    if body.limit.int64 < 0 or asset.is_native or not is_valid_asset(asset):
        return _Code.CHANGE_TRUST_MALFORMED
    if is_issuer(check.source, asset):
        return _Code.CHANGE_TRUST_MALFORMED
    return None


def _initial_flags(issuer: Account) -> int:
    flags = 0 if issuer.flags & AUTH_REQUIRED else LINE_AUTHORIZED
    return flags | (LINE_CLAWBACK if issuer.flags & AUTH_CLAWBACK else 0)


def apply(turn: Turn) -> Outcome:
    """Create, change or (limit 0) remove a trust line of the source."""
    body: xdr.ChangeTrustOp = turn.body
    asset = asset_from_xdr(body.line)
    limit = body.limit.int64
    line = turn.view.line(turn.source, asset)
    if line is None:
        return _create(turn, asset, limit)
    if limit < line.balance + line.buying:
        return refused(_Code.CHANGE_TRUST_INVALID_LIMIT)
    if limit == 0:
        remove_subentry(turn.view, line, turn.source)
        return DONE
    if turn.view.peek_account(asset.issuer) is None:
        return refused(_Code.CHANGE_TRUST_NO_ISSUER)
    turn.view.put(replace(line, limit=limit))
    return DONE


def _create(turn: Turn, asset: Asset, limit: int) -> Outcome:
    if limit == 0:
        return refused(_Code.CHANGE_TRUST_INVALID_LIMIT)
    issuer = turn.view.peek_account(asset.issuer)
    if issuer is None:
        return refused(_Code.CHANGE_TRUST_NO_ISSUER)
    line = TrustLine(account=turn.source, asset=asset, balance=0, limit=limit, flags=_initial_flags(issuer))
    problem = create_subentry(turn.view, line, turn.source, turn.sponsorships, turn.terms)
    return DONE if problem is None else unpaid(problem, _Code.CHANGE_TRUST_LOW_RESERVE)
