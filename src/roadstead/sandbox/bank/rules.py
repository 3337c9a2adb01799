"""What the bank accepts, and what becomes of a payout by the account it goes to."""

import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from roadstead.errors import BadInput
from roadstead.money import amount_from_text, currency
from roadstead.sandbox.bank.events import Instruction

NAME_MAX = 70
INFORMATION_MAX = 140

_KEY = re.compile(r"[A-Za-z0-9-]{1,36}", re.ASCII)
_END_TO_END_ID = re.compile(r"[A-Za-z0-9-]{1,35}", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{4,34}", re.ASCII)
_BANK_NUMBER = re.compile(r"[A-Za-z0-9]{0,35}", re.ASCII)
_MAGIC_ENDING = re.compile(r"99([0-4])([0-9]{3})\Z", re.ASCII)

REASONS = {
    "101": "AC01",
    "103": "AC03",
    "104": "AC04",
    "106": "AC06",
    "107": "AC07",
    "114": "RC01",
    "120": "AG01",
    "202": "AM02",
    "204": "AM04",
    "205": "AM05",
    "214": "AM14",
    "221": "AM21",
    "301": "BE01",
    "304": "BE04",
    "305": "BE05",
    "401": "RR01",
    "402": "RR02",
    "403": "RR03",
    "404": "RR04",
    "409": "RR09",
    "502": "MS02",
    "503": "MS03",
    "601": "TM01",
    "701": "FF01",
    "707": "FF07",
    "805": "AB05",
}
"""ISO 20022 reason codes by the last three digits of a magic account number."""


class Course(StrEnum):
    """The ways a payout can go."""

    PAID = "paid"
    REFUSED_AT_ONCE = "refused_at_once"
    REFUSED_LATER = "refused_later"
    """Accepted first, and refused when it should settle."""
    RETURNED = "returned"
    """Settled, and returned later."""
    RETURNED_SHORT = "returned_short"
    """Settled, and returned later less what the receiving bank keeps."""
    REVERSED = "reversed"
    """Settled, and undone later by the bank itself."""

    @property
    def comes_back(self) -> bool:
        """Whether settled money comes back."""
        return self in {Course.RETURNED, Course.RETURNED_SHORT, Course.REVERSED}

    SILENT = "silent"
    """Accepted, and never heard of again."""


_COURSES = {
    "0": Course.REFUSED_AT_ONCE,
    "1": Course.REFUSED_LATER,
    "2": Course.RETURNED,
    "3": Course.RETURNED_SHORT,
    "4": Course.REVERSED,
}
_SILENT_ENDING = "993000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """The way a payout goes, and the reason where there is one."""

    course: Course
    reason: str = ""


_PAID = Fate(course=Course.PAID)
_SILENT = Fate(course=Course.SILENT)


def fate_of(account: str) -> Fate:
    """Say what becomes of payouts to an account, by the last six characters of its number.

    `99`, a digit for the course (0 refused at once, 1 refused later, 2 settled and returned, 3 settled and returned
    short of a fee, 4 settled and reversed) and three digits for the reason (see `REASONS`); `993000` is accepted and
    never settles. Every other account is paid.
    """
    if account.endswith(_SILENT_ENDING):
        return _SILENT
    ending = _MAGIC_ENDING.search(account)
    if ending is None or ending[1] not in _COURSES or ending[2] not in REASONS:
        return _PAID
    return Fate(course=_COURSES[ending[1]], reason=REASONS[ending[2]])


def checked_key(key: str) -> str:
    """Return the key of a payout if it is well formed.

    Raises:
        BadInput: It is not.
    """
    if not _KEY.fullmatch(key):
        raise BadInput("The key of a payout is 1 to 36 letters, digits or hyphens.")
    return key


def checked(instruction: Instruction) -> Instruction:
    """Return an instruction with its amount written in full, if the bank can carry it out.

    Raises:
        BadInput: A field is missing, too long or of another form than the bank reads.
    """
    money = amount_from_text(currency(instruction.currency), instruction.amount)
    if money.units <= 0:
        raise BadInput("The amount of a payout is more than zero.")
    if not _END_TO_END_ID.fullmatch(instruction.end_to_end_id):
        raise BadInput("end_to_end_id is 1 to 35 letters, digits or hyphens.")
    if not _ACCOUNT.fullmatch(instruction.account):
        raise BadInput("account is 4 to 34 letters and digits.")
    if not _BANK_NUMBER.fullmatch(instruction.bank_number):
        raise BadInput("bank_number is at most 35 letters and digits.")
    if not instruction.name.strip() or len(instruction.name) > NAME_MAX:
        raise BadInput(f"name is 1 to {NAME_MAX} characters.")
    if len(instruction.information) > INFORMATION_MAX:
        raise BadInput(f"information is at most {INFORMATION_MAX} characters.")
    return msgspec.structs.replace(instruction, amount=money.text)
