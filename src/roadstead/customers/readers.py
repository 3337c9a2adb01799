"""How the value of each form is read: some by themselves, some by what else is known of the customer.

A reader takes the text as it was sent and what stands beside it, and returns the value as it is kept, with whether a
rule was there to check it by. What cannot be right raises `Unfit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from roadstead.config.field_forms import FieldForm
from roadstead.customers import formats, national_numbers
from roadstead.customers.formats import Form, Unfit
from roadstead.customers.iso_codes import COUNTRIES

_AGE_YEARS_MAX = 130
_CENTURY = 2000
_E164_NAMES = frozenset(("", "e164"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value as it is kept."""

    value: str
    is_checked: bool = True
    """False of a number for which no rule is known here, so that a person may have to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else is known of the customer when a value is read."""

    values: Mapping[str, str]
    """The fields that were sent with it, and those that were kept before, by canonical name."""
    prefix: str = ""
    """In front of the names that belong together: `organization.`, `card.` or nothing."""
    today: date

    def get(self, name: str) -> str:
        """Return a field of the same person, organization or card; empty when nothing is known of it."""
        return self.values.get(f"{self.prefix}{name}", "").strip()

    def countries(self, *names: str) -> tuple[str, ...]:
        """Return the countries that stand in fields, without those that are none."""
        found = (self.get(name).upper() for name in names)
        return tuple(dict.fromkeys(country for country in found if country in COUNTRIES))

    def day(self, name: str) -> date | None:
        """Return the day that stands in a field; None when there is none."""
        try:
            return date.fromisoformat(formats.calendar_date(self.get(name)))
        except Unfit:
            return None


Reader = Callable[[str, Surroundings], Reading]


def read(form: FieldForm, text: str, around: Surroundings) -> Reading:
    """Read a value of a form.

    Raises:
        Unfit: It is not of the form; the reason says what is wanted and does not repeat the value.
    """
    return _READERS[form](text, around)


def _alone(form: Form) -> Reader:
    return lambda text, _: Reading(value=form(text))


def _birth_date(text: str, around: Surroundings) -> Reading:
    born = _past(text, around.today)
    if around.today.year - born.year > _AGE_YEARS_MAX:
        raise Unfit("is too long ago")
    return Reading(value=text)


def _past_date(text: str, around: Surroundings) -> Reading:
    _past(text, around.today)
    return Reading(value=text)


def _past(text: str, today: date) -> date:
    day = date.fromisoformat(formats.calendar_date(text))
    if day > today:
        raise Unfit("is in the future")
    return day


def _expiration_date(text: str, around: Surroundings) -> Reading:
    last = date.fromisoformat(formats.calendar_date(text))
    if last < around.today:
        raise Unfit("is in the past: the document has expired, send another one")
    issued = around.day("id_issue_date")
    if issued is not None and last <= issued:
        raise Unfit("is not after 'id_issue_date'")
    return Reading(value=text)


def _card_expiration(text: str, around: Surroundings) -> Reading:
    year, month = (int(part) for part in formats.month(text).split("-"))
    if (_CENTURY + year, month) < (around.today.year, around.today.month):
        raise Unfit("is in the past: the card has expired, send another one")
    return Reading(value=text)


def _mobile_phone(text: str, around: Surroundings) -> Reading:
    """Read E.164 unless the sender says that it is something else, such as a hash (SEP-9)."""
    if national_numbers.plain_name(around.get("mobile_number_format")) in _E164_NAMES:
        return Reading(value=formats.phone_number(text))
    return Reading(value=text, is_checked=False)


def _account_number(text: str, _: Surroundings) -> Reading:
    return Reading(value=formats.account_number(text), is_checked=formats.looks_like_iban(text))


_BANKS_BY_COUNTRY: Mapping[str, Form] = {
    "GBR": formats.sort_code,
    "IND": formats.ifsc,
    "USA": formats.routing_number,
}


def _bank_number(text: str, around: Surroundings) -> Reading:
    if formats.looks_like_bic(text):
        return Reading(value=formats.bic(text))
    for country in around.countries("address_country_code"):
        if country in _BANKS_BY_COUNTRY:
            return Reading(value=_BANKS_BY_COUNTRY[country](text))
    return Reading(value=formats.bank_number(text), is_checked=False)


def _crypto_address(text: str, _: Surroundings) -> Reading:
    is_stellar = formats.looks_like_stellar(text)
    return Reading(value=formats.stellar_address(text) if is_stellar else text, is_checked=is_stellar)


