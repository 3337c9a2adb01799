"""The application: all routes behind Horizon's rules for methods, origins and paths."""

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .account_routes import AccountRoutes
from .aggregation_routes import AggregationRoutes
from .answers import CACHE, problem_answer
from .face import Face
from .friendbot_routes import FriendbotRoutes
from .history_routes import HistoryRoutes
from .market_routes import MarketRoutes
from .path_routes import PathRoutes
from .problems import Problem, not_found, server_error
from .root_routes import RootRoutes
from .stage_routes import StageRoutes
from .state_routes import StateRoutes
from .streams import StreamBroken
from .submission_routes import SubmissionRoutes

_POST_ONLY = {"/transactions_async"}
"""Paths that are not there at all for other methods."""

_log = structlog.get_logger()

_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def all_routes(face: Face) -> list[Route]:
    """The one table of paths."""
    submissions = SubmissionRoutes(face)
    friendbot = FriendbotRoutes(face, submissions)
    root = RootRoutes(face)

    async def front(request: Request) -> Response:
        if "addr" in request.query_params or request.method == "POST":
            return await friendbot.give(request)
        return await root.root(request)

    return [
        Route("/", front, methods=["GET", "POST"]),
        *submissions.routes(),
        *friendbot.routes(),
        *root.routes(),
        *HistoryRoutes(face).routes(),
        *AccountRoutes(face).routes(),
        *StateRoutes(face).routes(),
        *MarketRoutes(face).routes(),
        *PathRoutes(face).routes(),
        *AggregationRoutes(face).routes(),
        *StageRoutes(face).routes(),
    ]


class Horizon:
    """The ASGI application."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._routes = all_routes(face)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS":
            await _preflight(headers)(scope, receive, send)
            return
        answer = await self._answer(scope, receive)
        try:
            await answer(scope, receive, _with_origin(send, headers.get("origin")))
        except StreamBroken:
            _log.info("network_stream_dropped", path=scope["path"])

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        path = scope["path"]
        try:
            self.face.faults.meet(path)
            return await self._routed(scope, receive)
        except Problem as problem:
            return problem_answer(problem)
        except Exception:  # noqa: BLE001 - the last line: a mistake of ours is told as one
            _log.exception("network_request_failed", path=path)
            return problem_answer(server_error())

    async def _routed(self, scope: Scope, receive: Receive) -> ASGIApp:
        path = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope["path"] = path = path.rstrip("/") or "/"
        wrong_method = False
        for route in self._routes:
            match, child = route.matches(scope)
            if match is Match.NONE:
                continue
            if match is Match.PARTIAL or scope["method"] == "HEAD":
                wrong_method = path not in _POST_ONLY
                continue
            scope.update(child)
            endpoint = route.endpoint
            answer: ASGIApp = await endpoint(Request(scope, receive))
            return answer
        if wrong_method:
            return Response(status_code=405, headers={"Cache-Control": CACHE})
        raise not_found()


def _preflight(headers: Headers) -> Response:
    found = {"Cache-Control": CACHE, "Vary": _PREFLIGHT_VARY}
    origin = headers.get("origin")
    if origin is not None:
        found["Access-Control-Allow-Origin"] = origin
        method = headers.get("access-control-request-method")
        if method is not None:
            found["Access-Control-Allow-Methods"] = method
        wanted = headers.get("access-control-request-headers")
        if wanted is not None:
            names = [name.strip().title() for name in wanted.split(",") if name.strip()]
            found["Access-Control-Allow-Headers"] = ", ".join(names)
    return Response(headers=found)


def _with_origin(send: Send, origin: str | None) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Vary"] = "Origin"
            if origin is not None:
                if "access-control-allow-origin" not in headers:
                    headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Expose-Headers"] = "Date, Latest-Ledger"
        await send(message)

    return sending
