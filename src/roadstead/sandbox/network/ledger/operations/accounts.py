"""create_account, account_merge and bump_sequence."""

from dataclasses import replace
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger import pack
from roadstead.sandbox.network.ledger.assets import account_from_xdr, party_from_xdr
from roadstead.sandbox.network.ledger.balances import available_lumens, with_lumens
from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, refused
from roadstead.sandbox.network.ledger.reserves import create_account_entry, sponsor_more
from roadstead.sandbox.network.ledger.state import AUTH_IMMUTABLE, INT64_MAX, Account, AccountKey

from .rule import Check, Turn, unpaid

_Create = xdr.CreateAccountResultCode
_Merge = xdr.AccountMergeResultCode
_Bump = xdr.BumpSequenceResultCode

_LEVEL_SEQUENCE = 3


def used_sequence(account: Account, sequence: int, ledger: int, close_time: int) -> Account:
    """The account after its sequence number was set in this ledger."""
    return replace(
        account,
        sequence=sequence,
        sequence_ledger=ledger,
        sequence_time=close_time,
        extension=_LEVEL_SEQUENCE,
    )


def check_create(check: Check) -> IntEnum | None:
    """A new account needs a balance that is not negative and another one to create it."""
    body: xdr.CreateAccountOp = check.body
    if body.starting_balance.int64 < 0:
        return _Create.CREATE_ACCOUNT_MALFORMED
    if account_from_xdr(body.destination) == check.source:
        return _Create.CREATE_ACCOUNT_MALFORMED
    return None


def apply_create(turn: Turn) -> Outcome:
    """Create an account with a balance taken from the source."""
    body: xdr.CreateAccountOp = turn.body
    destination = account_from_xdr(body.destination)
    amount = body.starting_balance.int64
    if turn.view.account(destination) is not None:
        return refused(_Create.CREATE_ACCOUNT_ALREADY_EXIST)
    entry = Account(account=destination, balance=amount, sequence=turn.terms.ledger << 32)
    problem = create_account_entry(turn.view, entry, turn.sponsorships, turn.terms)
    if problem is not None:
        return unpaid(problem, _Create.CREATE_ACCOUNT_LOW_RESERVE)
    source = turn.source_account()
    if available_lumens(source, turn.terms) < amount:
        return refused(_Create.CREATE_ACCOUNT_UNDERFUNDED)
    paid = with_lumens(source, -amount, turn.terms)
    if paid is None:
        return refused(_Create.CREATE_ACCOUNT_UNDERFUNDED)
    turn.view.put(paid)
    return DONE


def check_merge(check: Check) -> IntEnum | None:
    """An account cannot be merged into itself."""
    if party_from_xdr(check.body).account == check.source:
        return _Merge.ACCOUNT_MERGE_MALFORMED
    return None


def _merge_problem(turn: Turn, source: Account) -> IntEnum | None:
    if source.flags & AUTH_IMMUTABLE:
        return _Merge.ACCOUNT_MERGE_IMMUTABLE_SET
    if source.subentries != len(source.signers):
        return _Merge.ACCOUNT_MERGE_HAS_SUB_ENTRIES
    if source.sequence >= turn.terms.ledger << 32:
        return _Merge.ACCOUNT_MERGE_SEQNUM_TOO_FAR
    sponsoring = turn.source in turn.sponsorships.by_sponsored.values()
    if source.sponsoring_count or sponsoring:
        return _Merge.ACCOUNT_MERGE_IS_SPONSOR
    return None


def apply_merge(turn: Turn) -> Outcome:
    """Move all lumens to another account and remove the source."""
    destination_id = party_from_xdr(turn.body).account
    if turn.view.account(destination_id) is None:
        return refused(_Merge.ACCOUNT_MERGE_NO_ACCOUNT)
    source = turn.source_account()
    problem = _merge_problem(turn, source)
    if problem is not None:
        return refused(problem)
    _release_sponsors(turn, source)
    destination = turn.view.account(destination_id)
    if destination is None or destination.balance + source.balance > INT64_MAX - destination.buying:
        return refused(_Merge.ACCOUNT_MERGE_DEST_FULL)
    turn.view.put(replace(destination, balance=destination.balance + source.balance))
    turn.view.erase(AccountKey(turn.source))
    return Outcome(payload=pack.int64(source.balance), amount=source.balance)


def _release_sponsors(turn: Turn, source: Account) -> None:
    owed = [(signer.sponsor, 1) for signer in source.signers if signer.sponsor is not None]
    if source.sponsor is not None:
        owed.append((source.sponsor, 2))
    for sponsor_id, count in owed:
        sponsor = turn.view.account(sponsor_id)
        if sponsor is not None:
            turn.view.put(sponsor_more(sponsor, -count))


def check_bump(check: Check) -> IntEnum | None:
    """Sequence numbers are never negative."""
    body: xdr.BumpSequenceOp = check.body
    return _Bump.BUMP_SEQUENCE_BAD_SEQ if body.bump_to.sequence_number.int64 < 0 else None


def apply_bump(turn: Turn) -> Outcome:
    """Raise the source's sequence number; a lower target changes nothing."""
    body: xdr.BumpSequenceOp = turn.body
    target = body.bump_to.sequence_number.int64
    source = turn.source_account()
    turn.view.put(
        used_sequence(source, max(source.sequence, target), turn.terms.ledger, turn.terms.close_time)
    )
    return DONE
