"""Whether a transaction may enter a ledger: the same checks at submission and again at its turn."""

from dataclasses import dataclass
from enum import IntEnum

from stellar_sdk import xdr

from .balances import Terms, available_lumens
from .operations import rule_of
from .operations.rule import Check
from .outcome import DONE, OUTER, Outcome, refused_outside
from .overlay import Overlay
from .signatures import KEY_PAYLOAD, SignatureChecker, key_kind, payload_of
from .state import INT64_MAX, Account
from .transaction import Conditions, Operation, Transaction

Code = xdr.TransactionResultCode

_LOW = 1
_UINT32_BITS = 32


class Stage(IntEnum):
    """How far a transaction got in the common checks."""

    INVALID = 0
    SEQUENCE_USED = 1
    AUTHORIZED = 2
    VALID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checks say: a transaction code, the fee the result names, and operation outcomes."""

    code: int
    fee: int
    outcomes: tuple[Outcome, ...] = ()
    inner: "Verdict | None" = None

    @property
    def accepted(self) -> bool:
        """Whether the transaction may enter a ledger."""
        return self.code in (Code.txSUCCESS, Code.txFEE_BUMP_INNER_SUCCESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Under which circumstances a transaction is checked.

    `ledger` and `close_time` are the last closed ledger's at submission, and the ledger's own
    at its turn. `lead_s` is added for the upper time limit at submission.
    `sequence` replaces the account's own where transactions of it are waiting.
    """

    terms: Terms
    applying: bool
    lead_s: int = 0
    sequence: int | None = None


def _early(conditions: Conditions, moment: Moment) -> bool:
    if conditions.min_time > moment.terms.close_time:
        return True
    return conditions.has_ledger_bounds and conditions.min_ledger > moment.terms.ledger


def _late(conditions: Conditions, moment: Moment) -> bool:
    if conditions.max_time and conditions.max_time < moment.terms.close_time + moment.lead_s:
        return True
    return (
        conditions.has_ledger_bounds
        and conditions.max_ledger != 0
        and conditions.max_ledger <= moment.terms.ledger
    )


def _extra_signers_malformed(keys: tuple[bytes, ...]) -> bool:
    if len(set(keys)) != len(keys):
        return True
    return any(key_kind(key) == KEY_PAYLOAD and not payload_of(key) for key in keys)


def _before_sequence(transaction: Transaction, moment: Moment, *, charges_fee: bool) -> Code | None:
    conditions = transaction.conditions
    if _extra_signers_malformed(conditions.extra_signers):
        return Code.txMALFORMED
    if not transaction.operations:
        return Code.txMISSING_OPERATION
    if _early(conditions, moment):
        return Code.txTOO_EARLY
    if _late(conditions, moment):
        return Code.txTOO_LATE
    minimum = max(1, len(transaction.operations)) * moment.terms.base_fee
    if charges_fee and transaction.fee_bid < minimum:
        return Code.txINSUFFICIENT_FEE
    return None


def bad_sequence(transaction: Transaction, current: int, ledger: int) -> bool:
    """Whether the transaction's sequence number does not follow the account's."""
    if transaction.sequence < 0 or transaction.sequence == ledger << _UINT32_BITS:
        return True
    minimum = transaction.conditions.min_sequence
    if minimum is not None:
        return current < minimum or current >= transaction.sequence
    return current == INT64_MAX or current + 1 != transaction.sequence


def _too_soon_for_account(account: Account, conditions: Conditions, terms: Terms) -> bool:
    age = conditions.min_sequence_age
    if age and (terms.close_time < age or terms.close_time - age < account.sequence_time):
        return True
    gap = conditions.min_sequence_ledger_gap
    return bool(gap) and (terms.ledger < gap or terms.ledger - gap < account.sequence_ledger)


def common_checks(
    transaction: Transaction,
    checker: SignatureChecker,
    view: Overlay,
    moment: Moment,
    *,
    charges_fee: bool,
) -> tuple[Stage, Code]:
    """The checks that do not look at the single operations."""
    code = _before_sequence(transaction, moment, charges_fee=charges_fee)
    if code is not None:
        return Stage.INVALID, code
    account = view.peek_account(transaction.source.account)
    if account is None:
        return Stage.INVALID, Code.txNO_ACCOUNT
    current = account.sequence if moment.sequence is None else moment.sequence
    if bad_sequence(transaction, current, moment.terms.ledger):
        return Stage.INVALID, Code.txBAD_SEQ
    if _too_soon_for_account(account, transaction.conditions, moment.terms):
        return Stage.SEQUENCE_USED, Code.txBAD_MIN_SEQ_AGE_OR_GAP
    if not checker.account_reaches(account, account.thresholds[_LOW]):
        return Stage.SEQUENCE_USED, Code.txBAD_AUTH
    extra = transaction.conditions.extra_signers
    if extra and not checker.extra_signed(extra):
        return Stage.SEQUENCE_USED, Code.txBAD_AUTH
    if charges_fee and not moment.applying and available_lumens(account, moment.terms) < transaction.fee_bid:
        return Stage.AUTHORIZED, Code.txINSUFFICIENT_BALANCE
    return Stage.VALID, Code.txSUCCESS


