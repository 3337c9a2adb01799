"""The fields of SEP-9 as data: what each is called, what may stand in it, and how careful one has to be with it.

`read_fields` is the one gate through which customers' data comes in. What it returns is under the canonical names, in
the form in which it is kept; what it refuses it names by field and reason, and never by value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from roadstead.config.anchor import CustomerField, CustomerType, FieldKind
from roadstead.config.sep9 import FIELD_KINDS
from roadstead.customers import formats
from roadstead.customers.formats import Form, Unfit
from roadstead.errors import BadInput

ALIASES = {
    "family_name": "last_name",
    "given_name": "first_name",
    "crypto_memo": "external_transfer_memo",
    "organization.crypto_memo": "organization.external_transfer_memo",
}
"""Other names of SEP-9 for the same thing; we ask for and keep the one on the right."""

PROBLEMS_SHOWN_MAX = 10
_AGE_YEARS_MAX = 130
_ORGANIZATION = "organization."
_LENGTH_MAX = 200

# Bidirectional overrides make a name read differently from what it is; line and paragraph separators break records.
_DECEIVING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\ufffe\uffff")
_LINE_BREAKS = frozenset("\r\n")


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
    kind: FieldKind
    sensitivity: Sensitivity
    form: Form
    length_max: int
    """Most characters of a value."""
    multiline: bool = False


_PERSON_FORMS: dict[str, Form] = {
    "address_country_code": formats.country,
    "birth_country_code": formats.country,
    "id_country_code": formats.country,
    "birth_date": formats.calendar_date,
    "id_issue_date": formats.calendar_date,
    "id_expiration_date": formats.calendar_date,
    "email_address": formats.email,
    "ip_address": formats.internet_address,
    "language_code": formats.language,
    "occupation": formats.occupation,
    "sex": formats.one_of("male", "female", "other"),
}
_ACCOUNT_FORMS: dict[str, Form] = {
    "bank_account_number": formats.account_number,
    "bank_account_type": formats.one_of("checking", "savings"),
    "bank_number": formats.bank_number,
    "bank_phone_number": formats.phone_number,
    "cbu_alias": formats.cbu_alias,
    "cbu_number": formats.cbu,
    "clabe_number": formats.clabe,
    "mobile_money_number": formats.phone_number,
}
_FORMS: dict[str, Form] = {
    **_PERSON_FORMS,
    **_ACCOUNT_FORMS,
    **{_ORGANIZATION + name: form for name, form in _ACCOUNT_FORMS.items()},
    "organization.address_country_code": formats.country,
    "organization.email": formats.email,
    "organization.number_of_shareholders": formats.count,
    "organization.phone": formats.phone_number,
    "organization.registration_date": formats.calendar_date,
    "organization.website": formats.website,
}
_SECRET_NAMES = frozenset(
    """
    bank_account_number clabe_number cbu_number cbu_alias mobile_money_number crypto_address tax_id id_number
    external_transfer_memo birth_date photo_id_front photo_id_back notary_approval_of_photo_id photo_proof_residence
    proof_of_income proof_of_liveness
    """.split()
)
_MULTILINE = frozenset(("address", "employer_address", "organization.registered_address"))
_LENGTHS = {
    **dict.fromkeys(_MULTILINE, 500),
    "email_address": 254,
    "organization.email": 254,
    "mobile_number": 128,
    "crypto_address": 128,
    "organization.website": 500,
}


def _standard_field(name: str, kind: FieldKind) -> StandardField:
    base = name.removeprefix(_ORGANIZATION)
    return StandardField(
        name=name,
        kind=kind,
        sensitivity=Sensitivity.SECRET if base in _SECRET_NAMES else Sensitivity.PERSONAL,
        form=_FORMS.get(name, formats.free_text),
        length_max=_LENGTHS.get(name, _LENGTH_MAX),
        multiline=name in _MULTILINE,
    )


STANDARD_FIELDS = {name: _standard_field(name, kind) for name, kind in FIELD_KINDS.items()}
"""Every field that this anchor can hold, by its canonical name."""

# An anchor demands a certain form by starting the description of a field with its name: "IBAN of the account ...".
_DEMANDED_FORMS: dict[str, Form] = {
    "iban": formats.iban,
    "bic": formats.bic,
    "routing number": formats.routing_number,
}


def canonical_name(name: str) -> str:
    """Return the one name under which a field is kept."""
    return ALIASES.get(name, name)


def read_fields(values: Mapping[str, str], *, asking: Sequence[CustomerType], today: date) -> dict[str, str]:
    """Check the fields among `values` and return them by canonical name, as they are kept.

    `asking` are the customer types to which the values are meant: their choices bind, and their demand for an IBAN.
    Where there are several, a value that suits any of them is taken. Names that are not of SEP-9 are left out, and so
    are empty texts: an empty box of a form says nothing.

    Raises:
        BadInput: A value is not of its form; the message names every such field (up to `PROBLEMS_SHOWN_MAX`).
    """
    given, problems = _by_canonical_name(values)
    found: dict[str, str] = {}
    for name, text in given.items():
        try:
            value = _clean(STANDARD_FIELDS[name], text)
            if value:
                found[name] = _read(STANDARD_FIELDS[name], value, given=given, asking=asking, today=today)
        except Unfit as unfit:
            problems.append(f"'{name}' {unfit.reason}.")
    if problems:
        raise BadInput(" ".join(problems[:PROBLEMS_SHOWN_MAX]))
    return found


def _by_canonical_name(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    problems = []
    for sent, text in values.items():
        name = canonical_name(sent)
        problem = _suffix_problem(sent)
        if problem:
            problems.append(problem)
        elif name in given and given[name] != text:
            problems.append(f"'{name}' was sent twice under two names with different values: send it once.")
        elif name in STANDARD_FIELDS:
            given[name] = text
    return given, problems


def _suffix_problem(sent: str) -> str | None:
    if canonical_name(sent.removesuffix("_verification")) in STANDARD_FIELDS and sent.endswith(
        "_verification"
    ):
        return f"'{sent}' cannot be taken: no code was sent out for this field."
    if canonical_name(sent.removesuffix("_file_id")) in STANDARD_FIELDS and sent.endswith("_file_id"):
        return f"'{sent}' cannot be taken: this anchor accepts no documents."
    return None


def _clean(standard: StandardField, text: str) -> str:
    if standard.kind is FieldKind.BINARY:
        raise Unfit("cannot be taken: this anchor accepts no documents")
    if len(text) > standard.length_max:
        raise Unfit(f"is too long: write at most {standard.length_max} characters")
    value = unicodedata.normalize("NFC", text).strip()
    allowed = _LINE_BREAKS if standard.multiline else frozenset[str]()
    if any(_is_control(character) and character not in allowed for character in value):
        raise Unfit("has control characters: write plain text")
    return value


def _is_control(character: str) -> bool:
    return character in _DECEIVING or unicodedata.category(character) in ("Cc", "Cs")


def _read(
    standard: StandardField,
    value: str,
    *,
    given: Mapping[str, str],
    asking: Sequence[CustomerType],
    today: date,
) -> str:
    asked = [field for kind in asking if (field := kind.field(standard.name)) is not None]
    if standard.name == "mobile_number":
        read = _mobile_number(value, given.get("mobile_number_format", ""))
    else:
        read = (_demanded_form(asked) or standard.form)(value)
    if standard.name == "birth_date":
        _require_living(read, today)
    _require_choice(read, asked)
    return read


def _mobile_number(value: str, number_format: str) -> str:
    """Read E.164 unless the sender says that it is something else, such as a hash (SEP-9)."""
    if number_format.strip().lower() in ("", "e.164", "e164"):
        return formats.phone_number(value)
    return value


def _demanded_form(asked: Sequence[CustomerField]) -> Form | None:
    demanded = {_form_in_words(field.description) for field in asked}
    return demanded.pop() if len(demanded) == 1 else None


def _form_in_words(description: str) -> Form | None:
    words = description.strip().lower()
    for start, form in _DEMANDED_FORMS.items():
        if words == start or words.startswith((f"{start} ", f"{start},")):
            return form
    return None


def _require_living(value: str, today: date) -> None:
    born = date.fromisoformat(value)
    if born > today:
        raise Unfit("is in the future")
    if today.year - born.year > _AGE_YEARS_MAX:
        raise Unfit("is too long ago")


def _require_choice(value: str, asked: Sequence[CustomerField]) -> None:
    if not asked or not all(field.choices for field in asked):
        return
    choices = [choice for field in asked for choice in field.choices]
    if value not in choices:
        raise Unfit(f"is not one of {', '.join(dict.fromkeys(choices))}")
