"""The header `Idempotency-Key`: the same request with the same key is done once and answered alike every time."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import msgspec

from roadstead.errors import BadInput, RoadsteadError
from roadstead.partners.receipts import KeyedRequest, digest_of, kept_answer
from roadstead.sep.routes import Answer, Call, Parameter

HEADER = "idempotency-key"
REPLAYED = ("Idempotent-Replayed", "true")

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)

IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    place="header",
    description="A key of your own, 1 to 255 visible ASCII characters: the same request with the same key is done once "
    "and answered alike, with the header Idempotent-Replayed; another request with it is refused with 409.",
    example="order-2026-000481",
)
"""The header as the published description tells of it."""


async def done_once(
    call: Call, what: str, perform: Callable[[KeyedRequest | None], Awaitable[Answer]]
) -> Answer:
    """Perform a call and keep its answer if it has a key; give the kept answer if the same was performed before.

    `perform` stores the receipt with what it does. It is tried first, and the kept answer is looked for only when it is
    refused: by the receipt's key, or because what it asks was done already.

    Raises:
        BadInput: The key is not valid.
        Conflict: The key was used for another request.
    """
    key = call.headers.get(HEADER)
    if key is None:
        return await perform(None)
    if not _KEY.fullmatch(key):
        raise BadInput("The Idempotency-Key is not valid: send 1 to 255 visible ASCII characters.")
    request = KeyedRequest(
        account=call.principal.account,
        key=key,
        digest=digest_of(call.services.configuration.data_key, what, _canonical(call.payload)),
    )
    try:
        return await perform(request)
    except RoadsteadError:
        async with call.services.database.connection() as connection:
            kept = await kept_answer(connection, request)
        if kept is None:
            raise
    return Answer(status=kept.status, content=kept.body, headers=(REPLAYED,))


def _canonical(payload: msgspec.Struct) -> bytes:
    """Write what was asked in one way, whatever the order of its names; what was left out is not written."""
    said = {name: value for name, value in msgspec.structs.asdict(payload).items() if value is not None}
    return msgspec.json.encode(said, order="deterministic")
