"""The documented HTTP interface, against a real process."""

import asyncio
import signal

import aiohttp
import pytest
from tests.sandbox.bank.bank_process import IBAN, BankProcess, instruction, until


async def until_status(bank: BankProcess, key: str, status: str) -> dict[str, str]:
    async def has_come() -> bool:
        return bool((await bank.get(f"/payouts/{key}"))["status"] == status)

    await until(has_come)
    payout: dict[str, str] = await bank.get(f"/payouts/{key}")
    return payout


class TestSubmitting:
    async def test_a_new_payout_is_created_and_a_repeat_answers_the_same(self, bank: BankProcess) -> None:
        status, first = await bank.call("PUT", "/payouts/K1", instruction())
        assert status == 201
        assert first["status"] in {"accepted", "settled"}
        settled = await until_status(bank, "K1", "settled")
        status, repeated = await bank.call("PUT", "/payouts/K1", instruction())
        assert (status, repeated) == (200, settled)
        assert repeated["reference"] == first["reference"]
        assert [each["key"] for each in await bank.executed()] == ["K1"]

    async def test_other_content_under_the_same_key_is_a_conflict(self, bank: BankProcess) -> None:
        await bank.call("PUT", "/payouts/K1", instruction())
        status, answer = await bank.call("PUT", "/payouts/K1", instruction(amount="10.51"))
        assert (status, answer["code"]) == (409, "conflict")

    @pytest.mark.parametrize("body", [{}, {"amount": "1"}, instruction(amount="1,5"), [], "x"])
    async def test_a_body_that_is_no_instruction_is_bad_input(self, bank: BankProcess, body: object) -> None:
        status, answer = await bank.call("PUT", "/payouts/K1", body)
        assert status == 400
        assert answer["code"] in {"bad_input", "invalid_amount"}
        assert (await bank.call("GET", "/payouts/K1"))[0] == 404

    async def test_a_huge_body_is_too_large(self, bank: BankProcess) -> None:
        status, _ = await bank.call("PUT", "/payouts/K1", instruction(name="x" * 100_000))
        assert status == 413


class TestListingWhatWasExecuted:
    async def test_it_holds_every_executed_payout_and_no_other(self, bank: BankProcess) -> None:
        await bank.call("PUT", "/payouts/PAID", instruction(end_to_end_id="E1"))
        await bank.call("PUT", "/payouts/REFUSED", instruction(end_to_end_id="E2", account="0000990101"))
        await bank.call("PUT", "/payouts/BACK", instruction(end_to_end_id="E3", account="0000992104"))
        await bank.call("PUT", "/payouts/SILENT", instruction(end_to_end_id="E4", account="0000993000"))
        await until_status(bank, "BACK", "returned")
        listed = await bank.executed()
        assert [(each["key"], each["status"]) for each in listed] == [
            ("PAID", "settled"),
            ("BACK", "returned"),
        ]
        paid = listed[0]
        assert paid | instruction(end_to_end_id="E1") == paid
        assert paid["executed_at"].endswith("Z")
        assert paid["reference"]

    async def test_it_can_be_narrowed(self, bank: BankProcess) -> None:
        for number, code in enumerate(["EUR", "EUR", "USD"]):
            wanted = instruction(end_to_end_id=f"E{number}", currency=code, account=f"ACCOUNT{number}")
            await bank.call("PUT", f"/payouts/K{number}", wanted)
        await until_status(bank, "K2", "settled")

        async def keys(query: str) -> list[str]:
            return [each["key"] for each in (await bank.get(f"/payouts?{query}"))["payouts"]]

        first = (await bank.executed())[0]["id"]
        assert await keys("currency=EUR") == ["K0", "K1"]
        assert await keys("account=ACCOUNT2") == ["K2"]
        assert await keys("end_to_end_id=E1") == ["K1"]
        assert await keys("key=K0") == ["K0"]
        assert await keys("limit=2") == ["K0", "K1"]
        assert await keys(f"after={first}&limit=1") == ["K1"]
        assert await keys("currency=GBP") == []

    async def test_more_than_any_page_comes_in_one_answer(self) -> None:
        async with BankProcess(options=("--settlement-delay", "0")) as bank:
            puts = [bank.call("PUT", f"/payouts/K{number}", instruction()) for number in range(1200)]
            await asyncio.gather(*puts)
            await until_status(bank, "K1199", "settled")
            assert len({each["key"] for each in await bank.executed()}) == 1200


