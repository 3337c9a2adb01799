"""Numbers that states give: every module that is named has a number that it takes and one that it does not."""

from __future__ import annotations

import pytest

from roadstead.customers.iso_codes import COUNTRIES
from roadstead.customers.national_numbers import (
    IDENTITY_CARDS,
    TAX_NUMBERS,
    first_valid,
    identity_card_modules,
    legal_entity_identifier,
    plain_name,
    tax_modules,
    vat_number,
)

NUMBERS = {
    "ar.cuit": ("20-05536168-2", "20267565392"),
    "ar.dni": ("20.123.456", "2012345699"),
    "at.tin": ("59-119/9013", "59-119/9010"),
    "au.abn": ("83 914 571 673", "99 999 999 999"),
    "au.tfn": ("123 456 782", "999 999 999"),
    "be.nn": ("85 07 30 033 28", "12345678901"),
    "be.ssn": ("85 07 30 033 28", "12345678901"),
    "bg.egn": ("8032056031", "7552A10004"),
    "bg.pnf": ("7111 042 925", "7111042922"),
    "br.cnpj": ("16.727.230/0001-97", "16.727.230.0001-98"),
    "br.cpf": ("390.533.447-05", "231.002.999-00"),
    "ca.bn": ("12302 6635", "123456783"),
    "ca.sin": ("123-456-782", "999-999-999"),
    "cl.rut": ("76086428-5", "12531909-3"),
    "cn.ric": ("360426199101010071", "360426199101010070"),
    "cn.uscc": ("91110000600037341L", "A1110000600037341L"),
    "co.nit": ("213.123.432-1", "2131234325"),
    "cz.dic": ("25123891", "25123890"),
    "cz.rc": ("710319/2745", "7103192746"),
    "de.idnr": ("36 574 261 809", "36574261890"),
    "de.stnr": (" 181/815/0815 5", "136695978"),
    "dk.cpr": ("211062-5629", "511062-5629"),
    "dk.cvr": ("DK 13585628", "DK 13585627"),
    "do.cedula": ("00113918205", "00113918204"),
    "do.rnc": ("1-01-85004-3", "1018A0043"),
    "ec.ci": ("171430710-3", "1714307104"),
    "ec.ruc": ("1792060346-001", "1763154690001"),
    "ee.ik": ("36805280109", "36805280108"),
    "es.cif": ("J99216582", "J99216583"),
    "es.dni": ("54362315-K", "54362315Z"),
    "es.nie": ("x-2482300w", "x-2482300a"),
    "es.nif": ("B64717838", "B64717839"),
    "fi.hetu": ("131052-308T", "131052-308U"),
    "fi.ytunnus": ("2077474-0", "2077474-1"),
    "fr.nif": ("3023217600053", "3023217600054"),
    "fr.siren": ("404833048", "404833047"),
    "fr.siret": ("73282932000074", "73282932000079"),
    "gb.utr": ("1955839661", "2955839661"),
    "gh.tin": ("C0000803561", "C0000803562"),
    "gt.nit": ("576937-K", "8977112-0"),
    "hr.oib": ("HR 33392005961", "33392005962"),
    "id.nik": ("3171011708450001", "31710117084500"),
    "id.npwp": ("01.312.166.0-091.000", "123456789"),
    "ie.pps": ("6433435F", "6433435E"),
    "il.hp": ("516179157", "516179150"),
    "il.idnr": ("3933742-3", "3933742-2"),
    "in_.aadhaar": ("234123412346", "234123412347"),
    "in_.gstin": ("27AAPFU0939F1ZV", "27AAPFU0939F1Z"),
    "in_.pan": ("ACUPA7085R", "ACUPA7085RR"),
    "is_.kennitala": ("450401-3150", "530575-0299"),
    "it.codicefiscale": ("RCCMNL83S18D969H", "RCCMNL83S18D969"),
    "it.iva": ("IT 00743110157", "00743110158"),
    "jp.cn": ("5-8356-7825-6246", "2-8356-7825-6246"),
    "ke.pin": ("P051365947M", "12345"),
    "kr.brn": ("116-82-00276", "123456789"),
    "kr.rrn": ("971013-9019902", "971013-9019903"),
    "lt.asmens": ("33309240064", "33309240164"),
    "mx.curp": ("BOXW310820HNERXN09", "BOXW310820HNERXN08"),
    "mx.rfc": ("GODE 561231 GR8", "GODE 561232 GR8"),
    "my.nric": ("770305-02-1234", "771305-02-1234"),
    "mz.nuit": ("400339910", "12345"),
    "nl.bsn": ("1112.22.333", "1112.52.333"),
    "no.fodselsnummer": ("151086 95088", "15108695077"),
    "no.orgnr": ("988 077 917", "988 077 918"),
    "nz.ird": ("4909185-0", "136410133"),
    "pe.cui": ("10117410", "10117410-3"),
    "pe.ruc": ("20512333797", "20512333798"),
    "pk.cnic": ("34201-0891231-8", "34201-0891231-0"),
    "pl.nip": ("PL 8567346215", "PL 8567346216"),
    "pl.pesel": ("44051401359", "44051401358"),
    "pt.nif": ("PT 501 964 843", "PT 501 964 842"),
    "py.ruc": ("80028061-0", "800532492"),
    "ro.cf": ("RO 185 472 90", "RO 185 472 91"),
    "ro.cnp": ("1630615123457", "0800101221142"),
    "rs.pib": ("101134702", "101134703"),
    "se.orgnr": ("1234567897", "1234567891"),
    "se.personnummer": ("880320-0016", "880320-0018"),
    "sg.uen": ("00192200M", "123456"),
    "si.ddv": ("SI 5022 3054", "SI 50223055"),
    "si.emso": ("0101006500006", "0101006500007"),
    "sk.rc": ("710319/2745", "7103192746"),
    "sv.nit": ("0614-050707-104-8", "0614-050707-104-0"),
    "th.pin": ("3100600445635", "1-2345-45678-78-9"),
    "th.tin": ("1-2345-45678-78-1", "1234545678789"),
    "tr.tckimlik": ("17291716060", "17291716050"),
    "tr.vkn": ("4540536920", "4540536921"),
    "tw.ubn": ("00501503", "00501502"),
    "ua.edrpou": ("32855961", "32855968"),
    "ua.rntrc": ("1759013776", "1759013770"),
    "us.atin": ("123-45-6789", "1234-56789"),
    "us.ein": ("91-1144442", "911-14-4442"),
    "us.itin": ("912-90-3456", "9129-03456"),
    "us.ptin": ("P-00634642", "00634642"),
    "us.ssn": ("536-90-4399", "1112-23333"),
    "us.tin": ("123-45-6789", "07-3456789"),
    "uy.rut": ("21-100342-001-7", "210303670014"),
    "ve.rif": ("V-11470283-4", "V-11470283-3"),
    "vn.mst": ("0100233488", "12345"),
    "za.idnr": ("7503305044089", "8503305044089"),
    "za.tin": ("0001339050", "2449/494/16/0"),
}
"""By module: one that is right, and one that is not."""


