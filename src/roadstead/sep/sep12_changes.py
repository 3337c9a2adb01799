"""SEP-12 beside registering: the older endpoint for codes, and being told of every change of a customer's status."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from roadstead.callbacks.delivery import Renderer
from roadstead.config.anchor import Anchor
from roadstead.customers.identity import Reference
from roadstead.customers.telling import view_in
from roadstead.database.pool import Connection
from roadstead.errors import BadInput
from roadstead.payouts.waking import wake_for_customer
from roadstead.remittances.release import release_waiting
from roadstead.sep.routes import Answer, Audience, Body, Call, Encoding, Route
from roadstead.sep.sep12 import CustomerAnswer, customer_answer, customer_registry

_ENCODINGS = (Encoding.MULTIPART, Encoding.FORM, Encoding.JSON)
_CODE_SUFFIX = "_verification"


class VerificationBody(Struct):
    """The fixed part of the body of PUT /customer/verification. Beside it stand `<field>_verification`, each a code."""

    id: str


class CustomerCallbackBody(Struct):
    """The body of PUT /customer/callback."""

    url: str
    id: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    memo: str | UnsetType = UNSET
    memo_type: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


async def put_verification(call: Call) -> Answer:
    """Take codes as PUT /customer does, and answer how the customer stands then (deprecated in SEP-12)."""
    services = call.services
    codes = {name: text for name, text in call.payload.items() if name.endswith(_CODE_SUFFIX)}
    reference = Reference(id=call.payload.get("id"))
    if reference.id is None:
        raise BadInput("The id is missing: send the one that PUT /customer gave.")
    if not codes:
        raise BadInput(
            "There is no code: send it as <field>_verification, such as mobile_number_verification."
        )
    registry = customer_registry(services)
    customer_id = await registry.register(call.principal, reference, codes, language=call.language)
    await release_waiting(services.database, services.configuration.anchor, customer_id, services.clock)
    await wake_for_customer(services.database, customer_id)
    return Answer(content=customer_answer(await registry.look_up(call.principal, reference), call.say))


async def put_callback(call: Call) -> Answer:
    """Tell every change of a customer's status to a URL until it is ACCEPTED or REJECTED, instead of any URL before."""
    payload: dict[str, Any] = call.payload
    url = payload.get("url")
    if not url:
        raise BadInput("The url is missing: send where you want to be called.")
    await customer_registry(call.services).watch(
        call.principal,
        Reference.found_in(payload),
        url=url,
        private_allowed=call.services.configuration.profile.allows_callbacks_to_private_addresses,
    )
    return Answer(content={})


def callback_renderer(anchor: Anchor) -> Renderer:
    """Return what writes a callback: the answer of GET /customer as it was when the status changed."""

    async def render(_connection: Connection, customer_id: UUID, snapshot: str) -> bytes:
        return msgspec.json.encode(customer_answer(view_in(anchor, customer_id, snapshot)))

    return render


ROUTES: tuple[Route, ...] = (
    Route(
        method="PUT",
        path="/kyc/customer/verification",
        audience=Audience.AUTHENTICATED,
        handler=put_verification,
        source="SEP-12 PUT /customer/verification",
        summary="Confirm fields with codes (deprecated: PUT /customer takes them too)",
        answer=CustomerAnswer,
        body=Body(struct=VerificationBody, encodings=_ENCODINGS, fields_open=True),
        refusals=(400, 403, 404, 413),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
    Route(
        method="PUT",
        path="/kyc/customer/callback",
        audience=Audience.AUTHENTICATED,
        handler=put_callback,
        source="SEP-12 PUT /customer/callback",
        summary="Be told of every change of a customer's status",
        body=Body(struct=CustomerCallbackBody, encodings=_ENCODINGS, fields_open=True),
        refusals=(400, 403, 404, 413),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
)
