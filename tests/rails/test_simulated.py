"""What is particular to the simulated rail: how it reads answers, and what it says when there is none."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from tests.rails.conftest import REFUSED_IBAN, TIMEOUT_S, attempt
from tests.sandbox.bank.bank_process import BankProcess, free_port, until

from roadstead.errors import ConfigurationError, Unavailable
from roadstead.money import amount_from_text, currency
from roadstead.rails.bank_calls import ANSWER_MAX_BYTES
from roadstead.rails.protocol import (
    Absent,
    Creditor,
    Observation,
    Outcome,
    PayoutAttempt,
    RailStatus,
    Refused,
    Submitted,
    Unknown,
)
from roadstead.rails.simulated import SimulatedRail

EUR, USD = currency("EUR"), currency("USD")
CLIENTS = 8
KILL_AFTER = 60


def rail_to(url: str, token: str | None = None) -> SimulatedRail:
    return SimulatedRail(
        name="simulated", base_url=url, token=token, currencies=[EUR, USD], submit_timeout_s=TIMEOUT_S
    )


@asynccontextmanager
async def rail_to_stranger(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[SimulatedRail]:
    """A rail whose address is answered by somebody who is not the bank."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    rail = rail_to(f"http://127.0.0.1:{port}")
    yield rail
    await rail.close()
    await runner.cleanup()


class TestTheBankIsAway:
    async def test_nothing_is_known_of_a_payout_that_could_not_be_sent(self) -> None:
        rail = rail_to(f"http://127.0.0.1:{free_port()}")
        assert isinstance(await rail.submit(attempt(1)), Unknown)
        assert isinstance(await rail.find(attempt(1)), Unknown)
        with pytest.raises(Unavailable):
            await rail.poll(None)
        with pytest.raises(Unavailable):
            await rail.balance()
        await rail.close()

    async def test_the_rail_goes_on_when_the_bank_is_back(
        self, bank: BankProcess, rail: SimulatedRail
    ) -> None:
        await rail.submit(attempt(1))
        _, cursor = await rail.poll(None)
        bank.end(signal.SIGKILL)
        assert isinstance(await rail.submit(attempt(2)), Unknown)
        bank.start()
        assert isinstance(await rail.submit(attempt(2)), Submitted)
        events, _ = await rail.poll(cursor)
        assert attempt(2).key in {event.key for event in events}

    async def test_a_bank_killed_under_load_pays_every_attempt_once_when_they_are_repeated(
        self, bank: BankProcess, rail: SimulatedRail
    ) -> None:
        attempts = [attempt(number) for number in range(200)]
        taken: set[str] = set()

        async def submit(part: list[PayoutAttempt]) -> None:
            for each in part:
                outcome = await rail.submit(each)
                assert isinstance(outcome, Submitted | Unknown)
                if isinstance(outcome, Submitted):
                    taken.add(each.key)
                    if len(taken) == KILL_AFTER:
                        bank.end(signal.SIGKILL)

        await asyncio.gather(*(submit(attempts[client::CLIENTS]) for client in range(CLIENTS)))
        bank.start()
        for each in attempts:
            found = await rail.find(each)
            assert isinstance(found, Observation) or each.key not in taken
            assert isinstance(await rail.submit(each), Submitted)

        async def all_are_executed() -> bool:
            return {each["key"] for each in await bank.executed()} == {each.key for each in attempts}

        await until(all_are_executed)
        assert len(await bank.executed()) == len(attempts)


