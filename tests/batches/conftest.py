from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.batches.filing import Filing, FilingWithBank, filing
from tests.fixtures.mock_bank import MockBank


@pytest.fixture
async def files(tmp_path: Path, database_url: str) -> AsyncIterator[Filing]:
    """A file rail over folders."""
    async with filing(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def banked(files: Filing) -> Iterator[FilingWithBank]:
    """The same with mock-bank behind the folders."""
    with MockBank(drop=files.outgoing, pickup=files.incoming) as bank:
        yield FilingWithBank(files, bank)
