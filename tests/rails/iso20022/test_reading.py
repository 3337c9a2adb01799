"""Files of a bank: mock-bank's read the same by us and by others, older versions read the same as newer ones."""

from importlib import import_module
from typing import Any

import pytest
from tests.fixtures.judges import NOTIFICATION, STATEMENT, objections
from tests.fixtures.mock_bank import OUR_IBAN
from xsdata.formats.dataclass.parsers import XmlParser

from roadstead.errors import BadInput, TooLarge
from roadstead.rails.iso20022 import documents
from roadstead.rails.iso20022.reading import AccountReport, read_bank_file
from roadstead.rails.iso20022.reports import PaymentReturns, StatusReport
from roadstead.rails.iso20022.statuses import Verdict
from roadstead.rails.protocol import RailStatus

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"


def by_others(message: str, data: bytes) -> Any:
    name = message.replace(".", "_")
    module = import_module(f"pyiso20022.{message.split('.', maxsplit=1)[0]}.{name}.{name}")
    return XmlParser().from_bytes(data, module.Document)


def of_kind(answers: dict[str, bytes], kind: str) -> list[tuple[str, bytes]]:
    found = [(name, data) for name, data in answers.items() if name.startswith(kind)]
    assert found, sorted(answers)
    return found


class TestAgainstOthers:
    def test_a_status_report_says_the_same(self, answers: dict[str, bytes]) -> None:
        for _, data in of_kind(answers, "pain.002"):
            read = read_bank_file(data)
            assert isinstance(read.content, StatusReport)
            report, other = read.content, by_others(read.message, data).cstmr_pmt_sts_rpt
            group = other.orgnl_grp_inf_and_sts
            assert report.message_id == other.grp_hdr.msg_id
            assert report.original_message_id == group.orgnl_msg_id
            assert report.group is not None
            assert report.group.code == group.grp_sts
            assert [
                (each.key, each.end_to_end_id, each.batch, each.verdict.code, each.verdict.reason)
                for each in report.payments
            ] == [
                (
                    one.orgnl_instr_id,
                    one.orgnl_end_to_end_id,
                    batch.orgnl_pmt_inf_id,
                    one.tx_sts,
                    one.sts_rsn_inf[0].rsn.cd if one.sts_rsn_inf else None,
                )
                for batch in other.orgnl_pmt_inf_and_sts
                for one in batch.tx_inf_and_sts
            ]
            assert {each.verdict.code for each in report.payments} == {"ACCP", "RJCT"}

    @pytest.mark.parametrize("kind", ["camt.053", "camt.054"])
    def test_statements_and_notifications_say_the_same(self, answers: dict[str, bytes], kind: str) -> None:
        lines = 0
        for _, data in of_kind(answers, kind):
            read = read_bank_file(data)
            assert isinstance(read.content, AccountReport)
            other = by_others(read.message, data)
            whole = (
                other.bk_to_cstmr_stmt.stmt if kind == "camt.053" else other.bk_to_cstmr_dbt_cdt_ntfctn.ntfctn
            )
            for statement, one in zip(read.content.statements, whole, strict=True):
                assert statement.account == one.acct.id.iban == OUR_IBAN
                for line, entry in zip(statement.lines, one.ntry, strict=True):
                    lines += 1
                    details = entry.ntry_dtls[0].tx_dtls[0]
                    returned = details.rtr_inf.rsn.cd if details.rtr_inf else None
                    assert (
                        line.amount.decimal,
                        line.amount.asset.code,
                        line.is_credit,
                        line.booked_on,
                        line.bank_reference,
                        line.end_to_end_id,
                        line.reason,
                    ) == (
                        entry.amt.value,
                        entry.amt.ccy,
                        entry.cdt_dbt_ind.value == "CRDT",
                        entry.bookg_dt.dt.to_date(),
                        entry.acct_svcr_ref,
                        details.refs.end_to_end_id,
                        returned,
                    )
                if kind == "camt.053":
                    closing = next(each for each in one.bal if each.tp.cd_or_prtry.cd == "CLBD")
                    assert statement.closing is not None
                    assert statement.closing.decimal == closing.amt.value
                    assert statement.sequence == int(one.elctrnc_seq_nb)
        assert lines >= 4

    def test_returns_say_the_same(self, answers: dict[str, bytes]) -> None:
        for _, data in of_kind(answers, "pacs.004"):
            read = read_bank_file(data)
            assert isinstance(read.content, PaymentReturns)
            other = by_others(read.message, data).pmt_rtr
            assert [
                (
                    each.key,
                    each.end_to_end_id,
                    each.amount and each.amount.decimal,
                    each.reason,
                    each.returned_on,
                )
                for each in read.content.payments
            ] == [
                (
                    one.orgnl_instr_id,
                    one.orgnl_end_to_end_id,
                    one.rtrd_intr_bk_sttlm_amt.value,
                    one.rtr_rsn_inf[0].rsn.cd,
                    one.intr_bk_sttlm_dt.to_date(),
                )
                for one in other.tx_inf
            ]

    def test_the_bank_s_own_files_are_valid(self, answers: dict[str, bytes]) -> None:
        for kind, copy in (("camt.053", STATEMENT), ("camt.054", NOTIFICATION)):
            for _, data in of_kind(answers, kind):
                assert objections(*copy, data) == []


