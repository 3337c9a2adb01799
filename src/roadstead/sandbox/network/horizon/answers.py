"""How answers are written: indented JSON with Horizon's headers."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .problems import Problem, not_acceptable

CACHE = "no-cache, no-store, max-age=0"
_ENCODER = msgspec.json.Encoder()
_JSON_TYPES = ("*/*", "application/*", "application/json", "application/hal+json")


def escaped(content: bytes) -> bytes:
    """JSON that is harmless inside a web page, as Horizon writes it."""
    return content.replace(b"&", b"\\u0026").replace(b"<", b"\\u003c").replace(b">", b"\\u003e")


def compact(body: Any) -> bytes:
    """One line of JSON."""
    return escaped(_ENCODER.encode(body))


def indented(body: Any) -> bytes:
    """JSON for people: two spaces."""
    return escaped(msgspec.json.format(_ENCODER.encode(body), indent=2))


def hal(body: Any, *, status: int = 200, latest_ledger: int | None = None) -> Response:
    """A resource."""
    headers = {"Cache-Control": CACHE, "Content-Disposition": "inline"}
    if latest_ledger is not None:
        headers["Latest-Ledger"] = str(latest_ledger)
    return Response(
        indented(body),
        status_code=status,
        headers=headers,
        media_type="application/hal+json; charset=utf-8",
    )


def problem_answer(problem: Problem, *, latest_ledger: int | None = None) -> Response:
    """An error."""
    headers = {"Cache-Control": CACHE, **problem.headers}
    if latest_ledger is not None:
        headers["Latest-Ledger"] = str(latest_ledger)
    return Response(
        indented(problem.body),
        status_code=problem.status,
        headers=headers,
        media_type="application/problem+json; charset=utf-8",
    )


def wants_stream(request: Request) -> bool:
    """Whether the client asks for server-sent events.

    Raises:
        Problem: The client accepts neither JSON nor a stream.
    """
    accept = request.headers.get("accept", "")
    kinds = [part.split(";")[0].strip() for part in accept.split(",") if part.strip()]
    if not kinds or any(kind in _JSON_TYPES for kind in kinds):
        return "text/event-stream" in kinds and kinds[0] == "text/event-stream"
    if "text/event-stream" in kinds:
        return True
    raise not_acceptable()


def refuse_stream(request: Request) -> None:
    """For resources that are not streamed."""
    if wants_stream(request):
        raise not_acceptable()


def base_url(request: Request) -> str:
    """The address the client used, for links."""
    host = request.headers.get("host") or "127.0.0.1"
    return f"{request.url.scheme}://{host}"
