"""The forms of well-known values: what is taken, how it is kept, and that a refusal never repeats it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.customers import formats
from roadstead.customers.formats import Form, Unfit
from roadstead.customers.iso_codes import (
    COUNTRIES,
    COUNTRIES_TWO_LETTERS,
    LANGUAGES,
    OCCUPATIONS,
    TWO_LETTERS,
)

TAKEN = [
    (formats.email, "Mina@Example.COM", "Mina@example.com"),
    (formats.country, "deu", "DEU"),
    (formats.country_two_letters, "de", "DE"),
    (formats.subdivision, "us-ny", "US-NY"),
    (formats.month, "29-11", "29-11"),
    (formats.ifsc, "sbin0005943", "SBIN0005943"),
    (formats.sort_code, "20-00-00", "200000"),
    (
        formats.stellar_address,
        "GCEZWKCA5VLDNRLN3RPRJMRZOX3Z6G5CHCGSNFHEYVXM3XOJMDS674JZ",
        "GCEZWKCA5VLDNRLN3RPRJMRZOX3Z6G5CHCGSNFHEYVXM3XOJMDS674JZ",
    ),
    (formats.language, "EN", "en"),
    (formats.calendar_date, "1984-02-29", "1984-02-29"),
    (formats.phone_number, "+1 (415) 555-0100", "+14155550100"),
    (formats.iban, "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
    (formats.iban, "NO93 8601 1117 947", "NO9386011117947"),
    (formats.iban, "FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606"),
    (formats.iban, "PT50 0002 0123 1234 5678 9015 4", "PT50000201231234567890154"),
    (formats.iban, "ES91 2100 0418 4502 0005 1332", "ES9121000418450200051332"),
    (formats.iban, "SI56 1910 0000 0123 438", "SI56191000000123438"),
    (formats.iban, "BE21 1675 7606 5403", "BE21167576065403"),
    (formats.iban, "NO58 7296 0040 371", "NO5872960040371"),
    (formats.bic, "deutdeff", "DEUTDEFF"),
    (formats.routing_number, "021000021", "021000021"),
    (formats.account_number, "12-3456 789", "123456789"),
    (formats.account_number, "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"),
    (formats.bank_number, "SBIN0005943", "SBIN0005943"),
    (formats.bank_number, "DEUTDEFF500", "DEUTDEFF500"),
    (formats.clabe, "032180000118359719", "032180000118359719"),
    (formats.cbu, "2850590940090418135201", "2850590940090418135201"),
    (formats.cbu_alias, "ancla.barco.mar", "ancla.barco.mar"),
    (formats.internet_address, "2001:DB8::1", "2001:db8::1"),
    (formats.website, "https://anchor.example/about", "https://anchor.example/about"),
    (formats.occupation, "021", "021"),
    (formats.count, "12", "12"),
    (formats.one_of("male", "female", "other"), "Female", "female"),
]

REFUSED = [
    (formats.email, "mina"),
    (formats.email, "mina@"),
    (formats.email, "mina@example..com"),
    (formats.email, "mina@localhost"),
    (formats.country, "FR"),
    (formats.country, "XXX"),
    (formats.country, "Germany"),
    (formats.language, "eng"),
    (formats.language, "xx"),
    (formats.calendar_date, "19840229"),
    (formats.calendar_date, "1983-02-29"),
    (formats.calendar_date, "29.02.1984"),
    (formats.calendar_date, "1984-2-9"),
    (formats.calendar_date, "0001-01-01"),
    (formats.calendar_date, "1984-02-29T00:00"),
    (formats.calendar_date, "١٩٨٤-٠٢-٢٩"),
    (formats.phone_number, "04155550100"),
    (formats.phone_number, "+0415555010"),
    (formats.phone_number, "+1415555010012345"),
    (formats.phone_number, "+1415CALLME"),
    (formats.iban, "DE88370400440532013000"),
    (formats.iban, "DE8937040044053201300"),
    (formats.iban, "123456789"),
    (formats.iban, "FR8420041010050500013M02607"),
    (formats.iban, "ES6421000418450200051333"),
    (formats.iban, "PT23000201231234567890155"),
    (formats.iban, "NO6686011117948"),
    (formats.iban, "BE91167576065404"),
    (formats.country_two_letters, "UK"),
    (formats.country_two_letters, "DEU"),
    (formats.subdivision, "CAL"),
    (formats.subdivision, "XX-NY"),
    (formats.month, "29-00"),
    (formats.month, "2029-11"),
    (formats.phone_number, "+49 1"),
    (formats.phone_number, "+999 1234567"),
    (formats.ifsc, "SBIN1005943"),
    (formats.sort_code, "20-00-0"),
    (formats.stellar_address, "GCEZWKCA5VLDNRLN3RPRJMRZOX3Z6G5CHCGSNFHEYVXM3XOJMDS674JY"),
    (formats.stellar_address, "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
    (formats.occupation, "999"),
    (formats.bic, "DEUTXXFF"),
    (formats.bic, "DEUT"),
    (formats.routing_number, "021000022"),
    (formats.account_number, "DE88 3704 0044 0532 0130 00"),
    (formats.account_number, "12/34"),
    (formats.account_number, "1" * 41),
    (formats.bank_number, "DEUTXXFF"),
    (formats.bank_number, "12;34"),
    (formats.clabe, "032180000118359718"),
    (formats.clabe, "03218000011835971"),
    (formats.clabe, "٠٣٢١٨٠٠٠٠١١٨٣٥٩٧١٩"),
    (formats.cbu, "2850590940090418135202"),
    (formats.cbu_alias, "mar"),
    (formats.cbu_alias, "ancla barco"),
    (formats.internet_address, "256.1.1.1"),
    (formats.internet_address, "anchor.example"),
    (formats.website, "anchor.example"),
    (formats.website, "javascript:alert(1)"),
    (formats.website, "https://[broken"),
    (formats.occupation, "25a"),
    (formats.count, "-1"),
    (formats.count, "1e9"),
    (formats.one_of("checking", "savings"), "gold"),
]

ALL_FORMS = list(dict.fromkeys(form for form, *_ in [*TAKEN, *REFUSED]))


def _name(value: object) -> str:
    return getattr(value, "__name__", str(value))


class TestForms:
    @pytest.mark.parametrize(("form", "text", "kept"), TAKEN, ids=_name)
    def test_a_value_is_kept_in_one_form(self, form: Form, text: str, kept: str) -> None:
        assert form(text) == kept
        assert form(kept) == kept

    @pytest.mark.parametrize(("form", "text"), REFUSED, ids=_name)
    def test_what_is_not_of_the_form_is_refused_without_repeating_it(self, form: Form, text: str) -> None:
        with pytest.raises(Unfit) as refusal:
            form(text)
        assert text.lower() not in refusal.value.reason.lower()

    @pytest.mark.parametrize("form", ALL_FORMS, ids=_name)
    @given(text=st.text(max_size=60))
    def test_any_text_is_either_taken_or_unfit(self, form: Form, text: str) -> None:
        try:
            kept = form(text)
        except Unfit:
            return
        assert form(kept) == kept


class TestCodeLists:
    def test_they_hold_every_assigned_code_and_no_withdrawn_one(self) -> None:
        assert len(COUNTRIES) == 249
        assert len(COUNTRIES_TWO_LETTERS) == 249
        assert TWO_LETTERS["GBR"] == "GB"
        assert len(OCCUPATIONS) == 130
        assert {"DEU", "USA", "SSD", "CUW", "BES"} <= COUNTRIES
        assert not COUNTRIES & {"YUG", "ANT", "DDR", "UK", "EUR"}
        assert len(LANGUAGES) == 184
