import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.bank.bank_process import instruction

from roadstead.errors import ConfigurationError, Unavailable
from roadstead.sandbox.bank.events import Accepted, BankEvent, BankOpened, Instruction, Received, Settled
from roadstead.sandbox.bank.journal import JOURNAL_NAME, FileJournal, encode_line, recover

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
EVENTS: Sequence[BankEvent] = [
    BankOpened(at=NOW, bank_id="B0000001"),
    Received(at=NOW, key="K1", reference="R1", instruction=Instruction(**instruction(name="Zoë Ångström"))),
    Accepted(at=NOW, key="K1"),
    Settled(at=NOW, key="K1"),
]


def lines_of(events: Sequence[BankEvent]) -> list[bytes]:
    lines, checksum = [], 0
    for event in events:
        line, checksum = encode_line(event, checksum)
        lines.append(line)
    return lines


LINES = lines_of(EVENTS)
WHOLE = b"".join(LINES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / JOURNAL_NAME


def opened_and_continued(folder: Path, events: Sequence[BankEvent]) -> Sequence[BankEvent]:
    """Open a journal, append to it, close it; return what it held at first."""

    async def run() -> Sequence[BankEvent]:
        journal, held = FileJournal.open(folder)
        journal.append(events)
        await journal.close()
        return held

    return asyncio.run(run())


class TestATornTail:
    @given(cut=st.integers(0, len(WHOLE)))
    def test_every_whole_line_is_kept_wherever_the_file_ends(
        self, cut: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "cut.jsonl"
        path.write_bytes(WHOLE[:cut])
        whole_lines = WHOLE[:cut].count(b"\n")
        recovered = recover(path)
        assert list(recovered.events) == list(EVENTS[:whole_lines])
        assert recovered.length_bytes == len(b"".join(LINES[:whole_lines]))

    def test_it_is_cut_off_and_the_journal_goes_on(self, path: Path) -> None:
        path.write_bytes(WHOLE[:-7])
        assert opened_and_continued(path.parent, EVENTS[-1:]) == list(EVENTS[:-1])
        assert path.read_bytes() == WHOLE

    def test_blocks_that_the_disk_filled_with_zeros_are_cut_off(self, path: Path) -> None:
        path.write_bytes(WHOLE + bytes(512))
        assert opened_and_continued(path.parent, []) == list(EVENTS)
        assert path.read_bytes() == WHOLE


class TestDamage:
    @given(position=st.integers(0, len(WHOLE) - 2), byte=st.integers(0, 255))
    def test_a_changed_byte_never_goes_unnoticed(
        self, position: int, byte: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "damaged.jsonl"
        damaged = WHOLE[:position] + bytes([byte]) + WHOLE[position + 1 :]
        path.write_bytes(damaged)
        if damaged == WHOLE:
            assert list(recover(path).events) == list(EVENTS)
        else:
            with pytest.raises(ConfigurationError, match="damaged at line"):
                recover(path)

    @pytest.mark.parametrize(
        "lines",
        [LINES[1:], [LINES[0], *LINES[2:]], [LINES[0], LINES[2], LINES[1], LINES[3]], [*LINES, LINES[3]]],
        ids=["first removed", "middle removed", "swapped", "repeated"],
    )
    def test_a_removed_moved_or_repeated_line_stops_the_start(self, path: Path, lines: list[bytes]) -> None:
        path.write_bytes(b"".join(lines))
        with pytest.raises(ConfigurationError, match="damaged at line"):
            FileJournal.open(path.parent)

    def test_a_refused_start_changes_nothing(self, path: Path) -> None:
        damaged = WHOLE[:40] + b"?" + WHOLE[41:] + b"torn"
        path.write_bytes(damaged)
        with pytest.raises(ConfigurationError):
            FileJournal.open(path.parent)
        assert path.read_bytes() == damaged


class TestOneProcessOnly:
    async def test_a_second_opening_is_refused(self, tmp_path: Path) -> None:
        journal, _ = FileJournal.open(tmp_path)
        with pytest.raises(ConfigurationError, match="in use"):
            FileJournal.open(tmp_path)
        await journal.close()
        again, _ = FileJournal.open(tmp_path)
        await again.close()

    def test_a_folder_that_cannot_be_used_is_named(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("")
        with pytest.raises(ConfigurationError, match=str(file)):
            FileJournal.open(file)


class TestAFullDisk:
    async def test_nothing_is_acknowledged_from_then_on(self) -> None:
        journal = FileJournal(os.open("/dev/full", os.O_WRONLY), checksum=0)
        journal.append(EVENTS[:1])
        with pytest.raises(Unavailable, match="No space left"):
            await journal.durable()
        journal.append(EVENTS[1:])
        with pytest.raises(Unavailable, match="No space left"):
            await journal.close()


class TestSharingOneWrite:
    async def test_requests_that_wait_together_are_all_durable_and_in_order(self, tmp_path: Path) -> None:
        journal, _ = FileJournal.open(tmp_path)

        async def keep(event: BankEvent) -> int:
            journal.append([event])
            await journal.durable()
            return (tmp_path / JOURNAL_NAME).stat().st_size

        events = [Accepted(at=NOW, key=f"K{number}") for number in range(100)]
        sizes = await asyncio.gather(*(keep(event) for event in events))
        await journal.close()
        recovered = recover(tmp_path / JOURNAL_NAME)
        assert list(recovered.events) == events
        lengths = list(accumulate(len(line) for line in lines_of(events)))
        assert all(size >= length for size, length in zip(sizes, lengths, strict=True))
