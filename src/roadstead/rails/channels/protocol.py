"""The FileChannel protocol: how files are put for a bank and fetched from it, in steps that a crash cannot blur.

A file goes out in two steps. It is *staged* whole under a temporary name that nobody else uses, and then *published*
under its own name by one rename, which fails where that name is taken. Whoever comes back after a crash asks for its
*whereabouts*: the temporary file is there as long as it was not published. If it was staged and is gone, it was
published, whether or not the bank has taken it away since. Nothing has to be sent twice to find out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from roadstead.errors import BadInput

NAME_MAX = 200
LISTED_MAX = 10_000
TEMPORARY_SUFFIXES = (
    ".part",
    ".partial",
    ".filepart",
    ".tmp",
    ".temp",
    ".writing",
    ".uploading",
    ".processing",
)
"""What senders add to the name of a file that is not complete yet."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFile:
    """A file that the bank put out for us; two looks that see the same values saw a file that nobody wrote to."""

    name: str
    """The bank's name for it. It is asked for by this name and never becomes the name of a file of ours."""
    size_bytes: int
    modified_s: int
    """When it was last written to, in seconds of the other side's clock."""


class Whereabouts(StrEnum):
    """Where a staged file is."""

    STAGED = "staged"
    """It waits under its temporary name."""
    PUBLISHED = "published"
    """It lies under its own name, and the bank has not fetched it yet."""
    GONE = "gone"
    """Neither is there: the bank has taken it."""


class FileChannel(Protocol):
    """A place where files are exchanged. Safe to share between tasks of one event loop.

    Each call has a deadline of its own and raises `Unavailable` when the other side does not answer in time.
    """

    async def offered(self) -> Sequence[OfferedFile]:
        """List the files that are there for us, at most `LISTED_MAX`; unfinished and hidden ones are left out.

        Raises:
            Unavailable: The place cannot be reached.
        """
        ...

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """Return the bytes of an offered file.

        Raises:
            NotFound: It is gone.
            TooLarge: It has more bytes than allowed.
            Unavailable: The place cannot be reached.
        """
        ...

    async def archive(self, file: OfferedFile) -> None:
        """Put an offered file away, where it is not listed any more, beside those of the same name that are there.

        Nothing happens when it is gone already, nor when it is not as it was offered: another file may have come under
        its name, which nobody has read.

        Raises:
            Unavailable: The place cannot be reached, or there is nowhere to put it.
        """
        ...

    async def stage(self, temporary_name: str, content: bytes) -> None:
        """Write a file whole under a temporary name, for the bank not to see yet.

        Raises:
            Unavailable: The place cannot be reached; what is there may be a part of it.
        """
        ...

    async def publish(self, temporary_name: str, name: str) -> None:
        """Give a staged file its own name by one rename, after which the bank may fetch it.

        Raises:
            Conflict: The name is taken, or the staged file is not there: ask for its whereabouts.
            Unavailable: The place cannot be reached; ask for its whereabouts.
        """
        ...

    async def discard(self, temporary_name: str) -> None:
        """Remove a staged file that will never be published; nothing happens when it is gone.

        Raises:
            Unavailable: The place cannot be reached.
        """
        ...

    async def whereabouts(self, temporary_name: str, name: str) -> Whereabouts:
        """Say where a file is that was staged whole. It is gone only where the other side says that nothing is there.

        Raises:
            Unavailable: The place cannot be reached, or does not let us look.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def is_offered(name: str) -> bool:
    """Whether a listed name is one to read: not hidden, not unfinished, and short enough to be kept."""
    return (
        0 < len(name) <= NAME_MAX
        and not name.startswith((".", "~"))
        and not name.lower().endswith(TEMPORARY_SUFFIXES)
        and "/" not in name
        and "\\" not in name
        and name.isprintable()
    )


def in_order(files: Iterable[OfferedFile]) -> list[OfferedFile]:
    """Sort files as they were written; of those of one second, `x-9` comes before `x-10`."""
    return sorted(files, key=lambda file: (file.modified_s, _natural(file.name)))


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Read the runs of digits in a name as numbers."""
    return tuple(
        (1, int(part), "") if part.isascii() and part.isdigit() else (0, 0, part)
        for part in re.split(r"([0-9]{1,18})", name)
        if part
    )


def our_name(name: str) -> str:
    """Return a name that we make ourselves, after looking at it once more.

    Raises:
        BadInput: It is not of letters, digits, points, lines and dashes.
    """
    if not _PLAIN_NAME.fullmatch(name.removeprefix(".")):
        raise BadInput("The name of an outgoing file is not plain: use letters, digits, points and dashes.")
    return name
