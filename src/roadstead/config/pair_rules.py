"""What pairs and rate sources owe the other tables of `anchor.toml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from roadstead.config.anchor import Anchor, CustomerRole, PairTerms
from roadstead.config.schema import nearest

STATIC = "static"
HTTP = "http"

_HUNDRED = Decimal(100)


def _pairs_refer_to_what_is_there(anchor: Anchor) -> Iterator[str]:
    codes = [terms.code for terms in anchor.assets]
    sources = [source.name for source in anchor.rate_sources]
    receivers = [kind.name for kind in anchor.customer_types if kind.role is CustomerRole.RECEIVER]
    for pair in anchor.pairs:
        place = f"pairs {pair.name}"
        if pair.sell not in codes:
            yield _dangling(f"{place}: sell", pair.sell, "assets", codes)
        if pair.rate_source not in sources:
            yield _dangling(f"{place}: rate_source", pair.rate_source, "rate_sources", sources)
        if pair.receiver_type is not None and pair.receiver_type not in receivers:
            yield _dangling(f"{place}: receiver_type", pair.receiver_type, "customer_types", receivers)
        yield from _method_problems(anchor, pair)


def _method_problems(anchor: Anchor, pair: PairTerms) -> Iterator[str]:
    methods = {method.name: method for method in anchor.funding_methods}
    currencies = {rail.name: rail.currency for rail in anchor.rails}
    for name in pair.funding_methods:
        place = f"pairs {pair.name}: funding_methods"
        if name not in methods:
            yield _dangling(place, name, "funding_methods", list(methods))
        elif currencies.get(methods[name].rail, pair.delivers) != pair.delivers:
            yield (
                f"{place}: {name} pays in {currencies[methods[name].rail]}, and the pair delivers {pair.delivers}. Both"
                " must be the same: name a method of that currency."
            )


def _pairs_have_their_rate(anchor: Anchor) -> Iterator[str]:
    sources = {source.name: source for source in anchor.rate_sources}
    for pair in anchor.pairs:
        source = sources.get(pair.rate_source)
        if source is None or source.kind != STATIC:
            continue
        if not any((rate.sell, rate.delivers) == (pair.sell, pair.delivers) for rate in source.rates):
            yield (
                f"pairs {pair.name}: the static source {source.name} has no rate for it. Write [[rate_sources.rates]]"
                f' sell = "{pair.sell}" delivers = "{pair.delivers}" rate = "1"'
            )


def _only_static_sources_have_a_table(anchor: Anchor) -> Iterator[str]:
    for source in anchor.rate_sources:
        if source.kind != STATIC and source.rates:
            yield (
                f"rate_sources {source.name}: is of kind {source.kind} and has a table of rates, which nobody would"
                ' read. Remove the table, or write kind = "static"'
            )
    if sum(source.kind == HTTP for source in anchor.rate_sources) > 1:
        yield 'rate_sources: only one may have kind = "http", because ROADSTEAD_RATES_URL is one address.'


def _rates_do_not_go_stale_unasked(anchor: Anchor) -> Iterator[str]:
    for source in anchor.rate_sources:
        if source.refresh_s >= source.max_age_s:
            yield (
                f"rate_sources {source.name}: refresh_s {source.refresh_s} is not below max_age_s {source.max_age_s},"
                " so that rates go stale before they are asked again. It must be, for example: refresh_s = 15"
            )


def _pairs_leave_something_to_deliver(anchor: Anchor) -> Iterator[str]:
    assets = {terms.code: terms for terms in anchor.assets}
    for pair in anchor.pairs:
        terms = assets.get(pair.sell)
        if terms is None:
            continue
        least = terms.amount_min if pair.amount_min is None else pair.amount_min
        greatest = terms.amount_max if pair.amount_max is None else pair.amount_max
        fixed = terms.fee_fixed if pair.fee_fixed is None else pair.fee_fixed
        percent = terms.fee_percent if pair.fee_percent is None else pair.fee_percent
        fee = fixed + least * percent / _HUNDRED
        if least > greatest or fee >= least:
            yield (
                f"pairs {pair.name}: from {least:f} to {greatest:f} with a fee of {fee:f} at least leaves nothing to"
                ' deliver. Mend amount_min, amount_max or the fee, for example: amount_min = "1"'
            )
        if pair.exposure_max < greatest:
            yield (
                f"pairs {pair.name}: exposure_max {pair.exposure_max:f} is below amount_max {greatest:f}, which could"
                f' never be quoted. It must not be, for example: exposure_max = "{greatest * 10:f}"'
            )
        if pair.quote_lifetime_s > pair.quote_lifetime_max_s:
            yield (
                f"pairs {pair.name}: quote_lifetime_s {pair.quote_lifetime_s} is above quote_lifetime_max_s"
                f" {pair.quote_lifetime_max_s}. It must not be, for example: quote_lifetime_s = 300"
            )


def _required_quotes_are_offered(anchor: Anchor) -> Iterator[str]:
    quoted = {pair.sell for pair in anchor.pairs}
    for terms in anchor.assets:
        if terms.quotes_required and terms.code not in quoted:
            yield (
                f"assets {terms.code}: quotes_required is true, and no pair sells {terms.code}. Add [[pairs]] for it,"
                " or write quotes_required = false"
            )


def _dangling(place: str, name: str, table: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none is there"
    return f"{place}: {name} is not among [[{table}]] ({listed}).{nearest(name, known)} Add it there or name another."


PAIR_RULES: tuple[Callable[[Anchor], Iterator[str]], ...] = (
    _pairs_refer_to_what_is_there,
    _pairs_have_their_rate,
    _only_static_sources_have_a_table,
    _rates_do_not_go_stale_unasked,
    _pairs_leave_something_to_deliver,
    _required_quotes_are_offered,
)