def document(message: str, body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{NAMESPACE}{message}">{body}</Document>'.encode()


ENTRY = (
    '<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd>{reversal}<Sts>{status}</Sts>'
    "<BookgDt><Dt>2026-09-28</Dt></BookgDt>{details}</Ntry>"
)


def statement(
    version: str, *, amount: str = "98.50", status: str = "BOOK", details: str = "", reversal: str = ""
) -> bytes:
    entry = ENTRY.format(amount=amount, status=status, details=details, reversal=reversal)
    return document(
        f"camt.053.001.{version}",
        "<BkToCstmrStmt><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-09-28T20:00:00</CreDtTm></GrpHdr>"
        "<Stmt><Id>S1</Id><ElctrncSeqNb>7</ElctrncSeqNb><CreDtTm>2026-09-28T20:00:00+02:00</CreDtTm>"
        f"<Acct><Id><IBAN>{OUR_IBAN}</IBAN></Id></Acct>"
        '<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">10</Amt><CdtDbtInd>DBIT</CdtDbtInd>'
        f"<Dt><Dt>2026-09-28</Dt></Dt></Bal>{entry}</Stmt></BkToCstmrStmt>",
    )


def lines_of(data: bytes) -> Any:
    read = read_bank_file(data).content
    assert isinstance(read, AccountReport)
    return read.statements[0].lines


class TestVersions:
    def test_the_oldest_and_the_newest_say_the_same(self) -> None:
        old = statement("02")
        new = statement("13", status="<Cd>BOOK</Cd>")
        assert lines_of(old) == lines_of(new)

    def test_a_balance_has_its_sign_and_a_moment_its_zone(self) -> None:
        read = read_bank_file(statement("08")).content
        assert isinstance(read, AccountReport)
        one = read.statements[0]
        assert one.opening is not None
        assert (one.opening.text, one.sequence, one.closing) == ("-10.00", 7, None)
        assert one.created_at is not None
        assert one.created_at.isoformat() == "2026-09-28T18:00:00+00:00"

    def test_what_is_only_announced_is_not_booked(self) -> None:
        assert not lines_of(statement("08", status="<Cd>PDNG</Cd>"))[0].is_booked

    def test_a_reversal_is_known(self) -> None:
        assert lines_of(statement("08", reversal="<RvslInd>true</RvslInd>"))[0].is_reversal

    @pytest.mark.parametrize(
        ("written", "units"), [("98.5", 9850), ("+098.50000", 9850), ("98", 9800), ("98.", 9800)]
    )
    def test_an_amount_in_any_form_of_the_schema_is_exact(self, written: str, units: int) -> None:
        assert lines_of(statement("08", amount=written))[0].amount.units == units

    def test_an_entry_of_several_payments_becomes_a_line_for_each(self) -> None:
        one = '<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><Amt Ccy="EUR">{}</Amt></TxDtls>'
        details = f"<NtryDtls>{one.format('P1', '90.00')}{one.format('P2', '8.50')}</NtryDtls>"
        lines = lines_of(statement("08", details=details))
        assert [(line.end_to_end_id, line.amount.units) for line in lines] == [("P1", 9000), ("P2", 850)]

    def test_one_whose_payments_do_not_add_up_stays_one_line(self) -> None:
        one = '<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><Amt Ccy="EUR">{}</Amt></TxDtls>'
        details = f"<NtryDtls>{one.format('P1', '90.00')}{one.format('P2', '8.00')}</NtryDtls>"
        (line,) = lines_of(statement("08", details=details))
        assert (line.end_to_end_id, line.amount.units) == (None, 9850)

    def test_one_with_a_payment_in_the_other_direction_stays_one_line(self) -> None:
        one = (
            "<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs>"
            '<Amt Ccy="EUR">{}</Amt><CdtDbtInd>{}</CdtDbtInd></TxDtls>'
        )
        details = (
            f"<NtryDtls>{one.format('P1', '90.00', 'DBIT')}{one.format('P2', '8.50', 'CRDT')}</NtryDtls>"
        )
        (line,) = lines_of(statement("08", details=details))
        assert line.end_to_end_id is None

    def test_a_status_in_a_bank_s_own_words_is_not_booked(self) -> None:
        assert not lines_of(statement("08", status="<Prtry>PENDING</Prtry>"))[0].is_booked

    def test_the_number_of_an_entry_in_its_statement_is_no_reference_of_the_bank_s(self) -> None:
        assert lines_of(statement("08", details="<NtryRef>3</NtryRef>"))[0].bank_reference is None

    def test_two_equal_entries_are_two_lines_and_each_has_its_name(self) -> None:
        data = statement("08")
        entry = data[data.index(b"<Ntry>") : data.index(b"</Ntry>") + 7]
        lines = lines_of(data.replace(entry, entry * 2))
        assert len({line.identity for line in lines}) == 2
        assert lines[0].identity == lines_of(data)[0].identity

    def test_notprovided_is_no_identifier(self) -> None:
        details = "<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls></NtryDtls>"
        assert lines_of(statement("08", details=details))[0].end_to_end_id is None


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", "empty"),
            (b"  \n", "empty"),
            (b"<Document", "no XML"),
            (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "document type"),
            (b'<?xml version="1.0"?><!-- --><!DOCTYPE x><x/>', "document type"),
            ("<x/>".encode("utf-16"), "UTF-8"),
            ("<x/>".encode("utf-16-le"), "zero bytes"),
            ('<?xml version="1.0" encoding="ISO-8859-1"?><x>é</x>'.encode("latin-1"), "UTF-8"),
            (b'<?xml version="1.0" encoding="UTF-7"?><x/>', "UTF-8"),
            (b"<x>\xff</x>", "UTF-8"),
            (b"<x/>", "no pain.002"),
            (document("pain.001.001.09", "<x/>"), "no pain.002"),
            (document("camt.053.001.08", ""), "not exactly one message"),
            (document("camt.053.001.08", "<a/><b/>"), "not exactly one message"),
            (document("camt.053.001.08", "<a>" * 100 + "</a>" * 100), "40 deep"),
            (document("camt.053.001.08", "<a>" * 300 + "</a>" * 300), "no XML|40 deep"),
            (document("pain.002.001.10", "<CstmrPmtStsRpt/>"), "lacks"),
            (statement("08", amount="98,50"), "malformed amount"),
            (statement("08", amount="-98.50"), "malformed amount"),
            (statement("08", amount="1e9"), "malformed amount"),
            (statement("08", amount="98.505"), "decimals"),
            (statement("08", amount="9" * 40), "larger|valid"),
            (statement("08", amount="0" * 100_000 + "x"), "malformed amount"),
            (statement("08").replace(b'Ccy="EUR"', b'Ccy="eur"'), "Currency"),
            (statement("08").replace(b"DBIT", b"BOTH"), "neither a credit nor a debit"),
            (statement("08").replace(b"2026-09-28</Dt>", b"2026-13-28</Dt>"), "malformed date"),
            (statement("08").replace(b"T20:00:00+02:00", b"T25:00:00"), "malformed moment"),
            (statement("08").replace(b">7<", b">seven<"), "malformed number"),
        ],
    )
    def test_with_a_reason_that_names_no_content(self, data: bytes, why: str) -> None:
        with pytest.raises(BadInput, match=why):
            read_bank_file(data)

    def test_when_it_is_larger_than_any_file_should_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(documents, "FILE_BYTES_MAX", 100)
        with pytest.raises(TooLarge):
            read_bank_file(b"x" * 101)

    @pytest.mark.parametrize("part", [b"<a/>", b'<a b="" c="" d=""/>'])
    def test_when_it_would_take_far_more_memory_than_it_has_bytes(
        self, monkeypatch: pytest.MonkeyPatch, part: bytes
    ) -> None:
        monkeypatch.setattr(documents, "MARKS_MAX", 1000)
        with pytest.raises(TooLarge):
            read_bank_file(document("camt.053.001.08", (part * 1200).decode()))

    def test_when_it_says_late_that_it_is_in_another_character_set(self) -> None:
        """In UTF-7 the document type below is one; read as the UTF-8 that was looked at, it is a text out of place."""
        hidden = b"+ADwAIQ-DOCTYPE x [ +ADwAIQ-ENTITY e SYSTEM +ACI-file:///etc/passwd+ACIAPgBdAD4-"
        data = b'<?xml version="1.0"' + b" " * 300 + b'encoding="UTF-7"?>' + hidden + b"<Document/>"
        with pytest.raises(BadInput):
            read_bank_file(data)


