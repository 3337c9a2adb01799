"""The calendars of the `holidays` library, each loaded by itself.

The library's own ways load all of its calendars to reach one of them: 9 MB and a tenth of a second in every process.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING, cast

from roadstead.errors import InvariantViolated

if TYPE_CHECKING:
    from holidays import HolidayBase


def is_holiday_calendar(name: str) -> bool:
    """Whether the library has a calendar of this name: of a market (ECB), a country (MX) or a part of it (DE-BY)."""
    code, _, part = name.partition("-")
    calendar = _calendar(code)
    return calendar is not None and (not part or part in calendar.subdivisions)


@lru_cache(maxsize=512)
def holidays_of(name: str, year: int) -> Collection[date]:
    """Return the holidays of a calendar in one year.

    Raises:
        InvariantViolated: The library has no such calendar, which `is_holiday_calendar` would have said.
    """
    code, _, part = name.partition("-")
    calendar = _calendar(code)
    if calendar is None:
        raise InvariantViolated(f"The holidays library has no calendar {name}.")
    return frozenset(calendar(years=year, subdiv=part or None))


@cache
def _calendar(code: str) -> type[HolidayBase] | None:
    # The library takes half a tenth of a second to import; whoever names no holidays does not wait for it.
    from holidays.registry import COUNTRIES, FINANCIAL  # noqa: PLC0415

    for package, calendars in (("financial", FINANCIAL), ("countries", COUNTRIES)):
        for module, (_, *codes) in calendars.items():
            if code in codes:
                return _loaded_alone(package, module, code)
    return None


def _loaded_alone(package: str, module: str, code: str) -> type[HolidayBase]:
    """Load a calendar from its module, passing by its package, which would load all others."""
    import holidays  # noqa: PLC0415 - as above

    name = f"holidays.{package}.{module}"
    spec = PathFinder.find_spec(name, [f"{folder}/{package}" for folder in holidays.__path__])
    if spec is None or spec.loader is None:
        raise InvariantViolated(f"The holidays library registers {name} and does not have it: reinstall it.")
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return cast("type[HolidayBase]", getattr(loaded, code))
