"""What an operator decides about screening: the same in every environment."""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.config.forms import whole
from roadstead.config.schema import Key, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningTerms:
    """How alike somebody has to be to an entry of a list, and how many people decide about it."""

    score_min: int = 86
    """Percent from which on the built-in matcher tells of an entry."""
    approvals: int = 2
    """How many people decide about a customer's hits."""


SCREENING = Section(
    name="screening",
    make=ScreeningTerms,
    many=False,
    description="How customers are compared with lists of sanctioned persons.",
    keys=(
        Key(
            name="score_min",
            form=whole(70, 100),
            description="Percent of likeness from which on the built-in matcher tells of an entry.",
            example="86",
        ),
        Key(
            name="approvals",
            form=whole(1, 5),
            description="People who decide together whether a customer is whom a list names.",
            example="2",
        ),
    ),
)
