"""The network's memory on disk: one append-only file of framed records.

Each record is a length, a checksum of the content, and the content. A torn last record (the
process was killed while writing) is cut off; damage anywhere else stops the start.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from roadstead.errors import ConfigurationError

_FRAME = struct.Struct(">II")
_MAGIC = b"ROADSTEAD-NETWORK-1\n"
RECORD_BYTES_MAX = 256 * 1024 * 1024


class JournalDamaged(ConfigurationError):
    """The journal cannot be read: it was changed, damaged, or belongs to another network."""


class LedgerEntryRow(msgspec.Struct, frozen=True, array_like=True):
    """One changed entry: which kind, and its content or nothing where it was removed."""

    kind: str
    key: bytes
    content: bytes | None


class LedgerRow(msgspec.Struct, frozen=True, array_like=True, tag="ledger"):
    """One closed ledger: the packed header record, the engine's header, transactions, entries."""

    record: bytes
    header: bytes
    transactions: list[bytes]
    entries: list[LedgerEntryRow]
    offer_counter: int


class AcceptedRow(msgspec.Struct, frozen=True, array_like=True, tag="accepted"):
    """An envelope that was accepted with an answer before its ledger closed."""

    envelope: bytes


class OpeningRow(msgspec.Struct, frozen=True, array_like=True, tag="opening"):
    """The first record: whose network this is."""

    passphrase: str


Row = OpeningRow | LedgerRow | AcceptedRow
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Row)


class Journal:
    """The open file. Only one process may have it: the file is locked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._lock()

    def _lock(self) -> None:
        try:
            os.lockf(self._file, os.F_TLOCK, 0)
        except OSError as error:
            os.close(self._file)
            raise JournalDamaged(
                f"{self._path} is in use by another process; stop that one first."
            ) from error

    def rows(self) -> Iterator[Row]:
        """Read everything from the start; leaves the file ready for appending."""
        size = os.fstat(self._file).st_size
        os.lseek(self._file, 0, os.SEEK_SET)
        if size < len(_MAGIC):
            if size and not _MAGIC.startswith(os.read(self._file, size)):
                raise self._damaged(0)
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            self._write(_MAGIC, durable=True)
            return
        if os.read(self._file, len(_MAGIC)) != _MAGIC:
            raise self._damaged(0)
        position = len(_MAGIC)
        while position < size:
            content = self._content(position, size)
            if content is None:
                os.ftruncate(self._file, position)
                os.lseek(self._file, position, os.SEEK_SET)
                return
            try:
                yield _DECODER.decode(content)
            except msgspec.MsgspecError as error:
                raise self._damaged(position) from error
            position += _FRAME.size + len(content)

    def _content(self, position: int, size: int) -> bytes | None:
        """The content at a position; None where the last record is torn."""
        if size - position < _FRAME.size:
            return None
        length, checksum = _FRAME.unpack(os.read(self._file, _FRAME.size))
        end = position + _FRAME.size + length
        if length > RECORD_BYTES_MAX:
            raise self._damaged(position)
        if end > size:
            return None
        content = os.read(self._file, length)
        if zlib.crc32(content) != checksum:
            if end == size:
                return None
            raise self._damaged(position)
        return content

    def _damaged(self, position: int) -> JournalDamaged:
        return JournalDamaged(
            f"{self._path} cannot be read at byte {position}. Restore it from a copy, or start "
            "with another --state folder for a new network."
        )

    def append(self, row: Row, *, durable: bool) -> None:
        """Add a record; with `durable` it is on the disk when this returns."""
        content = _ENCODER.encode(row)
        self._write(_FRAME.pack(len(content), zlib.crc32(content)) + content, durable=durable)

    def _write(self, content: bytes, *, durable: bool) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self._file, view) :]
        if durable:
            os.fsync(self._file)

    def clear(self) -> None:
        """Forget everything: the network starts anew."""
        os.ftruncate(self._file, len(_MAGIC))
        os.lseek(self._file, len(_MAGIC), os.SEEK_SET)
        os.fsync(self._file)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
