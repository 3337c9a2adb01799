"""set_options."""

from dataclasses import replace
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.assets import account_from_xdr
from roadstead.sandbox.network.ledger.balances import available_lumens
from roadstead.sandbox.network.ledger.outcome import DONE, OUTER, Outcome, refused, refused_outside
from roadstead.sandbox.network.ledger.reserves import (
    SUBENTRIES_MAX,
    ReserveProblem,
    sponsor_more,
    sponsor_problem,
    sponsored_more,
)
from roadstead.sandbox.network.ledger.signatures import (
    KEY_PAYLOAD,
    WEIGHT_MAX,
    key_kind,
    key_of_account,
    payload_of,
)
from roadstead.sandbox.network.ledger.state import (
    AUTH_CLAWBACK,
    AUTH_IMMUTABLE,
    AUTH_REVOCABLE,
    Account,
    Signer,
)

from .data import is_plain_text
from .rule import HIGH, MEDIUM, Check, Turn, unpaid

_Code = xdr.SetOptionsResultCode

SIGNERS_MAX = 20
_ALL_FLAGS = 0xF


def threshold(body: xdr.SetOptionsOp) -> int:
    """High where the change touches who controls the account."""
    changes = (
        body.master_weight,
        body.low_threshold,
        body.med_threshold,
        body.high_threshold,
        body.signer,
    )
    return HIGH if any(change is not None for change in changes) else MEDIUM


def _number(value: xdr.Uint32 | None) -> int | None:
    return None if value is None else value.uint32


def _bad_signer(signer: xdr.Signer, source: bytes) -> bool:
    key = signer.key.to_xdr_bytes()
    if key == key_of_account(source):
        return True
    if key_kind(key) == KEY_PAYLOAD and not payload_of(key):
        return True
    return signer.weight.uint32 > WEIGHT_MAX


def check(check: Check) -> IntEnum | None:
    """Flags known and not contradictory, numbers in range, signer and domain well formed."""
    body: xdr.SetOptionsOp = check.body
    set_flags, clear_flags = _number(body.set_flags), _number(body.clear_flags)
    if (set_flags or 0) & ~_ALL_FLAGS or (clear_flags or 0) & ~_ALL_FLAGS:
        return _Code.SET_OPTIONS_UNKNOWN_FLAG
    if (set_flags or 0) & (clear_flags or 0):
        return _Code.SET_OPTIONS_BAD_FLAGS
    numbers = (body.master_weight, body.low_threshold, body.med_threshold, body.high_threshold)
    if any(value is not None and value.uint32 > WEIGHT_MAX for value in numbers):
        return _Code.SET_OPTIONS_THRESHOLD_OUT_OF_RANGE
    if body.signer is not None and _bad_signer(body.signer, check.source):
        return _Code.SET_OPTIONS_BAD_SIGNER
    if body.home_domain is not None and not is_plain_text(body.home_domain.string32):
        return _Code.SET_OPTIONS_INVALID_HOME_DOMAIN
    return None


def _changed_flags(account: Account, body: xdr.SetOptionsOp) -> Account | _Code:
    flags = account.flags
    cleared, added = _number(body.clear_flags), _number(body.set_flags)
    for change in (cleared, added):
        if change is not None and change & _ALL_FLAGS and account.flags & AUTH_IMMUTABLE:
            return _Code.SET_OPTIONS_CANT_CHANGE
    flags = (flags & ~(cleared or 0)) | (added or 0)
    if flags & AUTH_CLAWBACK and not flags & AUTH_REVOCABLE:
        return _Code.SET_OPTIONS_AUTH_REVOCABLE_REQUIRED
    return replace(account, flags=flags)


def _changed_thresholds(account: Account, body: xdr.SetOptionsOp) -> Account:
    wanted = (body.master_weight, body.low_threshold, body.med_threshold, body.high_threshold)
    master, low, medium, high = (
        old if new is None else new.uint32 & WEIGHT_MAX
        for old, new in zip(account.thresholds, wanted, strict=True)
    )
    return replace(account, thresholds=(master, low, medium, high))


