"""SEP-10: web authentication. HTTP only; the rules are in `roadstead.partners.challenges`."""

from __future__ import annotations

import msgspec

from roadstead.partners.challenges import AUTH_PATH
from roadstead.sep.routes import Answer, Audience, Body, Call, Encoding, Parameter, Route

BODY_BYTES_MAX = 16_384
"""Room for the longest challenge, even with every character percent-encoded."""


class ChallengeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge to be signed."""

    transaction: str
    """Base64 of the XDR of a transaction envelope."""
    network_passphrase: str


class SignedChallengeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge with the signatures of the client."""

    transaction: str
    """Base64 of the XDR of the envelope, signed."""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token for the header `Authorization: Bearer`."""

    token: str


async def open_challenge(call: Call) -> Answer:
    """Hand out a challenge. Where client domains are not supported, one that is named is ignored, as SEP-10 asks."""
    challenge = await call.services.challenges.open(
        account=call.query.get("account"),
        memo=call.query.get("memo"),
        home_domain=call.query.get("home_domain"),
        client_domain=call.query.get("client_domain"),
        authorization=call.headers.get("authorization"),
    )
    return Answer(
        content=ChallengeAnswer(
            transaction=challenge.transaction, network_passphrase=challenge.network_passphrase
        ),
        headers=_PRIVATE,
    )


async def redeem_challenge(call: Call) -> Answer:
    """Give a token for a signed challenge."""
    body: SignedChallengeBody = call.payload
    return Answer(
        content=TokenAnswer(token=await call.services.challenges.redeem(body.transaction)), headers=_PRIVATE
    )


_PRIVATE = (("cache-control", "no-store"),)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=AUTH_PATH,
        audience=Audience.PUBLIC,
        handler=open_challenge,
        source="SEP-10 GET WEB_AUTH_ENDPOINT",
        summary="Ask for a challenge to be signed by the keys of an account.",
        answer=ChallengeAnswer,
        parameters=(
            Parameter(
                name="account",
                description="The Stellar address that authenticates, G... or M...",
                required=True,
                example="GCA4C5FKYQYBKBAYTK4DWOP6Q3BBIVX5NCWEEN3YMUW5J4KOVTO224CZ",
            ),
            Parameter(
                name="memo",
                description="An unsigned 64-bit integer that tells apart the users of a shared account G...",
                example="1",
            ),
            Parameter(name="home_domain", description="The home domain that is authenticated with."),
            Parameter(
                name="client_domain",
                description="The domain of the client's application; ignored where that is not supported.",
            ),
        ),
        refusals=(400, 401, 403, 503),
        unauthenticated_status=401,
        tags=("SEP-10",),
    ),
    Route(
        method="POST",
        path=AUTH_PATH,
        audience=Audience.PUBLIC,
        handler=redeem_challenge,
        source="SEP-10 POST WEB_AUTH_ENDPOINT",
        summary="Exchange a signed challenge for a token; each challenge buys one.",
        answer=TokenAnswer,
        body=Body(
            struct=SignedChallengeBody, encodings=(Encoding.JSON, Encoding.FORM), bytes_max=BODY_BYTES_MAX
        ),
        refusals=(400, 403, 413, 503),
        cost=10,
        tags=("SEP-10",),
    ),
)
