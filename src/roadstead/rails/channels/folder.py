"""A FileChannel over folders of this machine, which a bank's own transfer program, or a mount, empties and fills."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from roadstead.errors import Conflict, NotFound, TooLarge, Unavailable
from roadstead.rails.channels.protocol import (
    LISTED_MAX,
    OfferedFile,
    Whereabouts,
    in_order,
    is_offered,
    our_name,
)

TIMEOUT_S = 20.0
ARCHIVED_OF_ONE_NAME_MAX = 1000

_Result = TypeVar("_Result")


class FolderChannel:
    """Exchanges files through three folders: for the bank, from the bank, and what was read. See `FileChannel`."""

    def __init__(self, *, outgoing: Path, incoming: Path, archive: Path) -> None:
        """Name the folders; they must exist, be on one file system each with its neighbour, and be writable."""
        self._outgoing = outgoing
        self._incoming = incoming
        self._archive = archive

    async def offered(self) -> Sequence[OfferedFile]:
        """List the files that are there for us.

        Raises:
            Unavailable: The folder cannot be read.
        """
        return await self._run(self._offered)

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """Return the bytes of an offered file; a link is not followed.

        Raises:
            NotFound: It is gone, or it is no plain file.
            TooLarge: It has more bytes than allowed.
            Unavailable: The folder cannot be read.
        """
        return await self._run(lambda: self._read(name, bytes_max))

    async def archive(self, file: OfferedFile) -> None:
        """Move an offered file to the archive; see `FileChannel.archive`."""
        await self._run(lambda: self._put_away(file))

    async def stage(self, temporary_name: str, content: bytes) -> None:
        """Write a file whole under a temporary name, and wait until the disk has it."""
        path = self._outgoing / our_name(temporary_name)

        def write() -> None:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

        await self._run(write)

    async def publish(self, temporary_name: str, name: str) -> None:
        """Give a staged file its own name by one atomic rename.

        Raises:
            Conflict: The name is taken, or the staged file is not there.
            Unavailable: The folder cannot be written.
        """
        source, target = self._outgoing / our_name(temporary_name), self._outgoing / our_name(name)

        def rename() -> None:
            # Our names are never used twice, so looking first is enough; a link and an unlink would be two steps.
            if target.exists() or not source.exists():
                raise Conflict(f"{name} cannot be published: its name is taken, or it was published already.")
            try:
                source.rename(target)
            except FileNotFoundError as error:
                raise Conflict(f"{name} was published meanwhile.") from error
            _sync(self._outgoing)

        await self._run(rename)

    async def discard(self, temporary_name: str) -> None:
        """Remove a staged file that will never be published."""
        await self._run((self._outgoing / our_name(temporary_name)).unlink, missing_ok=True)

    async def whereabouts(self, temporary_name: str, name: str) -> Whereabouts:
        """Say where a file is that was staged whole."""

        def look() -> Whereabouts:
            if (self._outgoing / our_name(temporary_name)).exists():
                return Whereabouts.STAGED
            # A folder that is not there, such as one that is not mounted, tells nothing of a file.
            self._outgoing.stat()
            is_there = (self._outgoing / our_name(name)).exists()
            return Whereabouts.PUBLISHED if is_there else Whereabouts.GONE

        return await self._run(look)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _offered(self) -> list[OfferedFile]:
        found: list[OfferedFile] = []
        with os.scandir(self._incoming) as entries:
            for entry in entries:
                if not is_offered(entry.name) or not entry.is_file(follow_symlinks=False):
                    continue
                found.append(_as_offered(entry.name, entry.stat(follow_symlinks=False)))
                if len(found) >= LISTED_MAX:
                    break
        return in_order(found)

    def _read(self, name: str, bytes_max: int) -> bytes:
        if not is_offered(name):
            raise NotFound("There is no such file.")
        path = self._incoming / name
        try:
            is_file = stat.S_ISREG(path.lstat().st_mode)
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK) if is_file else None
        except FileNotFoundError as error:
            raise NotFound("The file is gone.") from error
        if descriptor is None:
            raise NotFound("There is no such file: a link or a folder is there.")
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(bytes_max + 1)
        if len(content) > bytes_max:
            raise TooLarge(f"The file has more than {bytes_max} bytes.")
        return content

    def _put_away(self, file: OfferedFile) -> None:
        if not is_offered(file.name):
            return
        source = self._incoming / file.name
        for number in range(ARCHIVED_OF_ONE_NAME_MAX):
            target = self._archive / (file.name if number == 0 else f"{file.name}.{number}")
            try:
                # The name is taken first, so that the rename replaces nothing but the empty file that took it.
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                continue
            try:
                is_moved = _as_offered(file.name, source.lstat()) == file
                if is_moved:
                    source.rename(target)
            except OSError as error:
                target.unlink(missing_ok=True)
                if isinstance(error, FileNotFoundError):
                    return
                raise
            if not is_moved:
                target.unlink(missing_ok=True)
            return
        raise Unavailable("The archive of the bank's files holds too many of one name: clear it.")

    async def _run(self, step: Callable[..., _Result], **arguments: object) -> _Result:
        """Run a step in a thread; what the file system says becomes an error of ours."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.to_thread(step, **arguments)
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                f"The bank's folders {self._outgoing} and {self._incoming} cannot be used ({type(error).__name__}): "
                "check that they exist, are writable, and are mounted."
            ) from error


def _as_offered(name: str, status: os.stat_result) -> OfferedFile:
    return OfferedFile(name=name, size_bytes=status.st_size, modified_s=int(status.st_mtime))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
