"""How long the data of customers are kept after they were deleted: the same in every environment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadstead.config.forms import one_of, whole
from roadstead.config.schema import Key, Section


class RetentionCategory(StrEnum):
    """Whose data they are."""

    SERVED = "served"
    """Customers who sent or received money."""
    UNSERVED = "unserved"
    """Customers who never did."""


class RetentionStart(StrEnum):
    """From when the days are counted."""

    LAST_REMITTANCE = "last_remittance"
    """The end of the last remittance that was paid for; for who has none, the deletion."""
    DELETION = "deletion"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """One row of the table."""

    category: RetentionCategory
    days: int
    start: RetentionStart = RetentionStart.LAST_REMITTANCE


FIVE_YEARS_DAYS = 1_827
"""Five years with two leap days, so that it is never a day too short."""

RETENTION_DEFAULT = (
    RetentionTerms(category=RetentionCategory.SERVED, days=FIVE_YEARS_DAYS),
    RetentionTerms(category=RetentionCategory.UNSERVED, days=0, start=RetentionStart.DELETION),
)
"""What the law of many countries asks for (FATF recommendation 11), and no longer."""


def retention_of(table: tuple[RetentionTerms, ...], category: RetentionCategory) -> RetentionTerms:
    """Return the row of a category; one that the file leaves out is as by default."""
    return next(terms for terms in (*table, *RETENTION_DEFAULT) if terms.category is category)


RETENTION = Section(
    name="retention",
    make=RetentionTerms,
    many=True,
    description="How long a deleted customer's data are kept. Left out: five years after the last remittance of who "
    "sent or received money, and not at all of others.",
    keys=(
        Key(
            name="category",
            form=one_of(RetentionCategory),
            required=True,
            description="Whose: of who sent or received money, or of who never did.",
            example='"served"',
        ),
        Key(
            name="days",
            form=whole(0, 36_525),
            required=True,
            description="Days that the data are kept, restricted.",
            example="1827",
        ),
        Key(
            name="start",
            form=one_of(RetentionStart),
            description="From when the days count.",
            example='"last_remittance"',
        ),
    ),
)
