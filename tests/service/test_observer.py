"""The observer against a scripted Horizon and a real PostgreSQL: nothing skipped, nothing twice, nothing stops it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.service.processes import python_process
from tests.stellar.scripted_horizon import (
    ACCOUNT,
    PASSPHRASE,
    PAYER,
    ScriptedHorizon,
    closed_at,
    event_stream,
    operation_id,
    page_response,
    payment_record,
    problem,
    scripted_horizon,
    text_memo_fields,
)

from roadstead.database.pool import Database, open_database
from roadstead.payments.cursors import cursor_source
from roadstead.service.observer import Observer
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import Horizons

PATIENCE_S = 20.0
OPEN_ALERTS = "SELECT kind FROM alerts WHERE status <> 'closed' ORDER BY kind"

OBSERVER_PROGRAM = """
import asyncio, sys
from roadstead.clock import SystemClock
from roadstead.database.pool import open_database
from roadstead.service.observer import Observer
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import Horizons
from tests.stellar.scripted_horizon import ACCOUNT, PASSPHRASE

async def main():
    database = await open_database(sys.argv[1], application="observer")
    horizons = Horizons([HorizonClient(sys.argv[2])], network_passphrase=PASSPHRASE, clock=SystemClock())
    observer = Observer(account=ACCOUNT, database=database, horizons=horizons, clock=SystemClock(), rescan_every_s=0.2)
    print("running", flush=True)
    await observer.run(asyncio.Event())

