"""How many payments are matched, and how many payouts made, in a second: `python -m bench.pipeline`.

One process, a PostgreSQL beside it with all its safety, and a rail that costs nothing and settles at once. CPU is this
process's own; the database's is not in it, the wall clock has both.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.database.embedded import EmbeddedPostgres
from roadstead.database.migrate import migrate


async def measure(count: int, what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Run work once and print what it cost."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await work()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    print(
        f"{what}: {count / wall_s:,.0f} a second, {count / cpu_s:,.0f} per CPU second of the process, "
        f"{cpu_s / count * 1e3:.2f} ms CPU each"
    )


async def pipeline(house: House, count: int) -> None:
    """Open and pay remittances, then match all and pay all out."""
    for _ in range(count):
        opened = await house.open()
        await house.pay(opened.memo)
        house.rail.script.append(Behaviour.SETTLE)

    async def match() -> None:
        while (await house.match()).count:
            pass

    async def pay_out() -> None:
        while await house.work():
            pass

    await measure(count, "payments matched, their payouts ordered", match)
    await measure(count, "payouts submitted and settled", pay_out)
    settled = await house.value("SELECT count(*) FROM payouts WHERE status = 'settled'")
    if settled != count:
        raise SystemExit(f"Only {settled} of {count} payouts are settled.")


async def main() -> None:
    """Measure in a database that is removed afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000, help="How many remittances.")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedPostgres(Path(folder) / "database") as server:
            await migrate(server.url)
            async with house_on(server.url) as house:
                await pipeline(house, arguments.count)
        server.destroy()


if __name__ == "__main__":
    asyncio.run(main())