class TestReasons:
    def test_one_that_says_duplicate_counts_wherever_it_stands(self) -> None:
        reasons = "".join(f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>" for code in ("NARR", "DUPL"))
        read = read_bank_file(
            document(
                "pain.002.001.10",
                "<CstmrPmtStsRpt><GrpHdr><MsgId>M</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>B</OrgnlMsgId>"
                f"<GrpSts>RJCT</GrpSts>{reasons}</OrgnlGrpInfAndSts></CstmrPmtStsRpt>",
            )
        ).content
        assert isinstance(read, StatusReport)
        assert read.group == Verdict(code="RJCT", reason="DUPL")
        assert read.is_about_a_copy


class TestStatuses:
    @pytest.mark.parametrize(
        ("code", "meaning"),
        [
            ("RCVD", RailStatus.RECEIVED),
            ("ACTC", RailStatus.RECEIVED),
            ("PDNG", RailStatus.RECEIVED),
            ("ACWP", RailStatus.RECEIVED),
            ("ACCP", RailStatus.ACCEPTED),
            ("ACSP", RailStatus.ACCEPTED),
            ("ACSC", RailStatus.SETTLED),
            ("ACCC", RailStatus.SETTLED),
            ("RJCT", RailStatus.REFUSED),
            ("CANC", RailStatus.REFUSED),
            ("PART", None),
            ("ZZZZ", None),
        ],
    )
    def test_mean_what_the_standard_says(self, code: str, meaning: RailStatus | None) -> None:
        assert Verdict(code=code).meaning is meaning
        assert Verdict(code=code).is_known is (code != "ZZZZ")

    @pytest.mark.parametrize("reason", ["DUPL", "AM05"])
    def test_a_duplicate_is_no_refusal(self, reason: str) -> None:
        assert Verdict(code="RJCT", reason=reason).meaning is None
        assert Verdict(code="RJCT", reason=reason).is_duplicate
