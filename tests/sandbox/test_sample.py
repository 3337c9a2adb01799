from __future__ import annotations

from datetime import date

import pytest
from stdnum import iban

from roadstead.config.anchor import CustomerRole, FieldKind
from roadstead.config.sep9 import FIELD_KINDS
from roadstead.customers.documents import MediaType, recognise
from roadstead.customers.standard_fields import read_fields
from roadstead.sandbox.sample import decode_binary, invent, random_iban

_WORDS = {
    FieldKind.STRING: "string",
    FieldKind.DATE: "date",
    FieldKind.NUMBER: "number",
    FieldKind.BINARY: "binary",
}


class TestInventedPeople:
    def test_have_an_iban_with_correct_check_digits(self) -> None:
        for _ in range(50):
            iban.validate(random_iban())

    def test_differ_from_each_other(self) -> None:
        first, second = (
            invent(CustomerRole.RECEIVER, {"bank_account_number": {}, "email_address": {}}) for _ in range(2)
        )

        assert first["bank_account_number"] != second["bank_account_number"]
        assert first["email_address"] != second["email_address"]

    def test_have_a_plain_account_number_where_a_routing_number_goes_with_it(self) -> None:
        person = invent(CustomerRole.RECEIVER, {"bank_account_number": {}, "bank_number": {}})

        assert person["bank_account_number"].isdigit()

    def test_take_the_first_of_the_choices_that_an_anchor_names(self) -> None:
        person = invent(CustomerRole.SENDER, {"bank_account_type": {"choices": ["savings", "checking"]}})

        assert person == {"bank_account_type": "savings"}

    @pytest.mark.parametrize("role", CustomerRole)
    def test_answer_every_field_of_sep_9_in_its_kind(self, role: CustomerRole) -> None:
        person = invent(role, {name: {"type": _WORDS[kind]} for name, kind in FIELD_KINDS.items()})

        assert set(person) == set(FIELD_KINDS)
        assert all(person.values())
        for name, kind in FIELD_KINDS.items():
            match kind:
                case FieldKind.NUMBER:
                    assert person[name].isdigit()
                case FieldKind.DATE:
                    assert len(person[name].split("-")) == (2 if name.startswith("card.") else 3)
                case FieldKind.BINARY:
                    photo = decode_binary(person[name])
                    assert recognise(photo, field=name, label="image/png") is MediaType.PNG

    @pytest.mark.parametrize("role", CustomerRole)
    def test_are_taken_by_whoever_checks_them(self, role: CustomerRole) -> None:
        asked = {name: {"type": _WORDS[kind]} for name, kind in FIELD_KINDS.items()}
        values = {name: value for name, value in invent(role, asked).items() if not _is_file(name)}

        assert read_fields(values, asking=(), today=date(2026, 5, 1)).values.keys() == values.keys()


def _is_file(name: str) -> bool:
    return FIELD_KINDS[name] is FieldKind.BINARY
