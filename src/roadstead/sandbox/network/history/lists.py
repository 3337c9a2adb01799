"""The history in memory: packed records and the sorted lists that pages are cut from."""

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Literal

from roadstead.sandbox.network.ledger.assets import account_of

from .records import LedgerRecord, OperationRecord, TransactionRecord, packed, unpacked

Order = Literal["asc", "desc"]

PAYMENT_TYPES = frozenset({0, 1, 2, 8, 13})

_TRANSACTION_MASK = ~0xFFF
_OPERATION_MASK = 0xFFF
_FLAG_SUCCESS = 1
_FLAG_PAYMENT = 2
_CACHE_SIZE = 512


def _numbers() -> "array[int]":
    return array("Q")


class Lists:
    """The lists of one owner: an account, a claimable balance, or the whole network."""

    __slots__ = ("effects", "operations", "trades", "transactions")

    def __init__(self) -> None:
        self.transactions = _numbers()
        self.operations = _numbers()
        self.effects = _numbers()
        self.trades = _numbers()


def walk(numbers: "array[int]", cursor: int | None, order: Order) -> Iterator[int]:
    """The numbers beyond a cursor in one direction; without a cursor from the end that fits."""
    if order == "asc":
        start = 0 if cursor is None else bisect_right(numbers, cursor)
        for position in range(start, len(numbers)):
            yield numbers[position]
        return
    stop = len(numbers) if cursor is None else bisect_left(numbers, cursor)
    for position in range(stop - 1, -1, -1):
        yield numbers[position]


class History:
    """Closed ledgers and their transactions, only ever added to."""

    def __init__(self) -> None:
        self.ledgers: list[LedgerRecord] = []
        self.everything = Lists()
        self._flags = bytearray()
        self._succeeded = bytearray()
        self._blobs: list[bytes] = []
        self._by_hash: dict[bytes, int] = {}
        self._by_account: dict[bytes, Lists] = {}
        self._by_balance: dict[bytes, Lists] = {}
        self._recent: OrderedDict[int, TransactionRecord] = OrderedDict()

    @property
    def latest(self) -> LedgerRecord:
        """The last closed ledger."""
        return self.ledgers[-1]

    def ledger(self, sequence: int) -> LedgerRecord | None:
        """One closed ledger."""
        if 1 <= sequence <= len(self.ledgers):
            return self.ledgers[sequence - 1]
        return None

    def append(self, ledger: LedgerRecord, transactions: list[TransactionRecord]) -> list[bytes]:
        """Add a closed ledger; gives back the packed transactions for the journal."""
        blobs = [packed(record) for record in transactions]
        for record, blob in zip(transactions, blobs, strict=True):
            self._add(record, blob)
        self.ledgers.append(ledger)
        return blobs

    def restore(self, ledger: LedgerRecord, blobs: list[bytes]) -> None:
        """Add a closed ledger that was packed before."""
        for blob in blobs:
            self._add(unpacked(blob), blob)
        self.ledgers.append(ledger)

    def _add(self, record: TransactionRecord, blob: bytes) -> None:
        position = len(self._blobs)
        self._blobs.append(blob)
        self._succeeded.append(record.successful)
        self._by_hash[record.hash] = position
        if record.inner_hash is not None:
            self._by_hash[record.inner_hash] = position
        toid = record.toid
        self.everything.transactions.append(toid)
        for account in record.participants:
            self._of_account(account).transactions.append(toid)
        for number, operation in enumerate(record.operations, start=1):
            self._add_operation(record, operation, toid | number)
        for balance_id in {balance_id for one in record.operations for balance_id in one.balance_ids}:
            self._of_balance(balance_id).transactions.append(toid)

    def _add_operation(self, record: TransactionRecord, operation: OperationRecord, toid: int) -> None:
        flags = _FLAG_SUCCESS if record.successful else 0
        if operation.type in PAYMENT_TYPES:
            flags |= _FLAG_PAYMENT
        self.everything.operations.append(toid)
        self._flags.append(flags)
        for account in operation.participants:
            self._of_account(account).operations.append(toid)
        for balance_id in operation.balance_ids:
            self._of_balance(balance_id).operations.append(toid)
        if operation.effects:
            self.everything.effects.append(toid)
            for owner in dict.fromkeys(effect.account for effect in operation.effects):
                self._named(owner).effects.append(toid)
        if operation.trades:
            self.everything.trades.append(toid)
            owners = [
                name for trade in operation.trades for name in (trade.base_account, trade.counter_account)
            ]
            for owner in dict.fromkeys(owners):
                self._named(owner).trades.append(toid)

    def _named(self, address: str) -> Lists:
        return self._of_account(account_of(address))

    def _of_account(self, account: bytes) -> Lists:
        found = self._by_account.get(account)
        if found is None:
            found = self._by_account[account] = Lists()
        return found

    def _of_balance(self, balance_id: bytes) -> Lists:
        found = self._by_balance.get(balance_id)
        if found is None:
            found = self._by_balance[balance_id] = Lists()
        return found

    def account_lists(self, account: bytes) -> Lists | None:
        """The lists of an account that history knows."""
        return self._by_account.get(account)

    def balance_lists(self, balance_id: bytes) -> Lists | None:
        """The lists of a claimable balance that history knows."""
        return self._by_balance.get(balance_id)

    def by_hash(self, value: bytes) -> TransactionRecord | None:
        """The transaction with this hash, or with this inner hash."""
        position = self._by_hash.get(value)
        return None if position is None else self._at(position)

    def transaction(self, toid: int) -> TransactionRecord | None:
        """The transaction a number belongs to."""
        numbers = self.everything.transactions
        wanted = toid & _TRANSACTION_MASK
        position = bisect_left(numbers, wanted)
        if position == len(numbers) or numbers[position] != wanted:
            return None
        return self._at(position)

    def operation(self, toid: int) -> tuple[TransactionRecord, int] | None:
        """The transaction and the position (from 0) of one operation."""
        record = self.transaction(toid)
        position = (toid & _OPERATION_MASK) - 1
        if record is None or not 0 <= position < len(record.operations):
            return None
        return record, position

    def _at(self, position: int) -> TransactionRecord:
        found = self._recent.get(position)
        if found is not None:
            self._recent.move_to_end(position)
            return found
        found = unpacked(self._blobs[position])
        self._recent[position] = found
        if len(self._recent) > _CACHE_SIZE:
            self._recent.popitem(last=False)
        return found

    def blob(self, toid: int) -> bytes:
        """The packed record of a transaction."""
        return self._blobs[bisect_left(self.everything.transactions, toid)]

    def transaction_filter(self, *, include_failed: bool) -> Callable[[int], bool]:
        """Which transactions a list shows."""
        if include_failed:
            return _always
        numbers = self.everything.transactions
        return lambda toid: bool(self._succeeded[bisect_left(numbers, toid)])

    def operation_filter(self, *, include_failed: bool, payments_only: bool) -> Callable[[int], bool]:
        """Which operations a list shows."""
        wanted = (0 if include_failed else _FLAG_SUCCESS) | (_FLAG_PAYMENT if payments_only else 0)
        if not wanted:
            return _always
        numbers = self.everything.operations
        return lambda toid: self._flags[bisect_left(numbers, toid)] & wanted == wanted


def _always(_toid: int) -> bool:
    return True


def slice_of(numbers: "array[int]", low: int, high: int) -> "array[int]":
    """The numbers from low to high, both included: those of one ledger or transaction."""
    return numbers[bisect_left(numbers, low) : bisect_right(numbers, high)]
