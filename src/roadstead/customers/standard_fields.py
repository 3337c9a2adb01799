"""Reading the fields of SEP-9 as customers send them: the one gate through which their data come in.

What `read_fields` returns is under the canonical names, in the form in which it is kept; what it refuses it names by
field and reason, and never by value. What the fields are, `config.sep9` says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from roadstead.config.anchor import CustomerField, CustomerType
from roadstead.config.field_forms import FieldForm
from roadstead.config.sep9 import STANDARD_FIELDS, StandardField
from roadstead.customers.formats import Unfit
from roadstead.customers.readers import DEPENDENCIES, Reading, Surroundings, read
from roadstead.errors import BadInput

ALIASES = {
    "family_name": "last_name",
    "given_name": "first_name",
    "crypto_memo": "external_transfer_memo",
    "organization.crypto_memo": "organization.external_transfer_memo",
}
"""Other names of SEP-9 for the same thing; we ask for and keep the one on the right."""

PROBLEMS_SHOWN_MAX = 10

# Bidirectional overrides make a name read differently from what it is; line and paragraph separators break records.
_DECEIVING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\ufffe\uffff")
_LINE_BREAKS = frozenset("\r\n")
_JUDGED = tuple(name for name, field in STANDARD_FIELDS.items() if field.form in DEPENDENCIES)
_NEVER_LOOKED_AT = frozenset((FieldForm.DOCUMENT, FieldForm.CARD_SECRET))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFields:
    """What was read of the fields that a customer sent."""

    values: Mapping[str, str]
    """By canonical name, as they are kept."""
    unchecked: frozenset[str]
    """Names of those for which no rule is known here, such as the tax number of a country without one."""
    judged_again: Mapping[str, bool]
    """Names of those kept before that are judged by what was sent now, with whether a rule finds them right."""


def canonical_name(name: str) -> str:
    """Return the one name under which a field is kept."""
    return ALIASES.get(name, name)


def read_fields(
    values: Mapping[str, str],
    *,
    asking: Sequence[CustomerType],
    today: date,
    before: Mapping[str, str] | None = None,
) -> ReadFields:
    """Check the fields among `values` and return them by canonical name, as they are kept.

    `asking` are the customer types to which the values are meant: their choices bind, and the forms that they demand.
    Where there are several, a value that suits any of them is taken. Names that are not of SEP-9 are left out, and so
    are empty texts: an empty box of a form says nothing. `before` is what was kept of the customer, for values that are
    judged by others (`fields_before`).

    Raises:
        BadInput: A value is not of its form; the message names every such field (up to `PROBLEMS_SHOWN_MAX`).
    """
    given, problems = _by_canonical_name(values)
    kept = before or {}
    known = {**kept, **{name: text for name, text in given.items() if text.strip()}}
    found: dict[str, Reading] = {}
    for name, text in given.items():
        standard = STANDARD_FIELDS[name]
        try:
            value = _clean(standard, text)
            if value:
                around = Surroundings(values=known, prefix=_prefix(name), today=today)
                found[name] = _read(standard, value, asking=asking, around=around)
        except Unfit as unfit:
            problems.append(f"'{name}' {unfit.reason}.")
    if problems:
        raise BadInput(" ".join(problems[:PROBLEMS_SHOWN_MAX]))
    return ReadFields(
        values={name: reading.value for name, reading in found.items()},
        unchecked=frozenset(name for name, reading in found.items() if not reading.is_checked),
        judged_again={
            name: _is_right(name, kept[name], Surroundings(values=known, prefix=_prefix(name), today=today))
            for name in _judged_by(found.keys()) & kept.keys() - found.keys()
        },
    )


def fields_before(sent: Mapping[str, str], kept: Collection[str]) -> frozenset[str]:
    """Return which of the fields that are kept are needed to judge what was sent, or are to be judged by it again."""
    names = {canonical_name(name) for name, text in sent.items() if text.strip()} & STANDARD_FIELDS.keys()
    again = _judged_by(names) & set(kept) - names
    beside = {name for one in names | again for name in _judges_of(one)}
    return frozenset((again | beside) - names) & frozenset(kept)


def _judges_of(name: str) -> frozenset[str]:
    """Return the fields by which one is judged."""
    beside = DEPENDENCIES.get(STANDARD_FIELDS[name].form, ())
    return frozenset(f"{_prefix(name)}{one}" for one in beside)


def _judged_by(names: Collection[str]) -> set[str]:
    """Return the fields that are judged by any of some."""
    return {name for name in _JUDGED if _judges_of(name) & set(names)}


def _is_right(name: str, value: str, around: Surroundings) -> bool:
    """Tell whether a rule finds a kept value right. If one finds it wrong, what was sent now is not to blame."""
    try:
        return read(STANDARD_FIELDS[name].form, value, around).is_checked
    except Unfit:
        return False


def _prefix(name: str) -> str:
    start, point, _ = name.rpartition(".")
    return start + point


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
        return f"'{sent}' cannot be taken: this field is no document."
    return None


def _clean(standard: StandardField, text: str) -> str:
    if standard.form in _NEVER_LOOKED_AT:
        return text.strip()
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
    standard: StandardField, value: str, *, asking: Sequence[CustomerType], around: Surroundings
) -> Reading:
    asked = [field for kind in asking if (field := kind.field(standard.name)) is not None]
    reading = read(_demanded_form(asked) or standard.form, value, around)
    _require_choice(reading.value, asked)
    return reading


def _demanded_form(asked: Sequence[CustomerField]) -> FieldForm | None:
    """Return the form that all who ask demand; where they do not agree, SEP-9's own holds."""
    demanded = {field.form for field in asked}
    form = demanded.pop() if len(demanded) == 1 else None
    return None if form is None else FieldForm(form.value)


def _require_choice(value: str, asked: Sequence[CustomerField]) -> None:
    if not asked or not all(field.choices for field in asked):
        return
    choices = [choice for field in asked for choice in field.choices]
    if value not in choices:
        raise Unfit(f"is not one of {', '.join(dict.fromkeys(choices))}")
