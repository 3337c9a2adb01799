"""Handing documents to verifiers: read and decrypted only while somebody holds them, and few of them at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from roadstead.customers.files import KnownFile, open_file
from roadstead.customers.vault import Vault
from roadstead.database.pool import Database
from roadstead.errors import Conflict, NotFound
from roadstead.verification.protocol import CaseDocument

OPEN_AT_ONCE_MAX = 4
"""How many documents one worker holds in clear at once, whatever the number of cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReader:
    """Opens the documents of one customer."""

    database: Database
    vault: Vault
    customer_id: UUID
    places: asyncio.Semaphore
    """Places for documents in clear, shared by all readers of a worker."""

    def documents(self, known: Mapping[str, KnownFile]) -> tuple[CaseDocument, ...]:
        """Describe documents for a verifier, in the order of their names; nothing is read."""
        return tuple(
            CaseDocument(
                field=name,
                media_type=one.file.media_type,
                size_bytes=one.file.size_bytes,
                sha256=one.sha256,
                opened=partial(self._open, name, one.sha256),
            )
            for name, one in sorted(known.items())
        )

    @asynccontextmanager
    async def _open(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        async with self.places:
            yield await self._read(name, sha256)

    async def _read(self, name: str, sha256: str) -> bytes:
        """Read a document, if it still is the one that was described: the field may hold another by now."""
        try:
            async with self.database.connection() as connection:
                document = await open_file(connection, self.vault, self.customer_id, name)
        except NotFound as error:
            raise _replaced(self.customer_id, name) from error
        if hashlib.sha256(document.content).hexdigest() != sha256:
            raise _replaced(self.customer_id, name)
        return document.content


def _replaced(customer_id: UUID, name: str) -> Conflict:
    return Conflict(
        f"Document {name} of customer {customer_id} was replaced: the case begins anew with the other."
    )
