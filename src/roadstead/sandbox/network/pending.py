"""Transactions that wait for the next ledger."""

from collections import Counter
from dataclasses import dataclass, field

from .ledger.transaction import Transaction

REPLACEMENT_FACTOR = 10


@dataclass(slots=True)
class Pending:
    """The waiting transactions, by account in the order of their sequence numbers."""

    by_account: dict[bytes, list[Transaction]] = field(default_factory=dict)
    hashes: set[bytes] = field(default_factory=set)
    bids: Counter[bytes] = field(default_factory=Counter)

    def of(self, account: bytes) -> list[Transaction]:
        """What waits for one account."""
        return self.by_account.get(account, [])

    def last_sequence(self, account: bytes) -> int | None:
        """The sequence number after which the account's next transaction must come."""
        waiting = self.of(account)
        return waiting[-1].sequence if waiting else None

    def bids_of(self, payer: bytes) -> int:
        """What a payer has already offered in fees for waiting transactions."""
        return self.bids[payer]

    def same_sequence(self, transaction: Transaction) -> Transaction | None:
        """The waiting transaction that this one would replace."""
        for waiting in self.of(transaction.source.account):
            if waiting.sequence == transaction.sequence:
                return waiting
        return None

    def add(self, transaction: Transaction) -> None:
        """Let a transaction wait, in place of one with the same sequence number."""
        waiting = self.by_account.setdefault(transaction.source.account, [])
        replaced = self.same_sequence(transaction)
        if replaced is None:
            waiting.append(transaction)
        else:
            waiting[waiting.index(replaced)] = transaction
            self._forget(replaced)
        self.hashes.add(transaction.outer_hash)
        self.bids[transaction.fee_source.account] += transaction.outer_fee_bid

    def _forget(self, transaction: Transaction) -> None:
        self.hashes.discard(transaction.outer_hash)
        self.bids[transaction.fee_source.account] -= transaction.outer_fee_bid

    def take(self, operations_max: int) -> list[Transaction]:
        """Take what fits into a ledger, fairly: every account's first, then the second, and so on.

        Those who offer more per operation come first where not everything fits.
        """
        rounds: dict[int, list[Transaction]] = {}
        for waiting in self.by_account.values():
            for depth, transaction in enumerate(waiting):
                rounds.setdefault(depth, []).append(transaction)
        chosen: list[Transaction] = []
        left = operations_max
        stopped: set[bytes] = set()
        for depth in sorted(rounds):
            batch = sorted(rounds[depth], key=_rate_per_operation, reverse=True)
            for transaction in batch:
                account = transaction.source.account
                size = max(1, len(transaction.operations))
                if account in stopped or size > left:
                    stopped.add(account)
                    continue
                chosen.append(transaction)
                left -= size
        for transaction in chosen:
            self._remove(transaction)
        return chosen

    def _remove(self, transaction: Transaction) -> None:
        account = transaction.source.account
        rest = [one for one in self.by_account[account] if one is not transaction]
        if rest:
            self.by_account[account] = rest
        else:
            del self.by_account[account]
        self._forget(transaction)

    def drop(self, transaction: Transaction) -> None:
        """Forget a waiting transaction and what was to come after it."""
        waiting = self.of(transaction.source.account)
        for one in [one for one in waiting if one.sequence >= transaction.sequence]:
            self._remove(one)

    def all(self) -> list[Transaction]:
        """Everything that waits."""
        return [one for waiting in self.by_account.values() for one in waiting]


def _rate_per_operation(transaction: Transaction) -> float:
    return transaction.outer_fee_bid / _weight(transaction)


def _weight(transaction: Transaction) -> int:
    return max(1, len(transaction.operations) + (1 if transaction.bump is not None else 0))


def surge_fee(chosen: list[Transaction], base_fee: int) -> int:
    """What each operation costs in a ledger that could not take all: the lowest rate it took."""
    rates = (transaction.outer_fee_bid // _weight(transaction) for transaction in chosen)
    return max(base_fee, min(rates, default=base_fee))


def replacement_fee(old: Transaction, new: Transaction) -> int:
    """What a transaction must offer to take a waiting one's place: ten times the rate."""
    wanted = old.outer_fee_bid * REPLACEMENT_FACTOR * _weight(new)
    return -(-wanted // _weight(old))
