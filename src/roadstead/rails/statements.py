"""Bank statements as every source yields them, whatever form they came in: what was booked on an account of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from roadstead.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One movement on our account, as the bank tells it (ISO 20022 `Ntry`, or one transaction of a batch entry)."""

    identity: str
    """Unique within the statement: a second copy of the same line carries the same one."""
    amount: Money
    """What moved, always positive; `is_credit` says in which direction."""
    is_credit: bool
    """Money came in. Of a reversal: the direction of the reversal itself, not of what it undoes."""
    is_reversal: bool = False
    """It undoes an earlier line (`RvslInd`)."""
    is_booked: bool = True
    """It counts in the closing balance; a line that is only announced does not."""
    booked_on: date | None = None
    value_on: date | None = None
    bank_reference: str | None = None
    """The bank's own identifier of the movement (`AcctSvcrRef`)."""
    end_to_end_id: str | None = None
    key: str | None = None
    """The attempt's key, where the bank repeats it (`InstrId`)."""
    counterparty_name: str | None = None
    counterparty_account: str | None = None
    reason: str | None = None
    """Why money came back (ISO 20022 `ExternalReturnReason1Code`); set on returns only."""
    information: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankStatement:
    """What was booked on one account between two balances."""

    identity: str
    """Unique within the rail: a second copy of the same statement carries the same one."""
    account: str
    """Our account at the bank, as the bank writes it."""
    sequence: int | None = None
    """The bank's running number, where it gives one."""
    opening: Money | None = None
    """The booked balance before the first line; negative when overdrawn."""
    closing: Money | None = None
    """The booked balance after the last line."""
    opened_on: date | None = None
    closed_on: date | None = None
    created_at: datetime | None = None
    lines: tuple[StatementLine, ...] = ()


@runtime_checkable
class StatementSource(Protocol):
    """A rail that yields bank statements as well; `RailTerms.has_statements` says so."""

    async def statements(self, cursor: str | None) -> tuple[Sequence[BankStatement], str | None]:
        """Return the statements after `cursor`, oldest first, and the cursor to ask with next time.

        Resumable and safe to repeat. The end is reached when there are none and the cursor stays.

        Raises:
            Unavailable: The bank does not answer now.
        """
        ...
