"""What an operation of the distribution account can turn out to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from roadstead.money import Asset
from roadstead.stellar.memos import Memo


class PaymentKind(StrEnum):
    """The operations that credit an account, by Horizon's names."""

    PAYMENT = "payment"
    PATH_PAYMENT_STRICT_RECEIVE = "path_payment_strict_receive"
    PATH_PAYMENT_STRICT_SEND = "path_payment_strict_send"
    CREATE_ACCOUNT = "create_account"
    ACCOUNT_MERGE = "account_merge"
    CLAIM = "claim_claimable_balance"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPayment:
    """One credit of our account by one operation of one successful transaction."""

    operation_id: int
    kind: PaymentKind
    transaction_hash: str
    """Hash of the transaction in lower-case hexadecimal; of a fee bump, the outer one."""
    ledger_closed_at: datetime
    payer: str
    """Where it came from and where a refund goes: M... when the payer named a sub-account, else G..."""
    payer_account: str
    """The account G... of the payer."""
    receiving_account: str
    receiving_muxed: str | None
    """The address M... when the payer sent to a sub-account of ours."""
    asset: Asset
    amount_units: int | None
    """Stroops received; None for a merged account, whose balance the operation does not tell but its effects do."""
    memo: Memo


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceClaim:
    """Our account claimed a balance: a credit of which only the operation's effects tell what and whose."""

    operation_id: int
    transaction_hash: str
    ledger_closed_at: datetime
    receiving_account: str
    balance_id: str
    memo: Memo


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceOffer:
    """Somebody made a balance that our account may claim. Nothing arrived; the list of balances tells the rest."""

    operation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clawback:
    """The issuer took tokens out of our account."""

    operation_id: int
    transaction_hash: str
    ledger_closed_at: datetime
    account: str
    issuer: str
    asset: Asset
    amount_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPayment:
    """Our account paid: a fact to compare with, which changes no books by itself."""

    operation_id: int
    kind: str
    transaction_hash: str
    ledger_closed_at: datetime
    account: str
    destination: str
    """Who was paid; our own account where it paid itself."""
    asset: Asset
    """What left: of a path payment what was given, not what arrived."""
    amount_units: int | None
    """None where the operation does not tell it (our account was merged away)."""


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """Neither a credit nor a debit of our account by a payment: nothing has to be kept."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecodable:
    """It may concern our money, but it cannot be understood: a person has to look at the record."""

    reason: str


Verdict: TypeAlias = (
    IncomingPayment | BalanceClaim | BalanceOffer | Clawback | OutgoingPayment | Irrelevant | Undecodable
)
