"""What the database lets the server do, what it lets a reader see, and what it lets nobody do."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from tests.batches.filing import filing
from tests.fixtures.database import Administrator
from tests.fixtures.house import PARTNER, SENDER, House, house_on
from tests.fixtures.mock_bank import MockBank
from tests.fixtures.operators import add_operator, vote
from tests.fixtures.scripted_rail import Behaviour
from tests.fixtures.terminal import typed
from typer.testing import Result

from roadstead.batches.keeping import destroy_old
from roadstead.customers.identity import Reference
from roadstead.database.migrate import APP_ROLE, READER_ROLE, migrate, pending
from roadstead.partners import registry as partners
from roadstead.partners import store as partner_store
from roadstead.partners.challenges import purge_used
from roadstead.partners.principal import Principal
from roadstead.payments import store as payments
from roadstead.payments.cursors import LedgerMark, Reached
from roadstead.payouts.states import PayoutStatus
from roadstead.payouts.timeline import timeline
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus
from roadstead.service import gauges
from roadstead.service.leases import Leadership

COLUMN_OF = {
    "postings": "event",
    "entries": "account",
    "remittance_history": "cause",
    "payout_history": "reason",
    "audit_log": "action",
    "envelope_bumps": "content",
    "refund_history": "reason",
    "callback_tries": "outcome",
    "hold_votes": "act",
    "payment_history": "cause",
    "chain_seedings": "kind",
    "clawbacks": "account",
    "outgoing_payments": "account",
}
APPEND_ONLY = tuple(COLUMN_OF)
KEPT = (
    *APPEND_ONLY,
    *("partners", "customers", "remittances", "payments", "payouts", "payout_attempts", "rail_events"),
    *("callbacks", "callback_registrations", "partner_callback_hosts", "claimable_balances"),
    *("operators", "holds", "alerts", "alert_notices", "stops"),
    *("refunds", "envelopes"),
    *("restorations", "outgoing_found"),
    *("customer_watches", "legal_holds", "key_retirements", "verifier_erasures"),
    *("batches", "batch_items", "received_files", "file_events"),
)
"""Tables of which the server deletes nothing, ever."""


@pytest.fixture
def login(administrator: Administrator) -> Iterator[str]:
    """The start of a URL, user and password, of a login that has no rights of its own."""
    name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(16)
    administrator.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    yield f"{name}:{password}"
    administrator.execute(f"DROP ROLE {name}")


def as_member(administrator: Administrator, url: str, login: str, role: str) -> str:
    """The URL of the database for a login, made a member of a role as an administrator does it in production."""
    administrator.execute(f"GRANT {role} TO {login.partition(':')[0]}")
    return url_of(url, login)


def url_of(url: str, login: str) -> str:
    """The URL of the same database for a login."""
    address = urlsplit(url)
    return address._replace(netloc=f"{login}@{address.netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
def app_url(administrator: Administrator, login: str, database_url: str) -> str:
    return as_member(administrator, database_url, login, APP_ROLE)


@pytest.fixture
async def house(app_url: str) -> AsyncIterator[House]:
    """A house in which every statement runs as the server's role."""
    async with house_on(app_url) as furnished:
        yield furnished


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def completed(house: House) -> UUID:
    """Bring a remittance from its opening to its end."""
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    await house.work()
    house.rail.tell(house.rail.submissions[-1].key, RailStatus.SETTLED)
    await house.hear()
    return opened.id


