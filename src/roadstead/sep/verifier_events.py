"""Where verifiers ring: POST /verifiers/{name}/events. It is a bell; what is decided is asked for afterwards."""

from __future__ import annotations

from msgspec import Struct

from roadstead.sep.routes import Answer, Audience, Body, Call, Encoding, Parameter, Route

BODY_BYTES_MAX = 262_144


class VerifierMessage(Struct):
    """What a verifier of kind http sends; others send what their adapter reads."""

    references: list[str]


class Taken(Struct):
    """The answer: it was kept."""

    status: str = "taken"


async def take_event(call: Call) -> Answer:
    """Keep a message that is provably the verifier's and ask about its cases next; safe to repeat.

    The answer says nothing of cases: it is the same whether any is known.
    """
    await call.services.doorbell.ring(call.path["name"], call.headers, call.payload)
    return Answer(content=Taken())


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/verifiers/{name}/events",
        audience=Audience.SIGNED,
        handler=take_event,
        source="docs/integrating/kyc.md",
        summary="Tell that a verifier has news of customers",
        answer=Taken,
        body=Body(struct=VerifierMessage, encodings=(Encoding.JSON,), bytes_max=BODY_BYTES_MAX),
        parameters=(Parameter(name="name", description="The verifier's name.", required=True, place="path"),),
        refusals=(413,),
        unauthenticated_status=401,
        tags=("Verifiers",),
    ),
)
