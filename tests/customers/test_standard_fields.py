"""Reading the fields of SEP-9: names, limits, choices, and messages that name the field and never the value."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.config.anchor import CustomerField, CustomerRole, CustomerType, FieldKind
from roadstead.config.sep9 import FIELD_KINDS
from roadstead.customers.standard_fields import STANDARD_FIELDS, Sensitivity, read_fields
from roadstead.errors import BadInput

TODAY = date(2026, 5, 1)
IBAN = "DE89370400440532013000"


def customer_type(*fields: CustomerField, name: str = "receiver") -> CustomerType:
    return CustomerType(name=name, description="People", role=CustomerRole.RECEIVER, fields=fields)


def read(values: dict[str, str], *asking: CustomerType) -> dict[str, str]:
    return read_fields(values, asking=asking, today=TODAY)


def refusal_of(values: dict[str, str], *asking: CustomerType) -> str:
    with pytest.raises(BadInput) as refusal:
        read(values, *asking)
    return refusal.value.message


class TestTheTable:
    def test_it_holds_exactly_the_fields_that_an_anchor_may_ask_for(self) -> None:
        assert STANDARD_FIELDS.keys() == FIELD_KINDS.keys()
        assert {name: field.kind for name, field in STANDARD_FIELDS.items()} == FIELD_KINDS

    def test_every_value_has_a_limit(self) -> None:
        assert all(0 < field.length_max <= 500 for field in STANDARD_FIELDS.values())

    @pytest.mark.parametrize(
        "name", ["bank_account_number", "organization.bank_account_number", "tax_id", "id_number"]
    )
    def test_what_is_enough_to_defraud_somebody_is_marked(self, name: str) -> None:
        assert STANDARD_FIELDS[name].sensitivity is Sensitivity.SECRET


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
        assert read({"shoe_size": "43", "card.cvc": "123", "organization.": "x", "": "x"}) == {}


class TestValues:
    def test_spaces_around_a_value_are_dropped_and_letters_composed(self) -> None:
        assert read({"first_name": "  Zoe\u0308 "}) == {"first_name": "Zo\u00eb"}

    def test_an_empty_value_says_nothing(self) -> None:
        assert read({"first_name": "", "email_address": "  "}) == {}

    @pytest.mark.parametrize(
        "name", [n for n, f in STANDARD_FIELDS.items() if f.kind is not FieldKind.BINARY]
    )
    def test_every_field_refuses_a_value_that_is_too_long(self, name: str) -> None:
        assert "is too long" in refusal_of({name: "1" * 501})

    @pytest.mark.parametrize("name", [n for n, f in STANDARD_FIELDS.items() if f.kind is FieldKind.BINARY])
    def test_every_document_is_refused(self, name: str) -> None:
        assert "accepts no documents" in refusal_of({name: "aGk="})

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
        CustomerField(name="bank_account_number", description="IBAN of the account"), name="iban"
    )
    ANY_TYPE = customer_type(
        CustomerField(name="bank_account_number", description="Number of the account, IBAN or not"),
        name="any",
    )

    def test_a_description_that_starts_with_iban_demands_one(self) -> None:
        assert "is not an IBAN" in refusal_of({"bank_account_number": "12345678"}, self.IBAN_TYPE)
        assert read({"bank_account_number": IBAN}, self.IBAN_TYPE) == {"bank_account_number": IBAN}

    def test_elsewhere_only_what_looks_like_an_iban_is_checked_as_one(self) -> None:
        assert read({"bank_account_number": "12345678"}, self.ANY_TYPE)
        assert "is not an IBAN" in refusal_of({"bank_account_number": f"{IBAN}0"}, self.ANY_TYPE)

    def test_where_no_type_is_named_what_suits_any_of_them_is_taken(self) -> None:
        assert read({"bank_account_number": "12345678"}, self.IBAN_TYPE, self.ANY_TYPE)
        assert read({"bank_account_number": "12345678"})

    @pytest.mark.parametrize(
        ("description", "value"),
        [("Routing number of the bank", "123456789"), ("BIC of the bank", "123456789"), ("BIC", "XX")],
    )
    def test_banks_may_be_demanded_by_routing_number_or_bic(self, description: str, value: str) -> None:
        asking = customer_type(CustomerField(name="bank_number", description=description))

        assert "'bank_number' is not a" in refusal_of({"bank_number": value}, asking)

    def test_choices_bind(self) -> None:
        asking = customer_type(
            CustomerField(name="id_type", description="Paper", choices=("passport", "id_card"))
        )

        assert read({"id_type": "passport"}, asking) == {"id_type": "passport"}
        assert refusal_of({"id_type": "library_card"}, asking) == "'id_type' is not one of passport, id_card."
        assert read({"id_type": "library_card"}) == {"id_type": "library_card"}