asyncio.run(main())
"""


@pytest.fixture
async def horizon() -> AsyncIterator[ScriptedHorizon]:
    async with scripted_horizon() as scripted:
        yield scripted


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="test")
    yield opened
    await opened.close()


@asynccontextmanager
async def observing(
    horizon: ScriptedHorizon,
    database: Database,
    *,
    rescan_every_s: float = 0.2,
    passphrase: str = PASSPHRASE,
    **limits: Any,
) -> AsyncIterator[None]:
    client = HorizonClient(horizon.url, answer_timeout_s=2.0, **limits)
    observer = Observer(
        account=ACCOUNT,
        database=database,
        horizons=Horizons([client], network_passphrase=passphrase, clock=horizon),
        clock=horizon,
        rescan_every_s=rescan_every_s,
        backoff_max_s=0.3,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(observer.run(stop))
    try:
        yield
        assert not running.done(), "the observer has ended by itself"
    finally:
        stop.set()
        await running
        await client.close()


async def rows(database: Database, query: str, *arguments: object) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return list(await connection.fetch(query, *arguments))


async def stored_ids(database: Database) -> list[int]:
    return [row[0] for row in await rows(database, "SELECT operation_id FROM payments ORDER BY 1")]


async def eventually(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await what():  # noqa: ASYNC110 - what is waited for happens in PostgreSQL
            await asyncio.sleep(0.05)


async def stores(database: Database, *ledgers: int) -> None:
    wanted = [operation_id(ledger) for ledger in ledgers]

    async def are_stored() -> bool:
        return await stored_ids(database) == wanted

    await eventually(are_stored)


async def reads_to(database: Database, ledger: int) -> None:
    async def is_read() -> bool:
        found = await rows(database, "SELECT ledger FROM cursors WHERE source = $1", cursor_source(ACCOUNT))
        return bool(found) and found[0]["ledger"] == ledger

    await eventually(is_read)


class TestReading:
    async def test_what_was_paid_before_the_first_start_is_found(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.add(*(payment_record(ledger) for ledger in range(2, 452)))
        async with observing(horizon, database):
            await stores(database, *range(2, 452))

    async def test_what_is_paid_now_arrives_through_the_bell_of_the_stream(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async with observing(horizon, database, rescan_every_s=3600):
            await reads_to(database, 100)

            async def is_listening() -> bool:
                return horizon.streams_open == 1

            await eventually(is_listening)
            horizon.add(payment_record(101))
            await stores(database, 101)
            horizon.add(payment_record(102))
            await stores(database, 101, 102)

    async def test_what_was_paid_while_it_was_down_is_found(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.add(payment_record(101))
        async with observing(horizon, database):
            await stores(database, 101)
        horizon.add(*(payment_record(ledger) for ledger in range(102, 502)))
        async with observing(horizon, database):
            await stores(database, *range(101, 502))

    async def test_what_a_ledger_brings_that_closed_meanwhile_is_read_when_it_is_named(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async def ledger_closes_meanwhile(_: Request) -> None:
            horizon.page_fault = None
            horizon.add(payment_record(101), payment_record(102))
            horizon.latest_ledger = 102

        horizon.page_fault = ledger_closes_meanwhile
        async with observing(horizon, database, rescan_every_s=3600):
            await stores(database, 101, 102)

    async def test_a_server_that_says_it_is_behind_moves_no_mark(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.behind_by = 3
        horizon.add(payment_record(101))
        async with observing(horizon, database):
            await stores(database, 101)
            (cursor,) = await rows(database, "SELECT ledger FROM cursors")
            assert cursor["ledger"] is None
            horizon.behind_by = 0
            await reads_to(database, 101)

    async def test_how_far_the_chain_was_surely_read_is_known(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async with observing(horizon, database):
            await reads_to(database, 100)
            horizon.latest_ledger = 130
            await reads_to(database, 130)
        (cursor,) = await rows(database, "SELECT * FROM cursors")
        assert cursor["ledger_closed_at"] == closed_at(130)
        assert cursor["network_passphrase"] == PASSPHRASE

    async def test_the_ledger_named_is_the_one_asked_for_before_the_last_page(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async def ledger_closes_meanwhile(_: Request) -> None:
            horizon.latest_ledger += 1

        horizon.page_fault = ledger_closes_meanwhile
        async with observing(horizon, database, rescan_every_s=3600):
            await reads_to(database, 100)
            assert horizon.latest_ledger == 101

    async def test_nothing_counts_as_surely_read_before_the_end_is_reached(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async def second_page_fails(request: Request) -> Response | None:
            return None if request.query_params["cursor"] == "0" else Response(status_code=503)

        horizon.page_fault = second_page_fails
        horizon.add(*(payment_record(ledger) for ledger in range(2, 252)))
        async with observing(horizon, database):
            await stores(database, *range(2, 202))
            (cursor,) = await rows(database, "SELECT position, ledger, ledger_closed_at FROM cursors")
            assert tuple(cursor) == (str(operation_id(201)), None, None)
            horizon.page_fault = None
            await stores(database, *range(2, 252))
            await reads_to(database, 251)

    async def test_it_stops_promptly_while_horizon_hangs(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        hanging = asyncio.Event()

        async def hang(_: Request) -> None:
            hanging.set()
            await asyncio.sleep(60)

        horizon.page_fault = hang
        async with observing(horizon, database):
            await hanging.wait()


class TestOnce:
    async def test_two_observers_at_once_store_everything_once(
        self, horizon: ScriptedHorizon, database: Database, database_url: str
    ) -> None:
        other_database = await open_database(database_url, application="other")
        async with observing(horizon, database), observing(horizon, other_database):
            for ledger in range(101, 121):
                horizon.add(payment_record(ledger))
                await asyncio.sleep(0.02)
            await stores(database, *range(101, 121))
        await other_database.close()

    async def test_the_second_takes_over_when_the_first_ends(
        self, horizon: ScriptedHorizon, database: Database, database_url: str
    ) -> None:
        other_database = await open_database(database_url, application="other")
        horizon.add(payment_record(101))
        async with observing(horizon, other_database):
            async with observing(horizon, database):
                await stores(database, 101)
            horizon.add(payment_record(102))
            await stores(other_database, 101, 102)
        await other_database.close()

    async def test_one_that_lost_the_role_without_noticing_stores_nothing(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async with observing(horizon, database):
            await reads_to(database, 100)
            await rows(
                database,
                "UPDATE leases SET holder = 'other', epoch = epoch + 1, expires_at = now() + interval '1 hour'",
            )
            scans = horizon.requests.count("root")
            horizon.add(payment_record(101))

            async def tried_again() -> bool:
                return horizon.requests.count("root") > scans

            await eventually(tried_again)
            await asyncio.sleep(0.5)
            assert await stored_ids(database) == []
            await rows(database, "UPDATE leases SET expires_at = now()")
            await stores(database, 101)

    async def test_killed_at_any_moment_it_neither_skips_nor_repeats(
        self, horizon: ScriptedHorizon, database: Database, database_url: str
    ) -> None:
        horizon.add(*(payment_record(ledger) for ledger in range(2, 1002)))
        for pages_before_the_kill in (1, 3):
            seen = horizon.requests.count("page")
            with python_process(OBSERVER_PROGRAM, database_url, horizon.url) as process:
                await process.says("running")

                async def has_read(wanted: int = seen + pages_before_the_kill) -> bool:
                    return horizon.requests.count("page") >= wanted

                await eventually(has_read)
                process.kill()
        horizon.add(payment_record(1002))
        async with observing(horizon, database):
            await stores(database, *range(2, 1003))
        assert await rows(database, "SELECT 1 FROM undecodable_records") == []

    async def test_a_cursor_that_was_lost_repeats_nothing(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.add(payment_record(101), payment_record(102))
        async with observing(horizon, database):
            await stores(database, 101, 102)
        await rows(database, "UPDATE cursors SET position = '0'")
        await rows(
            database, "UPDATE payments SET disposition = 'unmatched', reason = 'x', disposed_at = now()"
        )
        horizon.add(payment_record(103))
        async with observing(horizon, database):
            await stores(database, 101, 102, 103)
        found = await rows(database, "SELECT disposition FROM payments ORDER BY operation_id")
        assert [row[0] for row in found] == ["unmatched", "unmatched", "stored"]


class TestPoison:
    async def test_memos_of_every_kind_are_stored_exactly(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        poison = b"nul \x00 no utf-8 \xff\xfe"
        horizon.add(
            payment_record(101, transaction=text_memo_fields(poison)),
            payment_record(102, transaction={"memo_type": "id", "memo": str(2**64 - 1)}),
            payment_record(103, transaction={"memo_type": "none"}),
            payment_record(104, transaction={"memo_type": "hash", "memo": "q6ur" * 10 + "q6s="}),
        )
        async with observing(horizon, database):
            await stores(database, 101, 102, 103, 104)
        found = await rows(database, "SELECT memo_kind, memo FROM payments ORDER BY operation_id")
        assert [tuple(row) for row in found] == [
            ("text", poison),
            ("id", b"\xff" * 8),
            ("none", None),
            ("hash", b"\xab" * 32),
        ]

    async def test_a_record_that_cannot_be_understood_is_kept_and_passed(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        garbage = json.dumps(payment_record(102, amount="much \x00")).encode()
        horizon.add(payment_record(101), garbage, payment_record(103))
        async with observing(horizon, database):
            await stores(database, 101, 103)
        (kept,) = await rows(database, "SELECT source, position, record, reason FROM undecodable_records")
        assert kept["position"] == str(operation_id(102))
        assert kept["source"] == cursor_source(ACCOUNT)
        assert kept["record"] == garbage
        assert "much" in kept["reason"]

    @pytest.mark.parametrize("garbage", [b"null", b"17", b'{"paging_token": {}}', b'{"id": "\\ud800"}'])
    async def test_a_record_without_a_position_is_kept_once_and_passed(
        self, horizon: ScriptedHorizon, database: Database, garbage: bytes
    ) -> None:
        horizon.add(payment_record(101), garbage)
        async with observing(horizon, database):
            await stores(database, 101)
            await reads_to(database, 101)
            horizon.add(payment_record(102))
            await stores(database, 101, 102)
            await reads_to(database, 102)
        kept = await rows(database, "SELECT record FROM undecodable_records")
        assert [row[0] for row in kept] == [garbage]

    async def test_credits_that_are_no_payments_are_stored_and_other_operations_are_not(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        merge = {"type": "account_merge", "account": PAYER, "into": ACCOUNT}
        horizon.add(
            payment_record(101, **merge),
            payment_record(102, **{"from": ACCOUNT, "to": PAYER}),
            payment_record(103, type="set_options"),
            payment_record(104),
        )
        async with observing(horizon, database):
            await stores(database, 101, 104)
        found = await rows(database, "SELECT kind, asset, amount_units FROM payments ORDER BY operation_id")
        assert tuple(found[0]) == ("account_merge", "stellar:native", None)


class TestFaults:
    async def test_horizon_away_is_waited_for(self, horizon: ScriptedHorizon, database: Database) -> None:
        horizon.root_fault = horizon.page_fault = horizon.stream_fault = problem(503, "Still Ingesting")
        horizon.add(payment_record(101))
        async with observing(horizon, database):

            async def was_asked() -> bool:
                return horizon.requests.count("root") >= 3

            await eventually(was_asked)
            assert await stored_ids(database) == []
            horizon.root_fault = horizon.page_fault = horizon.stream_fault = None
            await stores(database, 101)

    async def test_a_page_that_is_no_page_is_asked_for_again(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        answers = [b"", b"<html>", b"{}", b'{"_embedded": {"records": [{]}}']

        async def nonsense(_: Request) -> Response | None:
            return Response(answers.pop()) if answers else None

        horizon.page_fault = nonsense
        horizon.add(payment_record(101))
        async with observing(horizon, database):
            await stores(database, 101)

    async def test_a_stream_that_lies_changes_nothing(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.add(payment_record(101))

        async def lie(_: Request) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                yield b'event: open\ndata: "hello"\n\n'
                yield b"id: %d\ndata: %s\n\n" % (
                    operation_id(900),
                    json.dumps(payment_record(900)).encode(),
                )
                yield b"id: garbage\ndata: {{{\n\nid: 1\ndata: \xff\n\n\x00\x00\r\r\nda"

            return event_stream(pieces())

        horizon.stream_fault = lie
        async with observing(horizon, database):
            await stores(database, 101)
            horizon.add(payment_record(102))
            await stores(database, 101, 102)
            await asyncio.sleep(0.5)
            assert await stored_ids(database) == [operation_id(101), operation_id(102)]

    async def test_without_any_stream_payments_are_found_by_scanning(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.stream_fault = problem(406, "Not Acceptable")
        async with observing(horizon, database):
            await reads_to(database, 100)
            horizon.add(payment_record(101))
            await stores(database, 101)

    async def test_a_page_too_large_is_read_in_smaller_ones(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        large = {"memo_type": "none", "result_meta_xdr": "A" * 20_000}
        horizon.add(*(payment_record(ledger, transaction=large) for ledger in range(101, 131)))
        async with observing(horizon, database, answer_bytes_max=100_000):
            await stores(database, *range(101, 131))

    async def test_a_page_out_of_order_moves_no_cursor(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.add(payment_record(101), payment_record(102), payment_record(103))
        wrong = [list(reversed(horizon.records))]

        async def turn_round(_: Request) -> Response | None:
            return page_response(wrong.pop()) if wrong else None

        horizon.page_fault = turn_round
        async with observing(horizon, database):
            await stores(database, 101, 102, 103)

    async def test_a_full_page_that_leads_nowhere_is_not_read_in_a_tight_loop(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async def same_again(_: Request) -> Response:
            return page_response([b"null"] * 200)

        horizon.page_fault = same_again
        async with observing(horizon, database):
            await asyncio.sleep(2)
            assert 1 <= horizon.requests.count("page") < 30

    async def test_the_database_away_is_waited_for(
        self, horizon: ScriptedHorizon, database: Database, database_url: str
    ) -> None:
        administrator = await asyncpg.connect(database_url)
        async with observing(horizon, database):
            await reads_to(database, 100)
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            horizon.add(payment_record(101))

            async def is_stored() -> bool:
                found = await administrator.fetchval("SELECT count(*) FROM payments")
                return bool(found == 1)

            await eventually(is_stored)
        await administrator.close()


class TestWrongNetwork:
    async def refuses(self, horizon: ScriptedHorizon, database: Database, **options: Any) -> None:
        asked = horizon.requests.count("root")
        pages = horizon.requests.count("page")
        async with observing(horizon, database, **options):

            async def was_asked() -> bool:
                return horizon.requests.count("root") >= asked + 3

            await eventually(was_asked)
            assert horizon.requests.count("page") == pages

    async def test_another_passphrase_is_not_read_until_it_is_right(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.passphrase = "Another Network"
        horizon.add(payment_record(101))
        await self.refuses(horizon, database)
        assert await stored_ids(database) == []
        async with observing(horizon, database):
            horizon.passphrase = PASSPHRASE
            await stores(database, 101)

    async def test_a_database_of_another_network_is_not_mixed(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async with observing(horizon, database):
            await reads_to(database, 100)
        horizon.passphrase = "Another Network"
        pages = horizon.requests.count("page")
        async with observing(horizon, database, passphrase="Another Network"):

            async def is_told() -> bool:
                return [row[0] for row in await rows(database, OPEN_ALERTS)] == ["wrong_network"]

            await eventually(is_told)
        assert horizon.requests.count("page") == pages

    async def test_a_network_that_was_reset_is_not_taken_for_the_old_one(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async with observing(horizon, database):
            await reads_to(database, 100)
        horizon.begin_anew(latest_ledger=3)
        await self.refuses(horizon, database)

    async def test_a_hole_in_horizons_history_is_not_stepped_over(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        async with observing(horizon, database):
            await reads_to(database, 100)
        horizon.latest_ledger, horizon.elder_ledger = 300, 102
        await self.refuses(horizon, database)
        horizon.elder_ledger = 101
        async with observing(horizon, database):
            await reads_to(database, 300)

    async def test_an_operation_id_of_another_transaction_is_kept_for_a_person(
        self, horizon: ScriptedHorizon, database: Database
    ) -> None:
        horizon.add(payment_record(101))
        async with observing(horizon, database):
            await stores(database, 101)
        await rows(database, "DELETE FROM cursors")
        horizon.records.clear()
        horizon.add(payment_record(101, transaction_hash="f" * 64), payment_record(102))
        async with observing(horizon, database):
            await stores(database, 101, 102)
        (kept,) = await rows(database, "SELECT position, reason FROM undecodable_records")
        assert kept["position"] == str(operation_id(101))
        assert "reset" in kept["reason"]
