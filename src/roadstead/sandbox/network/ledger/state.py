"""The entries of the ledger. All amounts are integers in stroops (1 unit = 10,000,000 stroops)."""

from dataclasses import dataclass
from typing import NamedTuple

from .assets import AccountId, Asset

INT64_MAX = 2**63 - 1
UINT32_MAX = 2**32 - 1

AUTH_REQUIRED = 1
AUTH_REVOCABLE = 2
AUTH_IMMUTABLE = 4
AUTH_CLAWBACK = 8

LINE_AUTHORIZED = 1
LINE_MAINTAIN = 2
LINE_CLAWBACK = 4

BALANCE_CLAWBACK = 1
OFFER_PASSIVE = 1


class AccountKey(NamedTuple):
    """Where an account is kept."""

    account: AccountId


class LineKey(NamedTuple):
    """Where a trust line is kept."""

    account: AccountId
    asset: Asset


class OfferKey(NamedTuple):
    """Where an offer is kept."""

    seller: AccountId
    offer_id: int


class DataKey(NamedTuple):
    """Where a data entry is kept."""

    account: AccountId
    name: bytes
    kind: str = "data"


class BalanceKey(NamedTuple):
    """Where a claimable balance is kept."""

    balance_id: bytes
    kind: str = "balance"


Key = AccountKey | LineKey | OfferKey | DataKey | BalanceKey


class Signer(NamedTuple):
    """One extra signer of an account: the packed XDR signer key, its weight, who pays its reserve."""

    key: bytes
    weight: int
    sponsor: AccountId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. `extension` says how far its XDR form has grown (0 to 3)."""

    account: AccountId
    balance: int
    sequence: int
    subentries: int = 0
    inflation_destination: AccountId | None = None
    flags: int = 0
    home_domain: bytes = b""
    thresholds: tuple[int, int, int, int] = (1, 0, 0, 0)
    signers: tuple[Signer, ...] = ()
    extension: int = 0
    buying: int = 0
    selling: int = 0
    sponsored_count: int = 0
    sponsoring_count: int = 0
    sequence_ledger: int = 0
    sequence_time: int = 0
    modified: int = 0
    sponsor: AccountId | None = None
    entry_extension: bool = False

    @property
    def key(self) -> AccountKey:
        """Where this entry is kept."""
        return AccountKey(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustLine:
    """One account's holding of one issued asset."""

    account: AccountId
    asset: Asset
    balance: int
    limit: int
    flags: int = 0
    extension: int = 0
    buying: int = 0
    selling: int = 0
    modified: int = 0
    sponsor: AccountId | None = None
    entry_extension: bool = False

    @property
    def key(self) -> LineKey:
        """Where this entry is kept."""
        return LineKey(self.account, self.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A standing offer to sell `amount` of one asset at `price_n / price_d` of another."""

    seller: AccountId
    offer_id: int
    selling: Asset
    buying: Asset
    amount: int
    price_n: int
    price_d: int
    flags: int = 0
    modified: int = 0
    sponsor: AccountId | None = None
    entry_extension: bool = False

    @property
    def key(self) -> OfferKey:
        """Where this entry is kept."""
        return OfferKey(self.seller, self.offer_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A named value of at most 64 bytes attached to an account."""

    account: AccountId
    name: bytes
    value: bytes
    modified: int = 0
    sponsor: AccountId | None = None
    entry_extension: bool = False

    @property
    def key(self) -> DataKey:
        """Where this entry is kept."""
        return DataKey(self.account, self.name)


class Claimant(NamedTuple):
    """Who may claim a balance, and the packed XDR predicate that says when."""

    account: AccountId
    predicate: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimableBalance:
    """An amount set aside until one of its claimants takes it. `balance_id` is the 32-byte hash."""

    balance_id: bytes
    claimants: tuple[Claimant, ...]
    asset: Asset
    amount: int
    flags: int = 0
    extension: int = 0
    modified: int = 0
    sponsor: AccountId | None = None
    entry_extension: bool = False

    @property
    def key(self) -> BalanceKey:
        """Where this entry is kept."""
        return BalanceKey(self.balance_id)


Entry = Account | TrustLine | Offer | Data | ClaimableBalance
