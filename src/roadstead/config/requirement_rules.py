"""What requirements owe the other tables of `anchor.toml` and each other: it must be clear which one counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import combinations

from roadstead.config.anchor import Anchor
from roadstead.config.requirement_terms import Requirement
from roadstead.config.schema import nearest
from roadstead.money import Asset

_Way = tuple[str, Asset, str]
"""An asset's code, the currency that it is delivered as, and the funding method."""


def _requirements_refer_to_what_is_there(anchor: Anchor) -> Iterator[str]:
    types = [kind.name for kind in anchor.customer_types]
    codes = [terms.code for terms in anchor.assets]
    methods = [method.name for method in anchor.funding_methods]
    for rule in anchor.requirements:
        place = _place(rule)
        if rule.type not in types:
            yield _dangling(f"{place}: type", rule.type, "customer_types", types)
        if rule.asset is not None and rule.asset not in codes:
            yield _dangling(f"{place}: asset", rule.asset, "assets", codes)
        for name in rule.funding_methods:
            if name not in methods:
                yield _dangling(f"{place}: funding_methods", name, "funding_methods", methods)


def _requirements_apply_somewhere(anchor: Anchor) -> Iterator[str]:
    ways = _ways(anchor)
    codes = {terms.code for terms in anchor.assets}
    methods = {method.name for method in anchor.funding_methods}
    for rule in anchor.requirements:
        if (rule.asset is not None and rule.asset not in codes) or not methods.issuperset(
            rule.funding_methods
        ):
            continue
        on_its_way = [greatest for way, greatest in ways if _is_on(rule, way)]
        if not on_its_way:
            yield (
                f"{_place(rule)}: applies to nothing, because no asset is delivered in that way. Leave out asset,"
                " delivers or funding_methods, or mend them."
            )
        elif rule.above is not None and rule.currency is None and rule.above >= max(on_its_way):
            yield (
                f"{_place(rule)}: above {rule.above:f} is never reached, because at most {max(on_its_way):f} is sent."
                f' It must be less, for example: above = "{max(on_its_way) / 10:f}"'
            )


def _amounts_have_their_currency(anchor: Anchor) -> Iterator[str]:
    for rule in anchor.requirements:
        place = _place(rule)
        if rule.currency is not None and rule.above is None:
            yield f'{place}: has a currency and no amount. Write above = "1000", or leave currency out.'
        if rule.currency is not None and rule.delivers not in (None, rule.currency):
            yield (
                f"{place}: above is in {rule.currency}, and {rule.delivers} is delivered. Amounts are compared without"
                f' a rate: write currency = "{rule.delivers}", or leave it out and name the asset.'
            )
        if rule.above is not None and rule.currency is None and rule.asset is None:
            yield (
                f'{place}: above {rule.above:f} of what? Write asset = "{anchor.assets[0].code}" for the asset that is'
                f' sent, or currency = "{anchor.assets[0].delivers}" for what is delivered.'
            )


def _it_is_clear_which_one_counts(anchor: Anchor) -> Iterator[str]:
    roles = {kind.name: kind.role for kind in anchor.customer_types}
    ways = [way for way, _ in _ways(anchor)]
    for one, other in combinations(anchor.requirements, 2):
        if roles.get(one.type) is not roles.get(other.type):
            continue
        if not any(_is_on(one, way) and _is_on(other, way) for way in ways):
            continue
        place = f"{_place(one)} and {_place(other)}"
        if None not in (one.above, other.above) and one.currency != other.currency:
            yield (
                f"{place}: both may apply to the same remittance, and their amounts are in different currencies, so"
                " that nobody can tell which is higher. Write both with the same currency, or neither with any."
            )
        elif one.above == other.above:
            yield (
                f"{place}: both apply to the same remittances. Name different funding_methods, delivers or asset in"
                ' them, or different amounts, for example: above = "1000"'
            )


def _ways(anchor: Anchor) -> list[tuple[_Way, Decimal]]:
    """List all ways of the money, by asset, currency and funding method, with the most that is sent on each."""
    found = [
        ((terms.code, terms.delivers, method), terms.amount_max)
        for terms in anchor.assets
        for method in terms.funding_methods
    ]
    greatest = {terms.code: terms.amount_max for terms in anchor.assets}
    for pair in anchor.pairs:
        amount_max = pair.amount_max if pair.amount_max is not None else greatest.get(pair.sell, Decimal(0))
        found.extend(((pair.sell, pair.delivers, method), amount_max) for method in pair.funding_methods)
    return found


def _is_on(rule: Requirement, way: _Way) -> bool:
    code, delivers, funding_method = way
    return rule.covers(code=code, delivers=delivers, funding_method=funding_method)


def _place(rule: Requirement) -> str:
    said = [rule.type, rule.asset, rule.delivers and rule.delivers.code, *rule.funding_methods]
    above = [] if rule.above is None else [f"above {rule.above:f}"]
    return f"requirements {' '.join([*(str(part) for part in said if part), *above])}"


def _dangling(place: str, name: str, table: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none is there"
    return f"{place}: {name} is not among [[{table}]] ({listed}).{nearest(name, known)} Add it there or name another."


REQUIREMENT_RULES: tuple[Callable[[Anchor], Iterator[str]], ...] = (
    _requirements_refer_to_what_is_there,
    _requirements_apply_somewhere,
    _amounts_have_their_currency,
    _it_is_clear_which_one_counts,
)
