"""Connections that can be cut in the middle of a request, which an ordinary HTTP server does not offer."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_SCOPE_KEY = "roadstead.transport"


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the connection's transport in the scope."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope[_SCOPE_KEY] = self.transport  # type: ignore[literal-required]  # an ASGI scope is open to servers


class _NoAnswer(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send nothing and wait until the connection is gone."""
        while (await receive())["type"] != "http.disconnect":
            continue


def cut(request: Request) -> Response:
    """Close the connection at once, without a word."""
    request.scope[_SCOPE_KEY].abort()
    return _NoAnswer()
