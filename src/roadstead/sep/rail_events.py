"""What banks push: verified by the rail, stored once in its inbox, and applied by a worker like what was polled.

A push only makes things faster. Nothing rests on it: whatever a bank pushes, it tells as well when it is polled.
"""

from __future__ import annotations

import structlog

from roadstead.errors import Unauthenticated
from roadstead.payouts.inbox import store_events
from roadstead.rails.http import PUSH_MAX_BYTES
from roadstead.rails.payout_forms import PushForm
from roadstead.sep.routes import Answer, Audience, Body, Call, Parameter, Route

log = structlog.get_logger()

REFUSED = "The message is not signed by whom it would have to come from."
_REASON_MAX = 200


async def take_events(call: Call) -> Answer:
    """Verify and store what a bank pushed; safe to repeat, for a second copy of an event changes nothing.

    Who is refused learns nothing of the reason, nor of which rails there are; the log does.

    Raises:
        Unauthenticated: The message is not provably the bank's.
        BadInput: The bank signed something that is no list of events.
    """
    rail = call.services.rails.get(call.path["name"])
    if rail is None:
        raise Unauthenticated(REFUSED)
    try:
        events = rail.receive(call.headers, call.payload)
    except Unauthenticated as error:
        log.warning("rail_message_refused", rail=rail.name, reason=error.message[:_REASON_MAX])
        raise Unauthenticated(REFUSED) from error
    async with call.services.database.transaction() as connection:
        await store_events(connection, rail.name, events, seen=None, cursor=None)
    log.info("rail_message_taken", rail=rail.name, events=len(events))
    return Answer(status=204)


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/rails/{name}/events",
        audience=Audience.SIGNED,
        handler=take_events,
        source="The payout API's push",
        summary="For banks: tell what happened to payouts.",
        status=204,
        body=Body(struct=PushForm, bytes_max=PUSH_MAX_BYTES),
        parameters=(
            Parameter(
                name="name", description="The rail, as anchor.toml names it.", place="path", required=True
            ),
        ),
        refusals=(400, 413),
        unauthenticated_status=401,
        tags=("Banks",),
    ),
)