class TestTheServersRole:
    async def test_is_what_these_tests_connect_as(self, house: House) -> None:
        assert await house.value("SELECT pg_has_role(current_user, $1, 'member')", APP_ROLE)
        assert await house.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False

    async def test_opens_matches_pays_and_completes(self, house: House) -> None:
        remittance_id = await completed(house)

        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
        assert (await house.books(remittance_id))["bank:sepa EUR"] == "-99.40"
        assert await house.value("SELECT count(*) FROM remittance_history") == 4

    async def test_records_a_refusal_a_return_and_a_payment_that_fits_nothing(self, house: House) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        await house.pay(None)
        await house.match()
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("MS03")
        await house.work()
        await house.work()
        returned = await completed(house)
        house.rail.tell(house.rail.submissions[-1].key, RailStatus.RETURNED, identity="returned")
        await house.hear()

        assert (await house.payout(opened.id)).status is PayoutStatus.HELD
        assert (await house.payout(returned)).status is PayoutStatus.RETURNED
        assert await house.value("SELECT count(*) FROM payments WHERE disposition = 'unmatched'") == 1

    async def test_holds_releases_rejects_and_cancels(self, house: House) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        await house.match()
        house.rail.script.extend([Behaviour.REFUSE] * 2)
        house.rail.refusals.extend(["MS03", "AC01"])
        await house.work()
        await house.work()
        person = await self._operator(house)
        await self._propose(house, person, "release")
        await house.work()
        await house.work()
        assert await house.value("SELECT count(*) FROM customer_fields WHERE status = 'REJECTED'") == 1
        await house.cancel(opened.id)

        assert (await house.payout(opened.id)).status is PayoutStatus.CANCELLED

    async def _operator(self, house: House) -> UUID:
        async with house.database.connection() as connection:
            return await add_operator(connection, "Olga")

    async def _propose(self, house: House, person: UUID, decision: str) -> None:
        async with house.database.connection() as connection:
            hold_id = await connection.fetchval("SELECT id FROM holds WHERE status = 'open'")
            await vote(connection, hold_id, person, "propose", decision=decision)
        await house.rule()

    async def test_asks_again_after_an_answer_that_was_lost(self, house: House) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        await house.match()
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        await house.work()
        await house.make_due()
        await house.work()

        assert (await house.payout(opened.id)).status is PayoutStatus.ACCEPTED

    async def test_keeps_and_erases_customers(self, house: House) -> None:
        caller, reference = Principal(account=PARTNER), Reference(memo="7", type="sep31-sender")
        await house.registry.register(caller, reference, SENDER)
        await house.registry.register(caller, reference, {**SENDER, "first_name": "Selma"})
        customer_id = (await house.registry.delete(caller, reference)).customer_id

        fields = "SELECT count(*) FROM customer_fields WHERE customer_id = $1"
        assert await house.value(fields, customer_id) == 0

    async def test_keeps_partners(self, house: House) -> None:
        await partners.disable(house.database, "Example Sender", "tests")
        await partners.enable(house.database, "Example Sender", "tests")

        assert [partner.status for partner in await partners.list_all(house.database)] == ["active"]
        assert await house.value("SELECT count(*) FROM audit_log") == 3

    async def test_uses_a_challenge_up_and_forgets_it_when_it_is_over(self, house: House) -> None:
        over = datetime.now(UTC) - timedelta(days=2)
        async with house.database.transaction() as connection:
            assert await partner_store.insert_used_challenge(connection, bytes(32), over)
            assert not await partner_store.insert_used_challenge(connection, bytes(32), over)

        assert await purge_used(house.database, datetime.now(UTC)) == 1

    async def test_stores_what_the_observer_read_as_the_leader(self, house: House) -> None:
        leadership = Leadership(house.database, role="observer", holder="tests")
        async with leadership.kept():
            assert await leadership.wait_until_held(asyncio.Event())
            async with house.database.transaction() as connection:
                await leadership.confirm(connection)
                for _ in range(2):
                    await payments.store(
                        connection,
                        payments.Batch(
                            undecodable=[
                                payments.UndecodableRecord(position="1", record=b"\0", reason="strange")
                            ]
                        ),
                        Reached(
                            source="tests",
                            position="1",
                            network_passphrase="Tests",
                            ledger=LedgerMark(sequence=1, closed_at=house.clock.now()),
                        ),
                    )

        assert await house.value("SELECT count(*) FROM undecodable_records") == 1
        assert await house.value("SELECT position FROM cursors WHERE source = 'tests'") == "1"

    async def test_counts_what_waits_and_tells_a_remittances_story(self, house: House) -> None:
        remittance_id = await completed(house)

        await gauges.refresh(house.database)
        async with house.database.connection() as connection:
            assert await timeline(connection, remittance_id)

    async def test_pays_by_file_reads_the_bank_s_and_destroys_old_contents(
        self, app_url: str, tmp_path: Path
    ) -> None:
        async with filing(tmp_path, app_url) as files:
            with MockBank(drop=files.outgoing, pickup=files.incoming) as bank:
                await files.rail.submit(files.new_attempt())
                await files.send()
                bank.scan()
                bank.advance(1)
                assert await files.receive() > 2
                assert await files.rail.balance()
                files.clock.advance(timedelta(days=400))
                assert await destroy_old(files.desk) > 2

    async def test_sees_whether_the_schema_is_its_own(self, house: House) -> None:
        async with house.database.connection() as connection:
            assert await pending(connection) == []


