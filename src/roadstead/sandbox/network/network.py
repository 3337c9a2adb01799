"""The network in one object: it accepts transactions, closes ledgers and keeps what happened.

Nothing here waits: whoever needs the next ledger listens, and is called when it has closed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from stellar_sdk import Keypair

from roadstead.clock import Clock

from .history.lists import History
from .history.records import TransactionRecord
from .history.writer import records_of
from .journal import AcceptedRow, Journal, JournalDamaged, LedgerRow, OpeningRow
from .ledger.close import ClosedLedger, apply_order, close_ledger
from .ledger.header import Header, genesis
from .ledger.overlay import Overlay, Store
from .ledger.transaction import Transaction, decode
from .ledger.validity import Code, Moment, Verdict, bad_sequence, check_transaction
from .pending import Pending, replacement_fee, surge_fee
from .storage import ledger_row, restore

DEFAULT_PASSPHRASE = "Roadstead Sandbox Network ; 2026"  # noqa: S105 - public by nature
HISTORY_STARTS_AT = 2
"""The first ledger that history tells of, as with a Horizon that started with its network."""


class QueuePolicy(StrEnum):
    """How many transactions of one account may wait for a ledger."""

    CHAINS = "chains"
    """Any number, one sequence number after the other: as up to protocol 19."""
    ONE = "one"
    """One; others are told to try again later: as from protocol 20 on."""


class Answer(StrEnum):
    """What became of a submission."""

    KNOWN = "known"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    TRY_AGAIN_LATER = "try again later"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The answer to one submission: the stored transaction if known, the verdict if refused."""

    answer: Answer
    transaction: Transaction
    record: TransactionRecord | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a network is set up. The reserve is in stroops, the lead in seconds."""

    passphrase: str = DEFAULT_PASSPHRASE
    queue: QueuePolicy = QueuePolicy.CHAINS
    base_fee: int = 100
    base_reserve: int = 5_000_000
    operations_max: int = 1000
    protocol: int = 19
    close_lead_s: int = 0


@dataclass(slots=True)
class Network:
    """A network of one node. Use `Network.start`."""

    terms: Terms
    clock: Clock
    journal: Journal | None
    store: Store
    history: History
    header: Header
    pending: Pending = field(default_factory=Pending)
    offset_s: int = 0
    closed_listeners: list[Callable[[], None]] = field(default_factory=list)
    accepted_listeners: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def start(cls, terms: Terms, clock: Clock, journal: Journal | None = None) -> "Network":
        """Begin a network, or continue the one that the journal tells of.

        Raises:
            JournalDamaged: The journal cannot be read or is another network's.
        """
        store, history = Store(), History()
        header = _first_header(store, terms, int(clock.now().timestamp()))
        network = cls(
            terms=terms,
            clock=clock,
            journal=journal,
            store=store,
            history=history,
            header=header,
        )
        if not network._continue():
            network._begin()
        return network

    def _begin(self) -> None:
        if self.journal is not None:
            self.journal.append(OpeningRow(passphrase=self.terms.passphrase), durable=True)
        first = ClosedLedger(header=self.header, applied=(), changed={**self.store.entries})
        self._keep(first)
        self.close()

    def _continue(self) -> bool:
        if self.journal is None:
            return False
        accepted: list[bytes] = []
        opened = False
        for row in self.journal.rows():
            match row:
                case OpeningRow():
                    opened = True
                    self._check_opening(row)
                case LedgerRow():
                    self.header = restore(row, self.store, self.history)
                case AcceptedRow():
                    accepted.append(row.envelope)
        if not self.history.ledgers:
            if opened:
                self.journal.clear()
            return False
        for envelope in accepted:
            self.submit(decode(envelope, self.network_id))
        return True

    def _check_opening(self, row: OpeningRow) -> None:
        if row.passphrase != self.terms.passphrase:
            raise JournalDamaged(
                f"The state folder belongs to the network {row.passphrase!r}, not to "
                f"{self.terms.passphrase!r}. Give that passphrase or another folder."
            )

    @property
    def network_id(self) -> bytes:
        """The hash that makes signatures of this network worthless on any other."""
        return sha256(self.terms.passphrase.encode()).digest()

    def now(self) -> int:
        """The network's time in unix seconds: the clock's, moved by what was asked for."""
        return int(self.clock.now().timestamp()) + self.offset_s

    def view(self) -> Overlay:
        """A look at the entries as of the last closed ledger."""
        return Overlay(self.store, ledger=self.header.sequence)

    def submit(self, transaction: Transaction, *, durable: bool = False) -> Submission:
        """Accept a transaction for the next ledger, or say why not.

        Safe to repeat: a transaction that is already in a ledger is answered from history. With
        `durable`, an accepted transaction survives the death of the process.
        """
        known = self.history.by_hash(transaction.outer_hash)
        if known is not None:
            return Submission(answer=Answer.KNOWN, transaction=transaction, record=known)
        if transaction.outer_hash in self.pending.hashes:
            return Submission(answer=Answer.DUPLICATE, transaction=transaction)
        refused = self._sequence_verdict(transaction) or self._queue_verdict(transaction)
        if refused is not None:
            return Submission(answer=Answer.REFUSED, transaction=transaction, verdict=refused)
        if self._must_wait(transaction):
            return Submission(answer=Answer.TRY_AGAIN_LATER, transaction=transaction)
        self.pending.add(transaction)
        if durable and self.journal is not None:
            self.journal.append(AcceptedRow(envelope=transaction.envelope), durable=True)
        for listener in list(self.accepted_listeners):
            listener()
        return Submission(answer=Answer.WAITING, transaction=transaction)

    def _sequence_verdict(self, transaction: Transaction) -> Verdict | None:
        """Horizon's own look at the account before anything else: no fee is named then."""
        account = self.view().peek_account(transaction.source.account)
        if account is None:
            return Verdict(code=Code.txNO_ACCOUNT, fee=0)
        if self.pending.same_sequence(transaction) is not None:
            return None
        last = self.pending.last_sequence(transaction.source.account)
        current = account.sequence if last is None else last
        if bad_sequence(transaction, current, self.header.sequence):
            return Verdict(code=Code.txBAD_SEQ, fee=0)
        return None

    def _queue_verdict(self, transaction: Transaction) -> Verdict | None:
        replaced = self.pending.same_sequence(transaction)
        current = self.pending.last_sequence(transaction.source.account)
        if replaced is not None and transaction.bump is not None:
            needed = replacement_fee(replaced, transaction)
            if transaction.outer_fee_bid < needed:
                return Verdict(code=Code.txINSUFFICIENT_FEE, fee=needed)
            current = transaction.sequence - 1
        moment = Moment(
            terms=self.header.terms,
            applying=False,
            lead_s=max(0, self.now() - self.header.close_time) + self.terms.close_lead_s,
            sequence=current,
        )
        view = self.view()
        verdict = check_transaction(transaction, view, moment)
        if not verdict.accepted:
            return verdict
        return self._affordable(transaction, view, moment)

    def _affordable(self, transaction: Transaction, view: Overlay, moment: Moment) -> Verdict | None:
        payer = view.peek_account(transaction.fee_source.account)
        promised = self.pending.bids_of(transaction.fee_source.account)
        if payer is None or payer.balance - promised >= transaction.outer_fee_bid:
            return None
        fee = transaction.minimum_fee(moment.terms.base_fee)
        return Verdict(code=Code.txINSUFFICIENT_BALANCE, fee=fee)

    def _must_wait(self, transaction: Transaction) -> bool:
        if self.terms.queue is QueuePolicy.CHAINS:
            return False
        source = transaction.source.account
        if source == friendbot_keypair(self.terms.passphrase).raw_public_key():
            return False
        return bool(self.pending.of(source)) and self.pending.same_sequence(transaction) is None

    def close(self) -> ClosedLedger:
        """Close a ledger with what waits and fits. On disk before this returns."""
        close_time = max(self.now(), self.header.close_time)
        chosen = self._still_valid(self.pending.take(self.header.size_max), close_time)
        base_fee = self.header.base_fee
        if self.pending.hashes:
            base_fee = surge_fee(chosen, base_fee)
        ordered = apply_order(chosen, self.header.hash)
        return self.close_with(ordered, close_time, base_fee=base_fee)

    def _still_valid(self, chosen: list[Transaction], close_time: int) -> list[Transaction]:
        """Leave out what became invalid while it waited: it costs no fee and is forgotten."""
        view, kept = self.view(), list[Transaction]()
        reached: dict[bytes, int] = {}
        for transaction in sorted(chosen, key=lambda one: one.sequence):
            account = transaction.source.account
            moment = Moment(
                terms=self.header.terms,
                applying=False,
                lead_s=close_time - self.header.close_time,
                sequence=reached.get(account),
            )
            if check_transaction(transaction, view, moment).accepted:
                reached[account] = transaction.sequence
                kept.append(transaction)
        return kept

    def close_with(
        self, ordered: Sequence[Transaction], close_time: int, *, base_fee: int | None = None
    ) -> ClosedLedger:
        """Close a ledger with exactly these transactions in this order, at this time.

        `base_fee` (stroops an operation) is what is charged where it is more than usual.
        """
        closed = close_ledger(self.store, self.header, ordered, close_time, base_fee=base_fee)
        self.header = closed.header
        self._keep(closed)
        self._drop_stale()
        for listener in list(self.closed_listeners):
            listener()
        return closed

    def _drop_stale(self) -> None:
        """Forget waiting transactions that can no longer be included."""
        view = self.view()
        for account, waiting in list(self.pending.by_account.items()):
            entry = view.peek_account(account)
            first = waiting[0]
            if entry is None or bad_sequence(first, entry.sequence, self.header.sequence):
                self.pending.drop(first)

    def _keep(self, closed: ClosedLedger) -> None:
        record, transactions = records_of(closed)
        blobs = self.history.append(record, transactions)
        if self.journal is not None:
            row = ledger_row(closed, record, blobs, offer_counter=self.store.offer_counter)
            self.journal.append(row, durable=bool(transactions))

    def reset(self) -> None:
        """Begin anew: everything is forgotten, on disk too. Listeners stay."""
        if self.journal is not None:
            self.journal.clear()
        self.store, self.history, self.pending = Store(), History(), Pending()
        self.header = _first_header(self.store, self.terms, self.now())
        self._begin()


def _first_header(store: Store, terms: Terms, close_time: int) -> Header:
    return genesis(
        store,
        root=root_keypair(terms.passphrase).raw_public_key(),
        close_time=close_time,
        base_fee=terms.base_fee,
        base_reserve=terms.base_reserve,
        size_max=terms.operations_max,
        protocol=terms.protocol,
    )


def root_keypair(passphrase: str) -> Keypair:
    """The key of the account that holds all lumens at the start."""
    return Keypair.from_raw_ed25519_seed(sha256(passphrase.encode()).digest())


def friendbot_keypair(passphrase: str) -> Keypair:
    """The key of the account that gives lumens away."""
    return Keypair.from_raw_ed25519_seed(sha256(f"friendbot {passphrase}".encode()).digest())
