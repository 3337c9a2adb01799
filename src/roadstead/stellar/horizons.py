"""Several Horizon servers as one: the first that answers and proves itself is used, and the best one again later.

A server proves itself by its network's passphrase, by a last ledger that is not old, and by what was read before: it
must have got as far, keep the history that comes next, and show the last ledger known with the close time known. Close
times only grow within the life of a network, so a ledger that closed at another time belongs to another life: the
network was reset.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from roadstead.clock import Clock
from roadstead.errors import Unavailable
from roadstead.stellar.horizon import Horizon, HorizonFault
from roadstead.stellar.records import Ledger, Root

log = structlog.get_logger()

LAG_MAX_S = 60.0
AHEAD_MAX_S = 300.0
"""How far a ledger's close time may lie in the future of our clock."""
LEDGERS_BEHIND_MAX = 20
"""How far a Horizon may be behind what was read already: servers behind one address differ by a few ledgers."""
REST_S = 30.0
"""How long a server that failed is left alone while others answer."""

_PROOF_HOLDS_S = 60.0


class Standing(StrEnum):
    """What a server's answer is worth."""

    FRESH = "fresh"
    STALE = "stale"
    """All is right, but its last ledger is old: it can be read, and nothing new is to be expected."""
    AHEAD = "ahead"
    """Its last ledger closed in the future of our clock: one of the two is wrong."""
    BEHIND = "behind"
    """It has not got as far as what was read before."""
    RESET = "reset"
    """It shows another life of the network than the one that was read before."""
    GAP = "gap"
    """It does not keep the history that comes next."""
    WRONG_NETWORK = "wrong_network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read of the chain before."""

    ledger_reached: int
    mark: Ledger | None
    """A ledger with its close time: the last one up to which everything was surely read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a server said of itself, and what that is worth."""

    horizon: Horizon
    root: Root
    standing: Standing


class WrongNetwork(Unavailable):
    """Every Horizon that answers shows another network than the one that is configured; nothing is read."""

    code = "wrong_network"


class ChainBroken(Unavailable):
    """Reading cannot go on where it ended: the network was reset, or the history between is gone. Nothing is read."""

    code = "chain_broken"

    def __init__(self, message: str, *, finding: Finding) -> None:
        """Carry, beside the message, what the best server says."""
        super().__init__(message)
        self.finding = finding


def standing_of(
    root: Root,
    *,
    network_passphrase: str,
    known: Known | None,
    shown: Ledger | None,
    now: datetime,
    lag_max_s: float,
) -> Standing:
    """Judge a server's answer; `shown` is what it has as the known mark's ledger, where it was asked. Pure."""
    if root.network_passphrase != network_passphrase:
        return Standing.WRONG_NETWORK
    is_old = now - root.latest_ledger_closed_at > timedelta(seconds=lag_max_s)
    if known is not None:
        if _is_another_life(root, known, shown):
            return Standing.BEHIND if is_old else Standing.RESET
        if root.latest_ledger < known.ledger_reached - LEDGERS_BEHIND_MAX:
            return Standing.BEHIND
        if root.elder_ledger > known.ledger_reached + 1:
            return Standing.GAP
    if is_old:
        return Standing.STALE
    if root.latest_ledger_closed_at - now > timedelta(seconds=AHEAD_MAX_S):
        return Standing.AHEAD
    return Standing.FRESH


def _is_another_life(root: Root, known: Known, shown: Ledger | None) -> bool:
    mark = known.mark
    if mark is None:
        return False
    if shown is not None and shown.closed_at != mark.closed_at:
        return True
    return root.latest_ledger < mark.sequence and root.latest_ledger_closed_at > mark.closed_at


