"""The audit log: who did what to which thing, written in the transaction that does it and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from roadstead.database.pool import Connection


async def record(
    connection: Connection, *, actor: str, action: str, subject: str, detail: Mapping[str, str]
) -> None:
    """Write down one act; it stands when the transaction commits, and only then.

    `actor` is `operator <id>` for a person who has shown a credential, `action` is `<thing>.<done>`, `subject` is
    `<thing> <id>`. Nothing in it is personal data of a customer.
    """
    await connection.execute(
        "INSERT INTO audit_log (actor, action, subject, detail) VALUES ($1, $2, $3, $4::jsonb)",
        actor,
        action,
        subject,
        json.dumps(dict(detail)),
    )
