"""The list of partners, on a real database."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from tests.fixtures.authentication import key

from roadstead.database.pool import Database
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.partners import registry
from roadstead.partners.registry import PartnerStatus
from roadstead.partners.subjects import encode_muxed

FIRST, SECOND = key("first").public_key, key("second").public_key


async def audit(database: Database) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT actor, action, subject, detail FROM audit_log ORDER BY id")
    return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]


class TestAdding:
    async def test_a_partner_has_its_accounts_and_is_active(self, database: Database) -> None:
        partner = await registry.add(database, " Sending Anchor ", [FIRST, SECOND, FIRST], "alex")
        assert (partner.name, partner.status) == ("Sending Anchor", PartnerStatus.ACTIVE)
        assert sorted(partner.accounts) == sorted([FIRST, SECOND])
        assert await registry.list_all(database) == (partner,)

    async def test_it_is_written_down_who_added_whom(self, database: Database) -> None:
        partner = await registry.add(database, "Sending Anchor", [FIRST], "alex")
        assert await audit(database) == [
            {
                "actor": "alex",
                "action": "partner.added",
                "subject": f"partner {partner.id}",
                "detail": {"name": "Sending Anchor", "accounts": [FIRST]},
            }
        ]

    async def test_adding_again_changes_nothing(self, database: Database) -> None:
        once = await registry.add(database, "Sending Anchor", [FIRST], "alex")
        again = await registry.add(database, "Sending Anchor", [FIRST], "alex")
        assert again == once
        assert len(await audit(database)) == 1

    async def test_a_partner_gets_further_accounts(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [FIRST], "alex")
        partner = await registry.add(database, "Sending Anchor", [FIRST, SECOND], "alex")
        assert len(partner.accounts) == 2
        assert (await audit(database))[-1]["detail"]["accounts"] == [SECOND]

    async def test_an_account_of_another_partner_is_a_conflict_and_nothing_is_kept(
        self, database: Database
    ) -> None:
        await registry.add(database, "Sending Anchor", [FIRST], "alex")
        with pytest.raises(Conflict, match=f"{FIRST} belongs to partner 'Sending Anchor'"):
            await registry.add(database, "Other Anchor", [SECOND, FIRST], "alex")
        assert [partner.name for partner in await registry.list_all(database)] == ["Sending Anchor"]
        assert len(await audit(database)) == 1

    async def test_of_two_at_once_that_want_one_account_one_gets_it(self, database: Database) -> None:
        outcomes = await asyncio.gather(
            *(registry.add(database, f"Anchor {number}", [FIRST], "alex") for number in range(4)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, registry.Partner) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3
        assert len(await registry.list_all(database)) == 1

    @pytest.mark.parametrize(
        ("account", "reason"),
        [
            (FIRST[:-1], "not valid"),
            (FIRST.lower(), "not valid"),
            (f" {FIRST}", "not valid"),
            ("", "not valid"),
            (encode_muxed(FIRST, 7), f"base account {FIRST}"),
            (key("first").secret, "secret seed"),
            (key("first").secret[:-1], "not valid"),
        ],
    )
    async def test_what_is_no_account_is_refused_before_anything_happens(
        self, database: Database, account: str, reason: str
    ) -> None:
        with pytest.raises(BadInput, match=reason) as refusal:
            await registry.add(database, "Sending Anchor", [SECOND, account], "alex")
        assert key("first").secret[:50] not in refusal.value.message
        assert await registry.list_all(database) == ()

    @pytest.mark.parametrize("name", ["", "  ", "a" * 101, "two\nlines"])
    async def test_a_name_that_cannot_be_read_is_refused(self, database: Database, name: str) -> None:
        with pytest.raises(BadInput, match="printable"):
            await registry.add(database, name, [FIRST], "alex")

    async def test_no_accounts_or_too_many_are_refused(self, database: Database) -> None:
        for accounts in ([], [key(str(number)).public_key for number in range(101)]):
            with pytest.raises(BadInput, match="1 to 100 accounts"):
                await registry.add(database, "Sending Anchor", accounts, "alex")


class TestDisabling:
    async def test_a_disabled_partner_is_still_listed(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [FIRST], "alex")
        partner = await registry.disable(database, "Sending Anchor", "sam")
        assert partner.status is PartnerStatus.DISABLED
        assert partner.disabled_at is not None
        assert await registry.list_all(database) == (partner,)
        assert [(entry["actor"], entry["action"]) for entry in await audit(database)] == [
            ("alex", "partner.added"),
            ("sam", "partner.disabled"),
        ]

    async def test_disabling_again_changes_nothing(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [FIRST], "alex")
        once = await registry.disable(database, "Sending Anchor", "sam")
        assert await registry.disable(database, "Sending Anchor", "sam") == once
        assert len(await audit(database)) == 2

    async def test_accounts_are_not_added_to_a_disabled_partner(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [FIRST], "alex")
        await registry.disable(database, "Sending Anchor", "sam")
        with pytest.raises(Conflict, match="is disabled"):
            await registry.add(database, "Sending Anchor", [SECOND], "alex")

    async def test_it_can_be_let_in_again(self, database: Database) -> None:
        added = await registry.add(database, "Sending Anchor", [FIRST], "alex")
        await registry.disable(database, "Sending Anchor", "sam")
        assert await registry.enable(database, "Sending Anchor", "alex") == added
        assert (await audit(database))[-1]["action"] == "partner.enabled"

    async def test_a_partner_that_is_not_there_is_not_found(self, database: Database) -> None:
        for verb in (registry.disable, registry.enable):
            with pytest.raises(NotFound, match="no partner 'Nobody'"):
                await verb(database, "Nobody", "sam")


class TestTheAuditLog:
    @pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
    async def test_what_was_written_stays(self, database: Database, statement: str) -> None:
        await registry.add(database, "Sending Anchor", [FIRST], "alex")
        async with database.connection() as connection:
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(statement)
