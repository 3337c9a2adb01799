"""The ledger's entries, and layers of changes over them that are kept or dropped as a whole."""

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

from .assets import AccountId, Asset
from .state import (
    Account,
    AccountKey,
    BalanceKey,
    ClaimableBalance,
    Data,
    DataKey,
    Entry,
    Key,
    LineKey,
    Offer,
    OfferKey,
    TrustLine,
)

Pair = tuple[Asset, Asset]
Rank = tuple[Fraction, int]


def rank_of(offer: Offer) -> Rank:
    """What decides which of two offers is taken first: the price, then the age."""
    return (Fraction(offer.price_n, offer.price_d), offer.offer_id)


class Layer(Protocol):
    """What a layer needs of the one below it."""

    offer_counter: int

    def get(self, key: Key) -> Entry | None:
        """The entry, or None."""

    def touched_offers(self) -> dict[OfferKey, Offer | None]:
        """Offers that differ from the store's."""

    def standing(self, pair: Pair) -> Iterator[Offer]:
        """The store's offers of one pair, best first."""

    def standing_of(self, seller: AccountId) -> Iterable[Offer]:
        """The store's offers of one seller."""

    def absorb(self, changes: dict[Key, Entry | None]) -> None:
        """Take over the changes of the layer above."""


def _file(
    shelves: dict[Any, dict[Any, Any]],
    owner: Hashable,
    name: Hashable,
    entry: Entry | None,
    kind: type[Entry],
) -> None:
    """Keep an owner's shelf in step with the entries."""
    if isinstance(entry, kind):
        shelves.setdefault(owner, {})[name] = entry
        return
    shelf = shelves.get(owner)
    if shelf is not None:
        shelf.pop(name, None)
        if not shelf:
            del shelves[owner]


