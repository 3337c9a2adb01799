"""Reading published lists: everything that is matched by, and nothing that is hostile."""

import zlib
from datetime import date

import pytest
from tests.screening.lists import EU, NOBODY, ROSA, UN, Listed, ofac

from roadstead.errors import BadInput
from roadstead.screening.lists.countries import country_code
from roadstead.screening.lists.entries import Birth, EntryKind
from roadstead.screening.lists.ofac import read_birth
from roadstead.screening.lists.reading import read_list
from roadstead.screening.sample import SAMPLE_NAME, sample_list

BIRTHDAY = Birth(earliest=date(1971, 3, 14), latest=date(1971, 3, 14))


class TestTheListOfOfac:
    def test_has_names_aliases_births_and_countries(self) -> None:
        listed = Listed(
            uid=36,
            name="Ignatius DREADMOOR",
            aka=("Ignaz Dredmor",),
            weak=("The Ledger",),
            born="14 Mar 1971",
            country="Malta",
        )
        found = read_list(ofac(listed), name="ofac")
        (entry,) = found.entries

        assert (found.form, found.published_on) == ("ofac", date(2021, 3, 10))
        assert found.version.startswith("2021-03-10-")
        assert (entry.id, entry.kind) == ("36", EntryKind.PERSON)
        assert entry.names == ("Ignatius DREADMOOR", "Ignaz Dredmor")
        assert entry.weak_names == ("The Ledger",)
        assert (entry.births, entry.countries) == ((BIRTHDAY,), ("MLT",))

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [("Entity", EntryKind.ORGANIZATION), ("Vessel", EntryKind.VESSEL), ("Aircraft", EntryKind.AIRCRAFT)],
    )
    def test_tells_kinds_apart(self, kind: str, expected: EntryKind) -> None:
        assert read_list(ofac(NOBODY, kind=kind), name="ofac").entries[0].kind is expected

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("14 Mar 1971", "1971-03-14/1971-03-14"),
            ("1971", "1971-01-01/1971-12-31"),
            ("Mar 1971", "1971-01-01/1971-12-31"),
            ("circa 1971", "1969-01-01/1973-12-31"),
            ("1968 to 1971", "1968-01-01/1971-12-31"),
            ("01 Jan 1968 to 31 Dec 1969", "1968-01-01/1969-12-31"),
        ],
    )
    def test_reads_every_way_in_which_a_birth_is_said(self, said: str, expected: str) -> None:
        birth = read_birth(said)

        assert birth is not None
        assert birth.text == expected
        assert Birth.read(birth.text) == birth

    @pytest.mark.parametrize("said", ["", "unknown", "31 Feb 0000", "0000"])
    def test_takes_nothing_uncertain_for_a_birth(self, said: str) -> None:
        assert read_birth(said) is None

    def test_of_an_unknown_kind_is_refused_whole(self) -> None:
        with pytest.raises(BadInput, match="of the kind 'Submarine'"):
            read_list(ofac(ROSA, kind="Submarine"), name="ofac")


class TestTheListOfTheUnitedNations:
    def test_has_persons_and_organizations(self) -> None:
        person, organization = read_list(UN, name="un").entries

        assert person.id == "QDi.001"
        assert person.names == ("IGNATIUS DREADMOOR", "Ignaz Dredmor")
        assert person.weak_names == ("The Ledger",)
        assert [birth.text for birth in person.births] == [
            "1968-01-01/1969-12-31",
            "1971-03-14/1971-03-14",
            "1973-01-01/1977-12-31",
        ]
        assert person.countries == ("LBY", "MLT")
        assert (organization.kind, organization.names) == (
            EntryKind.ORGANIZATION,
            ("NINE TIDES SHIPPING", "9 TIDES"),
        )
        assert organization.countries == ("LBR",)


class TestTheListOfTheEuropeanUnion:
    def test_has_persons_and_organizations_and_an_entry_that_stands_twice_is_one(self) -> None:
        found = read_list(EU, name="eu")
        person, organization = found.entries

        assert found.published_on == date(2021, 3, 2)
        assert person.id == "EU.1.1"
        assert person.names == ("Ignatius Dreadmoor", "Ignaz Dredmor")
        assert person.weak_names == ("The Ledger",)
        assert [birth.text for birth in person.births] == ["1971-03-14/1971-03-14", "1973-01-01/1977-12-31"]
        assert person.countries == ("LBY", "MLT")
        assert organization.kind is EntryKind.ORGANIZATION


