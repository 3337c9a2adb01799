"""Cursors, orders, limits and the links between pages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from .problems import Problem, bad_request

LIMIT_DEFAULT = 10
LIMIT_MAX = 200
INT64_MAX = 2**63 - 1

Order = Literal["asc", "desc"]
NEGATIVE = re.compile(r"-[0-9]{1,19}\Z")
_DIGITS = re.compile(r"-?[0-9]{1,19}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """What a client asked of a list. `cursor` is the text as it will be echoed."""

    cursor: str
    order: Order
    limit: int


def parse_order(params: Mapping[str, str]) -> Order:
    """`asc` unless told otherwise."""
    match params.get("order", ""):
        case "" | "asc":
            return "asc"
        case "desc":
            return "desc"
        case _:
            raise bad_request("order", "order: invalid value")


def parse_limit(params: Mapping[str, str]) -> int:
    """Between 1 and 200, 10 by default."""
    text = params.get("limit", "")
    if not text:
        return LIMIT_DEFAULT
    if not _DIGITS.match(text):
        raise bad_request("limit", "unparseable value")
    limit = int(text)
    if limit <= 0:
        raise bad_request("limit", "invalid limit: non-positive value provided")
    if limit > LIMIT_MAX:
        raise bad_request("limit", f"invalid limit: value provided that is over limit max of {LIMIT_MAX}")
    return limit


def parse_number_cursor(text: str) -> int | None:
    """The number of a cursor over history; None for the beginning (or the end, descending)."""
    if not text:
        return None
    if not _DIGITS.match(text) or int(text) > INT64_MAX:
        raise bad_cursor()
    number = int(text)
    if number < 0:
        raise bad_cursor()
    return number


def parse_pair_cursor(text: str) -> tuple[int, int] | None:
    """The two numbers of a cursor over effects or trades."""
    if not text:
        return None
    first, dash, second = text.partition("-")
    if not dash:
        number = parse_number_cursor(first)
        return None if number is None else (number, -1)
    if not _DIGITS.match(first) or not _DIGITS.match(second):
        raise bad_cursor()
    pair = (int(first), int(second))
    if pair[0] > INT64_MAX or pair[1] > INT64_MAX:
        raise bad_cursor()
    return pair


def bad_cursor() -> Problem:
    """The answer to a cursor that no list gave out."""
    return bad_request("cursor", "cursor: invalid value")


def page_links(
    base: str, path: str, params: Mapping[str, str], query: PageQuery, tokens: list[str]
) -> dict[str, dict[str, str]]:
    """The links of a page: itself, the next one, and the one before in the other direction."""
    other = {name: value for name, value in params.items() if name not in {"cursor", "order", "limit"}}

    def link(cursor: str, order: str) -> dict[str, str]:
        wanted = {**other, "cursor": cursor, "limit": str(query.limit), "order": order}
        return {"href": f"{base}{path}?{urlencode(sorted(wanted.items()))}"}

    inverted = "desc" if query.order == "asc" else "asc"
    return {
        "self": link(query.cursor, query.order),
        "next": link(tokens[-1] if tokens else query.cursor, query.order),
        "prev": link(tokens[0] if tokens else query.cursor, inverted),
    }
