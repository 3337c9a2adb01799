"""The pages for people: the reference, and how to integrate. Written once; they need nothing from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from roadstead.config.effective import Configuration
from roadstead.sep.integrate import integrate_page
from roadstead.sep.markup import POLICY
from roadstead.sep.reference import reference_page
from roadstead.sep.routes import Answer, Audience, Call, Handler, Route

REFERENCE_PATH = "/reference"
INTEGRATE_PATH = "/integrate"

_MEDIA_TYPE = "text/html"
_HEADERS = (
    ("content-security-policy", POLICY),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cache-control", "no-cache"),
)


def page_routes(document: Callable[[], Mapping[str, Any]], configuration: Configuration) -> tuple[Route, ...]:
    """Return the routes of the pages; `document` is asked at the first call, when the table is complete."""
    return (
        _route(
            REFERENCE_PATH,
            "The description of the API, for people.",
            "OpenAPI 3.1",
            cache(lambda: reference_page(document())),
        ),
        _route(
            INTEGRATE_PATH,
            "How to integrate: endpoints, terms, limits.",
            "SEP-31",
            cache(lambda: integrate_page(configuration)),
        ),
    )


def _route(path: str, summary: str, source: str, content: Callable[[], bytes]) -> Route:
    return Route(
        method="GET",
        path=path,
        audience=Audience.PUBLIC,
        handler=_handler(content),
        source=source,
        summary=summary,
        media_type=_MEDIA_TYPE,
        refusals=(),
        tags=("Description",),
    )


def _handler(content: Callable[[], bytes]) -> Handler:
    async def show(_call: Call) -> Answer:
        return Answer(content=content(), media_type=f"{_MEDIA_TYPE}; charset=utf-8", headers=_HEADERS)

    return show