def _tax_id(text: str, around: Surroundings) -> Reading:
    countries = around.countries("address_country_code", "id_country_code", "birth_country_code")
    modules = national_numbers.tax_modules(countries, around.get("tax_id_name"))
    if not modules:
        return Reading(value=text, is_checked=False)
    number = national_numbers.first_valid(modules, text)
    if number is None:
        raise Unfit(
            "is not a tax number of that country: its length or its check digit is wrong; say with 'tax_id_name' which "
            "one it is"
        )
    return Reading(value=number)


def _id_number(text: str, around: Surroundings) -> Reading:
    country = next(iter(around.countries("id_country_code")), "")
    modules = national_numbers.identity_card_modules(country, around.get("id_type"))
    if not modules:
        return Reading(value=text, is_checked=False)
    number = national_numbers.first_valid(modules, text)
    if number is None:
        raise Unfit("is not the number of an identity card of 'id_country_code': its check digit is wrong")
    return Reading(value=number)


def _vat_number(text: str, around: Surroundings) -> Reading:
    country = next(iter(around.countries("address_country_code")), "")
    judged = national_numbers.vat_number(text, country)
    if judged is None:
        raise Unfit("is not a VAT number of that country: its length or its check digit is wrong")
    return Reading(value=judged[0], is_checked=judged[1])


def _registration_number(text: str, _: Surroundings) -> Reading:
    identifier = national_numbers.legal_entity_identifier(text)
    return Reading(value=identifier or text, is_checked=identifier is not None)


def _card_secret(text: str, around: Surroundings) -> Reading:
    del text, around
    raise Unfit(
        "cannot be taken: a card's number and security code are never to be sent here, send 'card.token' instead"
    )


def _document(text: str, around: Surroundings) -> Reading:
    del text, around
    raise Unfit("is a document: send it as a file")


_READERS: Mapping[FieldForm, Reader] = {
    FieldForm.TEXT: _alone(formats.free_text),
    FieldForm.COUNTRY: _alone(formats.country),
    FieldForm.COUNTRY_TWO_LETTERS: _alone(formats.country_two_letters),
    FieldForm.SUBDIVISION: _alone(formats.subdivision),
    FieldForm.LANGUAGE: _alone(formats.language),
    FieldForm.BIRTH_DATE: _birth_date,
    FieldForm.PAST_DATE: _past_date,
    FieldForm.EXPIRATION_DATE: _expiration_date,
    FieldForm.CARD_EXPIRATION: _card_expiration,
    FieldForm.EMAIL: _alone(formats.email),
    FieldForm.PHONE: _alone(formats.phone_number),
    FieldForm.MOBILE_PHONE: _mobile_phone,
    FieldForm.INTERNET_ADDRESS: _alone(formats.internet_address),
    FieldForm.WEBSITE: _alone(formats.website),
    FieldForm.OCCUPATION: _alone(formats.occupation),
    FieldForm.COUNT: _alone(formats.count),
    FieldForm.SEX: _alone(formats.one_of("male", "female", "other")),
    FieldForm.ACCOUNT_TYPE: _alone(formats.one_of("checking", "savings")),
    FieldForm.ACCOUNT_NUMBER: _account_number,
    FieldForm.BANK_NUMBER: _bank_number,
    FieldForm.CBU_ALIAS: _alone(formats.cbu_alias),
    FieldForm.CRYPTO_ADDRESS: _crypto_address,
    FieldForm.TAX_ID: _tax_id,
    FieldForm.ID_NUMBER: _id_number,
    FieldForm.VAT_NUMBER: _vat_number,
    FieldForm.REGISTRATION_NUMBER: _registration_number,
    FieldForm.DOCUMENT: _document,
    FieldForm.CARD_SECRET: _card_secret,
    FieldForm.IBAN: _alone(formats.iban),
    FieldForm.BIC: _alone(formats.bic),
    FieldForm.ROUTING_NUMBER: _alone(formats.routing_number),
    FieldForm.IFSC: _alone(formats.ifsc),
    FieldForm.SORT_CODE: _alone(formats.sort_code),
    FieldForm.CLABE: _alone(formats.clabe),
    FieldForm.CBU: _alone(formats.cbu),
    FieldForm.STELLAR_ADDRESS: _alone(formats.stellar_address),
}

DEPENDENCIES: Mapping[FieldForm, tuple[str, ...]] = {
    FieldForm.EXPIRATION_DATE: ("id_issue_date",),
    FieldForm.MOBILE_PHONE: ("mobile_number_format",),
    FieldForm.BANK_NUMBER: ("address_country_code",),
    FieldForm.TAX_ID: ("tax_id_name", "address_country_code", "id_country_code", "birth_country_code"),
    FieldForm.ID_NUMBER: ("id_type", "id_country_code"),
    FieldForm.VAT_NUMBER: ("address_country_code",),
}
"""The fields that a form is judged by besides its own, without their prefix."""
