"""The API as an ASGI application, built from the route table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from roadstead.errors import (
    BadInput,
    CustomerInfoNeeded,
    RoadsteadError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
)
from roadstead.messages.catalogue import Language, language_of
from roadstead.partners.principal import Principal
from roadstead.sep.bodies import BodyReader, read_bytes
from roadstead.sep.routes import Answer, Audience, Call, Route
from roadstead.sep.services import Services
from roadstead.service.metrics import api_requests

log = structlog.get_logger()

QUERY_CHARACTERS_MAX = 4096
TOKEN_CHARACTERS_MAX = 4096

_encoder = msgspec.json.Encoder(decimal_format="string")

_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Request-ID, Retry-After, Idempotent-Replayed"),
]
_PREFLIGHT = [
    *_CORS,
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]


class Door:
    """One route as an ASGI application: authenticate, read, handle, answer; in this order."""

    def __init__(self, route: Route, services: Services) -> None:
        self._route = route
        self._services = services
        self._reader = BodyReader(route.body) if route.body else None
        limits = services.configuration.anchor.limits
        self._bytes_max = (route.body.bytes_max if route.body else None) or limits.body_bytes_max
        self._observe = api_requests(route.method, route.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, the answer is JSON with an `error` or what the route documents."""
        started = time.perf_counter()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = self._services.randomness.token_bytes(8).hex()
        caller: Principal | None = None
        payload: Any = None
        try:
            caller = await self._authenticate(scope, headers)
            if self._reader is not None:
                content = await read_bytes(receive, headers, self._bytes_max)
                is_signed = self._route.audience is Audience.SIGNED
                payload = (
                    content if is_signed else self._reader.read(content, headers.get("content-type", ""))
                )
            answer = await self._handle(scope, headers, request_id, caller, payload)
        except RoadsteadError as error:
            answer = self._in_language(self._refuse(error, request_id), _language(scope, headers, payload))
        except Exception:
            log.exception("request_failed", request_id=request_id, route=self._route.path)
            answer = self._in_language(_unexpected(request_id), _language(scope, headers, payload))
        duration_s = time.perf_counter() - started
        self._observe(answer.status, duration_s)
        log.info(
            "request",
            request_id=request_id,
            method=self._route.method,
            route=self._route.path,
            status=answer.status,
            duration_ms=round(duration_s * 1000, 2),
            account=caller.account if caller else None,
            remittance_id=answer.remittance_id,
        )
        await _send(send, answer, request_id)

    async def _authenticate(self, scope: Scope, headers: Mapping[str, str]) -> Principal | None:
        """Find out who is calling, and count the request: for the account, or for the address if there is none."""
        services, now = self._services, self._services.clock.now()
        if self._route.audience in {Audience.PUBLIC, Audience.SIGNED}:
            services.limiter.admit_address(scope, headers, now, self._route.cost)
            return None
        if self._route.audience is Audience.OPTIONAL and "authorization" not in headers:
            services.limiter.admit_address(scope, headers, now, self._route.cost)
            return None
        try:
            caller = services.tokens.read(_bearer_token(headers))
        except Unauthenticated:
            services.limiter.admit_address(scope, headers, now)
            raise
        services.limiter.admit_account(caller.account, now)
        if self._route.audience is Audience.PARTNER:
            await services.partners.require_active(caller.account)
        return caller

    async def _handle(
        self,
        scope: Scope,
        headers: Mapping[str, str],
        request_id: str,
        caller: Principal | None,
        payload: Any,
    ) -> Answer:
        call = Call(
            services=self._services,
            request_id=request_id,
            path=scope["path_params"],
            query=_query(scope["query_string"]),
            headers=headers,
            caller=caller,
            payload=payload,
            language=_language(scope, headers, payload),
        )
        return await self._route.handler(call)

    def _in_language(self, answer: Answer, language: Language) -> Answer:
        """Write the message of a refusal in the caller's language."""
        if language is Language.ENGLISH:
            return answer
        content = dict(answer.content)
        content["error"] = self._services.catalogue.translate(content["error"], language)
        return replace(answer, content=content)

    def _refuse(self, error: RoadsteadError, request_id: str) -> Answer:
        if error.http_status >= 500:  # noqa: PLR2004 - the class of the status
            log.error("request_refused", request_id=request_id, code=error.code, error=error.message)
        match error:
            case Unauthenticated():
                return Answer(status=self._route.unauthenticated_status, content={"error": error.message})
            case CustomerInfoNeeded(customer_type=str() as customer_type):
                return Answer(status=400, content={"error": error.code, "type": customer_type})
            case CustomerInfoNeeded():
                return Answer(status=400, content={"error": error.code})
            case UnsupportedMediaType():
                # The SEPs know no 415: a body that cannot be read is a bad request.
                return Answer(status=400, content={"error": error.message})
            case TooLarge():
                # The rest of the body is not read, so the connection cannot be used again.
                return Answer(
                    status=413, content={"error": error.message}, headers=(("connection", "close"),)
                )
            case TooManyRequests(retry_after_s=seconds):
                return Answer(
                    status=429, content={"error": error.message}, headers=(("retry-after", str(seconds)),)
                )
            case _ if error.http_status == 500:  # noqa: PLR2004 - our fault: the caller gets no inner detail
                return _unexpected(request_id)
            case _:
                return Answer(status=error.http_status, content={"error": error.message})


