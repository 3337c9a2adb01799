"""What the provider remembers over a restart: an append-only file with one JSON record a line. No names are in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from roadstead.errors import ConfigurationError
from roadstead.verification.protocol import Decision

JOURNAL_NAME = "journal.jsonl"


class Got(msgspec.Struct, frozen=True, kw_only=True, tag="got"):
    """The provider got a case."""

    case_id: UUID
    customer: UUID | None = None
    """The anchor's pseudonym of whom it is about; None in journals from before it was kept."""
    verifier: str
    treated_as: str
    """The name that decides what is said, or empty where it is treated like everybody."""
    digest: str
    """SHA-256 of what came under a salt of the provider's, to tell a repetition from other data under one id."""
    at: datetime


class GotDocument(msgspec.Struct, frozen=True, kw_only=True, tag="got_document"):
    """The provider got a document, looked at it, and keeps no more than this."""

    case_id: UUID
    field: str
    media_type: str
    size_bytes: int
    digest: str
    """Of its SHA-256, under a salt of the provider's."""
    at: datetime


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """Somebody made the provider say something of a case."""

    case_id: UUID
    decision: Decision
    fields: dict[str, dict[str, str]] = {}
    at: datetime


class Forgot(msgspec.Struct, frozen=True, kw_only=True, tag="forgot"):
    """The provider was told to forget a customer."""

    customer: UUID
    at: datetime


class Rang(msgspec.Struct, frozen=True, kw_only=True, tag="rang"):
    """The provider rang about so many words of a case, or tried to."""

    case_id: UUID
    words: int


Event = Got | GotDocument | Told | Rang | Forgot
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class Journal:
    """Keeps events on disk before anything is answered; without a folder it forgets them at the end."""

    def __init__(self, folder: Path | None) -> None:
        """Open the journal of a folder, made if it is not there.

        Raises:
            ConfigurationError: It cannot be opened, or is damaged.
        """
        self._descriptor: int | None = None
        self.history: Sequence[Event] = ()
        if folder is None:
            return
        path = folder / JOURNAL_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            lines = path.read_bytes().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                # The last line was being written when the provider died: nobody was answered.
                os.ftruncate(self._descriptor, sum(len(line) for line in lines[:-1]))
                lines.pop()
            self.history = tuple(_decoder.decode(line) for line in lines)
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigurationError(
                f"The verifier's journal {path} cannot be read: start with another state folder."
            ) from error

    def append(self, event: Event) -> None:
        """Add an event; it is on disk when this returns."""
        if self._descriptor is None:
            return
        os.write(self._descriptor, _encoder.encode(event) + b"\n")
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
