"""Rails of the harness.

The blind one can neither be asked about an attempt nor promises to recognise one: the worst that a bank can be.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from roadstead.config.effective import ConfiguredRail
from roadstead.rails.protocol import RailTerms
from roadstead.rails.simulated import SimulatedRail

HASTY_S = 2


class BlindRail(SimulatedRail):
    """The simulated bank behind a door that lets payouts in and events out, and answers no question."""

    @property
    def terms(self) -> RailTerms:
        return replace(super().terms, can_find=False, dedupe_window=timedelta(0))


def blind(configured: ConfiguredRail) -> BlindRail:
    """Make the rail; named in ROADSTEAD_RAIL_<NAME>_KIND."""
    assert configured.url is not None
    return BlindRail(
        name=configured.name, base_url=configured.url, token=None, currencies=[configured.currency]
    )


def hasty(configured: ConfiguredRail) -> SimulatedRail:
    """Make the simulated rail, with little patience: leases of its payouts last seconds."""
    assert configured.url is not None
    return SimulatedRail(
        name=configured.name,
        base_url=configured.url,
        token=None,
        currencies=[configured.currency],
        submit_timeout_s=HASTY_S,
    )


def blind_and_hasty(configured: ConfiguredRail) -> BlindRail:
    """Make the blind rail, with little patience."""
    assert configured.url is not None
    return BlindRail(
        name=configured.name,
        base_url=configured.url,
        token=None,
        currencies=[configured.currency],
        submit_timeout_s=HASTY_S,
    )
