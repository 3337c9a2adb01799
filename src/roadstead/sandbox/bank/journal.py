"""The journal: an append-only file with one JSON record a line, on disk before the bank answers.

A line is `{"checksum":"xxxxxxxx","event":{...}}`. The checksum is the CRC-32 of the event's text, continued from the
line before, so that a line that was changed, removed or moved is found. A last line without its end was never
acknowledged and is cut off; any other damage stops the start.
"""

import asyncio
import fcntl
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import msgspec

from roadstead.errors import ConfigurationError, Unavailable
from roadstead.sandbox.bank.events import BankEvent

JOURNAL_NAME = "journal.jsonl"

_PREFIX, _MIDDLE, _SUFFIX = b'{"checksum":"', b'","event":', b"}\n"
_CHECKSUM_LENGTH = 8
_EVENT_START = len(_PREFIX) + _CHECKSUM_LENGTH + len(_MIDDLE)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(BankEvent)


class Journal(Protocol):
    """Where events are kept. What was appended counts only after `durable`."""

    def append(self, events: Sequence[BankEvent]) -> None:
        """Add events after all earlier ones."""
        ...

    async def durable(self) -> None:
        """Return when everything appended before this call would survive a crash.

        Raises:
            Unavailable: It cannot be kept; nothing more will be.
        """
        ...

    async def close(self) -> None:
        """Keep what was appended, and let go of the file."""
        ...


class MemoryJournal:
    """Keeps nothing: the bank forgets everything when it ends."""

    def append(self, events: Sequence[BankEvent]) -> None:
        """Forget the events."""

    async def durable(self) -> None:
        """Return at once."""

    async def close(self) -> None:
        """Return at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a journal file held when it was opened."""

    events: Sequence[BankEvent]
    length_bytes: int
    """Where the last whole line ends."""
    checksum: int


def encode_line(event: BankEvent, previous_checksum: int) -> tuple[bytes, int]:
    """Write one line, and return its checksum for the next one."""
    text = _encoder.encode(event)
    checksum = zlib.crc32(text, previous_checksum)
    return b"%b%08x%b%b%b" % (_PREFIX, checksum, _MIDDLE, text, _SUFFIX), checksum


def decode_line(line: bytes, previous_checksum: int) -> tuple[BankEvent, int]:
    """Read one line that `encode_line` wrote after a line with this checksum.

    Raises:
        ValueError: The line is damaged, or does not follow the one before.
    """
    text = line[_EVENT_START : -len(_SUFFIX)]
    checksum = zlib.crc32(text, previous_checksum)
    if line != b"%b%08x%b%b%b" % (_PREFIX, checksum, _MIDDLE, text, _SUFFIX):
        raise ValueError("checksum")
    return _decoder.decode(text), checksum


def recover(path: Path) -> Recovered:
    """Read a journal file up to its last whole line.

    Raises:
        ConfigurationError: A whole line is damaged.
    """
    events: list[BankEvent] = []
    length_bytes = checksum = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                event, checksum = decode_line(line, checksum)
            except ValueError as error:
                raise ConfigurationError(
                    f"The bank's journal {path} is damaged at line {number}: {error}. "
                    "Restore the file from a copy, or start with another state folder."
                ) from error
            events.append(event)
            length_bytes += len(line)
    return Recovered(events=events, length_bytes=length_bytes, checksum=checksum)


class FileJournal:
    """A journal in a file that only one process has open. Concurrent requests share one write and one fsync."""

    def __init__(self, descriptor: int, checksum: int) -> None:
        self._descriptor = descriptor
        self._checksum = checksum
        self._pending = bytearray()
        self._appended_bytes = 0
        self._durable_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._failure: str | None = None

    @classmethod
    def open(cls, folder: Path) -> tuple[Self, Sequence[BankEvent]]:
        """Open the journal of a state folder, made if it is not there, and return what it holds.

        Raises:
            ConfigurationError: The journal is damaged, in use by another process, or cannot be opened.
        """
        path = folder / JOURNAL_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"The bank's journal {path} cannot be opened: {error.strerror}."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            recovered = recover(path)
            os.ftruncate(descriptor, recovered.length_bytes)
            os.fsync(descriptor)
            _fsync_folder(folder)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ConfigurationError(f"The bank's journal {path} is in use by another process.") from error
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, recovered.checksum), recovered.events

    def append(self, events: Sequence[BankEvent]) -> None:
        """Add events after all earlier ones; they are written with the next `durable`."""
        for event in events:
            line, self._checksum = encode_line(event, self._checksum)
            self._pending += line
            self._appended_bytes += len(line)

    async def durable(self) -> None:
        """Return when everything appended before this call is on disk.

        Raises:
            Unavailable: The file cannot be written; nothing more will be.
        """
        wanted_bytes = self._appended_bytes
        while self._durable_bytes < wanted_bytes:
            if self._failure is not None:
                raise Unavailable(
                    f"The bank's journal cannot be written: {self._failure}. Start the bank again."
                )
            if self._writing is None:
                self._writing = asyncio.create_task(self._write_pending())
            await asyncio.shield(self._writing)

    async def close(self) -> None:
        """Write what was appended and close the file."""
        try:
            await self.durable()
        finally:
            os.close(self._descriptor)

    async def _write_pending(self) -> None:
        lines, self._pending = bytes(self._pending), bytearray()
        try:
            await asyncio.to_thread(self._write, lines)
            self._durable_bytes += len(lines)
        except OSError as error:
            self._failure = error.strerror or "unknown error"
        finally:
            self._writing = None

    def _write(self, lines: bytes) -> None:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fdatasync(self._descriptor)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