class TestFaultsOfTheBank:
    @pytest.mark.parametrize(
        "kind", ["lost_request", "lost_answer", "error", "error_after_execution", "too_many_requests"]
    )
    async def test_every_fault_is_unknown_and_a_repeat_pays_once(
        self, bank: BankProcess, rail: SimulatedRail, kind: str
    ) -> None:
        await bank.plan({"kind": kind})
        assert isinstance(await rail.submit(attempt(1)), Unknown)
        assert isinstance(await rail.submit(attempt(1)), Submitted)
        await until(bank.has_executed)
        assert [each["key"] for each in await bank.executed()] == [attempt(1).key]

    async def test_a_cut_on_a_connection_that_is_already_open_is_not_repeated_by_the_client(
        self, bank: BankProcess, rail: SimulatedRail
    ) -> None:
        await rail.submit(attempt(1))
        await bank.plan({"kind": "lost_request", "times": 2})
        assert isinstance(await rail.submit(attempt(2)), Unknown)
        assert [each["times"] for each in (await bank.get("/faults"))["faults"]] == [1]

    async def test_after_a_lost_answer_the_bank_is_asked_and_knows(
        self, bank: BankProcess, rail: SimulatedRail
    ) -> None:
        await bank.plan({"kind": "lost_answer"})
        assert isinstance(await rail.submit(attempt(1)), Unknown)
        found = await rail.find(attempt(1))
        assert isinstance(found, Observation)
        assert found.status in {RailStatus.ACCEPTED, RailStatus.SETTLED}
        assert found.reference

    async def test_a_fault_of_a_question_is_unknown_and_never_absent(
        self, bank: BankProcess, rail: SimulatedRail
    ) -> None:
        await bank.plan(
            *({"kind": kind, "on": "find"} for kind in ("error", "lost_request", "too_many_requests"))
        )
        found = [await rail.find(attempt(1)) for _ in range(4)]
        assert [type(each) for each in found] == [Unknown, Unknown, Unknown, Absent]

    async def test_a_wrong_token_is_unknown_for_the_payout_was_not_judged(self, bank: BankProcess) -> None:
        rail = rail_to(bank.url, token="wrong")
        assert isinstance(await rail.submit(attempt(1)), Unknown)
        assert isinstance(await rail.find(attempt(1)), Unknown)
        with pytest.raises(Unavailable):
            await rail.poll(None)
        await rail.close()


class TestWhatTheBankRefuses:
    async def test_a_magic_account_is_refused_with_the_reason_of_the_bank(self, rail: SimulatedRail) -> None:
        outcome = await rail.submit(attempt(1, account_number=REFUSED_IBAN))
        assert isinstance(outcome, Refused)
        assert outcome.reason == "AC01"

    async def test_an_instruction_that_the_bank_cannot_read_is_refused_as_invalid(
        self, rail: SimulatedRail
    ) -> None:
        outcome = await rail.submit(attempt(1, account_number="?"))
        assert isinstance(outcome, Refused)
        assert outcome.reason == "FF01"
        assert isinstance(await rail.find(attempt(1)), Absent)

    @pytest.mark.parametrize("key", ["a/b", "../events", "a?b=c", "a#b", "a%2Fb"])
    async def test_a_key_out_of_form_reaches_no_other_address_and_pays_nothing(
        self, bank: BankProcess, rail: SimulatedRail, key: str
    ) -> None:
        outcome = await rail.submit(replace(attempt(1), key=key))
        assert not isinstance(outcome, Submitted)
        assert (await bank.get("/health"))["payouts"] == 0


