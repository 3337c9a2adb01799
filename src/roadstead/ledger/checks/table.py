"""All checks, in the order in which they are run and told."""

from __future__ import annotations

from roadstead.ledger.checks.books import BOOKS
from roadstead.ledger.checks.form import Check, Sweep
from roadstead.ledger.checks.payments import PAYMENTS
from roadstead.ledger.checks.payouts import PAYOUTS
from roadstead.ledger.checks.refunds import REFUNDS
from roadstead.ledger.checks.remittances import REMITTANCES
from roadstead.ledger.checks.statements import STATEMENTS

SWEEPS: tuple[Sweep, ...] = (BOOKS, PAYMENTS, REMITTANCES, PAYOUTS, REFUNDS, STATEMENTS)

CHECKS: tuple[Check, ...] = tuple(check for sweep in SWEEPS for check in sweep.checks)
