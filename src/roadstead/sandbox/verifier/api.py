"""The provider over HTTP: docs/integrating/kyc.md as a provider keeps it, and a side door to make things go wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.clock import Clock
from roadstead.errors import BadInput, RoadsteadError, TooLarge
from roadstead.sandbox.verifier.faults import FaultKind, FaultPlan
from roadstead.sandbox.verifier.papers import Described
from roadstead.sandbox.verifier.provider import Provider
from roadstead.verification.protocol import Decision
from roadstead.verification.signatures import SIGNATURE_HEADER, require_request

BODY_BYTES_MAX = 1024 * 1024
DOCUMENT_BYTES_MAX = 64 * 1024 * 1024
"""More than the largest document that anchor.toml may allow."""

_Handler = Callable[[Request, bytes], Awaitable[Response]]


class _CaseBody(msgspec.Struct, kw_only=True):
    id: UUID
    customer: UUID
    customer_type: str
    fields: dict[str, str]
    documents: list[Described] = []


class _WordBody(msgspec.Struct, kw_only=True):
    decision: Decision
    fields: dict[str, dict[str, str]] = {}


class ProviderApi:
    """The routes of the provider. Those of the contract need the anchor's signature; the side door is local."""

    def __init__(self, *, provider: Provider, plan: FaultPlan, secret: bytes, clock: Clock) -> None:
        self._provider = provider
        self._plan = plan
        self._secret = secret
        self._clock = clock

    def application(self) -> Starlette:
        """Build the ASGI application."""
        return Starlette(
            routes=[
                self._route("/health", "GET", self._health),
                self._route("/cases", "GET", self._listed),
                self._route("/cases/{reference}/word", "PUT", self._tell),
                self._route("/faults", "GET", self._faults),
                self._route("/faults", "PUT", self._set_faults),
                self._route("/{verifier}/cases/{case_id}", "PUT", self._take, is_signed=True),
                self._route(
                    "/{verifier}/cases/{case_id:uuid}/documents/{field}",
                    "PUT",
                    self._take_document,
                    is_signed=True,
                    bytes_max=DOCUMENT_BYTES_MAX,
                ),
                self._route("/{verifier}/cases/{reference}", "GET", self._view, is_signed=True),
                self._route("/{verifier}/customers/{customer:uuid}", "DELETE", self._forget, is_signed=True),
            ]
        )

    def _route(
        self,
        path: str,
        method: str,
        handler: _Handler,
        *,
        is_signed: bool = False,
        bytes_max: int = BODY_BYTES_MAX,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                body = await request.body()
                if len(body) > bytes_max:
                    raise TooLarge(f"The body has more than {bytes_max} bytes: send less.")
                if is_signed:
                    header = request.headers.get(SIGNATURE_HEADER, "")
                    # The path as it was sent, which is what was signed.
                    now, target = self._clock.now(), request.scope["raw_path"].decode("ascii")
                    require_request(self._secret, header, now, method=method, path=target, body=body)
                    return await self._under_faults(handler, request, body)
                return await handler(request, body)
            except RoadsteadError as error:
                return _json({"code": error.code, "message": error.message}, error.http_status)

        return Route(path, endpoint, methods=[method])

    async def _under_faults(self, handler: _Handler, request: Request, body: bytes) -> Response:
        fault = self._plan.take(FaultKind.ERROR, FaultKind.LOST_ANSWER)
        if fault is FaultKind.ERROR:
            return _json({"code": "planned"}, 500)
        answer = await handler(request, body)
        return _json({"code": "planned"}, 500) if fault is FaultKind.LOST_ANSWER else answer

    async def _health(self, _request: Request, _body: bytes) -> Response:
        return _json({"status": "ok", "cases": self._provider.count})

    async def _listed(self, _request: Request, _body: bytes) -> Response:
        return _json({"cases": self._provider.listed()})

    async def _take(self, request: Request, body: bytes) -> Response:
        case = _read(body, _CaseBody)
        if str(case.id) != request.path_params["case_id"]:
            raise BadInput("The id in the path and in the body differ: send one case.")
        content = msgspec.json.encode(case, order="deterministic")
        said = self._provider.take(
            verifier=request.path_params["verifier"],
            case_id=case.id,
            customer=case.customer,
            fields=case.fields,
            content=content,
            documents=case.documents,
        )
        return _json({"reference": said} if isinstance(said, str) else {"wanted": said})

    async def _take_document(self, request: Request, body: bytes) -> Response:
        media_type = request.headers.get("content-type", "")
        place = request.path_params
        self._provider.take_document(place["case_id"], place["field"], media_type, body)
        return _json({"status": "taken"})

    async def _view(self, request: Request, _body: bytes) -> Response:
        return _json(self._provider.view(request.path_params["reference"]))

    async def _forget(self, request: Request, _body: bytes) -> Response:
        self._provider.forget(request.path_params["customer"])
        return _json({"status": "forgotten"})

    async def _tell(self, request: Request, body: bytes) -> Response:
        word = _read(body, _WordBody)
        self._provider.tell(request.path_params["reference"], word.decision, word.fields)
        return _json({"status": "said"})

    async def _faults(self, _request: Request, _body: bytes) -> Response:
        return _json(self._plan)

    async def _set_faults(self, _request: Request, body: bytes) -> Response:
        self._plan.faults = _read(body, FaultPlan).faults
        return _json(self._plan)


def _read(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"The body is not as documented: {error}.") from error


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