class TestTheVersionOfAnEntry:
    def test_stays_while_the_list_says_the_same(self) -> None:
        first, again = (read_list(ofac(NOBODY, ROSA), name="ofac").entries[0].version for _ in range(2))
        other_day = read_list(ofac(NOBODY, published="03/11/2021"), name="ofac").entries[0].version

        assert first == again == other_day

    @pytest.mark.parametrize(
        "changed",
        [
            Listed(uid=3, name="Ignatius Dreadmore", aka=NOBODY.aka, born=NOBODY.born, country="Malta"),
            Listed(uid=3, name=NOBODY.name, aka=NOBODY.aka, born="15 Mar 1971", country="Malta"),
            Listed(uid=3, name=NOBODY.name, aka=NOBODY.aka, born=NOBODY.born, country="Libya"),
            Listed(uid=3, name=NOBODY.name, weak=NOBODY.aka, born=NOBODY.born, country="Malta"),
        ],
    )
    def test_changes_with_anything_that_is_matched_by(self, changed: Listed) -> None:
        before, after = (read_list(ofac(one), name="ofac").entries[0].version for one in (NOBODY, changed))

        assert before != after


class TestAFileThatIsNoList:
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "not well-formed"),
            (b"{}", "not well-formed"),
            (b"\x00\xff\xfe", "not well-formed"),
            (ofac(NOBODY)[:-20], "not well-formed"),
            (zlib.compress(ofac(NOBODY)), "not well-formed"),
            (b"<html/>", "no list that is read here"),
            (ofac(), "has 0 entries"),
            (ofac(NOBODY, published="yesterday"), "does not say when it was published"),
            (UN.replace(b"dateGenerated", b"made"), "does not say when it was made"),
            (EU.replace(b"generationDate", b"made"), "does not say when it was made"),
            (EU.replace(b'"P"', b'"X"'), "of the kind 'X'"),
            (ofac(NOBODY).replace(b"<uid>3</uid>", b""), "without an identifier"),
            (ofac(Listed(uid=1, name="x" * 2_001)), "more than"),
            (ofac(Listed(uid=1, name="X Y", aka=[f"Name {n}" for n in range(501)])), "more than"),
        ],
    )
    def test_is_refused_with_a_clear_word(self, data: bytes, said: str) -> None:
        with pytest.raises(BadInput, match=said):
            read_list(data, name="mine")

    def test_of_another_publisher_than_its_name_says_is_refused(self) -> None:
        with pytest.raises(BadInput, match="is a list of ofac, not of un"):
            read_list(ofac(NOBODY), name="un")

    @pytest.mark.parametrize(
        "declaration",
        [
            b'<!DOCTYPE sdnList [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            b'<!DOCTYPE sdnList SYSTEM "http://127.0.0.1:9/evil.dtd">',
            b'<!DOCTYPE sdnList [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            b"<!DOCTYPE sdnList>",
        ],
    )
    def test_with_a_document_type_is_refused(self, declaration: bytes) -> None:
        hostile = ofac(NOBODY).replace(b"<sdnList", declaration + b"<sdnList", 1)

        with pytest.raises(BadInput, match="document type"):
            read_list(hostile, name="ofac")

    def test_in_another_encoding_does_not_hide_a_document_type(self) -> None:
        text = ofac(NOBODY).decode().replace('standalone="yes"', 'encoding="UTF-16"')
        hostile = text.replace("<sdnList", '<!DOCTYPE sdnList [<!ENTITY x "y">]><sdnList', 1).encode("utf-16")

        with pytest.raises(BadInput, match="document type"):
            read_list(hostile, name="ofac")

    def test_of_a_million_levels_is_refused(self) -> None:
        with pytest.raises(BadInput, match="not well-formed"):
            read_list(b"<sdnList>" + b"<a>" * 100_000, name="ofac")


class TestCountries:
    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("Iran", "IRN"),
            ("Korea, North", "PRK"),
            ("  russian  federation ", "RUS"),
            ("MT", "MLT"),
            ("Atlantis", None),
        ],
    )
    def test_are_known_by_the_names_that_lists_use(self, name: str, code: str | None) -> None:
        assert country_code(name) == code


class TestTheSample:
    def test_has_about_thirty_real_entries_and_some_invented_ones(self) -> None:
        entries = read_list(sample_list(), name=SAMPLE_NAME).entries

        assert sum(int(entry.id) < 900_000 for entry in entries) == 30
        assert sum(int(entry.id) >= 900_000 for entry in entries) == 8
        assert {entry.kind for entry in entries} == set(EntryKind)
