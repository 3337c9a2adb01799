"""All SQL about codes that confirm fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from roadstead.customers.vault import WrappedKey
from roadstead.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A field that waits to be confirmed."""

    field: str
    digest: bytes | None
    """None until a code is on its way."""
    expires_at: datetime | None
    wrong_codes: int
    requested_at: datetime
    began_at: datetime
    """Since when the requests are counted."""
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A code to be sent, leased by this process."""

    customer_id: UUID
    field: str
    language: str
    wrapped_key: WrappedKey
    ciphertext: bytes = dataclasses.field(repr=False)
    requested_at: datetime
    tries: int
    lease_token: UUID


async def lock_all(
    connection: Connection, customer_id: UUID, names: Collection[str]
) -> dict[str, Confirmation]:
    """Read what waits to be confirmed of a customer, and keep others from trying codes meanwhile."""
    rows = await connection.fetch(
        """
        SELECT field, digest, expires_at, wrong_codes, requested_at, began_at, requests FROM customer_confirmations
        WHERE customer_id = $1 AND field = ANY($2) ORDER BY field FOR UPDATE
        """,
        customer_id,
        list(names),
    )
    return {row["field"]: Confirmation(**row) for row in rows}


async def count_requests(connection: Connection, address_digest: bytes, since: datetime) -> int:
    """Count how often codes were asked for an address, by whatever customer."""
    count: int = await connection.fetchval(
        """
        SELECT coalesce(sum(requests), 0) FROM customer_confirmations
        WHERE address_digest = $1 AND requested_at > $2
        """,
        address_digest,
        since,
    )
    return count


async def request(
    connection: Connection,
    customer_id: UUID,
    name: str,
    *,
    language: str,
    address_digest: bytes,
    now: datetime,
    began_at: datetime,
    requests: int,
) -> None:
    """Order a code for a field that was just written; an earlier one holds no longer. The customer must be locked."""
    await connection.execute(
        """
        INSERT INTO customer_confirmations (customer_id, field, language, address_digest, requested_at, began_at,
            requests)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (customer_id, field) DO UPDATE SET
            language = EXCLUDED.language, address_digest = EXCLUDED.address_digest, status = 'waiting', digest = NULL,
            expires_at = NULL, requested_at = EXCLUDED.requested_at, began_at = EXCLUDED.began_at,
            requests = EXCLUDED.requests, wrong_codes = 0, due_at = now(), tries = 0, lease_token = NULL,
            lease_until = NULL, sent_at = NULL
        """,
        customer_id,
        name,
        language,
        address_digest,
        now,
        began_at,
        requests,
    )


async def count_wrong(connection: Connection, customer_id: UUID, names: Collection[str]) -> None:
    """Count a wrong code of each field."""
    await connection.execute(
        """
        UPDATE customer_confirmations SET wrong_codes = wrong_codes + 1
        WHERE customer_id = $1 AND field = ANY($2)
        """,
        customer_id,
        list(names),
    )


async def confirm(connection: Connection, customer_id: UUID, names: Collection[str], status: str) -> None:
    """Note that the right codes came: the fields get their status and need no code any more."""
    await connection.execute(
        "DELETE FROM customer_confirmations WHERE customer_id = $1 AND field = ANY($2)",
        customer_id,
        list(names),
    )
    await connection.execute(
        """
        UPDATE customer_fields SET status = $3, updated_at = now()
        WHERE customer_id = $1 AND name = ANY($2) AND status = 'VERIFICATION_REQUIRED'
        """,
        customer_id,
        list(names),
        status,
    )


async def drop(connection: Connection, customer_id: UUID, names: Collection[str]) -> None:
    """Forget codes of fields whose value was replaced by one that needs none. The customer must be locked."""
    await connection.execute(
        "DELETE FROM customer_confirmations WHERE customer_id = $1 AND field = ANY($2)",
        customer_id,
        list(names),
    )


async def claim(connection: Connection, *, token: UUID, lease: timedelta, limit: int) -> list[Order]:
    """Lease codes that are due to be sent, so that nobody else sends them meanwhile."""
    rows = await connection.fetch(
        """
        WITH chosen AS (
            SELECT customer_id, field FROM customer_confirmations
            WHERE status = 'waiting' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
            ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        UPDATE customer_confirmations AS k SET lease_token = $1, lease_until = now() + $2::interval, tries = k.tries + 1
        FROM chosen, customer_fields AS f, customers AS c
        WHERE k.customer_id = chosen.customer_id AND k.field = chosen.field
            AND f.customer_id = k.customer_id AND f.name = k.field
            AND c.id = k.customer_id AND c.wrapped_key IS NOT NULL
        RETURNING k.customer_id, k.field, k.language, k.requested_at, k.tries, f.ciphertext, c.wrapped_key,
            c.key_version
        """,
        token,
        lease,
        limit,
    )
    return [
        Order(
            customer_id=row["customer_id"],
            field=row["field"],
            language=row["language"],
            wrapped_key=WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"]),
            ciphertext=row["ciphertext"],
            requested_at=row["requested_at"],
            tries=row["tries"],
            lease_token=token,
        )
        for row in rows
    ]


async def fix_code(connection: Connection, order: Order, digest: bytes, expires_at: datetime) -> bool:
    """Let a code count before it is sent; False when the order was replaced meanwhile."""
    tag = await connection.execute(
        """
        UPDATE customer_confirmations SET digest = $4, expires_at = $5
        WHERE customer_id = $1 AND field = $2 AND lease_token = $3
        """,
        order.customer_id,
        order.field,
        order.lease_token,
        digest,
        expires_at,
    )
    return bool(tag == "UPDATE 1")


async def end(connection: Connection, order: Order, *, pause: timedelta | None, sent: bool) -> None:
    """Note how a sending ended: sent, to be tried again after a pause, or given up; nothing where it was replaced."""
    status = "sent" if sent else "given_up" if pause is None else "waiting"
    await connection.execute(
        """
        UPDATE customer_confirmations SET status = $4, lease_token = NULL, lease_until = NULL,
            due_at = now() + coalesce($5::interval, interval '0'),
            sent_at = CASE WHEN $4 = 'sent' THEN now() END
        WHERE customer_id = $1 AND field = $2 AND lease_token = $3
        """,
        order.customer_id,
        order.field,
        order.lease_token,
        status,
        pause,
    )