def _unexpected(request_id: str) -> Answer:
    message = (
        f"Something went wrong on our side; nothing of this request was kept. Tell us request {request_id}."
    )
    return Answer(status=500, content={"error": message})


def _bearer_token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            "This endpoint needs a SEP-10 token: send the header 'Authorization: Bearer <token>' with one from the "
            "WEB_AUTH_ENDPOINT named in stellar.toml."
        )
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise Unauthenticated("The token is longer than any that we issue: authenticate again.")
    return token


def _language(scope: Scope, headers: Mapping[str, str], payload: Any) -> Language:
    """Choose the language of an answer, from `lang` in the query or the body, else from what the client speaks."""
    query: bytes = scope["query_string"]
    named = _named_language(query) if b"lang=" in query else None
    in_body = payload.get("lang") if isinstance(payload, dict) else getattr(payload, "lang", None)
    return language_of(named, in_body, headers.get("accept-language"))


def _named_language(query: bytes) -> str | None:
    pairs = (pair.partition(b"=") for pair in query[:QUERY_CHARACTERS_MAX].split(b"&"))
    found = next((value for name, _, value in pairs if name == b"lang"), None)
    return None if found is None else found.decode("latin-1")


def _query(text: bytes) -> Mapping[str, str]:
    if not text:
        return {}
    if len(text) > QUERY_CHARACTERS_MAX:
        raise BadInput(f"The query has more than {QUERY_CHARACTERS_MAX} characters: send fewer.")
    try:
        return dict(
            parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict")
        )
    except ValueError as error:
        raise BadInput("The query cannot be read: send percent-encoded UTF-8 pairs.") from error


async def _send(send: Send, answer: Answer, request_id: str) -> None:
    body = answer.content
    if not isinstance(body, bytes):
        body = b"" if body is None else _encoder.encode(body)
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        *_CORS,
        *((name.encode(), value.encode("latin-1")) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def build_application(routes: Sequence[Route], services: Services) -> ASGIApp:
    """Build the API from its route table."""
    application = Starlette(
        routes=[
            StarletteRoute(route.path, endpoint=Door(route, services), methods=[route.method])
            for route in routes
        ],
        exception_handlers={HTTPException: _no_route},
    )
    application.router.redirect_slashes = False

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
            await send({"type": "http.response.body", "body": b""})
            return
        await application(scope, receive, send)

    return front


async def _no_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    known = {
        404: f"There is nothing at {request.url.path[:200]}: the endpoints are listed in /openapi.json.",
        405: f"{request.method} is not offered at {request.url.path[:200]}.",
    }
    body = _encoder.encode({"error": known.get(error.status_code, error.detail)})
    headers = {name.decode(): value.decode() for name, value in _CORS} | dict(error.headers or {})
    return Response(body, status_code=error.status_code, media_type="application/json", headers=headers)
