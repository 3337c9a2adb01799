"""What the tables of `anchor.toml` owe each other: pure rules over an anchor that was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from roadstead.config.anchor import Anchor, AssetTerms, CustomerRole, CustomerType
from roadstead.config.calendar_terms import Weekday
from roadstead.config.pair_rules import PAIR_RULES
from roadstead.config.schema import nearest
from roadstead.config.sep9 import FIELD_KINDS
from roadstead.money import round_down

_HUNDRED = Decimal(100)


def consistency_problems(anchor: Anchor) -> list[str]:
    """List everything in which the tables contradict each other; empty when the anchor is sound."""
    return [problem for rule in _RULES for problem in rule(anchor)]


def _names_are_unique(anchor: Anchor) -> Iterator[str]:
    # Asset codes are told apart without their case, because the names of environment variables have none.
    yield from _twice("assets", (terms.code.upper() for terms in anchor.assets))
    yield from _twice("funding_methods", (method.name for method in anchor.funding_methods))
    yield from _twice("rails", (rail.name for rail in anchor.rails))
    yield from _twice("calendars", (calendar.name for calendar in anchor.calendars))
    yield from _twice("customer_types", (kind.name for kind in anchor.customer_types))
    yield from _twice("rate_sources", (source.name for source in anchor.rate_sources))
    yield from _twice("pairs", (pair.name for pair in anchor.pairs))
    for source in anchor.rate_sources:
        rates = (f"{rate.sell}-{rate.delivers.code}" for rate in source.rates)
        yield from _twice(f"rate_sources {source.name}: rates", rates)
    for kind in anchor.customer_types:
        yield from _twice(f"customer_types {kind.name}: fields", (field.name for field in kind.fields))


def _funding_methods_have_their_rail(anchor: Anchor) -> Iterator[str]:
    rails = [rail.name for rail in anchor.rails]
    for method in anchor.funding_methods:
        if method.rail not in rails:
            yield _dangling(f"funding_methods {method.name}: rail", method.rail, "rails", rails)


def _rails_have_their_calendar(anchor: Anchor) -> Iterator[str]:
    calendars = [calendar.name for calendar in anchor.calendars]
    for rail in anchor.rails:
        if rail.calendar is not None and rail.calendar not in calendars:
            yield _dangling(f"rails {rail.name}: calendar", rail.calendar, "calendars", calendars)


def _calendars_have_business_days(anchor: Anchor) -> Iterator[str]:
    for calendar in anchor.calendars:
        if len(calendar.weekend) == len(Weekday):
            yield (
                f"calendars {calendar.name}: weekend names every day, and nothing is ever paid out. Leave some days,"
                ' for example: weekend = ["saturday", "sunday"]'
            )


def _assets_have_their_funding_methods(anchor: Anchor) -> Iterator[str]:
    methods = {method.name: method for method in anchor.funding_methods}
    currencies = {rail.name: rail.currency for rail in anchor.rails}
    for terms in anchor.assets:
        for name in terms.funding_methods:
            place = f"assets {terms.code}: funding_methods"
            if name not in methods:
                yield _dangling(place, name, "funding_methods", list(methods))
                continue
            currency = currencies.get(methods[name].rail)
            if currency is not None and currency != terms.delivers:
                yield (
                    f"{place}: {name} pays in {currency}, and the asset delivers {terms.delivers}. Both must be the"
                    f' same, for example: delivers = "{currency}"'
                )


def _assets_have_their_customer_types(anchor: Anchor) -> Iterator[str]:
    for terms in anchor.assets:
        yield from _type_problems(anchor, terms, terms.sender_type, CustomerRole.SENDER)
        yield from _type_problems(anchor, terms, terms.receiver_type, CustomerRole.RECEIVER)


def _type_problems(anchor: Anchor, terms: AssetTerms, name: str | None, role: CustomerRole) -> Iterator[str]:
    if name is None:
        return
    place = f"assets {terms.code}: {role}_type"
    kinds = {kind.name: kind for kind in anchor.customer_types}
    if name not in kinds:
        yield _dangling(place, name, "customer_types", [n for n, kind in kinds.items() if kind.role is role])
    elif kinds[name].role is not role:
        yield f'{place}: {name} is a type for a {kinds[name].role}. It must have role = "{role}"'


def _amounts_leave_something_to_deliver(anchor: Anchor) -> Iterator[str]:
    for terms in anchor.assets:
        place = f"assets {terms.code}"
        if terms.amount_min <= 0:
            yield f'{place}: amount_min is {terms.amount_min:f}. It must be above zero, for example: amount_min = "1"'
        if terms.amount_min > terms.amount_max:
            yield (
                f"{place}: amount_min {terms.amount_min:f} is above amount_max {terms.amount_max:f}. The least must not"
                ' exceed the greatest, for example: amount_min = "1", amount_max = "10000"'
            )
        fee = terms.fee_fixed + terms.amount_min * terms.fee_percent / _HUNDRED
        if terms.amount_min > 0 and round_down(terms.delivers, terms.amount_min - fee).units < 1:
            yield (
                f"{place}: the fee of the least amount {terms.amount_min:f} is {fee:f}, which leaves nothing to"
                f' deliver. Raise amount_min or lower the fee, for example: fee_fixed = "{terms.amount_min / 10:f}"'
            )


def _pauses_grow(anchor: Anchor) -> Iterator[str]:
    first, longest = anchor.payouts.retry_after_s, anchor.payouts.retry_after_max_s
    if first > longest:
        yield (
            f"payouts: retry_after_s {first} is above retry_after_max_s {longest}. The first pause must not exceed the"
            " longest, for example: retry_after_s = 300, retry_after_max_s = 21600"
        )


def _supplies_are_said_once(anchor: Anchor) -> Iterator[str]:
    for terms in anchor.assets:
        said = [terms.fixed_number is not None, terms.max_number is not None, terms.is_unlimited is True]
        if sum(said) > 1:
            yield (
                f"assets {terms.code}: fixed_number, max_number and is_unlimited exclude each other (SEP-1). Keep one,"
                " for example: is_unlimited = true"
            )


def _customer_fields_are_of_sep9(anchor: Anchor) -> Iterator[str]:
    for kind in anchor.customer_types:
        yield from _field_problems(kind)


def _field_problems(kind: CustomerType) -> Iterator[str]:
    for field in kind.fields:
        place = f"customer_types {kind.name}: field {field.name}"
        if field.name not in FIELD_KINDS:
            hint = nearest(field.name, FIELD_KINDS)
            yield f'{place}: is no field of SEP-9.{hint} It must be one, for example: name = "first_name"'
        elif field.kind is not FIELD_KINDS[field.name]:
            expected = FIELD_KINDS[field.name]
            yield f'{place}: is a {expected} in SEP-9, not a {field.kind}. Write kind = "{expected}"'


def _twice(place: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{place}: {name} stands there {count} times. Give each a name of its own, or remove all but one."


def _dangling(place: str, name: str, table: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none is there"
    return f"{place}: {name} is not among [[{table}]] ({listed}).{nearest(name, known)} Add it there or name another."


_RULES: tuple[Callable[[Anchor], Iterator[str]], ...] = (
    _names_are_unique,
    _funding_methods_have_their_rail,
    _rails_have_their_calendar,
    _calendars_have_business_days,
    _assets_have_their_funding_methods,
    _assets_have_their_customer_types,
    _amounts_leave_something_to_deliver,
    _supplies_are_said_once,
    _pauses_grow,
    _customer_fields_are_of_sep9,
    *PAIR_RULES,
)
