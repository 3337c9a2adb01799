"""Where a partner may be called back, as it was agreed."""

from __future__ import annotations

import json

import pytest
from tests.fixtures.authentication import key

from roadstead.database.pool import Database
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.partners import registry

ACCOUNT = key("first").public_key


async def audited(database: Database) -> list[dict[str, list[str]]]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT detail FROM audit_log WHERE action = 'partner.callback_hosts_changed' ORDER BY id"
        )
    return [json.loads(row["detail"]) for row in rows]


class TestAgreeing:
    async def test_a_partner_is_added_with_its_hosts(self, database: Database) -> None:
        partner = await registry.add(
            database,
            "Sending Anchor",
            [ACCOUNT],
            "alex",
            callback_hosts=["Sender.Example:443", "b.example:8443"],
        )
        assert partner.callback_hosts == ("b.example:8443", "sender.example")
        assert (await registry.list_all(database))[0].callback_hosts == partner.callback_hosts

    async def test_a_partner_has_none_unless_they_are_named(self, database: Database) -> None:
        assert (await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")).callback_hosts == ()

    async def test_accounts_and_hosts_do_not_multiply_each_other(self, database: Database) -> None:
        accounts = [key(name).public_key for name in ("first", "second", "third")]
        partner = await registry.add(
            database, "Sending Anchor", accounts, "alex", callback_hosts=["a.example", "b.example"]
        )
        assert sorted(partner.accounts) == sorted(accounts)
        assert partner.callback_hosts == ("a.example", "b.example")

    async def test_hosts_come_and_go_and_come_again(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex", callback_hosts=["a.example"])
        changed = await registry.change_callback_hosts(
            database, "Sending Anchor", "alex", add=["b.example"], remove=["a.example"]
        )
        assert changed.callback_hosts == ("b.example",)
        again = await registry.change_callback_hosts(database, "Sending Anchor", "alex", add=["a.example"])
        assert again.callback_hosts == ("a.example", "b.example")

    async def test_only_what_changed_is_written_down(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex", callback_hosts=["a.example"])
        for _ in range(2):
            await registry.change_callback_hosts(
                database, "Sending Anchor", "alex", add=["a.example", "b.example"], remove=["c.example"]
            )
        assert await audited(database) == [
            {"added": ["a.example"], "removed": []},
            {"added": ["b.example"], "removed": []},
        ]


class TestRefusing:
    async def test_what_is_no_host_changes_nothing(self, database: Database) -> None:
        with pytest.raises(BadInput):
            await registry.add(
                database, "Sending Anchor", [ACCOUNT], "alex", callback_hosts=["a.example", "*.example"]
            )
        assert await registry.list_all(database) == ()

    async def test_too_many_at_once(self, database: Database) -> None:
        hosts = [f"{number}.example" for number in range(registry.CALLBACK_HOSTS_MAX + 1)]
        with pytest.raises(BadInput, match="At most"):
            await registry.change_callback_hosts(database, "Sending Anchor", "alex", add=hosts)

    async def test_a_partner_that_does_not_exist(self, database: Database) -> None:
        with pytest.raises(NotFound):
            await registry.change_callback_hosts(database, "Nobody", "alex", add=["a.example"])

    async def test_a_conflict_about_accounts_leaves_the_hosts(self, database: Database) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")
        with pytest.raises(Conflict):
            await registry.add(database, "Other", [ACCOUNT], "alex", callback_hosts=["other.example"])
        assert await audited(database) == []
