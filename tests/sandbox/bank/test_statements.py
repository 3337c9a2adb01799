"""Statements, the clock that moves, and working days, over HTTP."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.bank.bank_process import BankProcess, instruction, until

RETURNED_SHORT = "DE67370400440000993104"
REVERSED = "DE27370400440000994503"
OPENED = ("--opening-balance", "EUR=1000")


@pytest.fixture
async def funded_bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    async with BankProcess(
        state=tmp_path / "bank", options=("--settlement-delay", "0.1", "--return-delay", "3600", *OPENED)
    ) as bank:
        yield bank


async def advance(bank: BankProcess, **by: float) -> str:
    status, answer = await bank.call("POST", "/clock/advance", by)
    assert status == 200
    now: str = answer["now"]
    return now


def adds_up(statement: dict[str, Any]) -> bool:
    moved = sum(
        Decimal(line["amount"]) if line["is_credit"] else -Decimal(line["amount"])
        for line in statement["lines"]
    )
    return Decimal(statement["opening"]) + moved == Decimal(statement["closing"])


class TestStatements:
    async def test_come_when_the_day_is_over_and_follow_one_another(self, funded_bank: BankProcess) -> None:
        await funded_bank.call("PUT", "/payouts/K1", instruction(amount="10", account=RETURNED_SHORT))
        await funded_bank.call("PUT", "/payouts/K2", instruction(amount="7", account=REVERSED))

        async def both() -> bool:
            return len(await funded_bank.executed()) == 2

        await until(both)
        assert (await funded_bank.get("/statements"))["statements"] == []
        await advance(funded_bank, days=2)
        told = await funded_bank.get("/statements")
        assert all(adds_up(each) for each in told["statements"])
        assert [each["sequence"] for each in told["statements"]] == list(
            range(1, len(told["statements"]) + 1)
        )
        assert [each["opening"] for each in told["statements"][1:]] == [
            each["closing"] for each in told["statements"][:-1]
        ]
        assert told["statements"][0]["opening"] == "0.00"
        assert told["statements"][-1]["closing"] == "995.00"
        lines = [line for each in told["statements"] for line in each["lines"]]
        assert [
            (line["key"], line["amount"], line["is_credit"], line["is_reversal"], line["reason"])
            for line in lines
        ] == [
            (None, "1000.00", True, False, None),
            ("K1", "10.00", False, False, None),
            ("K2", "7.00", False, False, None),
            ("K1", "5.00", True, False, "AC04"),
            ("K2", "7.00", True, True, None),
        ]
        after = await funded_bank.get(f"/statements?after={told['cursor']}")
        assert after == {"statements": [], "cursor": told["cursor"]}

    async def test_and_the_clock_are_kept_over_a_kill(self, funded_bank: BankProcess) -> None:
        now = await advance(funded_bank, days=3)
        before = await funded_bank.get("/statements")
        funded_bank.end(signal.SIGKILL)
        funded_bank.start()
        assert (await funded_bank.get("/clock"))["now"] >= now
        again = await funded_bank.get("/statements")
        assert [each["lines"] for each in again["statements"]] == [
            each["lines"] for each in before["statements"]
        ]

    @pytest.mark.parametrize(
        ("kind", "found"),
        [
            ("missing_statement", []),
            ("missing_line", [("0.00", 0)]),
            ("repeated_line", [("0.00", 2)]),
            ("wrong_opening", [("0.01", 1)]),
        ],
    )
    async def test_can_be_wrong_once(
        self, funded_bank: BankProcess, kind: str, found: list[tuple[str, int]]
    ) -> None:
        await advance(funded_bank, days=1)
        await funded_bank.plan({"kind": kind, "on": "statements"})
        wrong, right = await funded_bank.get("/statements"), await funded_bank.get("/statements")
        assert [(each["opening"], len(each["lines"])) for each in wrong["statements"]] == found
        assert [(each["opening"], len(each["lines"])) for each in right["statements"]] == [("0.00", 1)]
        assert wrong["cursor"] == right["cursor"]

    @pytest.mark.parametrize("limit", ["0", "101", "x"])
    async def test_have_a_limit(self, funded_bank: BankProcess, limit: str) -> None:
        assert (await funded_bank.call("GET", f"/statements?limit={limit}"))[0] == 400


class TestTheClock:
    async def test_what_falls_due_on_the_way_happens_at_its_moment(self, funded_bank: BankProcess) -> None:
        await funded_bank.call("PUT", "/payouts/K1", instruction(amount="10", account=RETURNED_SHORT))
        await until(funded_bank.has_executed)
        await advance(funded_bank, days=5)
        events = (await funded_bank.get("/events"))["events"]
        settled, returned = (each["occurred_at"] for each in events if each["status"] != "accepted")
        assert settled[:13] != returned[:13], "an hour lies between"
        assert returned < (await funded_bank.get("/clock"))["now"]

    @pytest.mark.parametrize("move", [{"days": -1}, {"seconds": -1}, {"weeks": 1}, {"days": 100_000}])
    async def test_never_goes_back_nor_far_too_far(
        self, funded_bank: BankProcess, move: dict[str, int]
    ) -> None:
        assert (await funded_bank.call("POST", "/clock/advance", move))[0] == 400


class TestWorkingDays:
    async def test_nothing_settles_while_the_bank_rests(self) -> None:
        today = date.today()  # noqa: DTZ011 - the machine's, like the bank's
        days = [(today + timedelta(days=number)).isoformat() for number in range(-1, 3)]
        options = ("--settlement-delay", "0", *(part for day in days for part in ("--holiday", day)))
        async with BankProcess(options=options) as bank:
            await bank.call("PUT", "/payouts/K1", instruction())
            await advance(bank, days=1)
            assert not await bank.has_executed()
            await advance(bank, days=3)
            assert await bank.has_executed()


class TestTheStart:
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (("--customer-key", "AAAA"), "--signing-key or --state"),
            (("--push-to", "http://127.0.0.1:9"), "--customer-key"),
            (
                ("--customer-key", "AAAA", "--signing-key", "no-such-folder/none.pem"),
                "--customer-key is no public key",
            ),
        ],
    )
    def test_a_signed_door_without_its_keys_refuses_the_start(
        self, options: tuple[str, ...], complaint: str
    ) -> None:
        assert complaint in BankProcess(options=options).refused_start()
