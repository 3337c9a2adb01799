"""Bringing a database to the schema of this version: repeatable, by several at once, and never over another's past."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.fixtures.database import Administrator

from roadstead.database.migrate import Migration, migrate, migrations, pending
from roadstead.errors import ConfigurationError, InvariantViolated, Unavailable

ACCOUNT = "GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL"
ID = "00000000-0000-4000-8000-000000000001"
OTHER_ID = "00000000-0000-4000-8000-000000000002"
TYPE_OF_CUSTOMERS = "0008_customer_type"

TABLES = """
SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY 1
"""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def columns(url: str) -> list[str]:
    async with connected(url) as connection:
        return [row[0] for row in await connection.fetch(TABLES)]


async def lacking(url: str) -> list[str]:
    async with connected(url) as connection:
        return await pending(connection)


def names(applied: list[Migration]) -> list[str]:
    return [migration.name for migration in applied]


class TestTheMigrationsOfThisVersion:
    def test_are_numbered_without_a_gap(self) -> None:
        numbers = [int(name.partition("_")[0]) for name in names(migrations())]

        assert numbers == list(range(1, len(numbers) + 1))

    @pytest.mark.parametrize("migration", migrations(), ids=names(migrations()))
    def test_each_says_why_and_what_must_not_be_found(self, migration: Migration) -> None:
        assert len(migration.note.split()) > 5
        assert migration.check.strip().upper().startswith("SELECT")

    @pytest.mark.parametrize("migration", migrations(), ids=names(migrations()))
    async def test_each_check_finds_nothing_in_a_fresh_database(
        self, migration: Migration, database_url: str
    ) -> None:
        async with connected(database_url) as connection:
            assert await connection.fetchval(migration.check) is None


class TestMigrating:
    async def test_an_empty_database_gets_everything_in_order(self, empty_database_url: str) -> None:
        applied = await migrate(empty_database_url)

        assert names(applied) == names(migrations())
        async with connected(empty_database_url) as connection:
            rows = await connection.fetch("SELECT name, checksum FROM schema_migrations ORDER BY applied_at")
        assert [tuple(row) for row in rows] == [(step.name, step.checksum) for step in migrations()]

    async def test_it_may_be_repeated_and_then_changes_nothing(self, database_url: str) -> None:
        before = await columns(database_url)

        assert await migrate(database_url) == []
        assert await columns(database_url) == before

    async def test_several_at_once_apply_each_migration_once(self, empty_database_url: str) -> None:
        results = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))

        assert sorted(len(applied) for applied in results) == [0, 0, 0, len(migrations())]
        assert await lacking(empty_database_url) == []

    async def test_only_what_lacks_is_applied(self, database_url: str) -> None:
        await self._forget_the_type(database_url)

        assert names(await migrate(database_url)) == [TYPE_OF_CUSTOMERS]
        assert await lacking(database_url) == []

    async def test_data_that_fail_the_check_undo_that_migration_alone(self, database_url: str) -> None:
        complete = await columns(database_url)
        await self._forget_the_type(database_url)
        async with connected(database_url) as connection:
            await connection.execute(
                "INSERT INTO customers (id, account, memo_kind, memo, restricted_at, erased_at) "
                "VALUES ($1, $2, 'id', '7', now(), now())",
                ID,
                ACCOUNT,
            )

        with pytest.raises(
            InvariantViolated, match=f"{TYPE_OF_CUSTOMERS} was undone.*an erased customer with a memo"
        ):
            await migrate(database_url)

        assert await lacking(database_url) == [TYPE_OF_CUSTOMERS]
        assert await columns(database_url) == [
            column for column in complete if "registered_type" not in column
        ]

    async def test_rights_that_somebody_took_away_are_granted_again(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            await connection.execute("REVOKE ALL ON remittances FROM roadstead_app")
            await migrate(database_url)

            assert await connection.fetchval(
                "SELECT has_table_privilege('roadstead_app', 'remittances', 'INSERT')"
            )

    async def test_rights_that_nobody_meant_to_give_are_taken_away(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            await connection.execute("GRANT DELETE ON entries TO roadstead_app")
            await connection.execute("GRANT SELECT (ciphertext) ON customer_fields TO roadstead_reader")
            await migrate(database_url)

            assert not await connection.fetchval(
                "SELECT has_table_privilege('roadstead_app', 'entries', 'DELETE') "
                "OR has_column_privilege('roadstead_reader', 'customer_fields', 'ciphertext', 'SELECT')"
            )

    async def _forget_the_type(self, url: str) -> None:
        """Bring a database back to where that migration finds it."""
        async with connected(url) as connection:
            await connection.execute("ALTER TABLE customers DROP COLUMN registered_type")
            await connection.execute("DELETE FROM schema_migrations WHERE name = $1", TYPE_OF_CUSTOMERS)


class TestAPastThatIsNotOurs:
    async def test_a_migration_that_was_changed_since_is_refused(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            await connection.execute(
                "UPDATE schema_migrations SET checksum = repeat('0', 64) WHERE name = '0003_remittances'"
            )

        with pytest.raises(
            ConfigurationError, match=r"0003_remittances differs.*install an unchanged Roadstead"
        ):
            await migrate(database_url)

    async def test_a_database_of_a_newer_version_is_refused(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future', repeat('0', 64))"
            )

        with pytest.raises(ConfigurationError, match=r"9999_future.*newer Roadstead.*restore a backup"):
            await migrate(database_url)

    async def test_and_nothing_is_applied_to_it(self, empty_database_url: str) -> None:
        async with connected(empty_database_url) as connection:
            await connection.execute(
                "CREATE TABLE schema_migrations (name text PRIMARY KEY, checksum text NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT now())"
            )
            await connection.execute("INSERT INTO schema_migrations VALUES ('9999_future', '0')")

        with pytest.raises(ConfigurationError):
            await migrate(empty_database_url)

        assert {column.partition(".")[0] for column in await columns(empty_database_url)} == {
            "schema_migrations"
        }


class TestWhatLacks:
    async def test_is_everything_in_an_empty_database(self, empty_database_url: str) -> None:
        assert await lacking(empty_database_url) == names(migrations())

    async def test_is_nothing_in_a_migrated_one(self, database_url: str) -> None:
        assert await lacking(database_url) == []

    async def test_is_named(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            await connection.execute("DELETE FROM schema_migrations WHERE name LIKE '0005%'")

        assert await lacking(database_url) == ["0005_payouts"]


class TestWhoMayMigrate:
    @pytest.fixture
    def owned_database_url(self, administrator: Administrator) -> Iterator[str]:
        """An empty database of an ordinary user, on a server that knows our roles."""
        role, name, password = (
            f"owner_{secrets.token_hex(4)}",
            administrator.fresh_name(),
            secrets.token_hex(16),
        )
        administrator.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        administrator.execute(f"CREATE DATABASE {name} TEMPLATE template0 OWNER {role}")
        address = urlsplit(administrator.server.database(name))
        host = address.netloc.rpartition("@")[2]
        yield address._replace(netloc=f"{role}:{password}@{host}").geturl()
        administrator.drop(name)
        administrator.execute(f"DROP ROLE {role}")

    async def test_an_owner_who_may_not_create_roles_migrates_where_they_exist(
        self, database_template: str, owned_database_url: str
    ) -> None:
        assert names(await migrate(owned_database_url)) == names(migrations())
        assert await lacking(owned_database_url) == []

    async def test_a_server_that_does_not_answer_is_told_apart(self) -> None:
        with pytest.raises(Unavailable, match="ROADSTEAD_DATABASE_OWNER_URL"):
            await migrate("postgresql://nobody@127.0.0.1:9/nothing")


PARTNER = f"INSERT INTO partners (id, name) VALUES ('{ID}', 'Harbour')"
REMITTANCE = f"""
INSERT INTO remittances (id, partner_id, account, status, status_cause, asset_in, amount_in_units, asset_out,
    amount_out_units, fee_asset, service_fee_units, rounding_units, fee_details, funding_method, receiving_account,
    memo, expires_at)
