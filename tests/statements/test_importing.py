"""A statement that a person fetched by hand goes the way of one that the channel brought."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.batches.filing import Filing, filing
from tests.fixtures.mock_bank import OUR_IBAN
from tests.fixtures.scripted_rail import ScriptedRail

from roadstead.errors import BadInput
from roadstead.statements.chaining import Fault, StatementStatus
from roadstead.statements.importing import NAME_MAX, Imported, import_file, read_given
from roadstead.statements.taking import poll_statements

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"


@pytest.fixture
async def files(tmp_path: Path, database_url: str) -> AsyncIterator[Filing]:
    async with filing(tmp_path, database_url) as opened:
        yield opened


def balance(code: str, amount: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-09-28</Dt></Dt></Bal>"
    )


def camt(
    number: int = 7,
    opening: str = "10.00",
    closing: str = "15.00",
    *,
    account: str = OUR_IBAN,
    message: str = "camt.053.001.08",
) -> bytes:
    """A statement with one credit of 5.00 EUR."""
    stated = "Stmt" if message.startswith("camt.053") else "Ntfctn"
    whole = "BkToCstmrStmt" if message.startswith("camt.053") else "BkToCstmrDbtCdtNtfctn"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{NAMESPACE}{message}"><{whole}>'
        "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-09-28T20:00:00</CreDtTm></GrpHdr>"
        f"<{stated}><Id>S{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>2026-09-28T20:00:00Z</CreDtTm>"
        f"<Acct><Id><IBAN>{account}</IBAN></Id></Acct>{balance('OPBD', opening)}{balance('CLBD', closing)}"
        '<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>2026-09-28</Dt></BookgDt></Ntry></{stated}></{whole}></Document>"
    ).encode()


async def given(files: Filing, content: bytes, name: str = "portal.xml") -> Imported:
    return await import_file(files.rail, name, content, actor="operator anna")


class TestImporting:
    async def test_links_the_statement_at_once(self, files: Filing) -> None:
        done = await given(files, camt())
        assert done.is_new
        assert [(one.sequence, one.status) for one in done.statements] == [(7, StatementStatus.LINKED)]
        assert [row["status"] for row in await files.rows("SELECT status FROM statement_lines")] == ["stored"]

    async def test_is_audited_and_kept_sealed(self, files: Filing) -> None:
        await given(files, camt())
        (row,) = await files.rows("SELECT actor, detail FROM audit_log WHERE action = 'file.imported'")
        assert row["actor"] == "operator anna"
        assert "portal.xml" not in row["detail"]
        (kept,) = await files.rows("SELECT content FROM received_files")
        assert OUR_IBAN.encode() not in kept["content"]

    async def test_twice_takes_nothing_in_twice(self, files: Filing) -> None:
        await given(files, camt())
        again = await given(files, camt())
        assert not again.is_new
        assert [one.status for one in again.statements] == [StatementStatus.LINKED]
        other = await given(files, camt(), "portal (1).xml")
        assert other.statements == again.statements
        assert len(await files.rows("SELECT FROM bank_statements")) == 1
        assert len(await files.rows("SELECT FROM audit_log WHERE action = 'file.imported'")) == 2

    async def test_and_the_channel_bring_the_same_statement_once(self, files: Filing) -> None:
        await given(files, camt())
        (files.incoming / "channel.xml").write_bytes(camt())
        await files.receive()
        await poll_statements(files.database, "files", files.rail, files.clock)
        assert len(await files.rows("SELECT FROM bank_statements")) == 1

    async def test_one_that_does_not_open_where_the_last_closed_waits_for_what_is_missing(
        self, files: Filing
    ) -> None:
        await given(files, camt())
        late = await given(files, camt(9, "20.00", "25.00"), "9.xml")
        assert [(one.status, one.fault) for one in late.statements] == [(StatementStatus.BROKEN, Fault.GAP)]
        await given(files, camt(8, "15.00", "20.00"), "8.xml")
        healed = await given(files, camt(9, "20.00", "25.00"), "9.xml")
        assert [one.status for one in healed.statements] == [StatementStatus.LINKED]

    async def test_cuts_a_name_that_is_too_long(self, files: Filing) -> None:
        assert (await given(files, camt(), "x" * 900)).is_new
        (row,) = await files.rows("SELECT name FROM received_files")
        assert len(row["name"]) == NAME_MAX


class TestRefusing:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (camt(account="DE75512108001245126199"), "no statement of our account"),
            (camt(message="camt.054.001.08"), "no statement \\(camt.053\\)"),
            (camt()[:300], "cut off or damaged"),
            (b"", "empty"),
        ],
    )
    async def test_what_is_no_statement_of_ours_is_not_stored(
        self, files: Filing, content: bytes, why: str
    ) -> None:
        with pytest.raises(BadInput, match=why):
            await given(files, content)
        assert await files.rows("SELECT FROM received_files") == []

    async def test_a_rail_that_brings_no_files_takes_none(self) -> None:
        with pytest.raises(BadInput, match="by itself"):
            await import_file(ScriptedRail(), "portal.xml", camt(), actor="operator anna")

    async def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="cannot be read"):
            read_given(tmp_path / "missing.xml")
