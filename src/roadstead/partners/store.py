"""The SQL of partners, their accounts, and the challenges they have used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row

_PARTNERS = """
    SELECT p.id, p.name, p.status, p.created_at, p.disabled_at,
           coalesce(array_agg(a.account ORDER BY a.created_at, a.account) FILTER (WHERE a.account IS NOT NULL),
                    '{}') AS accounts,
           ARRAY(SELECT h.host FROM partner_callback_hosts h
                 WHERE h.partner_id = p.id AND h.removed_at IS NULL ORDER BY h.host) AS callback_hosts
    FROM partners p LEFT JOIN partner_accounts a ON a.partner_id = p.id
"""


async def insert_partner(connection: Connection, name: str) -> None:
    """Insert an active partner; nothing happens when the name exists."""
    await connection.execute(
        "INSERT INTO partners (id, name) VALUES (gen_random_uuid(), $1) ON CONFLICT (name) DO NOTHING", name
    )


async def lock_partner(connection: Connection, name: str) -> Row | None:
    """Return `id` and `status` of a partner, locked until the transaction ends."""
    return await connection.fetchrow("SELECT id, status FROM partners WHERE name = $1 FOR UPDATE", name)


async def insert_accounts(connection: Connection, partner_id: UUID, accounts: Sequence[str]) -> list[str]:
    """Insert those of the accounts that belong to nobody yet and return them."""
    rows = await connection.fetch(
        "INSERT INTO partner_accounts (account, partner_id) SELECT unnest($1::text[]), $2 "
        "ON CONFLICT (account) DO NOTHING RETURNING account",
        list(accounts),
        partner_id,
    )
    return [row["account"] for row in rows]


async def account_of_another(connection: Connection, partner_id: UUID, accounts: Sequence[str]) -> Row | None:
    """Return `account` and `name` of the first of the accounts that belongs to another partner."""
    return await connection.fetchrow(
        "SELECT a.account, p.name FROM partner_accounts a JOIN partners p ON p.id = a.partner_id "
        "WHERE a.account = ANY($1::text[]) AND a.partner_id <> $2 ORDER BY a.account LIMIT 1",
        list(accounts),
        partner_id,
    )


async def add_callback_hosts(connection: Connection, partner_id: UUID, hosts: Sequence[str]) -> list[str]:
    """Let a partner be called at these hosts and return those that are new."""
    rows = await connection.fetch(
        "INSERT INTO partner_callback_hosts AS h (partner_id, host) SELECT $1, unnest($2::text[]) "
        "ON CONFLICT (partner_id, host) DO UPDATE SET removed_at = NULL, added_at = now() "
        "WHERE h.removed_at IS NOT NULL RETURNING host",
        partner_id,
        list(hosts),
    )
    return [row["host"] for row in rows]


async def remove_callback_hosts(connection: Connection, partner_id: UUID, hosts: Sequence[str]) -> list[str]:
    """Call a partner at these hosts no more and return those that it had."""
    rows = await connection.fetch(
        "UPDATE partner_callback_hosts SET removed_at = now() "
        "WHERE partner_id = $1 AND host = ANY($2::text[]) AND removed_at IS NULL RETURNING host",
        partner_id,
        list(hosts),
    )
    return [row["host"] for row in rows]


async def set_status(connection: Connection, partner_id: UUID, *, active: bool) -> None:
    """Disable a partner, or let it in again."""
    await connection.execute(
        "UPDATE partners SET status = CASE WHEN $2 THEN 'active' ELSE 'disabled' END, "
        "disabled_at = CASE WHEN $2 THEN NULL ELSE now() END WHERE id = $1",
        partner_id,
        active,
    )


async def partner_named(connection: Connection, name: str) -> Row | None:
    """Return one partner with its accounts."""
    return await connection.fetchrow(f"{_PARTNERS} WHERE p.name = $1 GROUP BY p.id", name)


async def partners(connection: Connection, limit: int) -> list[Row]:
    """Return the partners by name, each with its accounts, at most `limit`."""
    rows: list[Row] = await connection.fetch(f"{_PARTNERS} GROUP BY p.id ORDER BY p.name LIMIT $1", limit)
    return rows


async def is_active(connection: Connection, account: str) -> bool:
    """Tell whether an account belongs to an active partner."""
    found = await connection.fetchval(
        "SELECT true FROM partner_accounts a JOIN partners p ON p.id = a.partner_id "
        "WHERE a.account = $1 AND p.status = 'active'",
        account,
    )
    return found is True


async def insert_audit(
    connection: Connection, *, actor: str, action: str, subject: str, detail: Mapping[str, object]
) -> None:
    """Write down who did what to whom; the log takes no changes afterwards."""
    await connection.execute(
        "INSERT INTO audit_log (actor, action, subject, detail) VALUES ($1, $2, $3, $4::jsonb)",
        actor,
        action,
        subject,
        json.dumps(detail),
    )


async def insert_used_challenge(connection: Connection, challenge_hash: bytes, expires_at: datetime) -> bool:
    """Write down that a challenge has bought its token; False when it had already."""
    inserted = await connection.fetchval(
        "INSERT INTO used_challenges (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING RETURNING true",
        challenge_hash,
        expires_at,
    )
    return inserted is True


async def delete_used_challenges(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` used challenges that ended before a moment and return how many there were."""
    deleted: int = await connection.fetchval(
        "WITH gone AS (DELETE FROM used_challenges WHERE hash IN (SELECT hash FROM used_challenges "
        "WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) RETURNING 1) SELECT count(*) FROM gone",
        before,
        limit,
    )
    return deleted
