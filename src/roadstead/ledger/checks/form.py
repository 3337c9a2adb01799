"""The form of a check: a name, a sentence, and a query that finds nothing while the sentence is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must be true.

    `sql` selects five columns for each row that contradicts: what it is about, the asset or null, what is wrong, and
    where amounts are compared how many units there should be and how many there are, else null twice.
    """

    name: str
    sentence: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Checks that read the same sums, which are added up once for all of them."""

    name: str
    checks: tuple[Check, ...]
    common: Mapping[str, str] = field(default_factory=dict)
    """Names and queries of what the checks read."""

    def statement(self) -> str:
        """Put the checks together as one statement; its only parameter limits the rows of each check."""
        tables = ",\n".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in self.common.items())
        selects = "\nUNION ALL\n".join(
            f"(SELECT '{check.name}'::text AS check_name, found.* FROM (\n{check.sql}\n)"  # noqa: S608 - constants
            " AS found (subject, asset, detail, expected, actual) LIMIT $1)"
            for check in self.checks
        )
        return f"WITH {tables}\n{selects}" if tables else selects
