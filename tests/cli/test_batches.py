"""`roadstead batches` as an operator uses it, on a real database."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest
from tests.batches.filing import Filing, filing
from tests.fixtures.environment import ANCHOR_FILE
from typer.testing import CliRunner, Result

from roadstead.batches import sending
from roadstead.cli import application
from roadstead.config import examples


class Operator:
    """Somebody at a terminal, with one batch that takes payouts and one file that cannot be understood."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url = database_url
        self.folder = folder
        asyncio.run(self._prepare())

    async def _prepare(self) -> None:
        async with filing(self.folder, self.database_url) as files:
            for _ in range(2):
                await files.rail.submit(files.new_attempt())
            (files.incoming / "bad.xml").write_bytes(b"<Document")
            await files.receive()

    def types(self, *words: str) -> Result:
        """Run `roadstead batches` with these words."""
        environment = {
            "ROADSTEAD_NETWORK": "sandbox",
            "ROADSTEAD_ANCHOR_FILE": str(ANCHOR_FILE),
            "ROADSTEAD_HOME_DOMAIN": "localhost:8080",
            "ROADSTEAD_PUBLIC_URL": "http://localhost:8080",
            "ROADSTEAD_SIGNING_SECRET": examples.SIGNING_SEED,
            "ROADSTEAD_DISTRIBUTION_ACCOUNT": examples.DISTRIBUTION_ACCOUNT,
            "ROADSTEAD_JWT_SECRET": examples.JWT_SECRET,
            "ROADSTEAD_DATA_KEY": examples.DATA_KEY,
            "ROADSTEAD_ASSET_EURX_ISSUER": examples.ISSUER,
            "ROADSTEAD_ASSET_USDC_ISSUER": examples.ISSUER,
            "ROADSTEAD_DATABASE_URL": self.database_url,
            "COLUMNS": "240",
        }
        return CliRunner().invoke(application(), ["batches", *words], env=environment)


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    return Operator(database_url, tmp_path)


class TestBatches:
    def test_are_listed(self, operator: Operator) -> None:
        (batch,) = json.loads(operator.types("list", "--json").stdout)
        assert (batch["status"], batch["items"], batch["amount"]["amount"]) == ("open", 2, "197.00")
        assert "open" in operator.types("list", "--rail", "files").stdout

    @pytest.mark.parametrize("named_by", ["id", "message_id", "key"])
    def test_are_shown_by_any_name_with_what_is_in_them(self, operator: Operator, named_by: str) -> None:
        (batch,) = json.loads(operator.types("list", "--json").stdout)
        name = {**batch, "key": f"A{1:025d}"}[named_by]
        shown = json.loads(operator.types("show", name, "--json").stdout)
        assert [item["key"] for item in shown["items"]] == [f"A{1:025d}", f"A{2:025d}"]
        told = operator.types("show", name).stdout
        assert f"A{1:025d}" in told
        assert "Lovelace" not in told

    def test_are_closed_early_and_that_is_written_down(self, operator: Operator) -> None:
        result = operator.types("close", "files")
        assert "takes no more payouts" in result.stdout

        async def send() -> list[str]:
            async with filing(operator.folder, operator.database_url) as files:
                files.clock.moment = await now(files)
                while await sending.work_due(files.desk):
                    pass
                rows = await files.rows("SELECT action FROM audit_log WHERE action LIKE 'batch.%'")
                return [row["action"] for row in rows]

        assert asyncio.run(send()) == ["batch.closed"]
        (batch,) = json.loads(operator.types("list", "--json").stdout)
        assert batch["status"] == "sent"

    def test_that_are_not_there_are_told(self, operator: Operator) -> None:
        for words in (("show", "nothing"), ("close", "other"), ("read-again", "nothing")):
            result = operator.types(*words)
            assert result.exit_code == 1, result.output


class TestFiles:
    def test_are_listed_with_what_is_wrong_and_read_again(self, operator: Operator) -> None:
        (file,) = json.loads(operator.types("files", "--json").stdout)
        assert (file["name"], file["status"]) == ("bad.xml", "unreadable")
        assert "no XML" in operator.types("files").stdout
        assert operator.types("read-again", file["id"]).exit_code == 0
        (file,) = json.loads(operator.types("files", "--json").stdout)
        assert file["status"] == "stored"


async def now(files: Filing) -> datetime:
    (row,) = await files.rows("SELECT now() AS moment")
    moment: datetime = row["moment"]
    return moment
