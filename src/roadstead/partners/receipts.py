"""Receipts: what a request with an idempotency key was answered, so that repeating it does nothing twice.

A receipt is written by the very statement that does what was asked, so there is never one without the other. A key
belongs to the account that sent it; another account's same key is another key. The request is kept as a keyed digest
only, of which nobody without our data key learns anything. A refusal leaves no receipt.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from roadstead.database.pool import Connection, Database
from roadstead.errors import Conflict

KEPT_FOR = timedelta(hours=72)
"""How long a receipt is kept at least; after that the same key may do the same thing again."""
PURGE_MAX = 10_000
"""Most receipts that one statement purges."""
PURGES_MAX = 50
"""Most statements of one purge."""

KEY_CONSTRAINT = "receipts_pkey"
"""What the database names when a key has a receipt already."""

RECEIPT_COLUMNS = "INSERT INTO receipts (account, key, digest, status, body, answered_at)"
"""The head of the statement that stores a receipt; `Receipt.values` are in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request as far as it is remembered: whose it is, its key, and a digest of what it asks."""

    account: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a request was answered."""

    request: KeyedRequest
    status: int
    body: bytes
    answered_at: datetime

    @property
    def values(self) -> tuple[str, str, bytes, int, bytes, datetime]:
        """The values of a row, in the order of `RECEIPT_COLUMNS`."""
        request = self.request
        return request.account, request.key, request.digest, self.status, self.body, self.answered_at


class KeyTaken(Conflict):
    """Another request with the same key was faster; of this one nothing was stored."""

    code = "key_taken"

    def __init__(self) -> None:
        super().__init__("Another request with this Idempotency-Key is just being answered: repeat this one.")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer that a request got the first time."""

    status: int
    body: bytes


def digest_of(data_key: bytes, what: str, content: bytes) -> bytes:
    """Return the digest by which two requests are told apart: what they call, and the content in canonical form."""
    return hmac.digest(data_key, b"roadstead receipt\0" + what.encode() + b"\0" + content, hashlib.sha256)


async def kept_answer(connection: Connection, request: KeyedRequest) -> KeptAnswer | None:
    """Return what the same request was answered, None when its key has no receipt.

    Raises:
        Conflict: The key was used for another request.
    """
    row = await connection.fetchrow(
        "SELECT digest, status, body FROM receipts WHERE account = $1 AND key = $2",
        request.account,
        request.key,
    )
    if row is None:
        return None
    if not hmac.compare_digest(row["digest"], request.digest):
        raise Conflict(
            "This Idempotency-Key was used for another request: send the same body again, or use a new key."
        )
    return KeptAnswer(row["status"], row["body"])


async def purge_receipts(database: Database, now: datetime) -> int:
    """Forget receipts that are older than `KEPT_FOR`, and return how many; safe to repeat, and to run twice at once.

    Raises:
        Unavailable: The database does not answer.
    """
    purged = 0
    for _ in range(PURGES_MAX):
        async with database.transaction() as connection:
            done = await connection.execute(
                """
                DELETE FROM receipts WHERE (account, key) IN (
                    SELECT account, key FROM receipts WHERE answered_at < $1
                    ORDER BY answered_at LIMIT $2)
                """,
                now - KEPT_FOR,
                PURGE_MAX,
            )
        count = int(done.removeprefix("DELETE "))
        purged += count
        if count < PURGE_MAX:
            break
    return purged