class Store:
    """The entries as of the last closed ledger, with the order books kept sorted."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.offer_counter = 0
        self.books: dict[Pair, list[tuple[Rank, OfferKey]]] = {}
        self.lines_by_account: dict[AccountId, dict[Asset, TrustLine]] = {}
        self.data_by_account: dict[AccountId, dict[bytes, Data]] = {}
        self.offers_by_seller: dict[AccountId, dict[int, Offer]] = {}
        self.offers: dict[int, Offer] = {}
        self.balances: dict[bytes, ClaimableBalance] = {}

    def get(self, key: Key) -> Entry | None:
        """The entry, or None."""
        return self.entries.get(key)

    def touched_offers(self) -> dict[OfferKey, Offer | None]:
        """Nothing differs here from here."""
        return {}

    def standing(self, pair: Pair) -> Iterator[Offer]:
        """The offers of one pair (selling, buying), best price first, oldest first."""
        for _, key in self.books.get(pair, []):
            offer = self.entries[key]
            if isinstance(offer, Offer):
                yield offer

    def standing_of(self, seller: AccountId) -> Iterable[Offer]:
        """The offers of one seller."""
        return list(self.offers_by_seller.get(seller, {}).values())

    def absorb(self, changes: dict[Key, Entry | None]) -> None:
        """Make changes final."""
        for key, entry in changes.items():
            if isinstance(key, OfferKey):
                self._reorder(key, entry)
            self._index(key, entry)
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = entry

    def _index(self, key: Key, entry: Entry | None) -> None:
        match key:
            case LineKey():
                _file(self.lines_by_account, key.account, key.asset, entry, TrustLine)
            case DataKey():
                _file(self.data_by_account, key.account, key.name, entry, Data)
            case OfferKey():
                _file(self.offers_by_seller, key.seller, key.offer_id, entry, Offer)
                if isinstance(entry, Offer):
                    self.offers[key.offer_id] = entry
                else:
                    self.offers.pop(key.offer_id, None)
            case BalanceKey():
                if isinstance(entry, ClaimableBalance):
                    self.balances[key.balance_id] = entry
                else:
                    self.balances.pop(key.balance_id, None)
            case AccountKey():
                pass

    def _reorder(self, key: OfferKey, entry: Entry | None) -> None:
        before = self.entries.get(key)
        if isinstance(before, Offer):
            book = self.books[before.selling, before.buying]
            book.pop(bisect_left(book, (rank_of(before), key)))
            if not book:
                del self.books[before.selling, before.buying]
        if isinstance(entry, Offer):
            book = self.books.setdefault((entry.selling, entry.buying), [])
            insort(book, (rank_of(entry), key))


class Overlay:
    """Changes over a layer. Dropped unless `commit` is called."""

    def __init__(self, below: Layer, *, ledger: int) -> None:
        self.below = below
        self.ledger = ledger
        self.entries: dict[Key, Entry | None] = {}
        self.offer_counter = below.offer_counter

    def get(self, key: Key) -> Entry | None:
        """Look at an entry without recording that it was used."""
        if key in self.entries:
            return self.entries[key]
        return self.below.get(key)

    def load(self, key: Key) -> Entry | None:
        """Look at an entry and record its use: it then counts as modified in this ledger."""
        if key in self.entries:
            return self.entries[key]
        entry = self.below.get(key)
        if entry is not None:
            self.entries[key] = entry
        return entry

    def put(self, entry: Entry) -> None:
        """Create or replace an entry."""
        self.entries[entry.key] = entry

    def erase(self, key: Key) -> None:
        """Remove an entry."""
        self.entries[key] = None

    def account(self, account: AccountId) -> Account | None:
        """The account, recorded as used."""
        entry = self.load(AccountKey(account))
        return entry if isinstance(entry, Account) else None

    def peek_account(self, account: AccountId) -> Account | None:
        """The account, not recorded as used."""
        entry = self.get(AccountKey(account))
        return entry if isinstance(entry, Account) else None

    def line(self, account: AccountId, asset: Asset) -> TrustLine | None:
        """The trust line, recorded as used."""
        entry = self.load(LineKey(account, asset))
        return entry if isinstance(entry, TrustLine) else None

    def peek_line(self, account: AccountId, asset: Asset) -> TrustLine | None:
        """The trust line, not recorded as used."""
        entry = self.get(LineKey(account, asset))
        return entry if isinstance(entry, TrustLine) else None

    def offer(self, seller: AccountId, offer_id: int) -> Offer | None:
        """The offer, recorded as used."""
        entry = self.load(OfferKey(seller, offer_id))
        return entry if isinstance(entry, Offer) else None

    def data(self, account: AccountId, name: bytes) -> Data | None:
        """The data entry, recorded as used."""
        entry = self.load(DataKey(account, name))
        return entry if isinstance(entry, Data) else None

    def touched_offers(self) -> dict[OfferKey, Offer | None]:
        """Offers that differ from the store's, here and below."""
        touched = dict(self.below.touched_offers())
        for key, entry in self.entries.items():
            if isinstance(key, OfferKey):
                touched[key] = entry if isinstance(entry, Offer) else None
        return touched

    def standing(self, pair: Pair) -> Iterator[Offer]:
        """The store's offers of one pair, best first."""
        return self.below.standing(pair)

    def best_offer(self, pair: Pair) -> Offer | None:
        """The offer of this pair (selling, buying) that would be taken next."""
        touched = self.touched_offers()
        best: Offer | None = next((offer for offer in self.standing(pair) if offer.key not in touched), None)
        for offer in touched.values():
            if offer is None or (offer.selling, offer.buying) != pair:
                continue
            if best is None or rank_of(offer) < rank_of(best):
                best = offer
        return best

    def offers_of(self, seller: AccountId) -> list[Offer]:
        """The offers of one seller, oldest first."""
        found = {offer.offer_id: offer for offer in self.standing_of(seller)}
        for key, entry in self.touched_offers().items():
            if key.seller != seller:
                continue
            if entry is None:
                found.pop(key.offer_id, None)
            else:
                found[key.offer_id] = entry
        return [found[offer_id] for offer_id in sorted(found)]

    def standing_of(self, seller: AccountId) -> Iterable[Offer]:
        """The store's offers of one seller."""
        return self.below.standing_of(seller)

    def next_offer_id(self) -> int:
        """A fresh number for an offer; given back if this layer is dropped."""
        self.offer_counter += 1
        return self.offer_counter

    def seal(self) -> list[tuple[Key, Entry | None, Entry | None]]:
        """Stamp what was used with this ledger's number and list it as (key, before, after)."""
        changes: list[tuple[Key, Entry | None, Entry | None]] = []
        for key, entry in self.entries.items():
            stamped = entry
            if entry is not None and entry.modified != self.ledger:
                stamped = replace(entry, modified=self.ledger)
                self.entries[key] = stamped
            changes.append((key, self.below.get(key), stamped))
        return changes

    def commit(self) -> None:
        """Hand the changes to the layer below."""
        self.seal()
        self.below.absorb(self.entries)
        self.below.offer_counter = self.offer_counter

    def absorb(self, changes: dict[Key, Entry | None]) -> None:
        """Take over the changes of the layer above."""
        self.entries.update(changes)
