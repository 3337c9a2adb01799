"""The chart of accounts: every account that a posting may touch, and what its balance means.

Amounts are signed: a debit is positive, a credit negative. What we hold (money, tokens in our account) therefore shows
as positive, what we owe as negative. Every account exists once per asset it has entries in.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

TOKENS_RECEIVED = "tokens:received"
"""Tokens in the distribution account that senders paid in: waiting to be burnt, sold or refunded. Never negative."""

EXCHANGE_POSITION = "fx:position"
"""Where a remittance crosses from the token to the currency: the two sides are equal at the price that was fixed."""

EXCHANGE_WAITING = "fx:waiting"
"""Tokens of funded remittances whose rate is not fixed yet. Never positive."""

PAYOUTS_OWED = "payouts:owed"
"""What receiving clients are still to be paid and no bank has taken on. Never positive."""

REFUNDS_OWED = "refunds:owed"
"""What has to go back to senders. Never positive."""

REFUND_FEES = "fees:refunds"
"""What we kept for sending refunds back."""

BANK_FEES = "fees:bank"
"""What banks kept, less what they gave back of it: an expense."""

FEES_PENDING = "fees:pending"
"""Service fees of remittances whose payout is not settled: reversed on a refund."""

FEES_EARNED = "fees:earned"
"""Service fees of delivered remittances."""

FEES_ROUNDING = "fees:rounding"
"""What is left of a token amount below the currency's smallest unit."""

SUSPENSE_CHAIN = "suspense:chain"
"""Tokens that arrived and belong to no open remittance. Never positive."""

SUSPENSE_BANK = "suspense:bank"
"""What a bank booked and nobody has explained yet: incoming wires as a credit, fees as a debit."""

OPENING = "treasury:opening"
"""What banks held for us before their first statement that we have, with the other sign."""

TOKENS_STOCK = "tokens:stock"
"""Tokens in the distribution account that we put there ourselves."""

OWN_TRANSFERS = "treasury:transfers"
"""The other side of transfers between our own accounts."""

CAPITAL = "treasury:capital"
"""What owners put into the anchor as a credit; what they took out of it as a debit."""

INTEREST = "treasury:interest"
"""What banks paid as interest, a credit, or took."""

SALES = "treasury:sales"
"""Money that partners paid for tokens of ours as a credit; money for tokens that we took back as a debit."""

CORRECTIONS = "treasury:corrections"
"""What banks booked by mistake and take back: zero when all of it is undone."""

WRITTEN_OFF = "losses:bank"
"""Money that a bank booked out and that people gave up. Never negative."""

CLAWED_BACK = "losses:clawback"
"""Tokens that their issuer took out of the distribution account."""


def transit(rail: str) -> str:
    """Name the account of payouts that a rail has taken on and the bank has not yet booked. Never positive."""
    return f"transit:{rail}"


def bank(rail: str) -> str:
    """Name the account that mirrors our money behind a rail; all of it, once the rail has yielded statements."""
    return f"bank:{rail}"


class Sign(StrEnum):
    """On which side of zero the balance of an account may stand."""

    NEVER_NEGATIVE = "never_negative"
    NEVER_POSITIVE = "never_positive"
    EITHER = "either"


ANY_RAIL = "*"
"""Stands for the name of a rail in the names of the chart."""

SIGNS: Mapping[str, Sign] = {
    TOKENS_RECEIVED: Sign.NEVER_NEGATIVE,
    TOKENS_STOCK: Sign.EITHER,
    OWN_TRANSFERS: Sign.EITHER,
    CAPITAL: Sign.EITHER,
    INTEREST: Sign.EITHER,
    SALES: Sign.EITHER,
    CORRECTIONS: Sign.EITHER,
    WRITTEN_OFF: Sign.NEVER_NEGATIVE,
    CLAWED_BACK: Sign.NEVER_NEGATIVE,
    SUSPENSE_CHAIN: Sign.NEVER_POSITIVE,
    SUSPENSE_BANK: Sign.EITHER,
    OPENING: Sign.EITHER,
    EXCHANGE_POSITION: Sign.EITHER,
    EXCHANGE_WAITING: Sign.NEVER_POSITIVE,
    PAYOUTS_OWED: Sign.NEVER_POSITIVE,
    transit(ANY_RAIL): Sign.NEVER_POSITIVE,
    bank(ANY_RAIL): Sign.EITHER,
    REFUNDS_OWED: Sign.NEVER_POSITIVE,
    REFUND_FEES: Sign.NEVER_POSITIVE,
    FEES_PENDING: Sign.NEVER_POSITIVE,
    FEES_EARNED: Sign.NEVER_POSITIVE,
    FEES_ROUNDING: Sign.NEVER_POSITIVE,
    BANK_FEES: Sign.EITHER,
}
"""Every account of the chart. A name that ends in `ANY_RAIL` stands for one account for each rail.

`bank:*` starts at zero and becomes negative with the first payout. The bank's first statement brings what it held
before; from then on the account is the closing balance, give or take what is not yet stated or not yet booked.
"""


def pattern(name: str) -> str:
    """Return a name of the chart as a pattern of SQL's `LIKE`; no account has a letter that means something there."""
    return name.replace(ANY_RAIL, "%")