class Horizons:
    """The Horizon servers in their order. One instance serves all tasks of one event loop."""

    def __init__(
        self,
        servers: Sequence[Horizon],
        *,
        network_passphrase: str,
        clock: Clock,
        lag_max_s: float = LAG_MAX_S,
        rest_s: float = REST_S,
    ) -> None:
        """Remember the servers, best first; nothing is contacted yet."""
        self.network_passphrase = network_passphrase
        self._servers = tuple(servers)
        self._clock = clock
        self._lag_max_s = lag_max_s
        self._rest_s = rest_s
        self._rests_until_s: dict[Horizon, float] = {}
        self._proven_at_s: dict[Horizon, float] = {}

    @property
    def servers(self) -> tuple[Horizon, ...]:
        """The servers, best first."""
        return self._servers

    def failed(self, server: Horizon) -> None:
        """Note that a server gave no good answer: it is left alone for a while, and then has to prove itself again."""
        self._rests_until_s[server] = time.monotonic() + self._rest_s
        self._proven_at_s.pop(server, None)

    async def prove(self, known: Known | None) -> Finding:
        """Return the first server that proves itself, or else the best that may be read: a stale one, or one ahead.

        Raises:
            ChainBroken: The network was reset, or no server keeps the history that comes next.
            WrongNetwork: Every server that answers is one of another network.
            HorizonFault: No server gave a good answer, or none has got as far as what was read before.
        """
        findings: list[Finding] = []
        fault: HorizonFault | None = None
        for server in self._awake():
            try:
                finding = await self.look_at(server, known)
            except HorizonFault as error:
                self.failed(server)
                log.warning("horizon_failed", url=server.url, reason=error.reason)
                fault = fault or error
                continue
            if finding.standing is Standing.FRESH:
                return finding
            findings.append(finding)
        return _best_of(findings, fault, self.network_passphrase)

    async def look_at(self, server: Horizon, known: Known | None) -> Finding:
        """Ask one server what it shows and judge it.

        Raises:
            HorizonFault: There is no good answer.
        """
        root = await server.root()
        finding = Finding(horizon=server, root=root, standing=self._judge(root, known, None))
        if known is None or finding.standing not in _READABLE or self._has_proven(server):
            return self._noted(finding)
        shown = await self._shown(server, root, known)
        return self._noted(Finding(horizon=server, root=root, standing=self._judge(root, known, shown)))

    def _judge(self, root: Root, known: Known | None, shown: Ledger | None) -> Standing:
        return standing_of(
            root,
            network_passphrase=self.network_passphrase,
            known=known,
            shown=shown,
            now=self._clock.now(),
            lag_max_s=self._lag_max_s,
        )

    async def _shown(self, server: Horizon, root: Root, known: Known) -> Ledger | None:
        mark = known.mark
        if mark is None or not root.elder_ledger <= mark.sequence <= root.latest_ledger:
            return None
        shown = await server.ledger(mark.sequence)
        if shown is None or shown.sequence != mark.sequence:
            raise HorizonFault(
                f"Horizon at {server.url} says that it has ledger {mark.sequence}, but does not show it. It is asked "
                "again.",
                reason="no_ledger",
            )
        return shown

    def _noted(self, finding: Finding) -> Finding:
        if finding.standing in _READABLE:
            self._rests_until_s.pop(finding.horizon, None)
            self._proven_at_s[finding.horizon] = time.monotonic()
        else:
            self._proven_at_s.pop(finding.horizon, None)
        return finding

    def _has_proven(self, server: Horizon) -> bool:
        proven_at_s = self._proven_at_s.get(server)
        return proven_at_s is not None and time.monotonic() - proven_at_s < _PROOF_HOLDS_S

    def _awake(self) -> tuple[Horizon, ...]:
        now_s = time.monotonic()
        awake = tuple(server for server in self._servers if self._rests_until_s.get(server, 0.0) <= now_s)
        return awake or self._servers


_READABLE = frozenset({Standing.FRESH, Standing.STALE, Standing.AHEAD})


def _best_of(findings: Sequence[Finding], fault: HorizonFault | None, passphrase: str) -> Finding:
    by_standing = {finding.standing: finding for finding in reversed(findings)}
    if reset := by_standing.get(Standing.RESET):
        raise ChainBroken(
            f"The network was reset: {reset.horizon.url} shows another life of it, up to ledger "
            f"{reset.root.latest_ledger}. Nothing is read: if that is so, run roadstead chain reseed.",
            finding=reset,
        )
    for standing in (Standing.STALE, Standing.AHEAD):
        if readable := by_standing.get(standing):
            return readable
    if gap := by_standing.get(Standing.GAP):
        raise ChainBroken(
            f"{gap.horizon.url} keeps history from ledger {gap.root.elder_ledger} only, and payments before it were "
            "not read. Add a Horizon with a longer history to ROADSTEAD_HORIZON_URLS, or give them up with roadstead "
            "chain reseed.",
            finding=gap,
        )
    if wrong := by_standing.get(Standing.WRONG_NETWORK):
        raise WrongNetwork(
            f"Horizon at {wrong.horizon.url} shows network {wrong.root.network_passphrase[:80]!r}, but the "
            f"configuration says {passphrase!r}. Nothing is read: correct ROADSTEAD_HORIZON_URLS or "
            "ROADSTEAD_NETWORK_PASSPHRASE."
        )
    if behind := by_standing.get(Standing.BEHIND):
        raise HorizonFault(
            f"Horizon at {behind.horizon.url} shows ledgers up to {behind.root.latest_ledger} only, which is less than "
            "was read before. It is asked again.",
            reason="behind",
        )
    raise fault or HorizonFault("There is no Horizon to ask.", reason="none")
