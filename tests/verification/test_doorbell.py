"""Verifiers ring at POST /verifiers/{name}/events: checked, kept as it came, and never believed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.authentication import FakeAccounts, services_on
from tests.fixtures.verification import IDENTITY, PASSWORD, VerifiedHouse

from roadstead.customers.vault import Vault, WrappedKey
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table
from roadstead.verification.doorbell import KEPT_FOR, purge_events
from roadstead.verification.protocol import Decision

PATH = f"/verifiers/{IDENTITY}/events"


@pytest.fixture
def caller(at: VerifiedHouse) -> Caller:
    """The API with the house's verifier."""
    services = services_on(at.house.database, FakeAccounts(), at.house.clock, at.house.configuration)
    services = replace(services, verifiers={IDENTITY: at.identity})
    return Caller(application=build_application(route_table(at.house.configuration), services))


async def ring(caller: Caller, body: bytes, password: str = PASSWORD, path: str = PATH) -> int:
    headers = {"x-password": password}
    return (
        await caller.send("POST", path, body=body, content_type="application/json", headers=headers)
    ).status


async def body_about_everything(at: VerifiedHouse) -> bytes:
    return json.dumps({"references": list(at.identity.cases)}).encode()


class TestABell:
    async def test_lets_the_cases_that_it_names_be_asked_about(
        self, at: VerifiedHouse, caller: Caller
    ) -> None:
        await at.verify()
        assert await at.status() == "in_review"
        at.identity.says(Decision.ACCEPTED)
        assert await ring(caller, await body_about_everything(at)) == 200
        await at.verify()
        assert await at.status() == "accepted"

    async def test_says_nothing_itself(self, at: VerifiedHouse, caller: Caller) -> None:
        await at.verify()
        loud = {"references": list(at.identity.cases), "decision": "accepted", "status": "GREEN"}
        assert await ring(caller, json.dumps(loud).encode()) == 200
        await at.verify()
        assert await at.status() == "in_review"

    async def test_that_comes_twice_changes_nothing_more(self, at: VerifiedHouse, caller: Caller) -> None:
        await at.verify()
        at.identity.says(Decision.ACCEPTED)
        for _ in range(2):
            assert await ring(caller, await body_about_everything(at)) == 200
            await at.verify()
        assert await at.history() == ["collecting", "submitted", "in_review", "accepted"]

    async def test_that_is_lost_is_made_up_for_by_asking(self, at: VerifiedHouse, caller: Caller) -> None:
        await at.verify()
        at.identity.says(Decision.ACCEPTED)
        due_at = (await at.case())["due_at"]
        assert due_at is not None
        await at.house.execute("UPDATE verification_cases SET due_at = now()")
        await at.verify()
        assert await at.status() == "accepted"

    async def test_that_rings_while_the_case_is_in_hand_is_heard_afterwards(
        self, at: VerifiedHouse, caller: Caller
    ) -> None:
        await at.verify()
        rang = False

        async def meanwhile() -> None:
            nonlocal rang
            if not rang:
                rang = True
                at.identity.says(Decision.ACCEPTED)
                assert await ring(caller, await body_about_everything(at)) == 200

        at.identity.before_answer = meanwhile
        await at.house.execute("UPDATE verification_cases SET due_at = now()")
        await at.verify(rounds=1)
        await at.verify(rounds=1)
        assert await at.house.value("SELECT array_agg(DISTINCT status) FROM verification_cases") == [
            "accepted"
        ]


class TestWhatIsNotBelieved:
    @pytest.mark.parametrize("path", [PATH, "/verifiers/nobody/events"])
    async def test_a_forged_message_is_refused_and_not_kept(
        self, at: VerifiedHouse, caller: Caller, path: str
    ) -> None:
        await at.verify()
        at.identity.says(Decision.ACCEPTED)
        password = "forged" if path == PATH else PASSWORD
        assert await ring(caller, await body_about_everything(at), password, path) == 401
        await at.verify()
        assert await at.status() == "in_review"
        assert await at.house.value("SELECT count(*) FROM verifier_events") == 0

    async def test_a_message_that_is_too_large_is_not_read(self, at: VerifiedHouse, caller: Caller) -> None:
        assert await ring(caller, b"x" * 300_000) == 413

    async def test_one_that_cannot_be_understood_is_kept_with_an_alert(
        self, at: VerifiedHouse, caller: Caller
    ) -> None:
        assert await ring(caller, b"\xff\x00 what") == 200
        assert await at.house.value("SELECT problem IS NOT NULL FROM verifier_events")
        assert await at.house.alerts() == ["verifier_not_understood"]


class TestWhatIsKept:
    async def test_is_the_body_as_it_came_sealed(self, at: VerifiedHouse, caller: Caller) -> None:
        body = b'{"references": [], "name": "Rosalinda Mizzenmast"}'
        await ring(caller, body)
        async with at.house.database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM verifier_events")
        assert row is not None
        assert b"Rosalinda" not in row["body"]
        wrapped = WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
        vault = Vault(row["id"], await at.house.keys.unwrap(wrapped, customer_id=row["id"]))
        assert bytes.fromhex(vault.open("verifier_events.body", row["body"])) == body

    async def test_goes_after_a_while(self, at: VerifiedHouse, caller: Caller) -> None:
        await ring(caller, b'{"references": []}')
        await at.house.execute(
            "UPDATE verifier_events SET received_at = $1",
            at.house.clock.now() - KEPT_FOR + timedelta(hours=1),
        )
        await purge_events(at.house.database, at.house.clock.now())
        assert await at.house.value("SELECT count(*) FROM verifier_events") == 1
        await purge_events(at.house.database, at.house.clock.now() + timedelta(hours=2))
        assert await at.house.value("SELECT count(*) FROM verifier_events") == 0