class TestAnswersFromStrangers:
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, "<html>Welcome to the hotel network</html>"),
            (200, "{}"),
            (200, "null"),
            (201, '{"status":"refused","reason":"AC01"}'),
            (204, ""),
            (302, ""),
            (400, "<html>Bad request</html>"),
            (400, '{"code":"something_else"}'),
            (403, '{"code":"bad_input"}'),
            (404, "<html>Not found</html>"),
            (404, '{"message":"no Route matched with those values"}'),
            (410, ""),
            (502, '{"code":"not_found"}'),
            (200, "\xff\xfe"),
        ],
    )
    async def test_they_are_never_taken_for_a_refusal_or_for_absence(self, status: int, body: str) -> None:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(
                status=status, body=body.encode("latin-1"), headers={"Location": "http://127.0.0.1:9/"}
            )

        async with rail_to_stranger(answer) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)
            assert isinstance(await rail.find(attempt(1)), Unknown)
            with pytest.raises(Unavailable):
                await rail.poll("cursor")
            with pytest.raises(Unavailable):
                await rail.balance()

    async def test_an_answer_about_another_payout_is_unknown(
        self, bank: BankProcess, rail: SimulatedRail
    ) -> None:
        await rail.submit(attempt(1))
        told = await bank.get(f"/payouts/{attempt(1).key}")

        async def answer(_request: web.Request) -> web.Response:
            return web.json_response(told)

        async with rail_to_stranger(answer) as stranger:
            assert isinstance(await stranger.submit(attempt(1)), Submitted)
            assert isinstance(await stranger.submit(attempt(2)), Unknown)
            assert isinstance(await stranger.find(attempt(2)), Unknown)
            dearer = replace(attempt(1), amount=amount_from_text(EUR, "98.51"))
            assert isinstance(await stranger.submit(dearer), Unknown)

    async def test_the_cursor_of_an_empty_answer_is_not_followed(self) -> None:
        async def answer(_request: web.Request) -> web.Response:
            return web.json_response({"events": [], "cursor": "somewhere else"})

        async with rail_to_stranger(answer) as rail:
            assert await rail.poll("here") == ([], "here")
            assert await rail.poll(None) == ([], None)

    async def test_an_endless_answer_is_cut_off(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(ANSWER_MAX_BYTES // 65536 + 2):
                await response.write(b" " * 65536)
            return response

        async with rail_to_stranger(answer) as rail:
            outcome = await rail.submit(attempt(1))
            assert isinstance(outcome, Unknown)
            assert "exceeds" in outcome.detail

    async def test_silence_ends_with_the_timeout(self) -> None:
        async def answer(_request: web.Request) -> web.Response:
            await asyncio.sleep(TIMEOUT_S * 3)
            return web.Response()

        async with rail_to_stranger(answer) as rail:
            outcome: Outcome = await rail.submit(attempt(1))
            assert isinstance(outcome, Unknown)
            assert "within" in outcome.detail


class TestTheCheck:
    @pytest.fixture
    def offline(self) -> SimulatedRail:
        return SimulatedRail(
            name="simulated",
            base_url="http://127.0.0.1:9",
            token=None,
            currencies=[EUR, USD],
            amount_max=amount_from_text(EUR, "1000"),
        )

    def fields(self, rail: SimulatedRail, wanted: PayoutAttempt) -> list[str]:
        return [problem.field for problem in rail.check(wanted)]

    def test_a_sound_attempt_has_no_problems(self, offline: SimulatedRail) -> None:
        assert self.fields(offline, attempt(1)) == []

    @pytest.mark.parametrize(
        ("amount", "fields"),
        [("0", ["amount"]), ("0.01", []), ("1000", []), ("1000.01", ["amount"])],
    )
    def test_the_amount_is_within_the_terms(
        self, offline: SimulatedRail, amount: str, fields: list[str]
    ) -> None:
        assert self.fields(offline, replace(attempt(1), amount=amount_from_text(EUR, amount))) == fields

    def test_the_currency_is_one_of_the_rail(self, offline: SimulatedRail) -> None:
        assert self.fields(offline, replace(attempt(1), amount=amount_from_text(currency("GBP"), "1"))) == [
            "amount"
        ]

    @pytest.mark.parametrize(
        ("creditor", "fields"),
        [
            ({"name": ""}, ["first_name"]),
            ({"name": " "}, ["first_name"]),
            ({"name": "x" * 70}, []),
            ({"name": "x" * 71}, ["first_name"]),
            ({"account_number": "DE89370400440532013001"}, ["bank_account_number"]),
            ({"account_number": "DE89 3704 0044 0532 0130 00"}, ["bank_account_number"]),
            ({"account_number": "12345678"}, ["bank_account_number"]),
            ({"account_number": ""}, ["bank_account_number"]),
            ({"bank_number": "COBADEFFXXX"}, []),
            ({"bank_number": "not/a/bank"}, ["bank_number"]),
        ],
    )
    def test_the_creditor_is_one_that_a_euro_payout_can_reach(
        self, offline: SimulatedRail, creditor: dict[str, str], fields: list[str]
    ) -> None:
        sound = {"name": "Ada Lovelace", "account_number": "DE89370400440532013000"}
        assert self.fields(offline, replace(attempt(1), creditor=Creditor(**(sound | creditor)))) == fields

    @pytest.mark.parametrize(
        ("number", "fields"),
        [
            ("1234", []),
            ("A" * 34, []),
            ("123", ["bank_account_number"]),
            ("A" * 35, ["bank_account_number"]),
            ("12-34", ["bank_account_number"]),
        ],
    )
    def test_another_currency_takes_national_numbers(
        self, offline: SimulatedRail, number: str, fields: list[str]
    ) -> None:
        dollars = replace(attempt(1, account_number=number), amount=amount_from_text(USD, "5"))
        assert self.fields(offline, dollars) == fields

    def test_information_and_identifiers_have_their_limits(self, offline: SimulatedRail) -> None:
        assert self.fields(offline, replace(attempt(1), information="x" * 140)) == []
        assert self.fields(offline, replace(attempt(1), information="x" * 141)) == ["information"]
        assert self.fields(offline, replace(attempt(1), key="a/b")) == ["key"]
        assert self.fields(offline, replace(attempt(1), end_to_end_id="x" * 31)) == ["end_to_end_id"]


class TestTheConfiguration:
    def test_an_address_that_is_no_url_is_refused(self) -> None:
        with pytest.raises(ConfigurationError):
            rail_to("127.0.0.1:80")

    def test_a_rail_without_a_currency_is_refused(self) -> None:
        with pytest.raises(ConfigurationError):
            SimulatedRail(name="simulated", base_url="http://127.0.0.1:9", token=None, currencies=[])
