"""The fields of SEP-9 1.18.0 in one table: kind, description, form and sensitivity of each.

Everything else that says something of a field says it from here: what a customer type may ask for, how a value is
checked, what partners are told of it. The descriptions are in the message catalogue in all its languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadstead.config.anchor import FieldKind
from roadstead.config.field_forms import FieldForm

LENGTH_MAX = 200
_LONG_MAX = 500
_EMAIL_MAX = 254
_TOKEN_MAX = 128


class Sensitivity(StrEnum):
    """How careful people and screens have to be with a field."""

    PERSONAL = "personal"
    """Says who somebody is or how to reach them."""
    SECRET = "secret"  # noqa: S105 - a degree of sensitivity
    """Is enough to defraud somebody: numbers of accounts, identity papers and taxes. Shown only when it is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardField:
    """One field of SEP-9."""

    name: str
    description: str
    """What is asked, for people; `anchor.toml` may say it otherwise."""
    form: FieldForm = FieldForm.TEXT
    kind: FieldKind = FieldKind.STRING
    sensitivity: Sensitivity = Sensitivity.PERSONAL
    length_max: int = LENGTH_MAX
    """Most characters of a value."""
    multiline: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether this anchor ever takes it: all but a card's number and security code, which nobody can steal then."""
        return self.form is not FieldForm.CARD_SECRET


def _personal(name: str, description: str, form: FieldForm = FieldForm.TEXT) -> StandardField:
    return StandardField(name=name, description=description, form=form)


def _secret(name: str, description: str, form: FieldForm = FieldForm.TEXT) -> StandardField:
    return StandardField(name=name, description=description, form=form, sensitivity=Sensitivity.SECRET)


def _long(name: str, description: str) -> StandardField:
    return StandardField(name=name, description=description, length_max=_LONG_MAX, multiline=True)


def _date(
    name: str, description: str, form: FieldForm, sensitivity: Sensitivity = Sensitivity.PERSONAL
) -> StandardField:
    return StandardField(
        name=name, description=description, form=form, kind=FieldKind.DATE, sensitivity=sensitivity
    )


def _number(name: str, description: str, form: FieldForm) -> StandardField:
    return StandardField(name=name, description=description, form=form, kind=FieldKind.NUMBER)


def _email(name: str, description: str) -> StandardField:
    return StandardField(name=name, description=description, form=FieldForm.EMAIL, length_max=_EMAIL_MAX)


def _document(name: str, description: str, sensitivity: Sensitivity = Sensitivity.SECRET) -> StandardField:
    return StandardField(
        name=name,
        description=description,
        form=FieldForm.DOCUMENT,
        kind=FieldKind.BINARY,
        sensitivity=sensitivity,
    )


_PERSON = (
    _personal("last_name", "Family name"),
    _personal("first_name", "Given name"),
    _personal("additional_name", "Middle name or other additional name"),
    _personal("address_country_code", "Country of residence, three letters of ISO 3166-1", FieldForm.COUNTRY),
    _personal("state_or_province", "State, province or region"),
    _personal("city", "City or town"),
    _personal("postal_code", "Postal code"),
    _long("address", "Whole address, as it stands on a letter"),
    StandardField(
        name="mobile_number",
        description="Mobile telephone number with a plus sign and the country's code",
        form=FieldForm.MOBILE_PHONE,
        length_max=_TOKEN_MAX,
    ),
    _personal("mobile_number_format", "Form of the mobile telephone number, if it is not E.164"),
    _email("email_address", "Email address"),
    _date("birth_date", "Date of birth, as 1976-07-04", FieldForm.BIRTH_DATE, Sensitivity.SECRET),
    _personal("birth_place", "Place of birth, as in the passport"),
    _personal("birth_country_code", "Country of birth, three letters of ISO 3166-1", FieldForm.COUNTRY),
    _secret("tax_id", "Tax number", FieldForm.TAX_ID),
    _personal("tax_id_name", "Name of the tax number, such as SSN, RFC or CPF"),
    _number("occupation", "Occupation, three digits of ISCO-08", FieldForm.OCCUPATION),
    _personal("employer_name", "Name of the employer"),
    _long("employer_address", "Address of the employer"),
    _personal("language_code", "Preferred language, two letters of ISO 639-1", FieldForm.LANGUAGE),
    _personal("id_type", "Kind of identity document: passport, drivers_license, id_card"),
    _personal(
        "id_country_code", "Country that issued the document, three letters of ISO 3166-1", FieldForm.COUNTRY
    ),
    _date("id_issue_date", "Day on which the document was issued, as 2022-05-02", FieldForm.PAST_DATE),
    _date("id_expiration_date", "Last day of the document, as 2032-05-01", FieldForm.EXPIRATION_DATE),
    _secret("id_number", "Number of the identity document", FieldForm.ID_NUMBER),
    _document("photo_id_front", "Picture of the front of the identity document"),
    _document("photo_id_back", "Picture of the back of the identity document"),
    _document("notary_approval_of_photo_id", "Picture of a notary's approval of the identity document"),
    _personal("ip_address", "IP address of the customer's computer", FieldForm.INTERNET_ADDRESS),
    _document("photo_proof_residence", "Picture of a bill or statement with name and address"),
    _personal("sex", "Sex: male, female or other", FieldForm.SEX),
    _document("proof_of_income", "Picture of a proof of income"),
    _document("proof_of_liveness", "Film or picture of the customer, taken just now"),
    _personal("referral_id", "Where the customer comes from, or a referral code"),
)

