"""Reading the fields of SEP-9: names, limits, choices, and messages that name the field and never the value."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.customers.sep9_examples import EXAMPLES

from roadstead.config.anchor import CustomerField, CustomerRole, CustomerType, FieldKind
from roadstead.config.field_forms import DemandedForm, FieldForm
from roadstead.config.sep9 import FIELD_KINDS, STANDARD_FIELDS, Sensitivity
from roadstead.customers.standard_fields import ReadFields, fields_before, read_fields
from roadstead.errors import BadInput
from roadstead.messages.catalogue import Catalogue, Language, shipped_messages

TODAY = date(2026, 5, 1)
IBAN = "DE89370400440532013000"


def customer_type(*fields: CustomerField, name: str = "receiver") -> CustomerType:
    return CustomerType(name=name, description="People", role=CustomerRole.RECEIVER, fields=fields)


def read(values: dict[str, str], *asking: CustomerType) -> dict[str, str]:
    return dict(read_fields(values, asking=asking, today=TODAY).values)


def read_after(before: dict[str, str], values: dict[str, str]) -> ReadFields:
    return read_fields(values, asking=(), today=TODAY, before=before)


def unchecked(values: dict[str, str]) -> set[str]:
    return set(read_fields(values, asking=(), today=TODAY).unchecked)


def refusal_of(values: dict[str, str], *asking: CustomerType) -> str:
    with pytest.raises(BadInput) as refusal:
        read(values, *asking)
    return refusal.value.message


class TestTheTable:
    def test_an_anchor_may_ask_for_everything_but_the_secrets_of_cards(self) -> None:
        assert STANDARD_FIELDS.keys() - FIELD_KINDS.keys() == {"card.number", "card.cvc"}
        assert all(STANDARD_FIELDS[name].kind is kind for name, kind in FIELD_KINDS.items())

    def test_it_has_every_part_of_sep9(self) -> None:
        parts = {name.rpartition(".")[0] for name in STANDARD_FIELDS}
        assert parts == {"", "organization", "card"}
        assert len(STANDARD_FIELDS) == 34 + 13 + 13 + 17 + 11

    def test_every_field_has_its_examples(self) -> None:
        assert EXAMPLES.keys() == STANDARD_FIELDS.keys()

    @pytest.mark.parametrize("language", [one for one in Language if one is not Language.ENGLISH])
    def test_every_description_is_in_every_language(self, language: Language) -> None:
        catalogue = Catalogue(shipped_messages())
        for field in STANDARD_FIELDS.values():
            assert catalogue.translate(field.description, language) != field.description, field.name

    def test_every_value_has_a_limit(self) -> None:
        assert all(0 < field.length_max <= 500 for field in STANDARD_FIELDS.values())

    @pytest.mark.parametrize(
        "name", ["bank_account_number", "organization.bank_account_number", "tax_id", "id_number"]
    )
    def test_what_is_enough_to_defraud_somebody_is_marked(self, name: str) -> None:
        assert STANDARD_FIELDS[name].sensitivity is Sensitivity.SECRET


TAKEN = [name for name, example in EXAMPLES.items() if example.accepted is not None]


class TestEveryField:
    @pytest.mark.parametrize("name", TAKEN)
    def test_a_good_value_is_taken_and_kept_in_one_form(self, name: str) -> None:
        example = EXAMPLES[name]
        kept = read({**example.beside, name: example.accepted or ""})[name]
        assert kept == (example.kept or example.accepted)
        assert read({**example.beside, name: kept})[name] == kept

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_a_bad_value_is_refused_by_name_and_reason_and_never_repeated(self, name: str) -> None:
        example = EXAMPLES[name]
        words = refusal_of({**example.beside, name: example.refused})
        assert words.startswith(f"'{name}' ")
        assert example.refused not in words

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_what_is_never_taken_as_text_is_a_document_or_the_secret_of_a_card(self, name: str) -> None:
        never = (FieldForm.DOCUMENT, FieldForm.CARD_SECRET)
        assert (EXAMPLES[name].accepted is None) is (STANDARD_FIELDS[name].form in never)


class TestCards:
    @pytest.mark.parametrize("name", ["card.number", "card.cvc"])
    def test_their_secrets_are_refused_with_what_to_send_instead(self, name: str) -> None:
        assert "send 'card.token' instead" in refusal_of({name: "4111111111111111"})
        assert "card.token" in refusal_of({name: "9" * 10_000})

    def test_one_that_has_expired_is_refused(self) -> None:
        assert "has expired" in refusal_of({"card.expiration_date": "26-04"})
        assert read({"card.expiration_date": "26-05"})
        assert "is not a month" in refusal_of({"card.expiration_date": "26-13"})


class TestDocuments:
    def test_one_that_has_expired_is_refused(self) -> None:
        assert "is in the past" in refusal_of({"id_expiration_date": "2026-04-30"})
        assert read({"id_expiration_date": "2026-05-01"})

    def test_none_ends_before_it_was_issued(self) -> None:
        dates = {"id_issue_date": "2026-04-01", "id_expiration_date": "2026-05-01"}
        assert read(dates) == dates
        assert refusal_of(dates | {"id_issue_date": "2026-05-01"}) == (
            "'id_expiration_date' is not after 'id_issue_date'."
        )

    def test_what_was_kept_before_counts(self) -> None:
        with pytest.raises(BadInput, match="id_issue_date"):
            read_after({"id_issue_date": "2030-01-01"}, {"id_expiration_date": "2029-01-01"})

    def test_the_number_of_a_passport_has_no_rule(self) -> None:
        passport = {"id_type": "passport", "id_country_code": "ESP", "id_number": "XDA123456"}
        assert read(passport) == passport
        assert unchecked(passport) == {"id_number"}


class TestNumbersWithoutARule:
    @pytest.mark.parametrize(
        "values",
        [
            {"tax_id": "12345", "address_country_code": "NGA"},
            {"tax_id": "12345", "tax_id_name": "TIN", "address_country_code": "NGA"},
            {"tax_id": "12345", "tax_id_name": "NINO", "address_country_code": "GBR"},
            {"tax_id": "12345"},
        ],
    )
    def test_they_are_taken_and_known_to_be_unchecked(self, values: dict[str, str]) -> None:
        assert read(values) == values
        assert unchecked(values) == {"tax_id"}

    def test_a_number_that_only_one_country_has_needs_no_country(self) -> None:
        assert "'tax_id'" in refusal_of({"tax_id": "12345", "tax_id_name": "CURP"})
        assert not unchecked({"tax_id": "BOXW310820HNERXN09", "tax_id_name": "c.u.r.p."})

    def test_a_number_of_another_country_of_the_customer_is_taken(self) -> None:
        foreigner = {"address_country_code": "DEU", "birth_country_code": "MEX", "tax_id_name": "RFC"}
        assert not unchecked({**foreigner, "tax_id": "GODE561231GR8"})

    def test_an_account_that_is_no_iban_is_unchecked(self) -> None:
        assert unchecked({"bank_account_number": "12345678"}) == {"bank_account_number"}
        assert not unchecked({"bank_account_number": IBAN})

    def test_what_was_kept_is_judged_again_by_what_explains_it(self) -> None:
        before = {"tax_id": "39053344705"}
        assert fields_before({"tax_id_name": "CPF"}, before) == {"tax_id"}
        assert read_after(before, {"tax_id_name": "CPF"}).judged_again == {"tax_id": True}
        assert read_after(before, {"tax_id_name": "CNPJ"}).judged_again == {"tax_id": False}

    def test_only_what_is_needed_of_what_was_kept_is_asked_for(self) -> None:
        kept = ("tax_id_name", "address_country_code", "last_name", "id_type")
        assert fields_before({"tax_id": "1"}, kept) == {"tax_id_name", "address_country_code"}
        assert fields_before({"first_name": "Ann"}, kept) == frozenset()
        assert fields_before({"shoe_size": "43"}, kept) == frozenset()


class TestBanks:
    @pytest.mark.parametrize(
        ("country", "good", "bad"),
        [
            ("USA", "021000021", "021000022"),
            ("IND", "sbin0005943", "SBIN1005943"),
            ("GBR", "20-00-00", "2000"),
        ],
    )
    def test_the_country_says_how_they_are_numbered(self, country: str, good: str, bad: str) -> None:
        assert read({"address_country_code": country, "bank_number": good})
        assert "'bank_number' is not a" in refusal_of({"address_country_code": country, "bank_number": bad})
        assert read({"address_country_code": country, "bank_number": "DEUTDEFF"})

    def test_elsewhere_they_are_taken_and_known_to_be_unchecked(self) -> None:
        assert unchecked({"address_country_code": "JPN", "bank_number": "0001"}) == {"bank_number"}


class TestNames:
    def test_aliases_are_kept_under_the_name_that_is_asked_for(self) -> None:
        assert read({"given_name": "Ann", "family_name": "Bosun", "crypto_memo": "12"}) == {
            "first_name": "Ann",
            "last_name": "Bosun",
            "external_transfer_memo": "12",
        }

    def test_both_names_may_be_sent_when_they_agree(self) -> None:
        assert read({"given_name": "Ann", "first_name": "Ann"}) == {"first_name": "Ann"}
        assert "'first_name' was sent twice" in refusal_of({"given_name": "Ann", "first_name": "Eve"})

    def test_names_that_are_not_of_sep9_are_left_out(self) -> None:
        assert read({"shoe_size": "43", "organization.": "x", "": "x"}) == {}


class TestValues:
    def test_spaces_around_a_value_are_dropped_and_letters_composed(self) -> None:
        assert read({"first_name": "  Zoe\u0308 "}) == {"first_name": "Zo\u00eb"}

    def test_an_empty_value_says_nothing(self) -> None:
        assert read({"first_name": "", "email_address": "  "}) == {}

    @pytest.mark.parametrize("name", TAKEN)
    def test_every_field_refuses_a_value_that_is_too_long(self, name: str) -> None:
        assert "is too long" in refusal_of({name: "1" * 501})

    @pytest.mark.parametrize("name", [n for n, f in STANDARD_FIELDS.items() if f.kind is FieldKind.BINARY])
    def test_every_document_is_refused(self, name: str) -> None:
        assert "send it as a file" in refusal_of({name: "aGk="})

    def test_an_address_may_have_lines_and_a_name_may_not(self) -> None:
        assert read({"address": "1 Quay\r\nPorttown"}) == {"address": "1 Quay\r\nPorttown"}
        assert "control characters" in refusal_of({"city": "Port\ntown"})
        assert "control characters" in refusal_of({"address": "1 Quay\0"})

    def test_names_of_any_script_are_taken(self) -> None:
        for name in ("Nguyễn Thị Ánh", "محمد", "علی\u200cرضا", "李小龙", "O'Brien-Łoś"):
            assert read({"last_name": name})["last_name"]

    def test_a_phone_number_may_be_a_hash_if_the_sender_says_so(self) -> None:
        digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        assert "'mobile_number'" in refusal_of({"mobile_number": digest})
        assert read({"mobile_number": digest, "mobile_number_format": "hash"})["mobile_number"] == digest
        assert "'mobile_number'" in refusal_of({"mobile_number": digest, "mobile_number_format": "E.164"})

    @pytest.mark.parametrize(
        ("born", "reason"), [("2026-05-02", "is in the future"), ("1890-01-01", "is too long ago")]
    )
    def test_nobody_is_born_tomorrow_or_in_another_age(self, born: str, reason: str) -> None:
        assert refusal_of({"birth_date": born}) == f"'birth_date' {reason}."

    def test_somebody_born_today_is_taken(self) -> None:
        assert read({"birth_date": "2026-05-01"})

    @given(values=st.dictionaries(st.sampled_from(sorted(STANDARD_FIELDS)), st.text(max_size=40), max_size=4))
    def test_any_values_are_either_kept_or_refused_without_repeating_them(
        self, values: dict[str, str]
    ) -> None:
        try:
            kept = read(values)
        except BadInput as refusal:
            words = refusal.message
            assert any(f"'{name}'" in words for name in values)
            return
        assert kept.keys() <= values.keys()
        assert read(kept) == kept


class TestWhatAnAnchorDemands:
    IBAN_TYPE = customer_type(
        CustomerField(name="bank_account_number", description="Account", form=DemandedForm.IBAN), name="iban"
    )
    ANY_TYPE = customer_type(CustomerField(name="bank_account_number", description="Account"), name="any")

    def test_a_form_that_a_type_demands_binds(self) -> None:
        assert "is not an IBAN" in refusal_of({"bank_account_number": "12345678"}, self.IBAN_TYPE)
        assert read({"bank_account_number": IBAN}, self.IBAN_TYPE) == {"bank_account_number": IBAN}

    def test_elsewhere_only_what_looks_like_an_iban_is_checked_as_one(self) -> None:
        assert read({"bank_account_number": "12345678"}, self.ANY_TYPE)
        assert "is not an IBAN" in refusal_of({"bank_account_number": f"{IBAN}0"}, self.ANY_TYPE)

    def test_where_no_type_is_named_what_suits_any_of_them_is_taken(self) -> None:
        assert read({"bank_account_number": "12345678"}, self.IBAN_TYPE, self.ANY_TYPE)
        assert read({"bank_account_number": "12345678"})

    @pytest.mark.parametrize("form", DemandedForm)
    def test_every_form_that_can_be_demanded_is_known(self, form: DemandedForm) -> None:
        asking = customer_type(CustomerField(name="bank_number", description="Bank", form=form))

        assert "'bank_number' is not a" in refusal_of({"bank_number": "..."}, asking)

    def test_choices_bind(self) -> None:
        asking = customer_type(
            CustomerField(name="id_type", description="Paper", choices=("passport", "id_card"))
        )

        assert read({"id_type": "passport"}, asking) == {"id_type": "passport"}
        assert refusal_of({"id_type": "library_card"}, asking) == "'id_type' is not one of passport, id_card."
        assert read({"id_type": "library_card"}) == {"id_type": "library_card"}