def _sorted(signers: tuple[Signer, ...]) -> tuple[Signer, ...]:
    return tuple(sorted(signers, key=lambda signer: signer.key))


def remove_signer(turn_view_account: Account, signer: Signer) -> Account:
    """The account without one of its signers; a sponsor must be released by the caller."""
    account = turn_view_account
    rest = tuple(one for one in account.signers if one.key != signer.key)
    account = replace(account, signers=rest, subentries=account.subentries - 1)
    return account if signer.sponsor is None else sponsored_more(account, -1)


def _delete_signer(turn: Turn, account: Account, key: bytes) -> Account:
    found = next((signer for signer in account.signers if signer.key == key), None)
    if found is None:
        return account
    if found.sponsor is not None:
        sponsor = turn.view.account(found.sponsor)
        if sponsor is not None:
            turn.view.put(sponsor_more(sponsor, -1))
    return remove_signer(account, found)


def _add_signer(turn: Turn, account: Account, signer: Signer) -> Account | Outcome:
    if any(one.key == signer.key for one in account.signers):
        changed = tuple(
            one._replace(weight=signer.weight) if one.key == signer.key else one for one in account.signers
        )
        return replace(account, signers=changed)
    if len(account.signers) == SIGNERS_MAX:
        return refused(_Code.SET_OPTIONS_TOO_MANY_SIGNERS)
    if account.subentries + 1 > SUBENTRIES_MAX:
        return refused_outside(OUTER.opTOO_MANY_SUBENTRIES)
    sponsor_id = turn.sponsorships.by_sponsored.get(turn.source)
    if sponsor_id is None:
        if available_lumens(account, turn.terms) < turn.terms.base_reserve:
            return unpaid(ReserveProblem.LOW_RESERVE, _Code.SET_OPTIONS_LOW_RESERVE)
    else:
        sponsor = turn.view.account(sponsor_id)
        if sponsor is None:
            return unpaid(ReserveProblem.LOW_RESERVE, _Code.SET_OPTIONS_LOW_RESERVE)
        problem = sponsor_problem(sponsor, 1, turn.terms)
        if problem is not None:
            return unpaid(problem, _Code.SET_OPTIONS_LOW_RESERVE)
        turn.view.put(sponsor_more(sponsor, 1))
        account = sponsored_more(account, 1)
    signers = _sorted((*account.signers, signer._replace(sponsor=sponsor_id)))
    return replace(account, signers=signers, subentries=account.subentries + 1)


def _changed_signers(turn: Turn, account: Account, signer: xdr.Signer) -> Account | Outcome:
    key = signer.key.to_xdr_bytes()
    if signer.weight.uint32 == 0:
        return _delete_signer(turn, account, key)
    return _add_signer(turn, account, Signer(key, signer.weight.uint32))


def apply(turn: Turn) -> Outcome:
    """Change the source's options; all of them or none."""
    body: xdr.SetOptionsOp = turn.body
    account = turn.source_account()
    if body.inflation_dest is not None:
        destination = account_from_xdr(body.inflation_dest)
        if destination != turn.source and turn.view.peek_account(destination) is None:
            return refused(_Code.SET_OPTIONS_INVALID_INFLATION)
        account = replace(account, inflation_destination=destination)
    flagged = _changed_flags(account, body)
    if not isinstance(flagged, Account):
        return refused(flagged)
    account = _changed_thresholds(flagged, body)
    if body.home_domain is not None:
        account = replace(account, home_domain=body.home_domain.string32)
    if body.signer is not None:
        changed = _changed_signers(turn, account, body.signer)
        if isinstance(changed, Outcome):
            return changed
        account = changed
    turn.view.put(account)
    return DONE
