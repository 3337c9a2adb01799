"""The signed door: the customer proves itself by its key, and the bank by its own (RFC 9421)."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from roadstead.clock import Clock
from roadstead.rails.message_signatures import MessageSigner, MessageVerifier, Request
from roadstead.randomness import Randomness
from roadstead.sandbox.bank.answers import FORGED, UNSIGNED, seal_of
from roadstead.sandbox.bank.doors import content_of


class SignedDoor:
    """Wants the customer's signature, and gives the bank's."""

    def __init__(
        self,
        *,
        key: Ed25519PrivateKey,
        customer_key: Ed25519PublicKey,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self.signer = MessageSigner(key, clock=clock, randomness=randomness)
        self.forger = MessageSigner(Ed25519PrivateKey.generate(), clock=clock, randomness=randomness)
        """Signs as somebody else would, for faults."""
        self._verifier = MessageVerifier([customer_key], clock=clock)

    async def admit(self, request: HttpRequest) -> None:
        """Let a caller in; see `Door.admit`."""
        self._verifier.verify(_as_signed(request, await content_of(request)))

    async def sealed(self, request: HttpRequest, response: Response) -> Response:
        """Return the answer with its signature, or as a fault of the plan has it."""
        kind = seal_of(request)
        if kind == UNSIGNED or "signature" not in request.headers:
            return response
        signer = self.forger if kind == FORGED else self.signer
        named = {"content-type": response.headers.get("content-type", "application/json")}
        headers = signer.answer_headers(
            _as_signed(request), response.status_code, named, bytes(response.body)
        )
        for name, value in headers.items():
            response.headers[name] = value
        return response


def _as_signed(request: HttpRequest, body: bytes = b"") -> Request:
    """Return a request as its signature sees it, with the address that the caller asked for.

    An answer is signed over the request's signature and not over its body, which may have been too long to read.
    """
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    host = request.headers.get("host", "")
    return Request(
        method=request.method,
        url=f"{request.url.scheme}://{host}{path}{'?' + query if query else ''}",
        headers={name: ", ".join(request.headers.getlist(name)) for name in request.headers},
        body=body,
    )
