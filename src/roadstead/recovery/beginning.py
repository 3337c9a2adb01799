"""The beginning of a recovery: written before any server can start on a restored database."""

from __future__ import annotations

import json
from uuid import UUID

import structlog

from roadstead.database.backups.manifest import Manifest
from roadstead.database.pool import Connection
from roadstead.errors import ConfigurationError
from roadstead.operations import audit
from roadstead.operations.stops import Outgoing, stop

log = structlog.get_logger()

ACTOR = "roadstead backup restore"


async def begin_recovery(connection: Connection, manifest: Manifest) -> UUID:
    """Open a recovery in the caller's transaction and stop all outgoing money; return the id of the stop.

    Two things keep money in: the recovery, until it has accounted for everything, and the stop, until two people
    lift it.

    Raises:
        ConfigurationError: The backup is of a version that knew no recovery.
    """
    if await connection.fetchval("SELECT to_regclass('restorations')") is None:
        raise ConfigurationError(
            f"The backup was made by Roadstead {manifest.roadstead}, before there were recoveries: restore it with "
            "that version."
        )
    restoration_id = await connection.fetchval(
        "INSERT INTO restorations (taken_at, cursors) VALUES ($1, $2::jsonb) RETURNING id",
        manifest.taken_at,
        json.dumps(manifest.cursors),
    )
    reason = f"The database was restored from a backup of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC."
    stop_id = await stop(connection, what=Outgoing.ALL, asset=None, reason=reason, actor=ACTOR)
    await audit.record(
        connection,
        actor=ACTOR,
        action="database.restored",
        subject=f"restoration {restoration_id}",
        detail={"taken_at": manifest.taken_at.isoformat(), "made_by": manifest.roadstead},
    )
    log.warning("database_restored", taken_at=manifest.taken_at.isoformat(), stop_id=str(stop_id))
    return stop_id