class TestEvents:
    async def test_they_come_in_order_and_each_cursor_leads_past_what_was_told(
        self, bank: BankProcess
    ) -> None:
        await bank.call("PUT", "/payouts/K1", instruction(account="0000992104"))
        await bank.call("PUT", "/payouts/K2", instruction(account="0000991101"))
        await until_status(bank, "K1", "returned")
        await until_status(bank, "K2", "refused")
        whole = (await bank.get("/events"))["events"]
        one_by_one, cursor = [], ""
        while (page := await bank.get(f"/events?after={cursor}&limit=1"))["events"]:
            one_by_one += page["events"]
            cursor = page["cursor"]
        assert one_by_one == whole
        assert page["cursor"] == cursor
        of_first = [(each["status"], each["reason"]) for each in whole if each["key"] == "K1"]
        assert of_first == [("accepted", None), ("settled", None), ("returned", "AC04")]
        of_second = [(each["status"], each["reason"]) for each in whole if each["key"] == "K2"]
        assert of_second == [("accepted", None), ("refused", "AC01")]
        assert len({each["id"] for each in whole}) == len(whole)

    @pytest.mark.parametrize("cursor", ["nonsense", "00000000-999", "x" * 300])
    async def test_a_cursor_of_another_bank_starts_at_the_beginning(
        self, bank: BankProcess, cursor: str
    ) -> None:
        await bank.call("PUT", "/payouts/K1", instruction())
        assert (await bank.get(f"/events?after={cursor}"))["events"][0]["key"] == "K1"

    @pytest.mark.parametrize("limit", ["0", "-1", "1001", "x"])
    async def test_a_limit_out_of_range_is_bad_input(self, bank: BankProcess, limit: str) -> None:
        assert (await bank.call("GET", f"/events?limit={limit}"))[0] == 400


class TestMoney:
    async def test_balances_and_accounts_add_up(self) -> None:
        async with BankProcess(options=("--settlement-delay", "0", "--opening-balance", "EUR=100")) as bank:
            await bank.call("PUT", "/payouts/K1", instruction(amount="60"))
            status, answer = await bank.call("PUT", "/payouts/K2", instruction(amount="40.01"))
            assert (status, answer["status"], answer["reason"]) == (201, "refused", "AM04")
            (balance,) = (await bank.get("/balances"))["balances"]
            assert (balance["currency"], balance["booked"], balance["available"]) == ("EUR", "40.00", "40.00")
            (account,) = (await bank.get("/accounts"))["accounts"]
            assert account == {"account": IBAN, "currency": "EUR", "payouts": 1, "amount": "60.00"}


class TestTheToken:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", "/payouts/K1"),
            ("GET", "/payouts/K1"),
            ("GET", "/events"),
            ("GET", "/balances"),
            ("GET", "/accounts"),
            ("GET", "/faults"),
            ("PUT", "/faults"),
        ],
    )
    @pytest.mark.parametrize(
        "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret"}]
    )
    async def test_every_call_that_acts_or_tells_more_needs_it(
        self, method: str, path: str, header: dict[str, str]
    ) -> None:
        async with BankProcess(token="secret") as bank:
            status, answer = await bank.call(method, path, instruction(), headers=header)
            assert (status, answer["code"]) == (401, "unauthenticated")

    async def test_health_and_the_list_of_executed_payouts_are_open(self) -> None:
        async with BankProcess(token="secret", options=("--settlement-delay", "0")) as bank:
            assert (await bank.call("PUT", "/payouts/K1", instruction()))[0] == 201
            status, answer = await bank.call("GET", "/payouts", headers={})
            assert (status, [each["key"] for each in answer["payouts"]]) == (200, ["K1"])
            status, answer = await bank.call("GET", "/health", headers={})
            assert (status, answer["status"], answer["executed"]) == (200, "ok", 1)


