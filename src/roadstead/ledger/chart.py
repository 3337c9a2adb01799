"""The chart of accounts: every account that a posting may touch, and what its balance means.

Amounts are signed: a debit is positive, a credit negative. What we hold (money, tokens in our account) therefore shows
as positive, what we owe as negative. Every account exists once per asset it has entries in.
"""

from __future__ import annotations

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
"""What banks kept: an expense."""

FEES_PENDING = "fees:pending"
"""Service fees of remittances whose payout is not settled: reversed on a refund."""

FEES_EARNED = "fees:earned"
"""Service fees of delivered remittances."""

FEES_ROUNDING = "fees:rounding"
"""What is left of a token amount below the currency's smallest unit."""

SUSPENSE_CHAIN = "suspense:chain"
"""Tokens that arrived and belong to no open remittance. Never positive."""

TOKENS_STOCK = "tokens:stock"
"""Tokens in the distribution account that we put there ourselves."""

OWN_TRANSFERS = "treasury:transfers"
"""The other side of transfers between our own accounts."""

CLAWED_BACK = "losses:clawback"
"""Tokens that their issuer took out of the distribution account."""


def transit(rail: str) -> str:
    """Name the account of payouts that a rail has taken on and the bank has not yet booked. Never positive."""
    return f"transit:{rail}"


def bank(rail: str) -> str:
    """Name the account that mirrors our money behind a rail."""
    return f"bank:{rail}"
