"""The route table: every endpoint of the API, in one place."""

from __future__ import annotations

from roadstead.config.effective import Configuration
from roadstead.sep import sep1, sep10, sep12, sep31, sep38
from roadstead.sep.openapi import openapi_route
from roadstead.sep.routes import Route


def route_table(configuration: Configuration) -> tuple[Route, ...]:
    """Return every route, with the document that describes them all."""
    routes = (*sep1.ROUTES, *sep10.ROUTES, *sep12.ROUTES, *sep31.ROUTES, *sep38.ROUTES)
    return (*routes, openapi_route(routes, configuration))
