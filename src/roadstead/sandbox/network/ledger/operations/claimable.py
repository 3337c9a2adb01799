"""Claimable balances: create, claim and claw back."""

from enum import IntEnum
from hashlib import sha256

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger import pack
from roadstead.sandbox.network.ledger.assets import (
    AccountId,
    Asset,
    account_from_xdr,
    asset_from_xdr,
    is_issuer,
    is_valid_asset,
    pack_account,
)
from roadstead.sandbox.network.ledger.balances import is_authorized, with_lumens, with_units
from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, refused
from roadstead.sandbox.network.ledger.predicates import holds, is_valid, made_absolute
from roadstead.sandbox.network.ledger.reserves import create_free_entry, remove_free_entry
from roadstead.sandbox.network.ledger.state import (
    AUTH_CLAWBACK,
    BALANCE_CLAWBACK,
    LINE_CLAWBACK,
    BalanceKey,
    ClaimableBalance,
    Claimant,
)

from .payments import DebitCodes, debit
from .rule import Check, Turn, unpaid

_Create = xdr.CreateClaimableBalanceResultCode
_Claim = xdr.ClaimClaimableBalanceResultCode
_Clawback = xdr.ClawbackClaimableBalanceResultCode

_DEBIT = DebitCodes(
    src_no_trust=_Create.CREATE_CLAIMABLE_BALANCE_NO_TRUST,
    src_not_authorized=_Create.CREATE_CLAIMABLE_BALANCE_NOT_AUTHORIZED,
    underfunded=_Create.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
)
_OPERATION_ID = pack.int32(6)


def balance_id(source: AccountId, sequence: int, index: int) -> bytes:
    """The id of the balance that an operation of a transaction creates."""
    parts = (_OPERATION_ID, pack_account(source), pack.int64(sequence), pack.uint32(index))
    return sha256(b"".join(parts)).digest()


def check_create(check: Check) -> IntEnum | None:
    """A positive amount, and claimants of whom none is named twice."""
    body: xdr.CreateClaimableBalanceOp = check.body
    claimants = [one.v0 for one in body.claimants if one.v0 is not None]
    names = {account_from_xdr(one.destination) for one in claimants}
    malformed = (
        body.amount.int64 <= 0
        or not is_valid_asset(asset_from_xdr(body.asset))
        or not claimants
        or len(names) != len(claimants)
        or not all(is_valid(one.predicate) for one in claimants)
    )
    return _Create.CREATE_CLAIMABLE_BALANCE_MALFORMED if malformed else None


def _clawback_enabled(turn: Turn, asset: Asset) -> bool:
    if asset.is_native:
        return False
    if is_issuer(turn.source, asset):
        return bool(turn.source_account().flags & AUTH_CLAWBACK)
    line = turn.view.peek_line(turn.source, asset)
    return line is not None and bool(line.flags & LINE_CLAWBACK)


def apply_create(turn: Turn) -> Outcome:
    """Set an amount of the source aside for claimants."""
    body: xdr.CreateClaimableBalanceOp = turn.body
    asset = asset_from_xdr(body.asset)
    problem = debit(turn, asset, body.amount.int64, _DEBIT)
    if problem is not None:
        return refused(problem)
    identity = balance_id(turn.transaction_source, turn.transaction_sequence, turn.index)
    clawback = _clawback_enabled(turn, asset)
    entry = ClaimableBalance(
        balance_id=identity,
        claimants=tuple(
            Claimant(
                account_from_xdr(one.v0.destination),
                made_absolute(one.v0.predicate, turn.terms.close_time).to_xdr_bytes(),
            )
            for one in body.claimants
            if one.v0 is not None
        ),
        asset=asset,
        amount=body.amount.int64,
        flags=BALANCE_CLAWBACK if clawback else 0,
        extension=1 if clawback else 0,
    )
    unaffordable = create_free_entry(turn.view, entry, turn.source, turn.sponsorships, turn.terms)
    if unaffordable is not None:
        return unpaid(unaffordable, _Create.CREATE_CLAIMABLE_BALANCE_LOW_RESERVE)
    return Outcome(payload=pack.ZERO + identity)


def _entry(turn: Turn, identity: xdr.ClaimableBalanceID) -> ClaimableBalance | None:
    if identity.v0 is None:
        return None
    entry = turn.view.load(BalanceKey(identity.v0.hash))
    return entry if isinstance(entry, ClaimableBalance) else None


def _may_claim(turn: Turn, entry: ClaimableBalance) -> bool:
    for claimant in entry.claimants:
        if claimant.account == turn.source:
            predicate = xdr.ClaimPredicate.from_xdr_bytes(claimant.predicate)
            return holds(predicate, turn.terms.close_time)
    return False


def apply_claim(turn: Turn) -> Outcome:
    """Take a balance that was set aside for the source."""
    body: xdr.ClaimClaimableBalanceOp = turn.body
    entry = _entry(turn, body.balance_id)
    if entry is None:
        return refused(_Claim.CLAIM_CLAIMABLE_BALANCE_DOES_NOT_EXIST)
    if not _may_claim(turn, entry):
        return refused(_Claim.CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM)
    problem = _take_in(turn, entry)
    if problem is not None:
        return refused(problem)
    remove_free_entry(turn.view, entry)
    return DONE


def _take_in(turn: Turn, entry: ClaimableBalance) -> IntEnum | None:
    account = turn.source_account()
    if entry.asset.is_native:
        filled = with_lumens(account, entry.amount, turn.terms)
        if filled is None:
            return _Claim.CLAIM_CLAIMABLE_BALANCE_LINE_FULL
        turn.view.put(filled)
        return None
    if is_issuer(turn.source, entry.asset):
        return None
    line = turn.view.line(turn.source, entry.asset)
    if line is None:
        return _Claim.CLAIM_CLAIMABLE_BALANCE_NO_TRUST
    if not is_authorized(line):
        return _Claim.CLAIM_CLAIMABLE_BALANCE_NOT_AUTHORIZED
    held = with_units(line, entry.amount)
    if held is None:
        return _Claim.CLAIM_CLAIMABLE_BALANCE_LINE_FULL
    turn.view.put(held)
    return None


def apply_clawback(turn: Turn) -> Outcome:
    """Destroy a balance of the source's own asset."""
    body: xdr.ClawbackClaimableBalanceOp = turn.body
    entry = _entry(turn, body.balance_id)
    if entry is None:
        return refused(_Clawback.CLAWBACK_CLAIMABLE_BALANCE_DOES_NOT_EXIST)
    if not is_issuer(turn.source, entry.asset):
        return refused(_Clawback.CLAWBACK_CLAIMABLE_BALANCE_NOT_ISSUER)
    if not entry.flags & BALANCE_CLAWBACK:
        return refused(_Clawback.CLAWBACK_CLAIMABLE_BALANCE_NOT_CLAWBACK_ENABLED)
    turn.source_account()
    remove_free_entry(turn.view, entry)
    return DONE
