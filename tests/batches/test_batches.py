"""The life of a batch: it takes payouts once, is closed, stored, sent once, and remembers what the bank said."""

import asyncio
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta

import asyncpg
import pytest
from lxml import etree
from tests.batches.filing import Filing, attempt
from tests.fixtures.mock_bank import OUR_IBAN

from roadstead.batches import filling, sending, store
from roadstead.batches.keeping import destroy_old
from roadstead.boundaries import watched_by
from roadstead.rails.channels.protocol import Whereabouts
from roadstead.rails.iso20022.payments import uetr_of
from roadstead.rails.protocol import ABSENT, Absent, Observation, RailStatus, Refused, Submitted, Unknown

NS = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
RECEIVED = Observation(status=RailStatus.RECEIVED)


class Killed(BaseException):
    """The process ends here."""


def killed_at(name: str) -> AbstractContextManager[None]:
    def watch(passed: str) -> None:
        if passed == name:
            raise Killed(name)

    return watched_by(watch)


async def end_leases(files: Filing) -> None:
    """Let the leases of a dead worker run out."""
    await files.rows("UPDATE batches SET lease_until = now() - interval '1 s' WHERE lease_token IS NOT NULL")


def paid(content: bytes) -> list[tuple[str, str, str]]:
    """Keys, end-to-end ids and amounts of a file."""
    return [
        (
            payment.findtext(f".//{NS}InstrId", ""),
            payment.findtext(f".//{NS}EndToEndId", ""),
            payment.findtext(f".//{NS}InstdAmt", ""),
        )
        for payment in etree.fromstring(content).iter(f"{NS}CdtTrfTxInf")
    ]


