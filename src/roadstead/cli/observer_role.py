"""The role that reads payments from the chain, put together."""

from __future__ import annotations

from roadstead.cli.parts import Parts, open_horizons
from roadstead.service.observer import run_observer


async def run(parts: Parts) -> None:
    """Observe until the process is told to end."""
    await run_observer(parts.configuration, parts.database, open_horizons(parts), parts.clock, parts.stop)
