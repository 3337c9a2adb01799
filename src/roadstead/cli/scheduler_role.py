"""The role that does what is due by the clock, put together."""

from __future__ import annotations

from roadstead.cli.parts import Parts
from roadstead.screening.clearance import requirements_of
from roadstead.service import scheduler
from roadstead.service.housekeeping import Job, screening_upkeep, verification_upkeep
from roadstead.service.leases import Leadership, holder_name
from roadstead.verification.consequences import Consequences


async def run(parts: Parts) -> None:
    """Do what is due by the clock until the process is told to end."""
    leadership = Leadership(parts.database, role=scheduler.ROLE, holder=holder_name())
    async with leadership.kept():
        await scheduler.run_scheduler(
            parts.database,
            parts.rails,
            anchor=parts.configuration.anchor,
            leadership=leadership,
            clock=parts.clock,
            stop=parts.stop,
            jobs=_jobs(parts),
        )


def _jobs(parts: Parts) -> list[Job]:
    jobs = screening_upkeep(parts.database, requirements_of(parts.configuration), parts.clock)
    if parts.verifiers:
        consequences = Consequences(
            anchor=parts.configuration.anchor, verified_types=parts.configuration.verified_types
        )
        jobs += verification_upkeep(parts.database, consequences, parts.clock)
    return jobs
