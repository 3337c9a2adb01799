"""The route table: every endpoint of the API, in one place."""

from __future__ import annotations

from roadstead.config.effective import Configuration
from roadstead.sep import (
    rail_events,
    sep1,
    sep10,
    sep12,
    sep12_changes,
    sep12_files,
    sep31,
    sep38,
    verifier_events,
)
from roadstead.sep.openapi import openapi_document, openapi_route
from roadstead.sep.pages import page_routes
from roadstead.sep.routes import Route


def route_table(configuration: Configuration) -> tuple[Route, ...]:
    """Return every route, with the document and the pages that describe them all."""
    rooms = (
        *(sep1, sep10, sep12, sep12_changes, sep12_files, sep31, sep38),
        *(rail_events, verifier_events),
    )
    table: list[Route] = [route for room in rooms for route in room.ROUTES]
    table.extend(page_routes(lambda: openapi_document(table, configuration), configuration))
    table.append(openapi_route(table, configuration))
    return tuple(table)
