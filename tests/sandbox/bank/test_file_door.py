"""The file door: ISO 20022 files in, ISO 20022 files out, and nothing paid twice whatever happens to files."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree
from tests.sandbox.bank.bank_process import IBAN, BankProcess, until

REFUSED = "DE56370400440000990101"
REFUSED_LATER = "DE22370400440000991101"
RETURNED_SHORT = "DE67370400440000993104"
REVERSED = "DE27370400440000994503"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"


def orders(message_id: str, *payments: tuple[str, str, str], count: int | None = None) -> bytes:
    """A file of payments, each a key, an account and an amount."""
    transfers = "".join(
        f"<CdtTrfTxInf><PmtId><InstrId>{key}</InstrId><EndToEndId>E{key}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt><Cdtr><Nm>Ada Lovelace</Nm></Cdtr>'
        f"<CdtrAcct><Id><IBAN>{account}</IBAN></Id></CdtrAcct><RmtInf><Ustrd>A gift</Ustrd></RmtInf></CdtTrfTxInf>"
        for key, account, amount in payments
    )
    return (
        f'<Document xmlns="{NAMESPACE}"><CstmrCdtTrfInitn><GrpHdr><MsgId>{message_id}</MsgId>'
        f"<CreDtTm>2026-11-29T12:00:00Z</CreDtTm><NbOfTxs>{len(payments) if count is None else count}</NbOfTxs>"
        f"<InitgPty><Nm>Anchor</Nm></InitgPty></GrpHdr><PmtInf><PmtInfId>{message_id}1</PmtInfId>{transfers}"
        "</PmtInf></CstmrCdtTrfInitn></Document>"
    ).encode()


@dataclass(frozen=True, slots=True)
class Node:
    """An element of a file, by the local names of ISO 20022."""

    element: etree._Element

    def all(self, path: str) -> list[Node]:
        steps = "/".join(name if name == "*" else f"*[local-name()='{name}']" for name in path.split("/"))
        found = self.element.xpath(steps)
        assert isinstance(found, list)
        return [Node(each) for each in found if isinstance(each, etree._Element)]

    def text(self, path: str) -> str | None:
        found = self.all(path)
        return found[0].element.text if found else None


@dataclass(slots=True)
class Door:
    """The folder and the bank behind it."""

    bank: BankProcess
    folder: Path

    def send(self, name: str, content: bytes) -> None:
        path = self.folder / "out" / name
        hidden = path.with_name(f".{name}")
        hidden.write_bytes(content)
        hidden.rename(path)

    def files(self, kind: str) -> list[Path]:
        """What came, oldest first; no file is looked at twice in different order."""
        return sorted((self.folder / "in").glob(f"{kind}*.xml"), key=lambda path: path.stat().st_mtime_ns)

    async def received(self, kind: str, count: int = 1) -> list[Node]:
        """Wait for files of a kind, and return what is in them."""

        async def are_there() -> bool:
            return len(self.files(kind)) >= count

        await until(are_there)
        return [Node(etree.fromstring(path.read_bytes())) for path in self.files(kind)]

    async def statuses(self, count: int = 1) -> list[dict[str, tuple[str | None, str | None]]]:
        """What each status report says of each key: the status and the reason."""
        return [_statuses(report) for report in await self.received("pain.002", count)]

    async def entries(self, kind: str, count: int) -> list[Node]:
        """Wait for so many entries in the files of a kind."""

        async def are_there() -> bool:
            return len(await self._entries(kind)) >= count

        await until(are_there)
        return await self._entries(kind)

    async def _entries(self, kind: str) -> list[Node]:
        documents = await self.received(kind)
        return [entry for document in documents for entry in document.all("*/*/Ntry")]


def _statuses(report: Node) -> dict[str, tuple[str | None, str | None]]:
    return {
        payment.text("OrgnlInstrId") or "": (payment.text("TxSts"), payment.text("StsRsnInf/Rsn/Cd"))
        for payment in report.all("CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts")
    }


def group(report: Node) -> tuple[str | None, str | None]:
    """What a status report says of the whole file."""
    said = "CstmrPmtStsRpt/OrgnlGrpInfAndSts"
    return report.text(f"{said}/GrpSts"), report.text(f"{said}/StsRsnInf/Rsn/Cd")


def key_of(entry: Node) -> str | None:
    return entry.text("NtryDtls/TxDtls/Refs/InstrId")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    folder = tmp_path / "files"
    options = ("--settlement-delay", "0.1", "--return-delay", "0.1", "--files", str(folder))
    async with BankProcess(state=tmp_path / "bank", options=options) as bank:

        async def is_open() -> bool:
            return (folder / "taken").exists()

        await until(is_open)
        yield Door(bank, folder)


class TestAFileOfPayments:
    async def test_is_answered_paid_notified_and_stated(self, door: Door) -> None:
        door.send("a.xml", orders("M1", ("K1", IBAN, "10.50"), ("K2", IBAN, "3")))
        (report,) = await door.received("pain.002")
        assert group(report) == ("ACSP", None)
        assert _statuses(report) == {"K1": ("ACSP", None), "K2": ("ACSP", None)}
        told = await door.entries("camt.054", 2)
        assert [(entry.text("Amt"), entry.text("CdtDbtInd")) for entry in told] == [
            ("10.50", "DBIT"),
            ("3.00", "DBIT"),
        ]
        assert [entry.text("NtryDtls/TxDtls/Refs/EndToEndId") for entry in told] == ["EK1", "EK2"]
        await door.bank.call("POST", "/clock/advance", {"days": 1})
        lines = await door.entries("camt.053", 3)
        (statement,) = (await door.received("camt.053"))[0].all("BkToCstmrStmt/Stmt")
        opening, closing = (Decimal(balance.text("Amt") or "") for balance in statement.all("Bal"))
        signs = {"CRDT": 1, "DBIT": -1}
        moved = [Decimal(line.text("Amt") or "") * signs[line.text("CdtDbtInd") or ""] for line in lines]
        assert opening + sum(moved) == closing
        assert not list((door.folder / "out").iterdir())
        assert [path.name for path in (door.folder / "taken").iterdir()] == ["a.xml"]

    async def test_may_be_taken_in_part(self, door: Door) -> None:
        door.send("a.xml", orders("M1", ("K1", IBAN, "1"), ("K2", REFUSED, "2"), ("K3", IBAN, "1.234")))
        (report,) = await door.received("pain.002")
        assert group(report) == ("PART", None)
        assert _statuses(report) == {"K1": ("ACSP", None), "K2": ("RJCT", "AC01"), "K3": ("RJCT", "FF01")}
        await until(door.bank.has_executed)
        assert [each["key"] for each in await door.bank.executed()] == ["K1"]

    async def test_hears_later_of_what_was_refused_later(self, door: Door) -> None:
        door.send("a.xml", orders("M1", ("K1", REFUSED_LATER, "1")))
        assert await door.statuses(2) == [{"K1": ("ACSP", None)}, {"K1": ("RJCT", "AC01")}]
        whole, part = await door.received("pain.002", 2)
        assert group(whole) == ("ACSP", None)
        assert group(part) == (None, None), "a part says nothing of the whole file"

    async def test_sees_what_came_back_short_and_what_the_bank_reversed(self, door: Door) -> None:
        door.send("a.xml", orders("M1", ("K1", RETURNED_SHORT, "10"), ("K2", REVERSED, "7")))
        told = await door.entries("camt.054", 4)
        seen = {
            key_of(entry): (
                entry.text("Amt"),
                entry.text("RvslInd"),
                entry.text("NtryDtls/TxDtls/RtrInf/Rsn/Cd"),
            )
            for entry in told
            if entry.text("CdtDbtInd") == "CRDT"
        }
        assert seen == {"K1": ("5.00", None, "AC04"), "K2": ("7.00", "true", None)}


class TestNothingIsPaidTwice:
    async def test_by_another_file_of_the_same_message_id(self, door: Door) -> None:
        content = orders("M1", ("K1", IBAN, "1"))
        door.send("a.xml", content)
        await door.received("pain.002")
        door.send("b.xml", content)
        assert group((await door.received("pain.002", 2))[1]) == ("RJCT", "DUPL")
        await until(door.bank.has_executed)
        assert len(await door.bank.executed()) == 1

    async def test_by_the_same_payment_in_another_file(self, door: Door) -> None:
        door.send("a.xml", orders("M1", ("K1", IBAN, "1")))
        await door.received("pain.002")
        door.send("b.xml", orders("M2", ("K1", IBAN, "1")))
        door.send("c.xml", orders("M3", ("K1", IBAN, "2")))
        assert (await door.statuses(3))[1:] == [{"K1": ("ACSP", None)}, {"K1": ("RJCT", "AM05")}]
        await until(door.bank.has_executed)
        assert len(await door.bank.executed()) == 1

    async def test_by_a_restart_before_the_file_was_put_away(self, door: Door) -> None:
        content = orders("M1", ("K1", IBAN, "1"))
        door.send("a.xml", content)
        await door.received("pain.002")
        await until(door.bank.has_executed)
        door.bank.end(signal.SIGKILL)
        (door.folder / "taken" / "a.xml").rename(door.folder / "out" / "a.xml")
        door.bank.start()
        assert (await door.statuses(2))[1] == {"K1": ("ACSP", None)}
        assert len(await door.bank.executed()) == 1

    async def test_and_no_notification_is_lost_by_kills(self, door: Door) -> None:
        for number in range(6):
            door.send(f"{number}.xml", orders(f"M{number}", (f"K{number}", IBAN, "1")))
            await asyncio.sleep(0.15)
            door.bank.end(signal.SIGKILL)
            door.bank.start()

        async def all_told() -> bool:
            keys = {key_of(entry) for entry in await door.entries("camt.054", 1)}
            return keys == {f"K{number}" for number in range(6)}

        await until(all_told)
        assert len(await door.bank.executed()) == 6


class TestFilesThatAreNone:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"no XML",
            b"<Document/>",
            orders("M1", ("K1", IBAN, "1"))[:-30],
            orders("M1"),
            orders("M1", ("K1", IBAN, "1"), count=2),
            orders("M1", ("K1", IBAN, "one")).replace(b"<InitgPty>", b"<CtrlSum>1</CtrlSum><InitgPty>"),
            orders("M1", ("K1", IBAN, "1")).replace(b"<InitgPty>", b"<CtrlSum>2</CtrlSum><InitgPty>"),
            orders("M1", ("K1", IBAN, "1E+999999999")),
            b'<!DOCTYPE Document [<!ENTITY x "y">]>' + orders("M1", ("K1", IBAN, "1")),
        ],
    )
    async def test_are_refused_as_a_whole(self, door: Door, content: bytes) -> None:
        door.send("a.xml", content)
        (report,) = await door.received("pain.002")
        assert group(report) == ("RJCT", "FF01")
        assert (await door.bank.get("/health"))["payouts"] == 0

    async def test_are_left_while_they_are_hidden(self, door: Door) -> None:
        (door.folder / "out" / ".a.xml").write_bytes(orders("M1", ("K1", IBAN, "1")))
        (door.folder / "out" / "a.xml.part").write_bytes(b"half")
        await asyncio.sleep(0.6)
        assert door.files("pain.002") == []


class TestFaultsOfFiles:
    async def test_a_missing_answer_does_not_come_although_all_was_done(self, door: Door) -> None:
        await door.bank.plan({"kind": "missing", "on": "file", "file": "pain.002*"})
        door.send("a.xml", orders("M1", ("K1", IBAN, "1")))
        await door.entries("camt.054", 1)
        assert door.files("pain.002") == []

    async def test_a_file_can_come_twice(self, door: Door) -> None:
        await door.bank.plan({"kind": "repeated", "on": "file", "file": "camt.054*"})
        door.send("a.xml", orders("M1", ("K1", IBAN, "1")))
        assert len(await door.entries("camt.054", 2)) == 2
        one, two = door.files("camt.054")
        assert one.read_bytes() == two.read_bytes()

    async def test_a_file_can_lie_there_in_half_and_be_whole_later(self, door: Door) -> None:
        await door.bank.plan({"kind": "half_written", "on": "file", "file": "pain.002*", "delay_s": 1})
        door.send("a.xml", orders("M1", ("K1", IBAN, "1")))

        async def is_there() -> bool:
            return bool(door.files("pain.002"))

        await until(is_there)
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(door.files("pain.002")[0].read_bytes())
        await asyncio.sleep(1.2)
        assert await door.statuses() == [{"K1": ("ACSP", None)}]

    async def test_a_file_can_be_no_xml_or_late(self, door: Door) -> None:
        await door.bank.plan(
            {"kind": "malformed", "on": "file", "file": "pain.002*"},
            {"kind": "delayed", "on": "file", "file": "camt.054*", "delay_s": 0.7},
        )
        door.send("a.xml", orders("M1", ("K1", IBAN, "1")))
        await until(door.bank.has_executed)
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(door.files("pain.002")[0].read_bytes())
        assert door.files("camt.054") == []
        await door.entries("camt.054", 1)

    @pytest.mark.parametrize(
        ("kind", "lines"), [("missing_line", 1), ("repeated_line", 3), ("wrong_opening", 2)]
    )
    async def test_a_statement_can_be_wrong(self, door: Door, kind: str, lines: int) -> None:
        await door.bank.plan({"kind": kind, "on": "file", "file": "camt.053*"})
        door.send("a.xml", orders("M1", ("K1", IBAN, "1")))
        await door.entries("camt.054", 1)
        await door.bank.call("POST", "/clock/advance", {"days": 1})
        (document,) = await door.received("camt.053")
        (statement,) = document.all("BkToCstmrStmt/Stmt")
        assert len(statement.all("Ntry")) == lines
        assert statement.text("Bal/Amt") == ("0.01" if kind == "wrong_opening" else "0.00")
