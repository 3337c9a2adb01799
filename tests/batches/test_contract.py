"""The file rail keeps the contract of rails over a folder and over SFTP, with mock-bank as the bank."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.batches.filing import FilingWithBank, filing
from tests.fixtures.mock_bank import MockBank
from tests.fixtures.sftp_server import sftp_server

from roadstead.contract.rail import RailContract


class TestOverAFolder(RailContract):
    """Every clause, through folders."""

    @pytest.fixture
    def bench(self, banked: FilingWithBank) -> FilingWithBank:
        return banked


class TestOverSftp(RailContract):
    """Every clause, through a real SFTP server."""

    @pytest.fixture
    async def bench(self, tmp_path: Path, database_url: str) -> AsyncIterator[FilingWithBank]:
        async with (
            sftp_server(tmp_path) as server,
            filing(tmp_path, database_url, server.channel()) as opened,
        ):
            with MockBank(drop=opened.outgoing, pickup=opened.incoming) as bank:
                yield FilingWithBank(opened, bank)
