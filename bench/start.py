"""`python -m bench.start`: what a process of each role costs before it does anything."""

from __future__ import annotations

import asyncio

from bench.house import running_house
from bench.process import Usage, usage_of
from roadstead.service.roles import Role

SETTLED_AFTER_S = 3.0


async def measure(roles: tuple[Role, ...]) -> Usage:
    """Start a process, let it rest, and return what it has used."""
    async with running_house(roles=roles) as house:
        await asyncio.sleep(SETTLED_AFTER_S)
        return usage_of(house.process_id)


def main() -> None:
    """Measure each role, and all in one process."""
    print("| `roadstead serve` | memory at most MB | CPU s |\n| --- | --- | --- |")
    for roles in (*((role,) for role in Role), tuple(Role)):
        usage = asyncio.run(measure(roles))
        print(f"| {' '.join(roles)} | {usage.memory_peak_bytes / 1e6:.0f} | {usage.cpu_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
