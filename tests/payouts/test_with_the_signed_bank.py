"""The signed bank at the other end: whatever goes wrong on the way, a payout is paid once and reaches its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fixtures.authentication import FakeAccounts, services_on, serving
from tests.fixtures.house import IBAN, House, house_on
from tests.fixtures.street import Street
from tests.rails.conftest import attempt
from tests.rails.signed import event_of, pushed, rail_to, signed_bank
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import Rail
from roadstead.remittances.states import RemittanceStatus
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table

RETURNED = "DE04370400440000992104"
CALL_FAULTS = (
    "lost_request",
    "lost_answer",
    "error",
    "error_after_execution",
    "too_many_requests",
    "half_answer",
    "unsigned_answer",
    "forged_answer",
)
PUSH_FAULTS = ("repeated", "delayed", "reordered", "missing", "forged", "unsigned")


@dataclass(slots=True, kw_only=True)
class SignedStreet(Street):
    """A street in which the bank pushes as well."""

    bank: BankProcess
    url: str

    async def reaches_at_once(self, remittance_id: Any, status: PayoutStatus) -> None:
        """Work on until a payout stands there, without the pauses between questions."""

        async def hurry() -> bool:
            await self.house.execute("UPDATE payouts SET due_at = now() WHERE due_at > now()")
            return await self.step(remittance_id, status)

        await until(hurry)

    async def paid_once(self) -> bool:
        """Whether the bank executed one payout, and one attempt was made."""
        attempts = await self.house.value("SELECT count(*) FROM payout_attempts")
        return (len(await self.bank.executed()), attempts) == (1, 1)


@asynccontextmanager
async def street_on(database_url: str, folder: Path, *, polls: bool) -> AsyncIterator[SignedStreet]:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(house_on(database_url))
        rails: dict[str, Rail] = {}
        url = await stack.enter_async_context(serving(_application(house, rails)))
        push_to = f"{url}/rails/sepa/events"
        bank = await stack.enter_async_context(signed_bank(folder / "bank", "--push-to", push_to))
        rail = rail_to(bank, events_url=push_to)
        stack.push_async_callback(rail.close)
        rails["sepa"] = rail
        yield SignedStreet(house=house, rail=rail, polls=polls, bank=bank, url=url)


def _application(house: House, rails: dict[str, Rail]) -> Any:
    services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
    return build_application(route_table(house.configuration), replace(services, rails=rails))


@pytest.fixture
async def street(database_url: str, tmp_path: Path) -> AsyncIterator[SignedStreet]:
    """A street where the bank is asked, and pushes as well."""
    async with street_on(database_url, tmp_path, polls=True) as found:
        yield found


@pytest.fixture
async def quiet_street(database_url: str, tmp_path: Path) -> AsyncIterator[SignedStreet]:
    """A street where nobody asks the bank what happened."""
    async with street_on(database_url, tmp_path, polls=False) as found:
        yield found


class TestWhatIsPushed:
    async def test_completes_a_remittance_although_nobody_asks(self, quiet_street: SignedStreet) -> None:
        remittance_id = await quiet_street.funded(IBAN)
        await quiet_street.reaches(remittance_id, PayoutStatus.SETTLED)
        assert (await quiet_street.house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert await quiet_street.paid_once()

    async def test_and_is_polled_too_is_stored_once(self, street: SignedStreet) -> None:
        remittance_id = await street.funded(RETURNED)
        await street.reaches(remittance_id, PayoutStatus.CANCELLED)
        rows = await street.house.value("SELECT count(*) FROM rail_events")
        assert rows == await street.house.value("SELECT count(DISTINCT identity) FROM rail_events") == 3

    @pytest.mark.parametrize("kind", PUSH_FAULTS)
    async def test_or_goes_wrong_in_any_way_changes_nothing_in_the_end(
        self, street: SignedStreet, kind: str
    ) -> None:
        await street.bank.plan({"kind": kind, "on": "push", "times": 100, "delay_s": 0.5})
        remittance_id = await street.funded(IBAN)
        await street.reaches(remittance_id, PayoutStatus.SETTLED)
        assert (await street.house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert await street.paid_once()

    async def test_by_a_stranger_or_to_a_rail_that_is_not_there_is_refused_without_a_word_why(
        self, street: SignedStreet
    ) -> None:
        message = pushed(street.bank, event_of(attempt(1)), url=f"{street.url}/rails/sepa/events")
        async with aiohttp.ClientSession() as session:
            for name, headers in (
                ("sepa", {}),
                ("sepa", {**message.headers, "signature": "sig=:AAAA:"}),
                ("sepa", {**message.headers, "authorization": "Bearer x", "content-digest": "x"}),
                ("none", message.headers),
            ):
                url = f"{street.url}/rails/{name}/events"
                async with session.post(url, data=message.body, headers=headers) as response:
                    told = await response.json()
                    assert response.status == 401
                    assert told == {"error": "The message is not signed by whom it would have to come from."}
        assert await street.house.value("SELECT count(*) FROM rail_events") == 0

    async def test_by_the_bank_is_stored_once_however_often_it_comes(self, street: SignedStreet) -> None:
        url = f"{street.url}/rails/sepa/events"
        message = pushed(street.bank, event_of(attempt(1)), url=url)
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                async with session.post(url, data=message.body, headers=message.headers) as response:
                    assert response.status == 204
        assert await street.house.value("SELECT count(*) FROM rail_events") == 1

    async def test_and_is_signed_but_senseless_is_bad_input(self, street: SignedStreet) -> None:
        url = f"{street.url}/rails/sepa/events"
        message = pushed(street.bank, {"id": "E1"}, url=url)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=message.body, headers=message.headers) as response,
        ):
            assert response.status == 400


class TestFaultsOfCalls:
    @pytest.mark.parametrize("kind", CALL_FAULTS)
    async def test_are_survived_and_the_payout_is_paid_once(self, street: SignedStreet, kind: str) -> None:
        await street.bank.plan({"kind": kind}, {"kind": kind, "on": "find"}, {"kind": kind, "on": "events"})
        remittance_id = await street.funded(IBAN)
        await street.reaches_at_once(remittance_id, PayoutStatus.SETTLED)
        assert (await street.house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert await street.paid_once()

    async def test_by_chance_are_survived_by_many(self, street: SignedStreet) -> None:
        chance = {"times": 10_000, "probability": 0.3}
        status, _ = await street.bank.call(
            "PUT",
            "/faults",
            {
                "seed": 7,
                "faults": [
                    {"kind": kind, "on": on, **chance}
                    for kind in ("lost_answer", "lost_request", "error")
                    for on in ("submit", "find", "events")
                ],
            },
        )
        assert status == 200
        ids = [await street.funded(IBAN) for _ in range(5)]
        for remittance_id in ids:
            await street.reaches_at_once(remittance_id, PayoutStatus.SETTLED)
        executed = [each["end_to_end_id"] for each in await street.bank.executed()]
        assert len(executed) == len(set(executed)) == len(ids)