VALUES ('{ID}', '{ID}', '{ACCOUNT}', 'pending_sender', 'opened', 'stellar:EURX:G', 10, 'iso4217:EUR', 9,
    'stellar:EURX:G', 1, 0, '[]', 'SEPA', '{ACCOUNT}', 1, now() + interval '1 day')
"""
PAYMENT = f"""
INSERT INTO payments (operation_id, kind, transaction_hash, ledger_closed_at, payer, receiving_account, asset,
    amount_units, memo_kind)
VALUES (1, 'payment', 'hash', now(), '{ACCOUNT}', '{ACCOUNT}', 'stellar:EURX:G', 10, 'none')
"""
PAYOUT = f"""
INSERT INTO payouts (id, remittance_id, rail, asset, amount_units, end_to_end_id)
VALUES ('{OTHER_ID}', '{ID}', 'sepa', 'iso4217:EUR', 9, 'E1')
"""

REFUND = f"""
INSERT INTO refunds (id, operation_id, source, asset, amount_units, fee_units, destination, memo_kind, cause, status,
    transaction_hash)
VALUES ('{ID}', 1, 'suspense', 'stellar:EURX:G', 10, 0, '{ACCOUNT}', 'none', 'tests', 'sent', 'hash')
"""

ERASED_CUSTOMER = f"""
INSERT INTO customers (id, account, restricted_at, erased_at) VALUES ('{ID}', '{ACCOUNT}', now(), now())
"""
FILE = f"""
INSERT INTO customer_files (id, account, customer_id, field, sealed_key, content, media_type, size_bytes, created_at)
VALUES ('{ID}', '{ACCOUNT}', '{ID}', 'photo_id_front', 'x', 'x', 'image/png', 1, now())
"""
DIGEST = "decode(repeat('00', 32), 'hex')"

VIOLATIONS = {
    "0022_customer_files": (ERASED_CUSTOMER, FILE),
    "0023_customer_confirmations": (
        f"INSERT INTO customers (id, account, wrapped_key, key_version) VALUES ('{ID}', '{ACCOUNT}', 'x', 1)",
        f"INSERT INTO customer_fields VALUES ('{ID}', 'email_address', 'x', 'ACCEPTED')",
        f"""
        INSERT INTO customer_confirmations (customer_id, field, language, address_digest, requested_at, began_at)
        VALUES ('{ID}', 'email_address', 'en', {DIGEST}, now(), now())
        """,
    ),
    "0024_customer_watches": (
        ERASED_CUSTOMER,
        f"INSERT INTO customer_indexes VALUES ('{ID}', 'email_address', 'email', {DIGEST}, 1)",
    ),
    "0025_customer_retention": (
        ERASED_CUSTOMER,
        f"INSERT INTO legal_holds (id, customer_id, reason, placed_by) VALUES ('{ID}', '{ID}', 'Court', 'operator 1')",
    ),
    "0001_partners": (
        "ALTER TABLE partners DROP CONSTRAINT partners_check",
        PARTNER,
        "UPDATE partners SET status = 'disabled'",
    ),
    "0002_customers": (
        ERASED_CUSTOMER,
        f"INSERT INTO customer_fields VALUES ('{ID}', 'first_name', 'x', 'ACCEPTED')",
    ),
    "0003_remittances": (
        PARTNER,
        REMITTANCE,
        "SET session_replication_role = replica",
        "UPDATE remittances SET status = 'expired'",
    ),
    "0004_payments": (PARTNER, REMITTANCE, PAYMENT, "UPDATE remittances SET funded_by = 1, status = 'error'"),
    "0005_payouts": (
        PARTNER,
        REMITTANCE,
        PAYOUT,
    ),
    "0006_ledger": (
        "SET session_replication_role = replica",
        "INSERT INTO postings (idempotency_key, event) VALUES ('payment:1', 'payment_own')",
        "INSERT INTO entries SELECT id, 'bank:sepa', 'iso4217:EUR', 1 FROM postings",
    ),
    "0007_service": ("INSERT INTO leases VALUES ('observer', 'nobody', 0, now())",),
    "0009_quotes": (
        PARTNER,
        REMITTANCE,
        (
            f"INSERT INTO quotes VALUES ('{ID}', '{ACCOUNT}', 'somebody', 'sep31', 'a', 2, 1, 'b', 1, 'SEPA', '',"
            " now(), now() + interval '1 s')"
        ),
        "SET session_replication_role = replica",
        f"UPDATE remittances SET quote_id = '{ID}', pricing = 'firm'",
    ),
    "0008_customer_type": (
        ERASED_CUSTOMER,
        "UPDATE customers SET memo_kind = 'id', memo = '7'",
    ),
    "0010_callbacks": (
        f"INSERT INTO partners (id, name) VALUES ('{ID}', 'Sending Anchor')",
        f"INSERT INTO callback_registrations VALUES ('remittance', '{ID}', '{ID}', 'https://a.example/', 'a.example')",
        """
        INSERT INTO callbacks (subject_kind, subject_id, partner_id, host, event, snapshot)
        SELECT subject_kind, subject_id, partner_id, host, 'completed', '{}' FROM callback_registrations
        """,
    ),
    "0011_information": (
        PARTNER,
        REMITTANCE,
        PAYMENT,
        "UPDATE remittances SET funded_by = 1, status = 'pending_receiver'",
        "UPDATE remittances SET status = 'pending_transaction_info_update', required_info_updates = '{}'",
    ),
    "0016_refunds": (PAYMENT, REFUND),
    "0014_chain": (
        f"INSERT INTO clawbacks VALUES (1, 'hash', now(), '{ACCOUNT}', '{ACCOUNT}', 'stellar:EURX:G', 1)",
    ),
    "0012_refunds": (
        PARTNER,
        REMITTANCE,
        """UPDATE remittances SET refunds = '[{"transaction_hash": "0", "amount_units": 1, "fee_units": 0}]'""",
    ),
    "0015_matching": (
        PARTNER,
        REMITTANCE,
        PAYMENT,
        f"""UPDATE payments SET disposition = 'matched', disposed_at = now(), remittance_id = '{ID}',
            excess_units = 1, excess_disposition = 'unmatched'""",
    ),
    "0013_operations": (
        "SET session_replication_role = replica",
        f"""
        INSERT INTO holds (id, kind, subject, content, digest, reason, approvals, placed_by, status, decision)
        VALUES ('{ID}', 'resume', '1', '{{}}', encode(sha256('{{}}'), 'hex'), 'why', 1, 'system', 'decided', 'release')
        """,
    ),
    "0017_payouts": (
        PARTNER,
        REMITTANCE,
        PAYOUT,
        "SET session_replication_role = replica",
        """
        INSERT INTO payout_attempts (key, payout_id, rail, number, content)
        SELECT 'A1', id, rail, 1, 'x' FROM payouts
        """,
        "UPDATE payouts SET status = 'cancelled'",
    ),
    "0026_choosing": (
        PARTNER,
        REMITTANCE,
        PAYOUT,
        "SET session_replication_role = replica",
        """
        INSERT INTO payout_attempts (key, payout_id, rail, number, content)
        SELECT 'A1', id, 'other', 1, 'x' FROM payouts
        """,
    ),
    "0027_statements": (
        """
        INSERT INTO bank_statements (rail, identity, digest, account, asset, opening_units, closing_units, lines_count,
            status, linked_at)
        VALUES ('sepa', 'S1', decode(repeat('00', 32), 'hex'), 'A', 'iso4217:EUR', 0, 5, 0, 'linked', now())
        """,
    ),
    "0028_batches": (
        f"""
        INSERT INTO batches (id, rail, asset, message_id, items, opened_at, closes_at, wrapped_key, key_version)
        VALUES ('{ID}', 'sepa', 'iso4217:EUR', 'B1', 1, now(), now(), 'x', 1)
        """,
    ),
    "0035_withheld_batches": (
        f"""
        INSERT INTO batches (id, rail, asset, message_id, items, opened_at, closes_at, wrapped_key, key_version, status,
            closed_at, sent_at, withheld_at)
        VALUES ('{ID}', 'sepa', 'iso4217:EUR', 'B1', 1, now(), now(), 'x', 1, 'sent', now(), now(), now())
        """,
    ),
    "0031_sealed_keys": (
        "INSERT INTO key_retirements (version, retired_by) VALUES (1, 'tests')",
        "SET session_replication_role = replica",
        f"""
        INSERT INTO batches (id, rail, asset, message_id, items, opened_at, closes_at, wrapped_key, key_version)
        VALUES ('{ID}', 'sepa', 'iso4217:EUR', 'B1', 1, now(), now(), 'x', 1)
        """,
    ),
    "0034_resolutions": (
        "SET session_replication_role = replica",
        """
        INSERT INTO bank_statements (rail, identity, digest, account, asset, opening_units, closing_units, lines_count,
            status, linked_at)
        VALUES ('sepa', 'S1', decode(repeat('00', 32), 'hex'), 'A', 'iso4217:EUR', 0, 5, 1, 'linked', now())
        """,
        """
        INSERT INTO statement_lines (statement_id, identity, asset, amount_units, is_credit, is_reversal, status,
            suspense_reason, booked_at)
        SELECT id, '1', 'iso4217:EUR', 5, true, false, 'resolved', 'unknown', now() FROM bank_statements
        """,
    ),
    "0018_ledger": (
        "SET session_replication_role = replica",
        "INSERT INTO postings (idempotency_key, event) VALUES ('a', 'invented')",
    ),
    "0021_requirements": (
        f"""
        INSERT INTO customers (id, account, wrapped_key, key_version) VALUES ('{ID}', '{ACCOUNT}', 'x', 1)
        """,
        f"""
        INSERT INTO customer_fields (customer_id, name, ciphertext, status, valid_until)
        VALUES ('{ID}', 'id_number', 'x', 'ACCEPTED', now() - interval '1 day')
        """,
    ),
    "0029_verification": (
        f"INSERT INTO customers (id, account, wrapped_key, key_version) VALUES ('{ID}', '{ACCOUNT}', 'x', 1)",
        f"""
        INSERT INTO verification_cases (id, customer_id, customer_type, status, status_cause)
        VALUES ('{ID}', '{ID}', 'sep31-receiver', 'collecting', 'begun')
        """,
        "SET session_replication_role = replica",
        """
        UPDATE verification_cases SET status = 'submitted', submission_id = id, verifier = 'x', digest = repeat('0', 64)
        """,
    ),
    "0020_restorations": (
        PAYMENT,
        REFUND.replace("'sent', 'hash'", "'ordered', NULL"),
        f"""
        INSERT INTO outgoing_found (operation_id, transaction_hash, ledger_closed_at, destination, asset, amount_units,
            memo_kind, envelope, source, sequence, fee_stroops, ledger, refund_id, explanation, explained_by)
        VALUES (2, 'hash', now(), '{ACCOUNT}', 'stellar:EURX:G', 10, 'none', 'x', '{ACCOUNT}', 1, 100, 1, '{ID}',
            'refund', 'tests')
        """,
    ),
    "0032_document_digests": (
        f"""
        INSERT INTO customer_files (id, account, content, media_type, size_bytes, created_at, expires_at, wrapped_key,
            key_version, sealed_digest)
        VALUES ('{ID}', '{ACCOUNT}', 'x', 'image/png', 1, now(), now(), 'x', 1, 'short')
        """,
    ),
    "0033_verifier_erasures": (
        f"INSERT INTO customers (id, account, wrapped_key, key_version) VALUES ('{ID}', '{ACCOUNT}', 'x', 1)",
        f"INSERT INTO verifier_erasures (customer_id, verifier, due_at) VALUES ('{ID}', 'identity', now())",
    ),
    "0030_screening": (
        "SET session_replication_role = replica",
        f"""
        INSERT INTO customers (id, account, wrapped_key, key_version) VALUES ('{ID}', '{ACCOUNT}', '', 1)
        """,
    ),
    "0019_idempotency": (
        f"""
        INSERT INTO receipts (account, key, digest, status, body, answered_at)
        VALUES ('{ACCOUNT}', 'key', decode(repeat('00', 32), 'hex'), 201, '{{"id": "{ID}"}}', now())
        """,
    ),
}


class TestChecks:
    @pytest.mark.parametrize("migration", migrations(), ids=names(migrations()))
    async def test_each_finds_what_must_not_be(self, migration: Migration, database_url: str) -> None:
        async with connected(database_url) as connection:
            for statement in VIOLATIONS[migration.name]:
                await connection.execute(statement)

            assert isinstance(await connection.fetchval(migration.check), str)
