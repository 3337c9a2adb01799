"""The built-in matcher finds whom a list names, however the name is written, and few others."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.screening.lists import Listed, ofac

from roadstead.screening.lists.reading import read_list
from roadstead.screening.matcher import Found, Index
from roadstead.screening.names import fold, skeleton, sound, tokens
from roadstead.screening.sample import sample_list
from roadstead.screening.subjects import Subject, subject_digest, subject_of

SAMPLE = Index([("sample", read_list(sample_list(), name="sample").entries)])
MIN = 0.86


def found(*names: str, index: Index = SAMPLE, **more: Any) -> list[Found]:
    return index.search(Subject(persons=names, **more), score_min=MIN)


def ids(*names: str, **more: Any) -> list[str]:
    return [one.entry.id for one in found(*names, **more)]


class TestAPersonOnAList:
    @pytest.mark.parametrize(
        "name",
        [
            "Ignatius Dreadmoor",
            "DREADMOOR Ignatius",
            "Dreadmoor, Ignatius",
            "ignatius  dreadmoor",
            "Ígnátius Dreadmöor",
            "Ignatius Dredmoor",
            "Ignatus Draedmoor",
            "Ignaz Dredmor",
        ],
    )
    def test_is_found_whatever_the_order_case_accents_and_small_mistakes(self, name: str) -> None:
        assert ids(name) == ["900001"]

    @pytest.mark.parametrize(
        ("name", "entry_id"),
        [
            ("Виктор Гримовский", "900004"),
            ("Viktor Grimovsky", "900004"),
            ("Victor Grimowski", "900004"),
            ("عبد الحكيم المردوك", "900005"),
            ("Abdul Hakim Mardouk", "900005"),
            ("Abdelhakim al-Marduk", "900005"),
        ],
    )
    def test_is_found_in_other_scripts_and_spellings(self, name: str, entry_id: str) -> None:
        assert ids(name) == [entry_id]

    def test_is_found_by_part_of_a_long_name(self) -> None:
        assert found("Joaquin Guzman")[0].entry.names[0] == "Joaquin GUZMAN LOERA"

    def test_scores_a_hundred_percent_when_it_is_the_very_name(self) -> None:
        assert found("Zoraida Quillvane")[0].score == 1.0

    @pytest.mark.parametrize(
        "name", ["Ignatius Miller", "Anna Dreadmoor", "Rosa Receiver", "Li", "", "!?", "李"]
    )
    def test_is_not_found_where_somebody_else_is_meant(self, name: str) -> None:
        assert ids(name) == []


class TestBirthAndCountry:
    def test_another_birth_takes_a_hit_away(self) -> None:
        assert ids("Ignatius Dreadmoor", birth_date=date(1994, 1, 1)) == []

    def test_the_same_birth_makes_it_surer(self) -> None:
        alone, with_birth = (
            found("Ignatius Dredmoor", birth_date=born)[0].score for born in (None, date(1971, 3, 14))
        )

        assert with_birth > alone

    @pytest.mark.parametrize("year", [1955, 1953, 1957])
    def test_a_year_that_the_list_does_not_know_exactly_is_borne(self, year: int) -> None:
        assert ids("Wolfhart Blackreef", birth_date=date(year, 6, 1)) == ["900003"]

    def test_another_country_lowers_the_score_a_little(self) -> None:
        same, other = (found("Zoraida Quilvane", countries=(code,))[0].score for code in ("CUB", "NZL"))

        assert same > other

    def test_a_weak_alias_counts_only_with_something_else(self) -> None:
        index = Index(
            [
                (
                    "ofac",
                    read_list(
                        ofac(
                            Listed(uid=1, name="Ignatius Dreadmoor", weak=("Hugo Stone",), born="14 Mar 1971")
                        ),
                        name="ofac",
                    ).entries,
                )
            ]
        )

        assert found("Hugh Stines", index=index) == []
        assert found("Hugo Stone", index=index, birth_date=date(1971, 3, 14)) != []


class TestKinds:
    def test_a_person_is_not_compared_with_companies_and_ships(self) -> None:
        assert ids("False Lantern", "Obsidian Harbour Trading") == []

    def test_an_organization_is_compared_with_companies(self) -> None:
        subject = Subject(organizations=("Obsidian Harbor Trading Limited",))

        assert [one.entry.id for one in SAMPLE.search(subject, score_min=MIN)] == ["900006"]

    def test_who_is_behind_an_organization_is_looked_for_too(self) -> None:
        subject = subject_of(
            {"organization.name": "Honest Ltd", "organization.director_name": "Ignatius Dreadmoor"}
        )

        assert [one.entry.id for one in SAMPLE.search(subject, score_min=MIN)] == ["900001"]


class TestNames:
    def test_are_folded(self) -> None:
        assert fold("Łukasz Müller-Straße") == "lukasz muller-strasse"
        assert tokens("O'Neill, Seán") == ("oneill", "sean")

    @pytest.mark.parametrize(
        "spelling", ["Abdul Rahman", "Abd al-Rahman", "Abdulrahman", "Abdurrahman", "Abd el Rahman"]
    )
    def test_of_servants_of_god_have_the_same_words(self, spelling: str) -> None:
        assert {"abdul", "rahman"} <= set(tokens(spelling)) or skeleton(tokens(spelling)[-1]) == "rmn"

    def test_that_sound_alike_are_known(self) -> None:
        assert sound("yusuf") == sound("youssouf")
        assert skeleton("qadhafi") == skeleton("gaddafi")
        assert skeleton("mohammed") == skeleton("muhamad")

    @given(st.text(max_size=200))
    def test_whatever_is_written_is_searched_and_harms_nothing(self, name: str) -> None:
        for one in found(name):
            assert 0 <= one.score <= 1


class TestAnIndexWithoutNames:
    def test_finds_nothing(self) -> None:
        assert found("Ignatius Dreadmoor", index=Index([])) == []


class TestADigest:
    FIELDS = {"first_name": "Rosa", "last_name": "Receiver", "birth_date": "1990-02-03"}  # noqa: RUF012

    def test_is_the_same_for_the_same_person_and_another_for_any_change(self) -> None:
        key = bytes(32)
        base = subject_digest(subject_of(self.FIELDS), key)

        assert subject_digest(subject_of({**self.FIELDS, "email_address": "x@example.com"}), key) == base
        for name in self.FIELDS:
            assert subject_digest(subject_of({**self.FIELDS, name: "1991-02-03"}), key) != base

    def test_tells_nothing_without_the_customers_key(self) -> None:
        subject = subject_of(self.FIELDS)

        assert subject_digest(subject, bytes(32)) != subject_digest(subject, bytes([1]) * 32)

    def test_does_not_stand_in_the_representation_of_a_subject(self) -> None:
        assert "Rosa" not in repr(subject_of(self.FIELDS))