_FINANCIAL_ACCOUNT = (
    _personal("bank_name", "Name of the bank"),
    _personal("bank_account_type", "Kind of account: checking or savings", FieldForm.ACCOUNT_TYPE),
    _secret("bank_account_number", "Number of the bank account", FieldForm.ACCOUNT_NUMBER),
    _personal("bank_number", "Number of the bank", FieldForm.BANK_NUMBER),
    _personal("bank_phone_number", "Telephone number of the bank", FieldForm.PHONE),
    _personal("bank_branch_number", "Number of the bank's branch"),
    _secret("external_transfer_memo", "Memo by which the receiving institution knows the account"),
    _secret("clabe_number", "CLABE of the account in Mexico, 18 digits", FieldForm.CLABE),
    _secret("cbu_number", "CBU or CVU of the account in Argentina, 22 digits", FieldForm.CBU),
    _secret("cbu_alias", "Alias of the CBU or CVU", FieldForm.CBU_ALIAS),
    _secret(
        "mobile_money_number", "Telephone number of the mobile money account, with country", FieldForm.PHONE
    ),
    _personal("mobile_money_provider", "Provider of the mobile money account"),
    StandardField(
        name="crypto_address",
        description="Address of the account on its network",
        form=FieldForm.CRYPTO_ADDRESS,
        sensitivity=Sensitivity.SECRET,
        length_max=_TOKEN_MAX,
    ),
)

_ORGANIZATION = (
    _personal("name", "Full name of the organization, as in its register"),
    _personal("VAT_number", "VAT number of the organization", FieldForm.VAT_NUMBER),
    _personal(
        "registration_number", "Registration number of the organization", FieldForm.REGISTRATION_NUMBER
    ),
    _personal("registration_date", "Day on which the organization was registered", FieldForm.PAST_DATE),
    _long("registered_address", "Registered address of the organization"),
    _number("number_of_shareholders", "Number of shareholders", FieldForm.COUNT),
    _personal("shareholder_name", "Name of a shareholder, a person or an organization"),
    _document("photo_incorporation_doc", "Picture of the incorporation documents", Sensitivity.PERSONAL),
    _document(
        "photo_proof_address", "Picture of a bill or statement with name and address", Sensitivity.PERSONAL
    ),
    _personal(
        "address_country_code", "Country of the organization, three letters of ISO 3166-1", FieldForm.COUNTRY
    ),
    _personal("state_or_province", "State, province or region"),
    _personal("city", "City or town"),
    _personal("postal_code", "Postal code"),
    _personal("director_name", "Name of the managing director"),
    StandardField(
        name="website",
        description="Website of the organization",
        form=FieldForm.WEBSITE,
        length_max=_LONG_MAX,
    ),
    _email("email", "Email address of the organization"),
    _personal("phone", "Telephone number of the organization, with country", FieldForm.PHONE),
)

_CARD = (
    _secret("number", "Number of the card", FieldForm.CARD_SECRET),
    _date("expiration_date", "Year and month in which the card ends, as 29-11", FieldForm.CARD_EXPIRATION),
    _secret("cvc", "Security code of the card", FieldForm.CARD_SECRET),
    _personal("holder_name", "Name of the card's holder"),
    _personal("network", "Network of the card, such as Visa"),
    _personal("postal_code", "Postal code of the billing address"),
    _personal(
        "country_code",
        "Country of the billing address, two letters of ISO 3166-1",
        FieldForm.COUNTRY_TWO_LETTERS,
    ),
    _personal(
        "state_or_province", "Region of the billing address by ISO 3166-2, as US-NY", FieldForm.SUBDIVISION
    ),
    _personal("city", "City of the billing address"),
    _long("address", "Whole billing address"),
    _secret("token", "Token that stands for the card at a payment provider"),
)


def _prefixed(prefix: str, fields: tuple[StandardField, ...]) -> tuple[StandardField, ...]:
    return tuple(
        StandardField(
            name=f"{prefix}{field.name}",
            description=field.description,
            form=field.form,
            kind=field.kind,
            sensitivity=field.sensitivity,
            length_max=field.length_max,
            multiline=field.multiline,
        )
        for field in fields
    )


STANDARD_FIELDS: dict[str, StandardField] = {
    field.name: field
    for field in (
        *_PERSON,
        *_FINANCIAL_ACCOUNT,
        *_prefixed("organization.", (*_FINANCIAL_ACCOUNT, *_ORGANIZATION)),
        *_prefixed("card.", _CARD),
    )
}
"""Every field of SEP-9 by its canonical name: of `family_name` and `last_name`, the latter."""

FIELD_KINDS: dict[str, FieldKind] = {
    name: field.kind for name, field in STANDARD_FIELDS.items() if field.is_taken
}
"""Every name that a customer type may ask for, with the kind of value SEP-9 gives it."""
