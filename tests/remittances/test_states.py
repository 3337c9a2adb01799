from collections.abc import AsyncIterator

import asyncpg
import pytest

from roadstead.database.pool import Connection, open_database
from roadstead.remittances.states import MOVES, NEW, RemittanceStatus


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    database = await open_database(database_url, application="tests", connections_max=1)
    async with database.connection() as opened:
        yield opened
    await database.close()


class TestMoves:
    async def test_the_database_has_the_very_same_table(self, connection: Connection) -> None:
        rows = await connection.fetch("SELECT status_from, status_to FROM remittance_moves")
        assert {(row["status_from"], row["status_to"]) for row in rows} == {
            (origin, destination.value) for origin, destination in MOVES
        }

    def test_every_status_can_be_reached(self) -> None:
        assert {destination for _, destination in MOVES} == set(RemittanceStatus)

    def test_only_a_late_return_leads_out_of_a_final_status(self) -> None:
        out = {(o, d) for o, d in MOVES if o != NEW and RemittanceStatus(o).is_final}
        assert out == {(RemittanceStatus.COMPLETED, RemittanceStatus.REFUNDED)}

    async def test_the_table_cannot_be_bypassed_by_the_history(self, connection: Connection) -> None:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(
                """
                INSERT INTO remittance_history (remittance_id, status_from, status_to, cause, reached_at)
                VALUES (gen_random_uuid(), 'completed', 'pending_sender', 'a bug', now())
                """
            )