class TestTheTables:
    def test_every_module_has_its_examples(self) -> None:
        named = {module for names in TAX_NUMBERS.values() for module in names.values()}
        named |= {module for modules in IDENTITY_CARDS.values() for module in modules}
        assert named == NUMBERS.keys()

    def test_they_are_about_countries_and_plain_names(self) -> None:
        assert TAX_NUMBERS.keys() | IDENTITY_CARDS.keys() <= COUNTRIES
        assert all(plain_name(name) == name for names in TAX_NUMBERS.values() for name in names)

    @pytest.mark.parametrize("module", NUMBERS)
    def test_every_module_takes_what_is_right_and_nothing_else(self, module: str) -> None:
        right, wrong = NUMBERS[module]
        kept = first_valid((module,), right)
        assert kept is not None
        assert first_valid((module,), kept) == kept
        assert first_valid((module,), wrong) is None

    @pytest.mark.parametrize("module", NUMBERS)
    @pytest.mark.parametrize(
        "text", ["", "-", "x", "\u0663\u0664", "1" * 200, "\u00b2\u00b3", "A" * 13, "12345678 9"]
    )
    def test_whatever_is_sent_is_no_error(self, module: str, text: str) -> None:
        assert first_valid((module,), text) is None or text.strip()


class TestWhichRuleHolds:
    def test_the_name_says_it(self) -> None:
        assert tax_modules(("BRA",), "C.P.F.") == ("br.cpf",)
        assert tax_modules(("DEU", "MEX"), "rfc") == ("mx.rfc",)

    def test_without_a_name_any_number_of_the_country_of_residence_will_do(self) -> None:
        assert tax_modules(("BRA", "MEX"), "") == ("br.cpf", "br.cnpj")

    @pytest.mark.parametrize(
        ("countries", "name"),
        [
            ((), ""),
            ((), "NIT"),
            (("NGA",), "CPF"),
            (("BRA",), "RFC"),
            (("COL",), ""),
            (("GBR",), "NINO"),
        ],
    )
    def test_elsewhere_none_does(self, countries: tuple[str, ...], name: str) -> None:
        assert tax_modules(countries, name) == ()

    def test_an_identity_card_bears_the_number_of_the_person_in_some_countries(self) -> None:
        assert identity_card_modules("ESP", "ID card") == ("es.dni", "es.nie")
        assert identity_card_modules("ESP", "passport") == ()
        assert identity_card_modules("DEU", "id_card") == ()


class TestOrganizations:
    @pytest.mark.parametrize(
        ("number", "country", "judged"),
        [
            ("BE697449992", "", ("BE0697449992", True)),
            ("BE697449990", "", None),
            ("EL 094259216", "GRC", ("EL094259216", True)),
            ("980 7806 84", "GBR", ("980780684", True)),
            ("802311781", "GBR", None),
            ("12345", "USA", ("12345", False)),
            ("12345", "", ("12345", False)),
        ],
    )
    def test_their_vat_numbers(self, number: str, country: str, judged: tuple[str, bool] | None) -> None:
        assert vat_number(number, country) == judged

    def test_a_legal_entity_identifier_is_known_by_its_check_digits(self) -> None:
        assert legal_entity_identifier("213800KUD8LAJWSQ9D15") == "213800KUD8LAJWSQ9D15"
        assert legal_entity_identifier("213800KUD8LXJWSQ9D15") is None