CHANGES = {"INSERT", "UPDATE"}
RIGHTS: dict[str, set[str]] = {
    "alert_notices": {"UPDATE"},
    "alerts": CHANGES,
    "audit_log": {"INSERT"},
    "bank_statements": CHANGES,
    "batches": CHANGES,
    "batch_items": CHANGES,
    "received_files": CHANGES,
    "callback_registrations": CHANGES,
    "callback_tries": {"INSERT"},
    "callbacks": {"UPDATE"},
    "chain_seedings": {"INSERT"},
    "claimable_balances": CHANGES,
    "clawbacks": {"INSERT"},
    "cursors": CHANGES,
    "customer_confirmations": {*CHANGES, "DELETE"},
    "customer_fields": {*CHANGES, "DELETE"},
    "customer_files": {*CHANGES, "DELETE"},
    "customer_indexes": {*CHANGES, "DELETE"},
    "customer_watches": CHANGES,
    "customers": CHANGES,
    "entries": {"INSERT"},
    "file_events": {"INSERT"},
    "hold_votes": {"INSERT"},
    "holds": CHANGES,
    "envelope_bumps": {"INSERT"},
    "envelopes": CHANGES,
    "key_retirements": {"INSERT"},
    "leases": CHANGES,
    "legal_holds": CHANGES,
    "ledger_events": set(),
    "operators": CHANGES,
    "outgoing_payments": {"INSERT"},
    "partner_accounts": {"INSERT"},
    "partner_callback_hosts": CHANGES,
    "partners": CHANGES,
    "payment_history": set(),
    "payment_moves": set(),
    "payments": CHANGES,
    "payout_attempts": CHANGES,
    "payout_history": set(),
    "payout_moves": set(),
    "payouts": CHANGES,
    "postings": {"INSERT"},
    "quotes": {"INSERT"},
    "rail_events": CHANGES,
    "outgoing_found": CHANGES,
    "receipts": {"INSERT", "DELETE"},
    "restorations": CHANGES,
    "refund_history": set(),
    "refunds": CHANGES,
    "remittance_history": set(),
    "remittance_moves": set(),
    "remittances": CHANGES,
    "schedules": {"UPDATE"},
    "schema_migrations": set(),
    "statement_lines": CHANGES,
    "line_resolutions": CHANGES,
    "screening_entries": CHANGES,
    "screening_hits": CHANGES,
    "screening_list_versions": {"INSERT"},
    "screening_lists": {*CHANGES, "DELETE"},
    "screening_subjects": CHANGES,
    "screenings": set(),
    "stops": CHANGES,
    "signing_accounts": CHANGES,
    "undecodable_records": {"INSERT"},
    "used_challenges": {"INSERT", "DELETE"},
    "verification_cases": CHANGES,
    "verification_history": set(),
    "verification_moves": set(),
    "verifier_erasures": CHANGES,
    "verifier_events": {"INSERT", "DELETE"},
}
"""What the server may do with each table beyond reading it. A new table has to be thought about here."""


