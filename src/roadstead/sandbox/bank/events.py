"""What happens at the bank, as facts. The journal is a list of these, and the bank's state is nothing else."""

from datetime import datetime

import msgspec

from roadstead.money import Money, amount_from_text, currency


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer of the bank asks it to pay. Two instructions are the same when all fields are."""

    end_to_end_id: str
    amount: str
    """Plain notation with all decimals of the currency (`98.50`)."""
    currency: str
    """ISO 4217."""
    account: str
    name: str
    bank_number: str = ""
    information: str = ""

    @property
    def money(self) -> Money:
        """The amount, to calculate with."""
        return amount_from_text(currency(self.currency), self.amount)


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Something that happened, and when."""

    at: datetime


class BankOpened(Event, frozen=True, kw_only=True, tag="bank_opened"):
    """The bank began; its id is part of every identifier that it gives."""

    bank_id: str


class AccountOpened(Event, frozen=True, kw_only=True, tag="account_opened"):
    """The anchor's account in one currency was opened with money in it."""

    currency: str
    amount: str


class Received(Event, frozen=True, kw_only=True, tag="received"):
    """An instruction arrived under a key that was not known."""

    key: str
    reference: str
    instruction: Instruction
    message_id: str = ""
    """The file that it came in, and below the batch in that file; nothing when it came over HTTP."""
    batch_id: str = ""


class Accepted(Event, frozen=True, kw_only=True, tag="accepted"):
    """The bank will pay; the money is reserved."""

    key: str


class Settled(Event, frozen=True, kw_only=True, tag="settled"):
    """The money left the account: the payout is executed."""

    key: str


class Refused(Event, frozen=True, kw_only=True, tag="refused"):
    """The payout did not and will not happen; a reservation is released."""

    key: str
    reason: str


class Returned(Event, frozen=True, kw_only=True, tag="returned"):
    """The receiving bank sent the money back after it was settled."""

    key: str
    reason: str
    amount: str | None = None
    """What came back; None when it was all of it."""
    is_reversal: bool = False
    """The bank undid its own booking; nobody sent anything back."""


class ClockMoved(Event, frozen=True, kw_only=True, tag="clock_moved"):
    """The bank's clock was moved ahead; `at` is the moment that it showed before."""

    by_s: float


class FileTaken(Event, frozen=True, kw_only=True, tag="file_taken"):
    """A file of payment orders was read; its message id is not taken a second time, from another file."""

    message_id: str
    name: str


class FilesWritten(Event, frozen=True, kw_only=True, tag="files_written"):
    """Everything up to a place in the journal was told in notification files, and every statement up to a cursor."""

    number: int
    statement: str = ""


PayoutEvent = Accepted | Settled | Refused | Returned
"""The events that the bank tells its customer about."""

BankEvent = BankOpened | AccountOpened | Received | PayoutEvent | ClockMoved | FileTaken | FilesWritten
"""Everything that a journal can hold."""
