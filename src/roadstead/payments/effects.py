"""What Horizon's effects of an operation add to it: the amount of a merge, the content of a claimed balance. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from roadstead.errors import BadInput
from roadstead.money import NATIVE, Asset, amount_from_text
from roadstead.payments.fields import asset_from_horizon
from roadstead.payments.verdicts import BalanceClaim, IncomingPayment, PaymentKind, Undecodable


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceContent:
    """What a claimable balance held, and who made it."""

    asset: Asset
    amount_units: int
    sponsor: str | None
    """Who pays its reserve: its maker, unless another did so for them."""


class _Effect(msgspec.Struct, frozen=True):
    type: str
    account: str
    amount: str | None = None
    asset: str | None = None
    asset_type: str | None = None
    balance_id: str | None = None
    former_sponsor: str | None = None


_effect = msgspec.json.Decoder(_Effect)


def merge_completed(merge: IncomingPayment, effects: Iterable[bytes]) -> IncomingPayment:
    """Add to a merge the lumens that its effects say we were credited; unchanged where they do not say it."""
    units = 0
    for effect in _read(effects):
        if effect.type == "account_credited" and effect.account == merge.receiving_account:
            if effect.asset_type != "native" or effect.amount is None:
                return merge
            units += _units(NATIVE, effect.amount)
    return replace(merge, amount_units=units) if units else merge


def balance_content(claim: BalanceClaim, effects: Iterable[bytes]) -> BalanceContent | None:
    """Return what the effects of a claim say that it brought; None where they do not say it."""
    content: BalanceContent | None = None
    sponsor: str | None = None
    for effect in _read(effects):
        if effect.balance_id != claim.balance_id:
            continue
        if effect.type == "claimable_balance_claimed" and effect.asset and effect.amount:
            content = _content(effect.asset, effect.amount)
        if effect.type == "claimable_balance_sponsorship_removed":
            sponsor = effect.former_sponsor
    return replace(content, sponsor=sponsor) if content else None


def claimed(claim: BalanceClaim, content: BalanceContent | None) -> IncomingPayment | Undecodable:
    """Make the payment of a claim; where its content or its maker is unknown, a person has to look."""
    if content is None or content.sponsor is None:
        return Undecodable(f"our account claimed balance {claim.balance_id}, of which too little is known")
    return IncomingPayment(
        operation_id=claim.operation_id,
        kind=PaymentKind.CLAIM,
        transaction_hash=claim.transaction_hash,
        ledger_closed_at=claim.ledger_closed_at,
        payer=content.sponsor,
        payer_account=content.sponsor,
        receiving_account=claim.receiving_account,
        receiving_muxed=None,
        asset=content.asset,
        amount_units=content.amount_units,
        memo=claim.memo,
    )


def _content(asset_text: str, amount_text: str) -> BalanceContent | None:
    try:
        asset = asset_from_horizon(asset_text)
    except BadInput:
        return None
    units = _units(asset, amount_text)
    return BalanceContent(asset=asset, amount_units=units, sponsor=None) if units else None


def _units(asset: Asset, text: str) -> int:
    """Read an amount; 0 for one that is none."""
    try:
        return amount_from_text(asset, text).units
    except BadInput:
        return 0


def _read(effects: Iterable[bytes]) -> list[_Effect]:
    found = []
    for raw in effects:
        try:
            found.append(_effect.decode(raw))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
    return found
