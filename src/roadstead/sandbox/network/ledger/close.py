"""The closing of a ledger: fees first, then each transaction in its turn, then the header."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from . import pack
from .balances import Terms
from .entries import pack_changes, pack_entry, pack_key
from .exchange import ExchangeBroken
from .header import Header
from .operations import rule_of
from .operations.accounts import used_sequence
from .operations.options import remove_signer
from .operations.rule import Turn
from .outcome import OUTER, Outcome, packed_outcome, refused_outside
from .overlay import Overlay, Store
from .reserves import Sponsorships, sponsor_more
from .signatures import KEY_PRE_AUTHORIZED, SignatureChecker
from .state import Account, Entry, Key
from .transaction import Transaction
from .validity import (
    Code,
    Moment,
    Stage,
    check_operation,
    check_operation_signatures,
    common_checks,
)

Changes = list[tuple[Key, Entry | None, Entry | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One transaction with everything its turn in a ledger brought about."""

    transaction: Transaction
    code: int
    fee_charged: int
    base_fee: int
    outcomes: tuple[Outcome, ...]
    fee_changes: Changes
    before_changes: Changes
    operation_changes: tuple[Changes, ...]

    @property
    def succeeded(self) -> bool:
        """Whether its operations took effect."""
        return self.code == Code.txSUCCESS

    def packed_result(self) -> bytes:
        """The XDR TransactionResult, the fee bump's around the inner one where there is one."""
        body = pack.int32(self.code)
        if self.code in (Code.txSUCCESS, Code.txFAILED):
            body += pack.array(
                packed_outcome(operation.type, outcome)
                for operation, outcome in zip(self.transaction.operations, self.outcomes, strict=True)
            )
        if self.transaction.bump is None:
            return pack.int64(self.fee_charged) + body + pack.ZERO
        outer = Code.txFEE_BUMP_INNER_SUCCESS if self.succeeded else Code.txFEE_BUMP_INNER_FAILED
        asked = max(1, len(self.transaction.operations)) * self.base_fee
        inner_fee = pack.int64(min(self.transaction.fee_bid, asked))
        inner = self.transaction.hash + inner_fee + body + pack.ZERO
        return pack.int64(self.fee_charged) + pack.int32(outer) + inner + pack.ZERO

    def packed_meta(self) -> bytes:
        """The XDR TransactionMeta, version 2."""
        return b"".join(
            [
                pack.int32(2),
                pack_changes(self.before_changes),
                pack.array(pack_changes(changes) for changes in self.operation_changes),
                pack.array([]),
            ]
        )

    def packed_fee_meta(self) -> bytes:
        """The XDR LedgerEntryChanges of charging the fee."""
        return pack_changes(self.fee_changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLedger:
    """A closed ledger: its header, its transactions in order, and the entries it changed."""

    header: Header
    applied: tuple[Applied, ...]
    changed: dict[Key, Entry | None]


def apply_order(transactions: Iterable[Transaction], seed: bytes) -> list[Transaction]:
    """The order of a ledger: by account in sequence, otherwise shuffled by hash."""
    queues: dict[bytes, list[Transaction]] = {}
    for transaction in transactions:
        queues.setdefault(transaction.source.account, []).append(transaction)
    for queue in queues.values():
        queue.sort(key=lambda one: one.sequence, reverse=True)
    mask = int.from_bytes(seed, "big")
    ordered: list[Transaction] = []
    while queues:
        batch = [queue.pop() for queue in queues.values()]
        batch.sort(key=lambda one: int.from_bytes(one.outer_hash, "big") ^ mask)
        ordered += batch
        queues = {account: queue for account, queue in queues.items() if queue}
    return ordered


def _charge(view: Overlay, transaction: Transaction, terms: Terms, price: int) -> tuple[int, Changes]:
    layer = Overlay(view, ledger=terms.ledger)
    payer = layer.account(transaction.fee_source.account)
    if payer is None:
        return 0, []
    wanted = min(transaction.outer_fee_bid, transaction.minimum_fee(price))
    fee = min(payer.balance, wanted)
    layer.put(replace(payer, balance=payer.balance - fee))
    changes = layer.seal()
    layer.commit()
    return fee, changes


def _drop_one_time_signers(view: Overlay, transaction: Transaction) -> None:
    key = pack.int32(KEY_PRE_AUTHORIZED) + transaction.hash
    sources = {transaction.source.account: None}
    sources |= {operation.source.account: None for operation in transaction.operations}
    for source in sources:
        account = view.peek_account(source)
        if account is None:
            continue
        _drop_signer(view, account, key)


def _drop_signer(view: Overlay, account: Account, key: bytes) -> None:
    signer = next((one for one in account.signers if one.key == key), None)
    if signer is None:
        return
    if signer.sponsor is not None:
        sponsor = view.account(signer.sponsor)
        if sponsor is not None:
            view.put(sponsor_more(sponsor, -1))
    view.put(remove_signer(view.account(account.account) or account, signer))


def _use_sequence(view: Overlay, transaction: Transaction, terms: Terms) -> None:
    account = view.account(transaction.source.account)
    if account is not None and account.sequence <= transaction.sequence:
        view.put(used_sequence(account, transaction.sequence, terms.ledger, terms.close_time))


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the first half of a transaction's turn decided."""

    code: int
    outcomes: tuple[Outcome, ...]


def _open(view: Overlay, transaction: Transaction, checker: SignatureChecker, terms: Terms) -> _Opened:
    moment = Moment(terms=terms, applying=True)
    charges_fee = transaction.bump is None
    stage, code = common_checks(transaction, checker, view, moment, charges_fee=charges_fee)
    if stage >= Stage.SEQUENCE_USED:
        _use_sequence(view, transaction, terms)
    nothing = (Outcome(),) * len(transaction.operations)
    if stage != Stage.VALID:
        if stage >= Stage.AUTHORIZED:
            _drop_one_time_signers(view, transaction)
        return _Opened(code, nothing)
    signed = tuple(
        check_operation_signatures(operation, checker, view) for operation in transaction.operations
    )
    _drop_one_time_signers(view, transaction)
    if not all(outcome.succeeded for outcome in signed):
        return _Opened(Code.txFAILED, signed)
    if not checker.all_used:
        return _Opened(Code.txBAD_AUTH_EXTRA, nothing)
    return _Opened(Code.txSUCCESS, signed)


def _run_operation(
    view: Overlay,
    transaction: Transaction,
    index: int,
    sponsorships: Sponsorships,
    terms: Terms,
) -> Outcome:
    operation = transaction.operations[index]
    if view.peek_account(operation.source.account) is None:
        return refused_outside(OUTER.opNO_ACCOUNT)
    checked = check_operation(operation, terms)
    if not checked.succeeded:
        return checked
    turn = Turn(
        body=operation.body,
        source=operation.source.account,
        view=view,
        terms=terms,
        sponsorships=sponsorships,
        transaction_source=transaction.source.account,
        transaction_sequence=transaction.sequence,
        index=index,
    )
    return rule_of(operation.type).apply(turn)


def _run_operations(
    view: Overlay, transaction: Transaction, terms: Terms
) -> tuple[int, tuple[Outcome, ...], tuple[Changes, ...]]:
    layer = Overlay(view, ledger=terms.ledger)
    sponsorships = Sponsorships()
    outcomes: list[Outcome] = []
    changes: list[Changes] = []
    for index in range(len(transaction.operations)):
        step = Overlay(layer, ledger=terms.ledger)
        outcome = _run_operation(step, transaction, index, sponsorships, terms)
        outcomes.append(outcome)
        if outcome.succeeded:
            changes.append(step.seal())
            step.commit()
    if not all(outcome.succeeded for outcome in outcomes):
        return Code.txFAILED, tuple(outcomes), ()
    if sponsorships.by_sponsored:
        return Code.txBAD_SPONSORSHIP, tuple(outcomes), ()
    layer.commit()
    return Code.txSUCCESS, tuple(outcomes), tuple(changes)


def _apply(view: Overlay, transaction: Transaction, terms: Terms, charged: tuple[int, Changes]) -> Applied:
    before: Changes = []
    if transaction.bump is not None:
        outer = Overlay(view, ledger=terms.ledger)
        payer = outer.account(transaction.bump.source.account)
        if payer is not None:
            key = pack.int32(KEY_PRE_AUTHORIZED) + transaction.bump.hash
            _drop_signer(outer, payer, key)
        before += outer.seal()
        outer.commit()
    layer = Overlay(view, ledger=terms.ledger)
    checker = SignatureChecker(transaction.hash, transaction.signatures)
    opened = _open(layer, transaction, checker, terms)
    before += layer.seal()
    layer.commit()
    code, outcomes = opened.code, opened.outcomes
    changes: tuple[Changes, ...] = ()
    if code == Code.txSUCCESS:
        try:
            code, outcomes, changes = _run_operations(view, transaction, terms)
        except ExchangeBroken:
            code, outcomes = Code.txINTERNAL_ERROR, opened.outcomes
    fee, fee_changes = charged
    return Applied(
        transaction=transaction,
        code=code,
        fee_charged=fee,
        base_fee=terms.base_fee,
        outcomes=outcomes,
        fee_changes=fee_changes,
        before_changes=before,
        operation_changes=changes,
    )


def _state_hash(previous: bytes, changed: dict[Key, Entry | None]) -> bytes:
    digest = sha256(previous)
    for packed in sorted(
        pack_key(key) + (b"" if entry is None else pack_entry(entry)) for key, entry in changed.items()
    ):
        digest.update(packed)
    return digest.digest()


def set_hash(previous_hash: bytes, transactions: Iterable[Transaction]) -> bytes:
    """The hash of a transaction set: of the last ledger and the envelopes in hash order."""
    digest = sha256(previous_hash)
    for transaction in sorted(transactions, key=lambda one: one.outer_hash):
        digest.update(transaction.envelope)
    return digest.digest()


def close_ledger(
    store: Store,
    last: Header,
    transactions: Sequence[Transaction],
    close_time: int,
    *,
    base_fee: int | None = None,
) -> ClosedLedger:
    """Close one ledger over the store: `transactions` are applied in the order given.

    `base_fee` is what an operation costs in this ledger where that is more than the usual fee.
    """
    terms = replace(last.terms, ledger=last.sequence + 1, close_time=close_time)
    price = terms.base_fee if base_fee is None else base_fee
    view = Overlay(store, ledger=terms.ledger)
    charges = [_charge(view, transaction, terms, price) for transaction in transactions]
    applied = tuple(
        _apply(view, transaction, terms, charged)
        for transaction, charged in zip(transactions, charges, strict=True)
    )
    results = pack.array(one.transaction.outer_hash + one.packed_result() for one in applied)
    view.commit()
    header = replace(
        last,
        sequence=terms.ledger,
        close_time=close_time,
        previous_hash=last.hash,
        set_hash=set_hash(last.hash, transactions),
        result_hash=sha256(results).digest(),
        state_hash=_state_hash(last.state_hash, view.entries),
        fee_pool=last.fee_pool + sum(fee for fee, _ in charges),
        offer_counter=view.offer_counter,
    )
    return ClosedLedger(header=header, applied=applied, changed=view.entries)
