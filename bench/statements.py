"""How long a day's bank statement takes: `python -m bench.statements`.

One process, a PostgreSQL beside it with all its safety. Every payout is accepted and not settled, so that its line is
the first word of its settlement; every hundredth line is a fee. What is measured: storing and linking the statement,
booking its lines, and applying the settlements that they tell.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import tempfile
from pathlib import Path

import structlog
from tests.fixtures.bank_statements import line, statement
from tests.fixtures.house import House, house_on

from bench.pipeline import measure
from roadstead.database.embedded import EmbeddedPostgres
from roadstead.database.migrate import migrate
from roadstead.payouts.events import apply_waiting
from roadstead.statements.booking import book_waiting
from roadstead.statements.listing import positions
from roadstead.statements.taking import take

FEE_EVERY = 100
APPLIERS = 3


async def accepted(house: House, count: int) -> list[str]:
    """Let the bank have so many payouts; return their end-to-end ids."""
    for _ in range(count):
        opened = await house.open()
        await house.pay(opened.memo)
    while (await house.match()).count:
        pass
    while await house.work():
        pass
    return [attempt.end_to_end_id for attempt in house.rail.submissions]


async def day(house: House, count: int) -> None:
    """Take in one statement of a line for each payout, and book it."""
    lines = [
        line(str(number), "-99.40", end_to_end_id=name)
        for number, name in enumerate(await accepted(house, count))
    ]
    lines += [line(f"fee{number}", "-0.10") for number in range(count // FEE_EVERY)]
    told = statement("S1", "2000000", *lines)

    async def store() -> None:
        async with house.database.transaction() as connection:
            await take(connection, "sepa", [told], house.clock.now())

    async def book() -> None:
        while await book_waiting(house.database, {"sepa": house.desk}, house.clock):
            pass

    async def apply_some() -> None:
        while await apply_waiting(house.database, house.clock):
            pass

    async def apply() -> None:
        await asyncio.gather(*(apply_some() for _ in range(APPLIERS)))

    await measure(len(lines), "lines stored and linked", store)
    await measure(len(lines), "lines matched or put into suspense", book)
    await measure(count, "settlements applied", apply)
    async with house.database.connection() as connection:
        (position,) = await positions(connection)
    if position.items or position.closing != position.booked:
        raise SystemExit(f"The bank closed at {position.closing} and the books have {position.booked}.")
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


async def main() -> None:
    """Measure in a database that is removed afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000, help="How many payouts.")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedPostgres(Path(folder) / "database") as server:
            await migrate(server.url)
            async with house_on(server.url) as house:
                await day(house, arguments.count)
        server.destroy()


if __name__ == "__main__":
    asyncio.run(main())
