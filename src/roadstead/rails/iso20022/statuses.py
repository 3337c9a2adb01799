"""What the statuses of ISO 20022 let us conclude (`ExternalPaymentTransactionStatus1Code`, and those of groups)."""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.rails.protocol import RailStatus

LOOK_AT_EACH = frozenset({"PART", "PATC"})
"""Some payments are accepted and some are not: only what is said of each counts."""
REFUSALS = frozenset({"RJCT", "CANC"})
"""A payment with one of these will not be paid, unless what is refused is only a second copy of it."""
DUPLICATES = frozenset({"DUPL", "AM05", "DU01", "DU02", "DU03", "DU04", "DU05"})
"""Reasons that say: we have this already. What became of the first one is to be found out, and nothing sent again."""

_MEANINGS = {
    "RCVD": RailStatus.RECEIVED,
    "ACTC": RailStatus.RECEIVED,
    # Still open: neither says whether it will be paid.
    "PDNG": RailStatus.RECEIVED,
    "ACWP": RailStatus.RECEIVED,
    "ACCP": RailStatus.ACCEPTED,
    "ACFC": RailStatus.ACCEPTED,
    "ACWC": RailStatus.ACCEPTED,
    "ACSP": RailStatus.ACCEPTED,
    "ACSC": RailStatus.SETTLED,
    "ACCC": RailStatus.SETTLED,
    "RJCT": RailStatus.REFUSED,
    "CANC": RailStatus.REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A status with its reason, as the bank said it."""

    code: str
    reason: str | None = None
    detail: str = ""

    @property
    def meaning(self) -> RailStatus | None:
        """What it means for a payment; None when nothing follows from it: `PART`, and codes that we do not know."""
        if self.is_duplicate:
            return None
        return _MEANINGS.get(self.code)

    @property
    def is_duplicate(self) -> bool:
        """Whether the bank refuses it because it has it already, so that it says nothing of the first one."""
        return self.code == "RJCT" and self.reason in DUPLICATES

    @property
    def is_known(self) -> bool:
        """Whether we know what to make of the code."""
        return self.code in _MEANINGS or self.code in LOOK_AT_EACH