def check_operation_signatures(operation: Operation, checker: SignatureChecker, view: Overlay) -> Outcome:
    """Whether an operation's source has signed with enough weight."""
    account = view.peek_account(operation.source.account)
    if account is None:
        if not operation.explicit:
            return refused_outside(OUTER.opNO_ACCOUNT)
        if not checker.absent_account_signed(operation.source.account):
            return refused_outside(OUTER.opBAD_AUTH)
        return DONE
    level = rule_of(operation.type).threshold(operation.body)
    if not checker.account_reaches(account, account.thresholds[level]):
        return refused_outside(OUTER.opBAD_AUTH)
    return DONE


def check_operation(operation: Operation, terms: Terms) -> Outcome:
    """The checks of one operation that need no ledger entry."""
    rule = rule_of(operation.type)
    if not rule.supported:
        return refused_outside(OUTER.opNOT_SUPPORTED)
    code = rule.check(Check(body=operation.body, source=operation.source.account, terms=terms))
    return DONE if code is None else Outcome(code=int(code))


def _check_plain(transaction: Transaction, view: Overlay, moment: Moment, *, charges_fee: bool) -> Verdict:
    minimum = max(1, len(transaction.operations)) * moment.terms.base_fee
    fee = minimum if charges_fee else 0
    checker = SignatureChecker(transaction.hash, transaction.signatures)
    stage, code = common_checks(transaction, checker, view, moment, charges_fee=charges_fee)
    if stage != Stage.VALID:
        return Verdict(code=code, fee=fee)
    outcomes = [DONE] * len(transaction.operations)
    for index, operation in enumerate(transaction.operations):
        outcome = (
            check_operation_signatures(operation, checker, view)
            if rule_of(operation.type).supported
            else refused_outside(OUTER.opNOT_SUPPORTED)
        )
        if outcome.succeeded:
            outcome = check_operation(operation, moment.terms)
        outcomes[index] = outcome
        if not outcome.succeeded:
            return Verdict(code=Code.txFAILED, fee=fee, outcomes=tuple(outcomes))
    if not checker.all_used:
        return Verdict(code=Code.txBAD_AUTH_EXTRA, fee=fee)
    return Verdict(code=Code.txSUCCESS, fee=fee, outcomes=tuple(outcomes))


def _needed_bump_fee(transaction: Transaction, moment: Moment) -> int | None:
    """The fee a bump lacks, or None where it offers enough."""
    base_fee = moment.terms.base_fee
    minimum = transaction.minimum_fee(base_fee)
    if transaction.outer_fee_bid < minimum:
        return minimum
    inner_minimum = max(1, len(transaction.operations)) * base_fee
    offered = transaction.outer_fee_bid * inner_minimum
    wanted = transaction.fee_bid * minimum
    if offered < wanted:
        return -(-wanted // inner_minimum)
    return None


def _check_bump(transaction: Transaction, view: Overlay, moment: Moment) -> Verdict:
    bump = transaction.bump
    if bump is None:
        return _check_plain(transaction, view, moment, charges_fee=True)
    fee = transaction.minimum_fee(moment.terms.base_fee)
    needed = _needed_bump_fee(transaction, moment)
    if needed is not None:
        return Verdict(code=Code.txINSUFFICIENT_FEE, fee=needed)
    payer = view.peek_account(bump.source.account)
    if payer is None:
        return Verdict(code=Code.txNO_ACCOUNT, fee=fee)
    checker = SignatureChecker(bump.hash, bump.signatures)
    if not checker.account_reaches(payer, payer.thresholds[_LOW]):
        return Verdict(code=Code.txBAD_AUTH, fee=fee)
    if available_lumens(payer, moment.terms) < bump.fee_bid:
        return Verdict(code=Code.txINSUFFICIENT_BALANCE, fee=fee)
    if not checker.all_used:
        return Verdict(code=Code.txBAD_AUTH_EXTRA, fee=fee)
    inner = _check_plain(transaction, view, moment, charges_fee=False)
    code = Code.txFEE_BUMP_INNER_SUCCESS if inner.accepted else Code.txFEE_BUMP_INNER_FAILED
    return Verdict(code=code, fee=fee, inner=inner)


def check_transaction(transaction: Transaction, view: Overlay, moment: Moment) -> Verdict:
    """All checks of a submitted transaction. Changes nothing."""
    if transaction.bump is not None:
        return _check_bump(transaction, view, moment)
    return _check_plain(transaction, view, moment, charges_fee=True)