class TestTheRightsOfTheServersRole:
    async def test_are_these_and_no_others(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            rows = await connection.fetch(
                """
                SELECT tablename, privilege FROM pg_tables,
                    unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
                WHERE schemaname = 'public' AND has_table_privilege($1, quote_ident(tablename), privilege)
                UNION ALL SELECT tablename, NULL FROM pg_tables WHERE schemaname = 'public'
                """,
                APP_ROLE,
            )
        found: dict[str, set[str]] = {name: set() for name, _ in rows}
        for name, privilege in rows:
            if privilege is not None:
                found[name].add(privilege)

        assert found == RIGHTS

    async def test_nobody_else_has_any(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            strangers = await connection.fetch(
                """
                SELECT DISTINCT grantee FROM information_schema.role_table_grants
                WHERE table_schema = 'public' AND grantee NOT IN (current_user, $1, $2)
                """,
                APP_ROLE,
                READER_ROLE,
            )

        assert [row["grantee"] for row in strangers] == []


class TestTheCommands:
    def test_migrate_as_the_owner_and_work_as_the_servers_role(
        self, administrator: Administrator, login: str, empty_database_url: str
    ) -> None:
        def run(*words: str) -> Result:
            return typed(
                *words,
                ROADSTEAD_DATABASE_OWNER_URL=empty_database_url,
                ROADSTEAD_DATABASE_URL=url_of(empty_database_url, login),
            )

        migrated = run("migrate")
        assert (migrated.exit_code, "applied 0001_partners" in migrated.output) == (0, True)
        assert "up to date" in run("migrate").output
        as_member(administrator, empty_database_url, login, APP_ROLE)
        assert run("partners", "add", "Harbour", PARTNER).exit_code == 0
        assert "Harbour" in run("partners", "list").output
        assert [run(*words).exit_code for words in (("remittances", "list"), ("payments", "list"))] == [0, 0]


class TestWhatTheServersRoleMayNot:
    @pytest.mark.parametrize("table", APPEND_ONLY)
    async def test_rewrite_what_happened(self, table: str, app_url: str) -> None:
        await self._refused(app_url, f"UPDATE {table} SET {COLUMN_OF[table]} = DEFAULT")

    @pytest.mark.parametrize("table", KEPT)
    async def test_delete(self, table: str, app_url: str) -> None:
        await self._refused(app_url, f"DELETE FROM {table}")

    @pytest.mark.parametrize("table", [*KEPT, "customer_fields", "used_challenges"])
    async def test_empty(self, table: str, app_url: str) -> None:
        await self._refused(app_url, f"TRUNCATE {table} CASCADE")

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO remittance_history (status_from, status_to) VALUES ('pending_external', 'completed')",
            "INSERT INTO payout_history (status_from, status_to) VALUES ('accepted', 'settled')",
            "INSERT INTO alert_notices (alert_id, channel, event) VALUES (1, 'email', 'opened')",
            "INSERT INTO remittance_moves VALUES ('expired', 'completed')",
            "INSERT INTO payout_moves VALUES ('cancelled', 'ordered')",
            "INSERT INTO schema_migrations VALUES ('9999_future', 'x')",
        ],
    )
    async def test_invent_history_or_moves(self, statement: str, app_url: str) -> None:
        await self._refused(app_url, statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE entries DISABLE TRIGGER ALL",
            "DROP TRIGGER entries_append_only ON entries",
            "SET session_replication_role = replica",
            "CREATE TABLE shadow ()",
            "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        ],
    )
    async def test_loosen_the_rules(self, statement: str, app_url: str) -> None:
        await self._refused(app_url, statement)

    async def test_put_a_table_of_its_own_before_one_of_ours(self, database_url: str, app_url: str) -> None:
        # A copy of a database does not have the rights on the database itself; migrating gives them anew.
        await migrate(database_url)
        await self._refused(app_url, "CREATE TEMPORARY TABLE payments ()")

    async def _refused(self, url: str, statement: str) -> None:
        async with connected(url) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


