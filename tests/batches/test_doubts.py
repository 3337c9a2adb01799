"""What a bank, a crash or a restore may do to a batch, and what must not follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.batches.filing import Filing
from tests.batches.test_batches import Killed, end_leases, killed_at, paid
from tests.fixtures.mock_bank import OUR_IBAN

from roadstead.batches import sending
from roadstead.batches.keeping import destroy_old
from roadstead.errors import Unavailable
from roadstead.rails.channels.protocol import OfferedFile
from roadstead.rails.protocol import Observation, PayoutAttempt, RailStatus, Submitted, Unknown

RECEIVED = Observation(status=RailStatus.RECEIVED)


async def restore(files: Filing) -> None:
    """What the end of a restore and of its recovery leave in the database."""
    now = files.clock.now()
    await files.rows(
        "INSERT INTO restorations (taken_at, restored_at, cursors, ended_at, ended_by) VALUES ($1, $2, '{}', $2, 'x')",
        now - timedelta(hours=2),
        now - timedelta(hours=1),
    )


async def statuses(files: Filing) -> list[str]:
    return [row["status"] for row in await files.rows("SELECT status FROM batches ORDER BY opened_at, id")]


async def alerts(files: Filing) -> list[tuple[str, str]]:
    return [tuple(row) for row in await files.rows("SELECT kind, status FROM alerts ORDER BY kind")]


async def message_id(files: Filing) -> str:
    (row,) = await files.rows("SELECT message_id FROM batches")
    found: str = row["message_id"]
    return found


def report_on(message: str, status: str, payments: str = "") -> str:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-09-28T10:00:00Z</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId><GrpSts>{status}</GrpSts></OrgnlGrpInfAndSts>"
        f"{payments}</CstmrPmtStsRpt></Document>"
    )


def line(
    paid_out: PayoutAttempt,
    *,
    amount: str,
    direction: str = "DBIT",
    reason: str = "",
    names_key: bool = True,
    reference: str = "REF",
) -> str:
    key = f"<InstrId>{paid_out.key}</InstrId>" if names_key else ""
    back = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason else ""
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls><Refs>{key}"
        f"<EndToEndId>{paid_out.end_to_end_id}</EndToEndId></Refs>{back}</TxDtls></NtryDtls></Ntry>"
    )


def booked(lines: Sequence[str]) -> str:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn>'
        "<GrpHdr><MsgId>N1</MsgId><CreDtTm>2026-09-28T12:00:00Z</CreDtTm></GrpHdr><Ntfctn><Id>N1</Id>"
        f"<Acct><Id><IBAN>{OUR_IBAN}</IBAN></Id></Acct>{''.join(lines)}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )


async def hear(files: Filing, name: str, content: str) -> None:
    (files.incoming / name).write_text(content)
    await files.receive()


async def told(files: Filing) -> list[tuple[str | None, RailStatus]]:
    events, _ = await files.rail.poll(None)
    return [(event.key, event.status) for event in events]


class TestARestore:
    @pytest.mark.parametrize("place", ["batches.sending._build.2.commit.before", "batch.stage.before", None])
    async def test_withholds_what_the_backup_knew_unsent_for_it_may_have_been_sent_since(
        self, files: Filing, place: str | None
    ) -> None:
        """The backup was taken while the batch was open, closing, or closed and not staged."""
        first, second = files.new_attempt(), files.new_attempt()
        await files.rail.submit(first)
        if place is not None:
            with killed_at(place), pytest.raises(Killed):
                await files.send()
        await restore(files)
        await end_leases(files)
        assert await statuses(files) == ["withheld"]

        assert isinstance(await files.rail.submit(first), Unknown)
        assert isinstance(await files.rail.find(first), Unknown)
        assert isinstance(await files.rail.submit(second), Submitted)
        await files.send()

        sent = [payment[0] for path in files.sent_files() for payment in paid(path.read_bytes())]
        assert first.key not in sent
        assert sorted(await statuses(files)) == ["sent", "withheld"]
        assert await alerts(files) == [("batch_withheld", "open")]

    async def test_lets_a_file_go_out_whose_staged_copy_still_lies_there(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        with killed_at("batch.publish.before"), pytest.raises(Killed):
            await files.send()
        await restore(files)
        await end_leases(files)
        await files.send()
        assert [paid(path.read_bytes())[0][0] for path in files.sent_files()] == [first.key]

    async def test_takes_the_word_of_the_bank_about_what_was_withheld(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await restore(files)
        await hear(files, "pain.002.xml", report_on(await message_id(files), "ACCP"))
        assert await statuses(files) == ["acknowledged"]
        assert await files.rail.find(first) == Observation(status=RailStatus.ACCEPTED)
        await files.send()
        assert files.sent_files() == []

    async def test_does_not_keep_for_ever_who_would_have_been_paid(self, files: Filing) -> None:
        await files.rail.submit(files.new_attempt())
        await restore(files)
        await files.rows("UPDATE batches SET told_at = now()")
        files.clock.moment = files.clock.now() + timedelta(days=3650)
        assert await destroy_old(files.desk) == 1


class TestAReport:
    async def test_on_a_file_that_was_not_sent_refuses_nothing_that_may_still_go_out(
        self, files: Filing
    ) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await hear(files, "pain.002.xml", report_on(await message_id(files), "RJCT"))
        assert await files.rail.find(first) == RECEIVED
        assert await told(files) == []
        assert await alerts(files) == [("bank_file", "open")]

    async def test_that_contradicts_an_earlier_one_is_told_as_well_and_both_stand(
        self, files: Filing
    ) -> None:
        """Whether the two can both be true is decided by whoever hears them."""
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        for name, status in (("1.xml", "ACSC"), ("2.xml", "RJCT")):
            await hear(files, name, report_on(await message_id(files), status))
        assert await told(files) == [(first.key, RailStatus.SETTLED), (first.key, RailStatus.REFUSED)]

    async def test_of_many_duplicates_is_one_alert_more_and_not_thousands(self, files: Filing) -> None:
        attempts = [files.new_attempt() for _ in range(25)]
        for one in attempts:
            await files.rail.submit(one)
        await files.send()
        each = "".join(
            f"<TxInfAndSts><OrgnlInstrId>{one.key}</OrgnlInstrId><TxSts>RJCT</TxSts>"
            "<StsRsnInf><Rsn><Cd>AM05</Cd></Rsn></StsRsnInf></TxInfAndSts>"
            for one in attempts
        )
        payments = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>x</OrgnlPmtInfId>{each}</OrgnlPmtInfAndSts>"
        await hear(files, "pain.002.xml", report_on(await message_id(files), "PART", payments))
        assert await alerts(files) == [("batch_duplicate", "open")] * 21
        assert await told(files) == []


class TestALine:
    async def test_of_another_amount_settles_nothing(self, files: Filing) -> None:
        """A bank may charge for a payment under the payment's own end-to-end id, even for one that it refuses."""
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        await hear(files, "fee.xml", booked([line(first, amount="5.00", reference="FEE")]))
        assert await files.rail.find(first) == RECEIVED

        await hear(files, "paid.xml", booked([line(first, amount="98.50", reference="PAID")]))
        assert await told(files) == [(first.key, RailStatus.SETTLED)]

    async def test_that_gives_a_charge_back_is_no_return_of_the_payment(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        back = line(first, amount="5.00", direction="CRDT", reference="FEE")
        await hear(files, "paid.xml", booked([line(first, amount="98.50"), back]))
        assert await told(files) == [(first.key, RailStatus.SETTLED)]

    async def test_with_a_reason_is_a_return_of_what_it_brings(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        back = line(first, amount="93.50", direction="CRDT", reason="AC04")
        await hear(files, "back.xml", booked([line(first, amount="98.50"), back]))
        found = await files.rail.find(first)
        assert isinstance(found, Observation)
        assert (found.status, found.reason, found.amount and found.amount.text) == (
            RailStatus.RETURNED,
            "AC04",
            "93.50",
        )

    async def test_that_names_no_attempt_never_speaks_of_one_that_waits_here(self, files: Filing) -> None:
        """The bank refused the first attempt and pays it all the same; the second is not sent yet."""
        first = files.new_attempt()
        second = replace(files.new_attempt(), end_to_end_id=first.end_to_end_id)
        await files.rail.submit(first)
        await files.send()
        await hear(files, "refused.xml", report_on(await message_id(files), "RJCT"))
        await files.rail.submit(second)
        await hear(files, "paid.xml", booked([line(first, amount="98.50", names_key=False)]))
        assert await told(files) == [(first.key, RailStatus.REFUSED), (first.key, RailStatus.SETTLED)]
        assert await files.rail.find(second) == RECEIVED


class TestAFileThatCannotBeFetched:
    async def test_holds_up_no_other_and_is_told(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        channel = files.desk.channel
        read = channel.read

        async def failing(name: str, *, bytes_max: int) -> bytes:
            if name.startswith("a-bad"):
                raise Unavailable("Nobody may read this file.")
            return await read(name, bytes_max=bytes_max)

        channel.read = failing  # type: ignore[method-assign]
        for number in range(5):
            (files.incoming / f"a-bad-{number}.xml").write_text("x")
        (files.incoming / "good.xml").write_text(report_on(await message_id(files), "ACCP"))
        for _ in range(2):
            with pytest.raises(Unavailable):
                await files.receive()
        assert await files.rail.find(first) == Observation(status=RailStatus.ACCEPTED)
        assert await alerts(files) == [("bank_channel", "open")]

        channel.read = read  # type: ignore[method-assign]
        await files.receive()
        assert ("bank_channel", "closed") in await alerts(files)

    async def test_or_put_away_is_read_once_and_holds_up_no_other(self, files: Filing) -> None:
        first = files.new_attempt()
        await files.rail.submit(first)
        await files.send()
        channel = files.desk.channel

        async def full(file: OfferedFile) -> None:
            raise Unavailable(f"There is no room for {file.name}.")

        channel.archive = full  # type: ignore[method-assign]
        (files.incoming / "a.xml").write_text(report_on(await message_id(files), "RCVD"))
        (files.incoming / "b.xml").write_text(report_on(await message_id(files), "ACCP"))
        for _ in range(2):
            with pytest.raises(Unavailable):
                await files.receive()
        assert await files.rail.find(first) == Observation(status=RailStatus.ACCEPTED)
        assert len(await files.rows("SELECT id FROM received_files")) == 2


class TestABatchThatFails:
    async def test_is_told_to_people_whatever_failed_and_holds_up_no_other(self, files: Filing) -> None:
        channel = files.desk.channel
        stage = channel.stage
        names: list[str] = []

        async def failing(temporary_name: str, content: bytes) -> None:
            names.append(temporary_name)
            if len(names) == 1:
                raise RuntimeError("a mistake of ours")
            await stage(temporary_name, content)

        channel.stage = failing  # type: ignore[method-assign]
        for _ in range(2):
            await files.rail.submit(files.new_attempt())
            files.clock.advance(timedelta(hours=1))
            await sending.work_due(files.desk)
        while await sending.work_due(files.desk):
            pass
        assert len(files.sent_files()) == 1
        assert [kind for kind, _ in await alerts(files)] == ["batch_stuck"]
        await end_leases(files)
        await files.send()
        assert len(files.sent_files()) == 2
