"""SEP-1: the file by which everybody finds this anchor's services."""

from __future__ import annotations

from roadstead.sep.routes import Answer, Audience, Call, Route

MEDIA_TYPE = "text/plain; charset=utf-8"


async def publish(call: Call) -> Answer:
    """Give out stellar.toml, written once from the configuration."""
    return Answer(content=call.services.stellar_toml, media_type=MEDIA_TYPE)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/.well-known/stellar.toml",
        audience=Audience.PUBLIC,
        handler=publish,
        source="SEP-1 GET /.well-known/stellar.toml",
        summary="The anchor's services, keys, organization and assets.",
        media_type="text/plain",
        refusals=(),
        tags=("SEP-1",),
    ),
)
