"""What a bank that nobody here wrote answers, through a folder and through SFTP, and what we make of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.batches.filing import FilingWithBank, filing
from tests.fixtures.mock_bank import MockBank
from tests.fixtures.sftp_server import sftp_server

from roadstead.batches.filling import message_id_of
from roadstead.rails.protocol import Observation, RailStatus
from roadstead.rails.statements import BankStatement


@pytest.fixture(params=["folder", "sftp"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str
) -> AsyncIterator[FilingWithBank]:
    async with sftp_server(tmp_path) as server:
        channel = server.channel() if request.param == "sftp" else None
        async with filing(tmp_path, database_url, channel) as opened:
            with MockBank(drop=opened.outgoing, pickup=opened.incoming) as bank:
                yield FilingWithBank(opened, bank)


async def alerts(house: FilingWithBank) -> list[tuple[str, str]]:
    rows = await house.filing.rows(
        "SELECT kind, severity FROM alerts WHERE kind <> 'bank_file' ORDER BY kind"
    )
    return [tuple(row) for row in rows]


class TestTheBank:
    async def test_pays_what_it_accepts_and_refuses_a_closed_account(self, house: FilingWithBank) -> None:
        good, bad = house.new_attempt(), house.new_refused_attempt()
        for one in (good, bad):
            await house.rail.submit(one)
        await house.advance()

        paid = await house.rail.find(good)
        assert isinstance(paid, Observation)
        assert (paid.status, paid.reference) == (RailStatus.SETTLED, "MB-PMT-1")
        assert await house.rail.find(bad) == Observation(status=RailStatus.REFUSED, reason="AC04")
        (batch,) = await house.filing.rows("SELECT status, bank_status FROM batches")
        assert tuple(batch) == ("acknowledged", "PART")

    async def test_has_no_objection_to_our_file(self, house: FilingWithBank) -> None:
        await house.rail.submit(house.new_attempt())
        await house.filing.send()
        (scanned,) = house.bank.scan()["files"]
        assert (scanned["ok"], scanned["status"], scanned["findings"]) == (True, "ACCP", [])

    async def test_that_refuses_the_whole_file_refuses_each_payout_and_people_are_told(
        self, house: FilingWithBank
    ) -> None:
        house.bank.behave("reject-file")
        attempts = [house.new_attempt() for _ in range(3)]
        for one in attempts:
            await house.rail.submit(one)
        await house.advance()

        for one in attempts:
            assert await house.rail.find(one) == Observation(status=RailStatus.REFUSED, reason="FF01")
        assert await alerts(house) == [("batch_refused", "critical")]
        (batch,) = await house.filing.rows("SELECT status, reason FROM batches")
        assert tuple(batch) == ("refused", "FF01")

    async def test_that_has_the_file_already_refuses_nothing_by_that(self, house: FilingWithBank) -> None:
        """The bank reads the same bytes twice: its `DUPL` speaks of the second copy, not of the payouts."""
        one = house.new_attempt()
        await house.rail.submit(one)
        await house.filing.send()
        (file,) = house.filing.sent_files()
        content = file.read_bytes()
        house.bank.scan()
        file.with_name("again.xml").write_bytes(content)
        (scanned,) = house.bank.scan()["files"]
        assert (scanned["ok"], scanned["reason"]) == (False, "DUPL")
        await house.filing.receive()

        found = await house.rail.find(one)
        assert isinstance(found, Observation)
        assert found.status in {RailStatus.ACCEPTED, RailStatus.SETTLED}
        events, _ = await house.rail.poll(None)
        assert RailStatus.REFUSED not in {event.status for event in events}
        assert await alerts(house) == [("batch_duplicate", "critical")]
        (batch,) = await house.filing.rows("SELECT status FROM batches")
        assert batch["status"] == "acknowledged"

    async def test_that_says_nothing_leaves_it_received_until_the_statement_tells(
        self, house: FilingWithBank
    ) -> None:
        house.bank.behave("silent")
        one = house.new_attempt()
        await house.rail.submit(one)
        await house.filing.send()
        assert await house.rail.find(one) == Observation(status=RailStatus.RECEIVED)
        house.bank.scan()
        house.bank.advance(2)
        await house.filing.receive()

        found = await house.rail.find(one)
        assert isinstance(found, Observation)
        assert found.status is RailStatus.SETTLED

    async def test_returns_a_payout_days_later_and_says_why(self, house: FilingWithBank) -> None:
        house.bank.behave("return-later", days=3, reason="AC04")
        one = house.new_attempt()
        await house.rail.submit(one)
        await house.advance()
        before = await house.rail.find(one)
        assert isinstance(before, Observation)
        assert before.status is RailStatus.SETTLED

        house.bank.advance(7)
        await house.filing.receive()

        after = await house.rail.find(one)
        assert isinstance(after, Observation)
        assert (after.status, after.reason, after.amount) == (RailStatus.RETURNED, "AC04", one.amount)
        statuses = [event.status for event in (await house.rail.poll(None))[0]]
        assert statuses.count(RailStatus.RETURNED) >= 1
        kinds = await house.filing.rows(
            "SELECT DISTINCT message FROM received_files WHERE status = 'understood'"
        )
        assert {"pacs.004.001.09", "camt.054.001.08", "camt.053.001.08", "pain.002.001.10"} == {
            row["message"] for row in kinds
        }

    async def test_leaves_a_gap_in_its_statement_and_the_lines_do_not_add_up(
        self, house: FilingWithBank
    ) -> None:
        house.bank.behave("statement-gap")
        for _ in range(3):
            await house.rail.submit(house.new_attempt())
        await house.advance()

        statements, _ = await house.rail.statements(None)
        gaps = []
        for statement in statements:
            assert statement.opening is not None
            assert statement.closing is not None
            moved = sum(line.amount.units * (1 if line.is_credit else -1) for line in statement.lines)
            gaps.append(statement.closing.units - statement.opening.units - moved)
        assert any(gaps)

    async def test_is_read_again_without_telling_anything_twice(self, house: FilingWithBank) -> None:
        await house.rail.submit(house.new_attempt())
        await house.advance()
        told = await house.rail.poll(None)
        for path in list(house.filing.archive.iterdir()):
            path.rename(house.filing.incoming / f"again-{path.name}")
        house.filing.clock.advance(timedelta(minutes=1))

        assert await house.filing.receive() > 0

        assert await house.rail.poll(None) == told

    async def test_statements_are_read_one_file_after_the_other(self, house: FilingWithBank) -> None:
        await house.rail.submit(house.new_attempt())
        await house.advance()
        house.bank.advance(2)
        await house.filing.receive()

        read: list[BankStatement] = []
        cursor: str | None = None
        while True:
            page, following = await house.rail.statements(cursor)
            if not page and following == cursor:
                break
            read += page
            cursor = following
        assert [statement.sequence for statement in read] == list(range(1, len(read) + 1))
        for before, after in pairwise(read):
            assert before.closing == after.opening
        balance = await house.rail.balance()
        assert balance.booked == read[-1].closing


class TestABadFile:
    async def test_is_kept_and_told_and_holds_up_no_other(self, house: FilingWithBank) -> None:
        (house.filing.incoming / "a-bad.xml").write_bytes(b"<Document")
        one = house.new_attempt()
        await house.rail.submit(one)
        await house.advance()

        found = await house.rail.find(one)
        assert isinstance(found, Observation)
        assert found.status is RailStatus.SETTLED
        (bad,) = await house.filing.rows("SELECT status, detail FROM received_files WHERE name = 'a-bad.xml'")
        assert bad["status"] == "unreadable"
        assert "no XML" in bad["detail"]
        rows = await house.filing.rows(
            "SELECT message FROM alerts WHERE message LIKE '%cannot be understood%'"
        )
        assert len(rows) == 1
        assert (house.filing.incoming / "a-bad.xml").exists()

    async def test_that_is_completed_later_is_read_then(self, house: FilingWithBank) -> None:
        one = house.new_attempt()
        await house.rail.submit(one)
        await house.filing.send()
        house.bank.scan()
        (report,) = house.filing.incoming.glob("pain.002*")
        whole = report.read_bytes()
        report.write_bytes(whole[: len(whole) // 2])
        await house.filing.receive()
        report.write_bytes(whole)
        await house.filing.receive()

        rows = await house.filing.rows(
            "SELECT status FROM received_files WHERE name = $1 ORDER BY size_bytes", report.name
        )
        assert [row["status"] for row in rows] == ["unreadable", "understood"]

    async def test_of_another_sender_changes_nothing(self, house: FilingWithBank) -> None:
        other = message_id_of(b"another sender..")
        (house.filing.incoming / "other.xml").write_text(
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
            "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-09-28T10:00:00Z</CreDtTm></GrpHdr>"
            f"<OrgnlGrpInfAndSts><OrgnlMsgId>{other}</OrgnlMsgId><GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts>"
            "</CstmrPmtStsRpt></Document>"
        )
        one = house.new_attempt()
        await house.rail.submit(one)

        await house.filing.receive()

        assert await house.rail.find(one) == Observation(status=RailStatus.RECEIVED)

    async def test_a_file_that_still_grows_is_left_alone(self, house: FilingWithBank) -> None:
        house.filing.receiver._desk = house.filing.desk
        object.__setattr__(house.filing.receiver._desk, "settle_s", 5)
        path = house.filing.incoming / "grows.xml"
        path.write_bytes(b"<a>")
        assert await house.filing.receive() == 0
        house.filing.clock.advance(timedelta(seconds=6))
        path.write_bytes(b"<a>longer")
        assert await house.filing.receive() == 0
        house.filing.clock.advance(timedelta(seconds=6))
        assert await house.filing.receive() == 1
