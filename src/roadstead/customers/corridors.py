"""Which customer types a remittance demands: pure rules over `anchor.toml`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from roadstead.config.anchor import Anchor, CustomerRole
from roadstead.money import Asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """The way that an amount of money takes. Amounts are in whole units."""

    code: str
    """Code of the asset that is sent."""
    delivers: Asset
    funding_method: str
    amount_in: Decimal
    """How much is sent, fee included."""
    amount_out: Decimal | None
    """How much is delivered; None while the rate is not fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredTypes:
    """The customer types that are asked for; None on a side of which nothing need be known."""

    sender: str | None = None
    receiver: str | None = None

    @property
    def sides(self) -> tuple[tuple[CustomerRole, str | None], ...]:
        """Both sides with the type of each."""
        return (CustomerRole.SENDER, self.sender), (CustomerRole.RECEIVER, self.receiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One customer type that an asset may demand, and of which remittances."""

    type: str
    delivers: Asset | None = None
    """None means any currency."""
    funding_methods: tuple[str, ...] = ()
    """Empty means any."""
    above: Decimal | None = None
    unit: str = ""
    """Code of the asset or currency that `above` is in."""


def required_types(anchor: Anchor, corridor: Corridor) -> RequiredTypes:
    """Tell which types are required of both sides of a remittance.

    It is what the asset or the pair says, unless a requirement applies: then the one with the highest amount.

    Raises:
        BadInput: The anchor does not accept the asset.
    """
    return RequiredTypes(
        sender=_required(anchor, corridor, CustomerRole.SENDER, anchor.asset(corridor.code).sender_type),
        receiver=_required(
            anchor,
            corridor,
            CustomerRole.RECEIVER,
            anchor.receiver_type(corridor.code, corridor.delivers),
        ),
    )


def _required(anchor: Anchor, corridor: Corridor, role: CustomerRole, usual: str | None) -> str | None:
    applying = [
        rule
        for rule in anchor.requirements
        if anchor.customer_type(rule.type).role is role
        and rule.covers(
            code=corridor.code, delivers=corridor.delivers, funding_method=corridor.funding_method
        )
        and rule.is_exceeded(amount_in=corridor.amount_in, amount_out=corridor.amount_out)
    ]
    highest = max(applying, key=lambda rule: -1 if rule.above is None else rule.above, default=None)
    return usual if highest is None else highest.type


def demands(anchor: Anchor, code: str, role: CustomerRole) -> tuple[Demand, ...]:
    """List what an asset may demand of one side: first what holds everywhere, then what holds for some remittances.

    Raises:
        BadInput: The anchor does not accept the asset.
    """
    return tuple(dict.fromkeys((*_usual(anchor, code, role), *_special(anchor, code, role))))


def _usual(anchor: Anchor, code: str, role: CustomerRole) -> Iterator[Demand]:
    terms = anchor.asset(code)
    if role is CustomerRole.SENDER:
        if terms.sender_type is not None:
            yield Demand(type=terms.sender_type)
        return
    delivered = [terms.delivers, *(pair.delivers for pair in anchor.pairs if pair.sell == code)]
    for currency in dict.fromkeys(delivered):
        name = anchor.receiver_type(code, currency)
        if name is not None:
            yield Demand(type=name, delivers=currency)


def _special(anchor: Anchor, code: str, role: CustomerRole) -> Iterator[Demand]:
    for rule in anchor.requirements:
        if rule.asset not in (None, code) or anchor.customer_type(rule.type).role is not role:
            continue
        if not any(
            rule.covers(code=code, delivers=delivers, funding_method=method)
            for delivers, method in _ways(anchor, code)
        ):
            continue
        yield Demand(
            type=rule.type,
            delivers=rule.delivers or rule.currency,
            funding_methods=rule.funding_methods,
            above=rule.above,
            unit="" if rule.above is None else rule.currency.code if rule.currency else code,
        )


def _ways(anchor: Anchor, code: str) -> Iterator[tuple[Asset, str]]:
    terms = anchor.asset(code)
    yield from ((terms.delivers, method) for method in terms.funding_methods)
    for pair in anchor.pairs:
        if pair.sell == code:
            yield from ((pair.delivers, method) for method in pair.funding_methods)