class TestFaults:
    async def test_a_lost_request_is_not_carried_out(self, bank: BankProcess) -> None:
        await bank.plan({"kind": "lost_request", "times": 10})
        with pytest.raises(aiohttp.ClientError):
            await bank.call("PUT", "/payouts/K1", instruction())
        await bank.plan()
        assert (await bank.call("GET", "/payouts/K1"))[0] == 404

    async def test_a_lost_answer_is_carried_out_once(self, bank: BankProcess) -> None:
        await bank.plan({"kind": "lost_answer", "times": 10})
        with pytest.raises(aiohttp.ClientError):
            await bank.call("PUT", "/payouts/K1", instruction())
        await bank.plan()
        await until_status(bank, "K1", "settled")
        assert [each["key"] for each in await bank.executed()] == ["K1"]

    async def test_an_answer_that_is_an_error_can_be_lost_too(self, bank: BankProcess) -> None:
        await bank.call("PUT", "/payouts/K1", instruction())
        await bank.plan({"kind": "lost_answer", "times": 10})
        with pytest.raises(aiohttp.ClientError):
            await bank.call("PUT", "/payouts/K1", instruction(amount="11"))

    async def test_a_late_execution_happens_although_nobody_waits(self, bank: BankProcess) -> None:
        await bank.plan({"kind": "late_execution", "delay_s": 0.5})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await bank.call("PUT", "/payouts/K1", instruction())
        assert (await bank.call("GET", "/payouts/K1"))[0] == 404
        await until(bank.has_executed)

    async def test_a_slow_answer_is_carried_out_at_once(self, bank: BankProcess) -> None:
        await bank.plan({"kind": "slow_answer", "delay_s": 30})
        waiting = asyncio.create_task(bank.call("PUT", "/payouts/K1", instruction()))
        await until(bank.has_executed)
        assert not waiting.done()
        waiting.cancel()

    @pytest.mark.parametrize(
        ("kind", "status", "known"),
        [("error", 500, 404), ("error_after_execution", 500, 200), ("too_many_requests", 429, 404)],
    )
    async def test_an_error_status_says_nothing_of_the_execution(
        self, bank: BankProcess, kind: str, status: int, known: int
    ) -> None:
        await bank.plan({"kind": kind})
        assert (await bank.call("PUT", "/payouts/K1", instruction()))[0] == status
        assert (await bank.call("GET", "/payouts/K1"))[0] == known

    async def test_reading_can_fail_too_and_the_plan_shows_what_is_left(self, bank: BankProcess) -> None:
        await bank.plan({"kind": "error", "on": "events", "times": 2})
        assert (await bank.call("GET", "/events"))[0] == 500
        assert [each["times"] for each in (await bank.get("/faults"))["faults"]] == [1]

    @pytest.mark.parametrize(
        "fault", [{}, {"kind": "x"}, {"kind": "error", "times": 0}, {"kind": "error", "x": 1}]
    )
    async def test_a_plan_that_makes_no_sense_is_bad_input(self, bank: BankProcess, fault: object) -> None:
        assert (await bank.call("PUT", "/faults", {"faults": [fault]}))[0] == 400


class TestTheProcess:
    async def test_it_says_where_it_listens_and_takes_a_free_port(self) -> None:
        bank = BankProcess(port=0)
        line = bank.start()
        assert line.startswith("listening http://127.0.0.1:")
        assert not line.rstrip().endswith(":0")
        assert bank.end(signal.SIGTERM) == 0

    async def test_a_signal_ends_it_even_in_the_middle_of_a_call(self, bank: BankProcess) -> None:
        await bank.plan({"kind": "late_execution", "delay_s": 600})
        waiting = asyncio.create_task(bank.call("PUT", "/payouts/K1", instruction()))

        async def has_begun() -> bool:
            return not (await bank.get("/faults"))["faults"]

        await until(has_begun)
        assert await asyncio.to_thread(bank.end, signal.SIGTERM) == 0
        with pytest.raises(aiohttp.ClientError):
            await waiting

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (("--host", "0.0.0.0"), "open to everybody"),  # noqa: S104 - it is refused, which is the point
            (("--settlement-delay", "-1"), "delay"),
            (("--settlement-delay", "nan"), "delay"),
            (("--opening-balance", "EUR=1.234"), "decimals"),
            (("--opening-balance", "euro=1"), "Currency"),
        ],
    )
    def test_a_senseless_option_refuses_the_start(self, options: tuple[str, ...], complaint: str) -> None:
        assert complaint in BankProcess(options=options).refused_start()

    def test_a_port_in_use_refuses_the_start(self) -> None:
        first = BankProcess()
        first.start()
        assert "cannot listen" in BankProcess(port=first.port).refused_start()
        first.end(signal.SIGTERM)
