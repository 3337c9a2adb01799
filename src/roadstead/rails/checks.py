"""What a rail can say of an attempt without asking anybody: amounts, account numbers, lengths. Pure."""

import re
from collections.abc import Sequence

from stdnum import iban
from stdnum.exceptions import ValidationError as InvalidNumber

from roadstead.money import Asset, Money, currency
from roadstead.rails.protocol import Creditor, FieldProblem, PayoutAttempt, RailTerms

NAME_MAX = 70
"""SEPA carries so many characters of a name, fewer than any other rail."""
INFORMATION_MAX = 140
IDENTIFIER_MAX = 30
"""So many characters of an identifier every rail can carry."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{4,34}", re.ASCII)
_BANK_NUMBER = re.compile(r"[A-Za-z0-9]{1,35}", re.ASCII)


def amount_problems(amount: Money, terms: RailTerms) -> Sequence[FieldProblem]:
    """Compare an amount with the terms: in a currency of the rail, more than zero, and within its limits."""
    if amount.asset not in terms.currencies:
        return [_problem("amount", f"This rail does not pay in {amount.asset.code}.")]
    if amount.units <= 0:
        return [_problem("amount", "The amount has to be more than zero.")]
    least = terms.amount_min
    if least is not None and least.asset == amount.asset and amount < least:
        return [_problem("amount", f"One payout is at least {least}.")]
    limit = terms.amount_max
    if limit is not None and limit.asset == amount.asset and amount > limit:
        return [_problem("amount", f"One payout is at most {limit}.")]
    return []


def creditor_problems(creditor: Creditor, asset: Asset) -> Sequence[FieldProblem]:
    """Check the name and the numbers of a creditor; fields carry their SEP-9 names.

    Euros go to an IBAN whose check digits hold, other currencies to a number of 4 to 34 letters and digits.
    """
    problems: list[FieldProblem] = []
    if not creditor.name.strip() or len(creditor.name) > NAME_MAX:
        problems.append(_problem("first_name", f"The full name has 1 to {NAME_MAX} characters."))
    is_valid = is_iban if asset == currency("EUR") else is_account_number
    if not is_valid(creditor.account_number):
        problems.append(_problem("bank_account_number", "The account number is not valid."))
    if creditor.bank_number is not None and not _BANK_NUMBER.fullmatch(creditor.bank_number):
        problems.append(_problem("bank_number", "The bank number has 1 to 35 letters and digits."))
    return problems


def text_problems(attempt: PayoutAttempt, *, length_max: int = IDENTIFIER_MAX) -> Sequence[FieldProblem]:
    """Check the lengths and alphabets of what travels with the payment; `length_max` is of its identifiers."""
    problems: list[FieldProblem] = []
    if len(attempt.information) > INFORMATION_MAX:
        problems.append(_problem("information", f"The information has at most {INFORMATION_MAX} characters."))
    for field, identifier in (("key", attempt.key), ("end_to_end_id", attempt.end_to_end_id)):
        if not _IDENTIFIER.fullmatch(identifier) or len(identifier) > length_max:
            problems.append(_problem(field, f"The identifier has 1 to {length_max} letters and digits."))
    return problems


def is_account_number(number: str) -> bool:
    """Say whether a text has the form of an account number: 4 to 34 letters and digits."""
    return _ACCOUNT.fullmatch(number) is not None


def is_iban(number: str) -> bool:
    """Say whether a text is an IBAN without spaces whose check digits hold (ISO 13616)."""
    if not is_account_number(number):
        return False
    try:
        iban.validate(number)
    except InvalidNumber:
        return False
    return True


def _problem(field: str, message: str) -> FieldProblem:
    return FieldProblem(field=field, message=message)
