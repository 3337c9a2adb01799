"""The doors of the bank over HTTP, and what each wants to see of a caller.

Through the plain door whoever knows the token comes in. Through the signed door (`signed_door`), under `/payout-api`,
comes the customer whose key the bank knows, and every answer carries the bank's own signature.
"""

import hmac
import ipaddress
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from roadstead.errors import TooLarge, Unauthenticated

BODY_MAX_BYTES = 64 * 1024
SIGNED_PATH = "/payout-api"


class Door(Protocol):
    """Lets callers in, and sends answers out."""

    async def admit(self, request: Request) -> None:
        """Let a caller in.

        Raises:
            Unauthenticated: The caller is not provably the customer.
            TooLarge: The body exceeds the limit.
        """
        ...

    async def sealed(self, request: Request, response: Response) -> Response:
        """Return an answer with what proves that it is the bank's."""
        ...


class PlainDoor:
    """Wants the token, if there is one."""

    def __init__(self, token: str | None, *, is_open_here: bool = False) -> None:
        """Take the token; with `is_open_here`, callers on the same machine need none."""
        self._token = token
        self._is_open_here = is_open_here

    async def admit(self, request: Request) -> None:
        """Let a caller in; see `Door.admit`."""
        if self._token is None or (self._is_open_here and _is_local(request)):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._token.encode()):
            raise Unauthenticated("This bank wants its token: send `Authorization: Bearer ...`.")

    async def sealed(self, request: Request, response: Response) -> Response:  # noqa: ARG002 - a `Door`
        """Return the answer as it is."""
        return response


async def content_of(request: Request) -> bytes:
    """Return the body of a request, which is read once.

    Raises:
        TooLarge: It exceeds the limit.
    """
    received: bytes | None = getattr(request.state, "content", None)
    if received is not None:
        return received
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > BODY_MAX_BYTES:
            raise TooLarge(f"A body has at most {BODY_MAX_BYTES} bytes.")
    request.state.content = bytes(content)
    return bytes(content)


def _is_local(request: Request) -> bool:
    if request.client is None:
        return False
    return ipaddress.ip_address(request.client.host).is_loopback