class TestWhatEvenTheOwnerMayNot:
    """The rules that stand in the tables themselves hold for the sandbox, which works as the owner."""

    @pytest.mark.parametrize("table", APPEND_ONLY)
    @pytest.mark.parametrize(
        "statement", ["UPDATE {} SET {} = DEFAULT", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
    )
    async def test_change_what_happened(self, statement: str, table: str, database_url: str) -> None:
        async with connected(database_url) as connection:
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await connection.execute(statement.format(table, COLUMN_OF[table]))


REPORTS = (
    "SELECT status, asset_in, sum(amount_in_units) FROM remittances GROUP BY 1, 2",
    "SELECT status_to, count(*) FROM remittances AS r JOIN remittance_history ON remittance_id = r.id GROUP BY 1",
    "SELECT p.name, count(*) FROM partners AS p JOIN remittances AS r ON r.partner_id = p.id GROUP BY 1",
    "SELECT account, asset, sum(amount_units) FROM entries GROUP BY 1, 2",
    "SELECT event, count(*) FROM postings GROUP BY 1",
    "SELECT disposition, reason, count(*) FROM payments GROUP BY 1, 2",
    "SELECT status, count(*) FROM payouts GROUP BY 1",
    "SELECT status, count(*) FROM payout_attempts GROUP BY 1",
    "SELECT rail, status, count(*) FROM rail_events GROUP BY 1, 2",
    "SELECT id, account, memo, erased_at FROM customers",
    "SELECT actor, action, count(*) FROM audit_log GROUP BY 1, 2",
    "SELECT name FROM schema_migrations",
    "SELECT status, asset, sum(amount_units - fee_units) FROM refunds GROUP BY 1, 2",
    "SELECT hash, status, reason, ledger FROM envelopes",
    "SELECT hash, fee_stroops FROM envelope_bumps",
    "SELECT host, count(*) FROM callback_registrations GROUP BY host",
    "SELECT outcome, count(*) FROM callback_tries GROUP BY outcome",
    "SELECT id, name, role, status FROM operators",
    "SELECT kind, status, decision, count(*) FROM holds GROUP BY 1, 2, 3",
    "SELECT act, count(*) FROM hold_votes GROUP BY 1",
    "SELECT kind, severity, status, count(*) FROM alerts GROUP BY 1, 2, 3",
    "SELECT what, asset, outgoing_stopped(what, asset) FROM stops",
)
SECRETS = (
    "SELECT url FROM callback_registrations",
    "SELECT answer FROM callback_tries",
    "SELECT * FROM callback_tries",
    "SELECT ciphertext FROM customer_fields",
    "SELECT name FROM customer_fields",
    "SELECT content FROM customer_files",
    "SELECT wrapped_key FROM customer_files",
    "SELECT digest FROM customer_indexes",
    "SELECT digest FROM customer_confirmations",
    "SELECT reason FROM legal_holds",
    "SELECT wrapped_key FROM customers",
    "SELECT key_version FROM customers",
    "SELECT * FROM customers",
    "SELECT content FROM payout_attempts",
    "SELECT * FROM payout_attempts",
    "SELECT hash FROM used_challenges",
    "SELECT token_hash FROM operators",
    "SELECT email FROM operators",
    "SELECT content FROM envelopes",
    "SELECT content FROM envelope_bumps",
)


class TestTheReadersRole:
    @pytest.fixture
    def reader_url(self, administrator: Administrator, login: str, database_url: str) -> str:
        return as_member(administrator, database_url, login, READER_ROLE)

    @pytest.fixture
    async def house(self, database_url: str) -> AsyncIterator[House]:
        """A house of somebody else, who works as the owner."""
        async with house_on(database_url) as furnished:
            yield furnished

    @pytest.fixture
    async def reader(self, reader_url: str) -> AsyncIterator[asyncpg.Connection]:
        async with connected(reader_url) as connection:
            yield connection

    @pytest.mark.parametrize("report", REPORTS)
    async def test_reads_reports(self, report: str, reader: asyncpg.Connection) -> None:
        assert await reader.fetch(report) is not None

    @pytest.mark.parametrize("query", SECRETS)
    async def test_reads_neither_personal_data_nor_keys(self, query: str, reader: asyncpg.Connection) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch(query)

    async def test_follows_a_remittance_from_end_to_end(self, house: House, reader_url: str) -> None:
        remittance_id = await completed(house)

        async with connected(reader_url) as connection:
            parts = {event.part for event in await timeline(connection, remittance_id)}

        assert parts == {"remittance", "payment", "payout", "attempt", "bank", "ledger"}

    async def test_writes_nowhere(self, reader: asyncpg.Connection) -> None:
        tables = await reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        writable = [
            name
            for (name,) in tables
            if await reader.fetchval(
                "SELECT has_any_column_privilege($1, 'INSERT, UPDATE') OR has_table_privilege($1, 'DELETE, TRUNCATE')",
                name,
            )
        ]

        assert tables
        assert writable == []


class TestALoginWithoutARole:
    async def test_reads_nothing(self, login: str, database_url: str) -> None:
        async with connected(url_of(database_url, login)) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("SELECT * FROM partners")
