"""What may be taken from and added to balances: reserves, limits and liabilities respected."""

from dataclasses import dataclass, replace

from .assets import AccountId, Asset, is_issuer
from .overlay import Overlay
from .state import INT64_MAX, LINE_AUTHORIZED, LINE_MAINTAIN, Account, TrustLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one ledger: its number, close time (unix seconds), fee and reserve in stroops."""

    ledger: int
    close_time: int
    base_fee: int
    base_reserve: int
    protocol: int


def minimum_balance(account: Account, terms: Terms) -> int:
    """What an account must keep for its entries and for those it sponsors."""
    count = 2 + account.subentries + account.sponsoring_count - account.sponsored_count
    return count * terms.base_reserve


def available_lumens(account: Account, terms: Terms) -> int:
    """What an account may spend now."""
    return account.balance - minimum_balance(account, terms) - account.selling


def with_lumens(account: Account, delta: int, terms: Terms) -> Account | None:
    """The account with its balance changed, or None where that would break a limit."""
    balance = account.balance + delta
    if balance < 0 or balance > INT64_MAX - account.buying:
        return None
    if delta < 0 and balance - minimum_balance(account, terms) < account.selling:
        return None
    return replace(account, balance=balance)


def is_authorized(line: TrustLine) -> bool:
    """Whether the line may be used for anything."""
    return bool(line.flags & LINE_AUTHORIZED)


def may_keep_offers(line: TrustLine) -> bool:
    """Whether the line may at least keep the offers it has."""
    return bool(line.flags & (LINE_AUTHORIZED | LINE_MAINTAIN))


def with_units(line: TrustLine, delta: int) -> TrustLine | None:
    """The line with its balance changed, or None where that would break a limit."""
    if delta == 0:
        return line
    if not may_keep_offers(line):
        return None
    balance = line.balance + delta
    if balance < line.selling or balance > line.limit - line.buying:
        return None
    return replace(line, balance=balance)


def can_sell_at_most(view: Overlay, owner: AccountId, asset: Asset, terms: Terms) -> int:
    """What an owner could hand over of an asset, liabilities set aside."""
    if asset.is_native:
        account = view.peek_account(owner)
        return 0 if account is None else max(0, available_lumens(account, terms))
    if is_issuer(owner, asset):
        return INT64_MAX
    line = view.peek_line(owner, asset)
    if line is None or not may_keep_offers(line):
        return 0
    return max(0, line.balance - line.selling)


def can_buy_at_most(view: Overlay, owner: AccountId, asset: Asset) -> int:
    """What an owner could take in of an asset, liabilities set aside."""
    if asset.is_native:
        account = view.peek_account(owner)
        return 0 if account is None else max(0, INT64_MAX - account.balance - account.buying)
    if is_issuer(owner, asset):
        return INT64_MAX
    line = view.peek_line(owner, asset)
    if line is None or not may_keep_offers(line):
        return 0
    return max(0, line.limit - line.balance - line.buying)


def add_buying(view: Overlay, owner: AccountId, asset: Asset, delta: int) -> bool:
    """Change what is promised to an owner; False where a limit would break."""
    if asset.is_native:
        account = view.account(owner)
        if account is None:
            return False
        buying = account.buying + delta
        if buying < 0 or buying > INT64_MAX - account.balance:
            return False
        view.put(replace(account, buying=buying, extension=max(1, account.extension)))
        return True
    if is_issuer(owner, asset):
        return True
    line = view.line(owner, asset)
    if line is None or (delta > 0 and not may_keep_offers(line)):
        return False
    buying = line.buying + delta
    if buying < 0 or buying > line.limit - line.balance:
        return False
    view.put(replace(line, buying=buying, extension=1))
    return True


def add_selling(view: Overlay, owner: AccountId, asset: Asset, delta: int, terms: Terms) -> bool:
    """Change what an owner has promised to others; False where a limit would break."""
    if asset.is_native:
        account = view.account(owner)
        if account is None:
            return False
        selling = account.selling + delta
        if selling < 0:
            return False
        if delta > 0 and selling > account.balance - minimum_balance(account, terms):
            return False
        view.put(replace(account, selling=selling, extension=max(1, account.extension)))
        return True
    if is_issuer(owner, asset):
        return True
    line = view.line(owner, asset)
    if line is None or (delta > 0 and not may_keep_offers(line)):
        return False
    selling = line.selling + delta
    if selling < 0 or selling > line.balance:
        return False
    view.put(replace(line, selling=selling, extension=1))
    return True
