"""Files that we write: valid by two published copies of the schema, and read by others as we meant them."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiso20022.pain.pain_001_001_09 import pain_001_001_09 as judge
from tests.fixtures.judges import PAYMENTS, objections
from tests.fixtures.mock_bank import OUR_IBAN
from tests.rails.iso20022.samples import HEADING, IBAN, sample
from xsdata.formats.dataclass.parsers import XmlParser

from roadstead.errors import BadInput
from roadstead.rails.iso20022.payments import Debtor, adjustments, uetr_of, write_payments
from roadstead.rails.iso20022.texts import fit
from roadstead.rails.protocol import PayoutAttempt

US = Debtor(name="Example Anchor GmbH", account=OUR_IBAN, bic="BYLADEM1001")
GENERIC = Debtor(name="Example Anchor", account="000123456789")

FILES = {
    "euros": (US, [sample(1), sample(2, amount="0.01"), sample(3, amount="999999999.99")]),
    "euros with a bank": (US, [sample(1, bank_number="DEUTDEFF")]),
    "euros without our bank": (replace(US, bic=None), [sample(1)]),
    "pesos": (GENERIC, [sample(1, code="MXN", account_number="032180000118359719", bank_number="40032")]),
    "yen": (
        GENERIC,
        [sample(1, code="JPY", amount="12345", account_number="1234567", bank_number="BOTKJPJT")],
    ),
    "dinars": (GENERIC, [sample(1, code="KWD", amount="1.234", account_number="1234567")]),
    "strange texts": (US, [sample(1, name="Zoë Ångström & Søn <Ж> 王", information="//a ''\"\n\t§//")]),
    "no information": (US, [sample(1, information="")]),
    "many": (US, [sample(number) for number in range(200)]),
}


def read_by_others(data: bytes) -> Any:
    return XmlParser().from_bytes(data, judge.Document).cstmr_cdt_trf_initn


def payments_of(document: Any) -> Sequence[tuple[Any, ...]]:
    """What others read of each payment."""
    return [
        (
            each.pmt_id.instr_id,
            each.pmt_id.end_to_end_id,
            each.pmt_id.uetr,
            Decimal(each.amt.instd_amt.value),
            each.amt.instd_amt.ccy,
            each.cdtr.nm,
            each.cdtr_acct.id.iban or each.cdtr_acct.id.othr.id,
            each.rmt_inf.ustrd[0] if each.rmt_inf else "",
        )
        for batch in document.pmt_inf
        for each in batch.cdt_trf_tx_inf
    ]


def meant(attempt: PayoutAttempt) -> tuple[Any, ...]:
    return (
        attempt.key,
        attempt.end_to_end_id,
        str(uetr_of(attempt.key)),
        attempt.amount.decimal,
        attempt.amount.asset.code,
        fit(attempt.creditor.name, 70).text,
        attempt.creditor.account_number,
        fit(attempt.information, 140).text,
    )


class TestAFile:
    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("copy", PAYMENTS, ids=[package for package, _ in PAYMENTS])
    def test_is_valid_by_each_copy_of_the_schema(self, name: str, copy: tuple[str, str]) -> None:
        debtor, attempts = FILES[name]
        assert objections(*copy, write_payments(HEADING, debtor, attempts)) == []

    @pytest.mark.parametrize("name", FILES)
    def test_is_read_by_others_as_it_was_meant(self, name: str) -> None:
        debtor, attempts = FILES[name]
        document = read_by_others(write_payments(HEADING, debtor, attempts))
        assert payments_of(document) == [meant(attempt) for attempt in attempts]
        total = sum(attempt.amount.decimal for attempt in attempts)
        assert (document.grp_hdr.msg_id, int(document.grp_hdr.nb_of_txs), document.grp_hdr.ctrl_sum) == (
            HEADING.message_id,
            len(attempts),
            total,
        )
        (batch,) = document.pmt_inf
        assert (batch.pmt_inf_id, int(batch.nb_of_txs), batch.ctrl_sum) == (
            f"{HEADING.message_id}1",
            len(attempts),
            total,
        )
        assert batch.reqd_exctn_dt.dt.to_date() == HEADING.execute_on
        assert batch.dbtr.nm == debtor.name
        assert (batch.dbtr_acct.id.iban or batch.dbtr_acct.id.othr.id) == debtor.account

    def test_of_euros_keeps_the_rules_of_sepa_and_others_do_not(self) -> None:
        (batch,) = read_by_others(write_payments(HEADING, *FILES["euros"])).pmt_inf
        assert (batch.pmt_tp_inf.svc_lvl[0].cd, batch.chrg_br.value) == ("SEPA", "SLEV")
        (batch,) = read_by_others(write_payments(HEADING, *FILES["pesos"])).pmt_inf
        assert (batch.pmt_tp_inf, batch.chrg_br.value) == (None, "SHAR")

    def test_is_always_the_same_for_the_same_payments(self) -> None:
        debtor, attempts = FILES["many"]
        assert write_payments(HEADING, debtor, attempts) == write_payments(HEADING, debtor, attempts)

    def test_pays_in_one_currency_and_pays_something(self) -> None:
        with pytest.raises(BadInput):
            write_payments(HEADING, US, [])
        with pytest.raises(BadInput):
            write_payments(HEADING, US, [sample(1), sample(2, code="USD")])

    @settings(max_examples=60, deadline=None)
    @given(name=st.text(min_size=1, max_size=140), information=st.text(max_size=200))
    def test_is_valid_whatever_people_write(self, name: str, information: str) -> None:
        attempt = sample(1, name=f"A{name}", information=information)
        data = write_payments(HEADING, US, [attempt])
        for copy in PAYMENTS:
            assert objections(*copy, data) == []
        assert payments_of(read_by_others(data)) == [meant(attempt)]


class TestTheNameOfAnAttemptInTheWorld:
    def test_follows_from_its_key(self) -> None:
        assert uetr_of("A1") == uetr_of("A1")
        assert uetr_of("A1") != uetr_of("A2")
        assert uetr_of("A1").version == 4


class TestTexts:
    @pytest.mark.parametrize(
        ("given_text", "written"),
        [
            ("Ada Lovelace", "Ada Lovelace"),
            ("  two   spaces ", "two spaces"),
            ("Zoë Ångström", "Zoe Angstrom"),
            ("Straße Æther Łódź Đorđe", "Strasse AEther Lodz Dorde"),
            ("Müller & Söhne", "Muller + Sohne"),
            ("Γιώργος Παπαδόπουλος", "Giorgos Papadopoylos"),
            ("Владимир Щербаков", "Vladimir Shterbakov"),
            ("王小明", "..."),
            ("//a//b//", "a/b"),
            ("a\x00b\x1f", "a.b"),
            ("ﬁne", "fine"),
        ],
    )
    def test_become_what_every_bank_carries(self, given_text: str, written: str) -> None:
        assert fit(given_text, 70).text == written

    @given(text=st.text(max_size=300), length=st.integers(1, 140))
    def test_have_only_allowed_signs_and_never_more_than_fit(self, text: str, length: int) -> None:
        fitted = fit(text, length)
        assert len(fitted.text) <= length
        assert all(sign.isascii() and (sign.isalnum() or sign in "/-?:().,'+ ") for sign in fitted.text)
        assert not fitted.text.startswith("/")
        assert "//" not in fitted.text
        assert fit(fitted.text, length).text == fitted.text

    def test_what_is_changed_is_said_without_the_text(self) -> None:
        attempt = sample(1, name="Ж" * 80, information=IBAN)
        assert [str(each) for each in adjustments(attempt)] == [
            "Nm written in Latin letters",
            "Nm cut",
        ]
        assert adjustments(sample(1)) == ()
