"""The arithmetic of taking an offer: who gets how much, and in whose favour it is rounded.

An offer sells *wheat* for *sheep* at a price of `n/d` sheep for one wheat. The side whose offer
is used up bears the rounding; an exchange whose price would be off by more than one percent does
not happen at all (or, in a path payment, only in favour of the offer's owner).
"""

from dataclasses import dataclass
from enum import Enum

from .state import INT64_MAX, Offer


class Rounding(Enum):
    """For which kind of operation an exchange is computed."""

    OFFER = "offer"
    STRICT_RECEIVE = "strict receive"
    STRICT_SEND = "strict send"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What changes hands. `wheat_stays` says that the offer outlives the taker."""

    wheat: int
    sheep: int
    wheat_stays: bool


class ExchangeBroken(ArithmeticError):
    """The arithmetic left its bounds: this must never happen, and stops the operation."""


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def exchange_unbounded(
    *,
    price: tuple[int, int],
    wheat_send_max: int,
    wheat_receive_max: int,
    sheep_send_max: int,
    sheep_receive_max: int,
    rounding: Rounding,
) -> Exchange:
    """The exchange before the one-percent rule."""
    n, d = price
    wheat_value = min(wheat_send_max * n, sheep_receive_max * d)
    sheep_value = min(sheep_send_max * d, wheat_receive_max * n)
    wheat_stays = wheat_value > sheep_value
    if wheat_stays:
        if rounding is Rounding.STRICT_SEND:
            wheat = sheep_value // n
            sheep = min(sheep_send_max, sheep_receive_max)
        elif n > d or rounding is Rounding.STRICT_RECEIVE:
            wheat = sheep_value // n
            sheep = _up(wheat * n, d)
        else:
            sheep = sheep_value // d
            wheat = sheep * d // n
    elif n > d:
        wheat = wheat_value // n
        sheep = wheat * n // d
    else:
        sheep = wheat_value // d
        wheat = _up(sheep * d, n)
    if not 0 <= wheat <= min(wheat_receive_max, wheat_send_max):
        raise ExchangeBroken("An exchange would move more of the sold asset than allowed.")
    if not 0 <= sheep <= min(sheep_receive_max, sheep_send_max):
        raise ExchangeBroken("An exchange would move more of the bought asset than allowed.")
    return Exchange(wheat=wheat, sheep=sheep, wheat_stays=wheat_stays)


def _price_holds(price: tuple[int, int], wheat: int, sheep: int, *, may_favour_wheat: bool) -> bool:
    n, d = price
    asked = 100 * n * wheat
    given = 100 * d * sheep
    if may_favour_wheat and given > asked:
        return True
    return abs(asked - given) <= n * wheat


def exchange(
    *,
    price: tuple[int, int],
    wheat_send_max: int,
    wheat_receive_max: int,
    sheep_send_max: int,
    sheep_receive_max: int,
    rounding: Rounding,
) -> Exchange:
    """The exchange as it happens; both amounts are zero where the price would be too far off."""
    found = exchange_unbounded(
        price=price,
        wheat_send_max=wheat_send_max,
        wheat_receive_max=wheat_receive_max,
        sheep_send_max=sheep_send_max,
        sheep_receive_max=sheep_receive_max,
        rounding=rounding,
    )
    nothing = Exchange(wheat=0, sheep=0, wheat_stays=found.wheat_stays)
    if found.wheat and found.sheep:
        holds = _price_holds(price, found.wheat, found.sheep, may_favour_wheat=rounding is not Rounding.OFFER)
        if holds:
            return found
        if rounding is Rounding.OFFER:
            return nothing
        raise ExchangeBroken("A path payment would be off the price by more than one percent.")
    if rounding is Rounding.STRICT_SEND:
        if not found.sheep:
            raise ExchangeBroken("A path payment would send nothing.")
        return found
    return nothing


def adjusted_amount(price: tuple[int, int], wheat_send_max: int, sheep_receive_max: int) -> int:
    """The largest amount an offer can honestly stand for."""
    return exchange(
        price=price,
        wheat_send_max=wheat_send_max,
        wheat_receive_max=INT64_MAX,
        sheep_send_max=INT64_MAX,
        sheep_receive_max=sheep_receive_max,
        rounding=Rounding.OFFER,
    ).wheat


def promised(
    price: tuple[int, int], *, wheat_send_max: int, sheep_receive_max: int = INT64_MAX
) -> tuple[int, int]:
    """What an offer binds: (of the asset sold, of the asset bought)."""
    found = exchange_unbounded(
        price=price,
        wheat_send_max=wheat_send_max,
        wheat_receive_max=INT64_MAX,
        sheep_send_max=INT64_MAX,
        sheep_receive_max=sheep_receive_max,
        rounding=Rounding.OFFER,
    )
    return found.wheat, found.sheep


def liabilities(offer: Offer) -> tuple[int, int]:
    """What a standing offer binds: (selling, buying)."""
    return promised((offer.price_n, offer.price_d), wheat_send_max=offer.amount)