class TestFilling:
    async def test_an_attempt_is_received_and_found_before_anything_is_sent(self, files: Filing) -> None:
        first = files.new_attempt()
        assert await files.rail.find(first) is ABSENT
        assert await files.rail.submit(first) == Submitted(status=RailStatus.RECEIVED, reference=None)
        assert await files.rail.find(first) == RECEIVED

    async def test_however_often_it_is_submitted_it_is_in_one_batch_once(self, files: Filing) -> None:
        first = files.new_attempt()
        await asyncio.gather(*(files.rail.submit(first) for _ in range(8)))
        await files.send()
        await files.rail.submit(first)
        await files.send()
        assert [paid(path.read_bytes()) for path in files.sent_files()] == [
            [(first.key, first.end_to_end_id, "98.50")]
        ]

    async def test_a_known_key_with_other_content_is_unknown_and_not_sent(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        other = replace(first, creditor=replace(first.creditor, name="Somebody Else"))
        assert isinstance(await files.rail.submit(other), Unknown)
        assert isinstance(await files.rail.find(other), Unknown)
        await files.send()
        assert len(paid(files.sent_files()[0].read_bytes())) == 1

    async def test_a_full_batch_is_closed_and_the_next_one_opened(self, files: Filing) -> None:
        files.rail.desk = replace(files.desk, items_max=2)
        for _ in range(5):
            await files.rail.submit(files.new_attempt())
        rows = await files.rows("SELECT status, items FROM batches ORDER BY opened_at, items DESC")
        assert sorted((row["status"], row["items"]) for row in rows) == [
            ("closing", 2),
            ("closing", 2),
            ("open", 1),
        ]

    async def test_many_at_once_fill_batches_to_the_brim_and_not_beyond(self, files: Filing) -> None:
        files.rail.desk = replace(files.desk, items_max=3)
        attempts = [files.new_attempt() for _ in range(10)]
        outcomes = await asyncio.gather(*(files.rail.submit(each) for each in attempts))
        assert all(isinstance(outcome, Submitted) for outcome in outcomes)
        await files.send()
        sizes = [len(paid(path.read_bytes())) for path in files.sent_files()]
        assert sum(sizes) == 10
        assert max(sizes) == 3

    async def test_nothing_that_says_who_is_paid_is_readable_in_the_database(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        for table in ("batches", "batch_items", "received_files", "file_events"):
            text = str(await files.rows(f"SELECT * FROM {table}"))
            assert "Lovelace" not in text
            assert first.creditor.account_number not in text

    async def test_texts_that_had_to_be_changed_are_remembered(self, files: Filing) -> None:
        first = files.new_attempt()
        strange = replace(first, creditor=replace(first.creditor, name="Zoë Łukasz"), information="§" * 3)
        await files.rail.submit(strange)
        (row,) = await files.rows("SELECT adjustments, uetr FROM batch_items")
        assert row["adjustments"] == ["Nm written in Latin letters", "Ustrd signs replaced"]
        assert row["uetr"] == uetr_of(first.key)

    async def test_a_name_without_latin_letters_is_a_problem_before_it_is_sent(self, files: Filing) -> None:
        first = files.new_attempt()
        chinese = replace(first, creditor=replace(first.creditor, name="王小明"))
        assert [problem.field for problem in files.rail.check(chinese)] == ["first_name"]

    async def test_a_database_that_does_not_answer_leaves_it_unknown(self, files: Filing) -> None:
        await files.database.close()
        assert isinstance(await files.rail.submit(files.new_attempt()), Unknown)
        assert isinstance(await files.rail.find(files.new_attempt()), Unknown)

    async def test_after_a_restore_an_attempt_that_is_in_no_batch_is_unknown_and_not_absent(
        self, files: Filing
    ) -> None:
        now = files.clock.now()
        await files.rows(
            "INSERT INTO restorations (taken_at, restored_at, cursors, ended_at, ended_by) "
            "VALUES ($1, $2, '{}', $2, 'x')",
            now - timedelta(hours=2),
            now - timedelta(hours=1),
        )
        assert isinstance(await files.rail.find(files.new_attempt()), Unknown)
        files.clock.advance(timedelta(days=61))
        assert isinstance(await files.rail.find(files.new_attempt()), Absent)


class TestSending:
    async def test_a_batch_is_closed_when_its_time_is_over_and_not_before(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        assert await sending.work_due(files.desk) is False
        files.clock.advance(timedelta(minutes=15))
        while await sending.work_due(files.desk):
            pass
        assert len(files.sent_files()) == 1

    async def test_a_cut_off_closes_it_earlier(self, files: Filing) -> None:
        class Closing:
            def closes_at(self, opened_at: datetime) -> datetime:
                return files.clock.now() + timedelta(minutes=1)

            def execution_date(self, closed_at: datetime) -> date:
                return files.clock.now().date() + timedelta(days=3)

        files.rail.desk = replace(files.desk, hours=Closing())
        await files.rail.submit(files.new_attempt())
        files.clock.advance(timedelta(minutes=1))
        while await sending.work_due(files.desk):
            pass
        assert b"<Dt>2026-10-01</Dt>" in files.sent_files()[0].read_bytes()

    async def test_while_payouts_are_stopped_nothing_leaves(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        await files.rows(
            "INSERT INTO stops (id, what, reason, stopped_by) VALUES (gen_random_uuid(), 'payouts', 'test', 'test')"
        )
        await files.send()
        assert files.sent_files() == []
        await files.rows("ALTER TABLE stops DISABLE TRIGGER ALL")
        await files.rows("DELETE FROM stops")
        await files.send()
        assert len(files.sent_files()) == 1

    async def test_an_operator_closes_it_early(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        async with files.database.connection() as connection:
            assert await store.close_early(connection, "files", files.clock.now()) is not None
            assert await store.close_early(connection, "other", files.clock.now()) is None
        while await sending.work_due(files.desk):
            pass
        assert len(files.sent_files()) == 1

    async def test_many_workers_send_one_file(self, files: Filing) -> None:
        for _ in range(3):
            await files.rail.submit(files.new_attempt())
        files.clock.advance(timedelta(hours=1))
        for _ in range(3):
            await asyncio.gather(*(sending.work_due(files.desk) for _ in range(6)))
        assert len(files.sent_files()) == 1

    async def test_a_folder_that_is_away_is_told_and_tried_again(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        files.outgoing.rename(files.outgoing.parent / "away")
        await files.send()
        (alert,) = await files.rows("SELECT kind, status FROM alerts")
        assert tuple(alert) == ("batch_stuck", "open")
        (files.outgoing.parent / "away").rename(files.outgoing)
        await end_leases(files)
        await files.send()
        assert len(files.sent_files()) == 1
        (alert,) = await files.rows("SELECT kind, status FROM alerts")
        assert tuple(alert) == ("batch_stuck", "closed")

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE batches SET content = 'other'",
            "UPDATE batches SET file_name = 'other.xml'",
            "UPDATE batches SET staged_as = 'other'",
            "UPDATE batches SET items = items + 1",
            "UPDATE batches SET message_id = 'OTHER'",
            "UPDATE batches SET status = 'closing', file_digest = NULL",
            "UPDATE batch_items SET content = 'other'",
            "UPDATE batch_items SET amount_units = 1",
            "DELETE FROM batch_items",
            "DELETE FROM batches",
        ],
    )
    async def test_the_database_refuses_to_change_what_was_sent(self, files: Filing, statement: str) -> None:
        await files.rail.submit(files.new_attempt())
        await files.send()
        with pytest.raises((asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError)):
            await files.rows(statement)

    async def test_two_open_batches_of_a_rail_cannot_be(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        with pytest.raises(asyncpg.UniqueViolationError):
            await files.rows(
                "INSERT INTO batches (id, rail, asset, message_id, opened_at, closes_at, wrapped_key, key_version) "
                "SELECT gen_random_uuid(), rail, asset, 'OTHER', opened_at, closes_at, wrapped_key, 1 FROM batches"
            )


BOUNDARIES = [
    "batches.filling._open_batch.2.commit.before",
    "batches.filling._open_batch.2.commit.after",
    "batches.filling.put.commit.before",
    "batches.filling.put.commit.after",
    "batches.sending._build.2.commit.before",
    "batches.sending._build.2.commit.after",
    "batch.stage.before",
    "batch.stage.after",
    "batches.sending._stage.commit.before",
    "batches.sending._stage.commit.after",
    "batch.publish.before",
    "batch.publish.after",
    "batches.sending._send.commit.before",
    "batches.sending._send.commit.after",
]


class TestACrash:
    @pytest.mark.parametrize("fetches", [0, 1], ids=["file lies there", "bank fetched it"])
    @pytest.mark.parametrize("name", BOUNDARIES)
    async def test_at_any_boundary_sends_the_same_file_once(
        self, files: Filing, name: str, fetches: int
    ) -> None:
        first = files.new_attempt()
        seen: list[bytes] = []

        def fetch() -> None:
            for path in files.sent_files():
                seen.append(path.read_bytes())
                path.unlink()

        passed: list[str] = []
        with watched_by(passed.append), killed_at(name), suppress(Killed):
            await files.rail.submit(first)
            await files.send()
        assert any(each.startswith(name) for each in passed), sorted(set(passed))
        for _ in range(fetches):
            fetch()
        await end_leases(files)
        # Whoever comes next repeats everything.
        await files.rail.submit(first)
        await files.send()
        fetch()
        assert [paid(content) for content in seen] == [[(first.key, first.end_to_end_id, "98.50")]]
        (batch,) = await files.rows("SELECT status, message_id FROM batches")
        assert batch["status"] == "sent"
        assert batch["message_id"].encode() in seen[0]

    async def test_a_worker_that_comes_back_too_late_publishes_nothing_of_its_own(
        self, files: Filing
    ) -> None:
        """Its lease ran out while it staged; another worker went on and sent the file."""
        await files.rail.submit(files.new_attempt())
        late = files.desk.channel
        stage = late.stage

        async def slowly(temporary_name: str, content: bytes) -> None:
            await stage(temporary_name, content)
            files.rail.desk.channel.stage = stage  # type: ignore[method-assign]
            await end_leases(files)
            assert await sending.work_due(files.desk)

        files.clock.advance(timedelta(hours=1))
        assert await sending.work_due(files.desk)
        late.stage = slowly  # type: ignore[method-assign]
        await sending.work_due(files.desk)
        assert len(files.sent_files()) == 1
        assert [path.name for path in files.outgoing.iterdir()] == [files.sent_files()[0].name]

    async def test_what_was_staged_and_is_gone_is_taken_for_sent_and_never_sent_again(
        self, files: Filing
    ) -> None:
        await files.rail.submit(files.new_attempt())
        with killed_at("batch.publish.after"), pytest.raises(Killed):
            await files.send()
        (batch,) = await files.rows("SELECT staged_as, file_name FROM batches")
        files.sent_files()[0].unlink()
        assert (
            await files.desk.channel.whereabouts(batch["staged_as"], batch["file_name"]) is Whereabouts.GONE
        )
        await end_leases(files)
        await files.send()
        assert files.sent_files() == []
        (batch,) = await files.rows("SELECT status FROM batches")
        assert batch["status"] == "sent"


class TestKeeping:
    async def test_after_its_time_nobody_can_say_who_was_paid_and_the_key_is_still_known(
        self, files: Filing
    ) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        assert await destroy_old(files.desk) == 0
        files.clock.advance(timedelta(days=181))
        assert await destroy_old(files.desk) == 1
        assert await destroy_old(files.desk) == 0
        (row,) = await files.rows("SELECT content, wrapped_key FROM batches")
        assert tuple(row) == (None, None)
        (row,) = await files.rows("SELECT key, content FROM batch_items")
        assert tuple(row) == (first.key, None)
        assert isinstance(await files.rail.submit(first), Unknown)

    async def test_what_was_not_sent_is_never_destroyed(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        files.clock.advance(timedelta(days=400))
        assert await destroy_old(files.desk) == 0
        assert await files.rail.find(attempt(1)) == RECEIVED


class TestNames:
    def test_a_message_id_is_safe_and_no_two_are_the_same(self) -> None:
        names = {filling.message_id_of(bytes([number]) * 16) for number in range(256)}
        assert len(names) == 256
        assert all(len(name) == 27 and name.isalnum() and name.isascii() for name in names)

    async def test_a_refusal_that_was_told_is_the_answer_to_a_repetition(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        (batch,) = await files.rows("SELECT message_id FROM batches")
        (files.incoming / "answer.xml").write_text(
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
            "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-09-28T10:00:00</CreDtTm></GrpHdr>"
            f"<OrgnlGrpInfAndSts><OrgnlMsgId>{batch['message_id']}</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
            f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>x</OrgnlPmtInfId><TxInfAndSts><OrgnlInstrId>{first.key}</OrgnlInstrId>"
            "<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd></Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts>"
            "</CstmrPmtStsRpt></Document>"
        )
        await files.receive()
        assert await files.rail.submit(first) == Refused(reason="AC01", detail="The bank refused it.")

    async def test_the_account_that_pays_is_ours(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        await files.send()
        assert f"<IBAN>{OUR_IBAN}</IBAN>".encode() in files.sent_files()[0].read_bytes()
