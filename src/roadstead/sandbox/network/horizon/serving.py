"""From a request for a list to a page or a stream."""

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .answers import base_url, hal, wants_stream
from .face import Face
from .history_sources import Source, latest_cursor
from .paging import NEGATIVE, PageQuery, page_links, parse_limit, parse_order
from .problems import bad_request
from .streams import list_events, stream_answer


def first_values(request: Request) -> dict[str, str]:
    """The query, each parameter with the first of its values."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, value)
    return found


def page_query(request: Request, face: Face, *, numbered: bool) -> PageQuery:
    """What the client asked for; `now` and the last event id resolved."""
    params = first_values(request)
    cursor = params.get("cursor", "")
    if wants_stream(request) and request.headers.get("last-event-id"):
        cursor = request.headers["last-event-id"]
    if cursor == "now" and numbered:
        cursor = latest_cursor(face)
    if NEGATIVE.match(cursor):
        raise bad_request("cursor", f"the cursor {cursor} is a negative number: ")
    return PageQuery(cursor=cursor, order=parse_order(params), limit=parse_limit(params))


def serve_list(
    request: Request,
    face: Face,
    source: Source,
    *,
    numbered: bool = True,
    streamed: bool = True,
    latest_ledger: int | None = None,
) -> Response:
    """The page that was asked for, or a stream from there on."""
    query = page_query(request, face, numbered=numbered)
    source.check(query.cursor)
    if wants_stream(request) and streamed:
        return stream_answer(
            list_events(face, lambda cursor: source.items(cursor, query.order), query.cursor, query.limit)
        )
    items = list(islice(source.items(query.cursor, query.order), query.limit))
    path = request.url.path.rstrip("/") or "/"
    body: dict[str, Any] = {
        "_links": page_links(
            base_url(request),
            path,
            first_values(request),
            query,
            [item.token for item in items],
        ),
        "_embedded": {"records": [item.body() for item in items]},
    }
    return hal(body, latest_ledger=latest_ledger)
