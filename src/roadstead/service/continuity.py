"""Whether reading can go on where it ended: which Horizon may be read, and what is done when none may."""

from __future__ import annotations

import structlog

from roadstead.database.pool import Connection, Database
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.payments.cursors import (
    BEGINNING,
    Cursor,
    Reseeded,
    SeedingKind,
    cursor,
    plan_seeding,
    reseed,
)
from roadstead.service import metrics
from roadstead.service.leases import Leadership
from roadstead.stellar.horizon import HorizonFault
from roadstead.stellar.horizons import ChainBroken, Finding, Horizons, Known, Standing, WrongNetwork
from roadstead.stellar.records import Ledger

log = structlog.get_logger()

ACTOR = "observer"
BREAKS_SEEN_MIN = 3
"""How often in a row a break has to be seen before reading begins anew by itself."""
TROUBLES = (AlertKind.CHAIN_RESET, AlertKind.CHAIN_GAP, AlertKind.WRONG_NETWORK)
_HISTORY_STARTS_BY = 2
"""The first ledger or the second is where a Horizon with the whole history begins."""


def known_of(committed: Cursor | None) -> Known | None:
    """Return what a cursor says of the chain; None when nothing was read of this life of the network."""
    if committed is None or (committed.ledger is None and committed.position == BEGINNING):
        return None
    mark = committed.ledger
    return Known(
        ledger_reached=committed.ledger_reached,
        mark=Ledger(sequence=mark.sequence, closed_at=mark.closed_at) if mark else None,
    )


class Continuity:
    """Finds the Horizon to read from. One instance serves one observer."""

    def __init__(
        self,
        *,
        source: str,
        horizons: Horizons,
        database: Database,
        leadership: Leadership,
        reseeds_by_itself: bool,
    ) -> None:
        """Bind the parts together; `reseeds_by_itself` says whether reading may begin anew without a person."""
        self._source = source
        self._horizons = horizons
        self._database = database
        self._leadership = leadership
        self._reseeds_by_itself = reseeds_by_itself
        self._trouble: AlertKind | None = None
        self._is_settled = False
        self._breaks_seen = 0

    async def committed(self) -> Cursor | None:
        """Look up how far was read.

        Raises:
            Unavailable: The database does not answer.
        """
        async with self._database.connection() as connection:
            return await cursor(connection, self._source)

    async def proven(self, committed: Cursor | None) -> Finding:
        """Return the Horizon to read from, and keep the alerts about that.

        Raises:
            ChainBroken: Reading cannot go on where it ended, and a person has to decide.
            Reseeded: Reading begins anew; look the cursor up again.
            WrongNetwork: Only servers of another network answer, or the database is one of another network.
            HorizonFault: No server gives a good answer.
        """
        try:
            self._require_our_database(committed)
            finding = await self._horizons.prove(known_of(committed))
        except ChainBroken as broken:
            await self._on_break(committed, broken)
            raise
        except WrongNetwork as error:
            log.error("wrong_network", error=error.message)  # noqa: TRY400 - what happened is in the message
            metrics.horizon_in_use(None, self._urls)
            await self._alert(AlertKind.WRONG_NETWORK, error.message)
            raise
        except HorizonFault:
            metrics.horizon_in_use(None, self._urls)
            raise
        await self._settle(finding)
        if committed is None and finding.root.elder_ledger > _HISTORY_STARTS_BY:
            log.warning("history_incomplete", elder_ledger=finding.root.elder_ledger)
        return finding

    @property
    def _urls(self) -> list[str]:
        return [server.url for server in self._horizons.servers]

    def _require_our_database(self, committed: Cursor | None) -> None:
        expected = self._horizons.network_passphrase
        if committed is not None and committed.network_passphrase not in {None, expected}:
            raise WrongNetwork(
                f"This database holds payments of network {committed.network_passphrase!r}, but the configuration says "
                f"{expected!r}. Nothing is read: use a database of its own for each network."
            )

    async def _on_break(self, committed: Cursor | None, broken: ChainBroken) -> None:
        finding = broken.finding
        log.error("chain_broken", standing=finding.standing, error=broken.message)
        metrics.horizon_in_use(None, self._urls)
        self._breaks_seen += 1
        is_reset = finding.standing is Standing.RESET
        await self._alert(AlertKind.CHAIN_RESET if is_reset else AlertKind.CHAIN_GAP, broken.message)
        if committed is None or not self._reseeds_by_itself or self._breaks_seen < BREAKS_SEEN_MIN:
            return
        kind = SeedingKind.RESET if is_reset else SeedingKind.GAP
        async with self._database.transaction() as connection:
            await self._leadership.confirm(connection)
            await begin_anew(
                connection, self._source, committed, kind, finding, actor=ACTOR, reason=broken.message
            )
        self._breaks_seen = 0
        raise Reseeded("Reading begins anew, as this network allows it without a person.") from broken

    async def _alert(self, kind: AlertKind, message: str) -> None:
        """Open the alert of a trouble once, not at every try."""
        if self._trouble is kind:
            return
        async with self._database.transaction() as connection:
            await self._leadership.confirm(connection)
            await open_alert(
                connection, kind=kind, subject=self._source, message=message, severity=Severity.CRITICAL
            )
        self._trouble, self._is_settled = kind, False

    async def _settle(self, finding: Finding) -> None:
        """Close what alerts are open, also those of a process before this one."""
        metrics.horizon_in_use(finding.horizon.url, self._urls)
        self._breaks_seen = 0
        if self._is_settled:
            return
        async with self._database.transaction() as connection:
            await self._leadership.confirm(connection)
            for kind in TROUBLES:
                reason = f"Reading goes on from {finding.horizon.url}."
                await close_alert(connection, kind, self._source, reason=reason)
        self._trouble, self._is_settled = None, True


async def begin_anew(
    connection: Connection,
    source: str,
    committed: Cursor,
    kind: SeedingKind,
    finding: Finding,
    *,
    actor: str,
    reason: str,
) -> None:
    """Set the cursor anew where a Horizon's answer allows it, with a record in the audit log. Needs a transaction.

    Raises:
        Reseeded: Somebody else did so meanwhile.
    """
    seeding = plan_seeding(committed, kind, finding.root.elder_ledger, actor=actor, reason=reason)
    if not await reseed(connection, source, committed, seeding):
        raise Reseeded(f"The cursor of {source} was set anew by somebody else meanwhile.")
    await audit.record(
        connection,
        actor=actor,
        action="chain.reseeded",
        subject=f"cursor {source}",
        detail={
            "kind": kind,
            "reason": reason,
            "horizon": finding.horizon.url,
            "position_before": committed.position,
            "position_after": seeding.position,
        },
    )
    metrics.chain_seedings.labels(kind).inc()
    log.warning("chain_reseeded", kind=kind, source=source, position=seeding.position)
