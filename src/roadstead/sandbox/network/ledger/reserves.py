"""Who pays the reserve of an entry: the owner, or a sponsor between begin and end of sponsoring."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from .assets import AccountId
from .balances import Terms, available_lumens, minimum_balance
from .overlay import Overlay
from .state import UINT32_MAX, Account, ClaimableBalance, Entry

SUBENTRIES_MAX = 1000
_LEVEL_SPONSORSHIP = 2


class ReserveProblem(StrEnum):
    """Why an entry cannot be paid for."""

    LOW_RESERVE = "low reserve"
    TOO_MANY_SUBENTRIES = "too many subentries"
    TOO_MANY_SPONSORING = "too many sponsoring"


@dataclass(slots=True)
class Sponsorships:
    """Who sponsors whom at this point of a transaction."""

    by_sponsored: dict[AccountId, AccountId] = field(default_factory=dict)


def weight_of(entry: Entry) -> int:
    """How many base reserves an entry costs."""
    match entry:
        case Account():
            return 2
        case ClaimableBalance():
            return len(entry.claimants)
        case _:
            return 1


def _grown(account: Account) -> Account:
    if account.extension >= _LEVEL_SPONSORSHIP:
        return account
    return replace(account, extension=_LEVEL_SPONSORSHIP)


def sponsor_more(account: Account, count: int) -> Account:
    """The account sponsoring so many reserves more (or fewer)."""
    return replace(_grown(account), sponsoring_count=account.sponsoring_count + count)


def sponsored_more(account: Account, count: int) -> Account:
    """The account with so many of its reserves more (or fewer) paid by others."""
    return replace(_grown(account), sponsored_count=account.sponsored_count + count)


def sponsor_problem(sponsor: Account, count: int, terms: Terms) -> ReserveProblem | None:
    """Whether a sponsor can carry so many reserves more."""
    if available_lumens(sponsor, terms) < count * terms.base_reserve:
        return ReserveProblem.LOW_RESERVE
    if sponsor.sponsoring_count + sponsor.subentries + count > UINT32_MAX:
        return ReserveProblem.TOO_MANY_SPONSORING
    return None


def create_account_entry(
    view: Overlay, entry: Account, sponsorships: Sponsorships, terms: Terms
) -> ReserveProblem | None:
    """Create an account; its own balance or its sponsor pays the two base reserves."""
    sponsor_id = sponsorships.by_sponsored.get(entry.account)
    if sponsor_id is None:
        if entry.balance < minimum_balance(entry, terms):
            return ReserveProblem.LOW_RESERVE
        view.put(entry)
        return None
    sponsor = view.account(sponsor_id)
    if sponsor is None:
        return ReserveProblem.LOW_RESERVE
    problem = sponsor_problem(sponsor, 2, terms)
    if problem is not None:
        return problem
    view.put(sponsor_more(sponsor, 2))
    owned = sponsored_more(entry, 2)
    view.put(replace(owned, sponsor=sponsor_id, entry_extension=True))
    return None


def create_subentry(
    view: Overlay, entry: Entry, owner_id: AccountId, sponsorships: Sponsorships, terms: Terms
) -> ReserveProblem | None:
    """Create a trust line, offer or data entry of an account."""
    owner = view.account(owner_id)
    if owner is None:
        return ReserveProblem.LOW_RESERVE
    count = weight_of(entry)
    if owner.subentries + count > SUBENTRIES_MAX:
        return ReserveProblem.TOO_MANY_SUBENTRIES
    sponsor_id = sponsorships.by_sponsored.get(owner_id)
    if sponsor_id is None:
        if available_lumens(owner, terms) < count * terms.base_reserve:
            return ReserveProblem.LOW_RESERVE
        view.put(replace(owner, subentries=owner.subentries + count))
        view.put(entry)
        return None
    sponsor = view.account(sponsor_id)
    if sponsor is None:
        return ReserveProblem.LOW_RESERVE
    problem = sponsor_problem(sponsor, count, terms)
    if problem is not None:
        return problem
    view.put(sponsor_more(sponsor, count))
    owner = view.account(owner_id) or owner
    view.put(sponsored_more(replace(owner, subentries=owner.subentries + count), count))
    view.put(replace(entry, sponsor=sponsor_id, entry_extension=True))
    return None


def create_free_entry(
    view: Overlay,
    entry: ClaimableBalance,
    creator_id: AccountId,
    sponsorships: Sponsorships,
    terms: Terms,
) -> ReserveProblem | None:
    """Create a claimable balance: nobody's subentry, always sponsored, by its creator at least."""
    sponsor_id = sponsorships.by_sponsored.get(creator_id, creator_id)
    sponsor = view.account(sponsor_id)
    if sponsor is None:
        return ReserveProblem.LOW_RESERVE
    count = weight_of(entry)
    problem = sponsor_problem(sponsor, count, terms)
    if problem is not None:
        return problem
    view.put(sponsor_more(sponsor, count))
    view.put(replace(entry, sponsor=sponsor_id, entry_extension=True))
    return None


def remove_subentry(view: Overlay, entry: Entry, owner_id: AccountId) -> None:
    """Remove a trust line, offer or data entry and give its reserve back to whoever paid it."""
    count = weight_of(entry)
    if entry.sponsor is not None:
        sponsor = view.account(entry.sponsor)
        if sponsor is not None:
            view.put(sponsor_more(sponsor, -count))
        owner = view.account(owner_id)
        if owner is not None:
            view.put(sponsored_more(owner, -count))
    owner = view.account(owner_id)
    if owner is not None:
        view.put(replace(owner, subentries=owner.subentries - count))
    view.erase(entry.key)


def remove_free_entry(view: Overlay, entry: ClaimableBalance) -> None:
    """Remove a claimable balance and give its reserve back to its sponsor."""
    if entry.sponsor is not None:
        sponsor = view.account(entry.sponsor)
        if sponsor is not None:
            view.put(sponsor_more(sponsor, -weight_of(entry)))
    view.erase(entry.key)
