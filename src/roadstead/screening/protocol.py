"""The edge towards whoever knows the lists: the built-in matcher, or yente, watchman or a vendor behind an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from roadstead.screening.subjects import Subject

SCORE_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """A list that a screener searches at this moment."""

    name: str
    """Small letters, digits and hyphens, at most 40 of them: `ofac`, `un`, `eu`."""
    version: str
    """Another one whenever the list says anything else: at most 100 characters, no space, comma or equals sign."""
    current_at: datetime
    """When this version was last known to be the newest one. Payouts stop when that is too long ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An entry that a subject may be."""

    list_name: str
    entry_id: str
    """The list's own identifier."""
    entry_version: str
    """Another one whenever the list says anything else of this entry: a decision about it does not outlive that."""
    list_version: str
    score: int
    """How alike they are, in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What a screener found."""

    algorithm: str
    """Name and version of the way in which it was searched."""
    lists: tuple[ListState, ...]
    """The lists that were searched, as they were then."""
    hits: tuple[Hit, ...] = ()
    """Every entry that is alike enough, the most alike first; each once."""


class Screener(Protocol):
    """Searches lists for people and organizations.

    `roadstead.contract.screener` is a suite of tests for whoever writes one.
    """

    async def lists(self) -> tuple[ListState, ...]:
        """Tell which lists are searched now; called every few seconds, and cheap.

        Raises:
            Unavailable: It does not answer now.
        """
        ...

    async def screen(self, subject: Subject) -> Screening:
        """Search every list for a subject. Safe to repeat; a subject without a name has no hits.

        The subject is personal data: an implementation writes it to no log, and into no error.

        Raises:
            Unavailable: It does not answer now, or not in time; nothing is known then, and nothing is taken for clear.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
