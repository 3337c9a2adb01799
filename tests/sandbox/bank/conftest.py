from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.sandbox.bank.bank_process import BankProcess


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    """A running bank that keeps its state on disk."""
    async with BankProcess(state=tmp_path / "bank") as running:
        yield running
