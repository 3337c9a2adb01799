"""SEP-12: customers are registered, asked about and deleted."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, Struct, UnsetType

from roadstead.clock import utc_text
from roadstead.config.anchor import CustomerField
from roadstead.customers.cases import Say
from roadstead.customers.erasing import Deletion
from roadstead.customers.identity import REFERENCE_NAMES, Reference
from roadstead.customers.registry import CustomerRegistry
from roadstead.customers.requirements import CustomerStatus, FieldStatus
from roadstead.customers.views import CustomerView
from roadstead.errors import BadInput
from roadstead.payouts.waking import wake_for_customer
from roadstead.remittances.release import release_waiting
from roadstead.sep.routes import Answer, Audience, Body, Call, Encoding, Form, Parameter, Route
from roadstead.sep.services import Services

_ENCODINGS = (Encoding.MULTIPART, Encoding.FORM, Encoding.JSON)


class AskedField(Struct, omit_defaults=True):
    """What SEP-12 says of a field that is asked for."""

    type: str
    description: str
    choices: list[str] | UnsetType = UNSET
    optional: bool = False


class ProvidedField(AskedField, omit_defaults=True):
    """What SEP-12 says of a field that was received; its value is never shown."""

    status: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class CustomerAnswer(Struct, omit_defaults=True):
    """The answer of GET /customer. What does not apply is left out, never null."""

    status: str
    id: str | UnsetType = UNSET
    fields: dict[str, AskedField] | UnsetType = UNSET
    provided_fields: dict[str, ProvidedField] | UnsetType = UNSET
    message: str | UnsetType = UNSET


class CustomerBody(Struct):
    """The fixed part of the body of PUT /customer. Besides it stand the SEP-9 fields, flat, each a text."""

    id: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    memo: str | UnsetType = UNSET
    memo_type: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    transaction_id: str | UnsetType = UNSET


class CustomerId(Struct):
    """The answer of PUT /customer."""

    id: str


class ErasureBody(Struct):
    """The optional body of DELETE /customer/{account}."""

    memo: str | UnsetType = UNSET
    memo_type: str | UnsetType = UNSET


class KeptData(Struct, omit_defaults=True):
    """What is kept of a deleted customer, and why."""

    what: str
    why: str
    until: str | UnsetType = UNSET
    """Left out where nobody can say yet."""


class DeletionAnswer(Struct, omit_defaults=True):
    """The answer of DELETE /customer/{account}."""

    status: str
    """`erased`, or `restricted` while something has to be kept."""
    kept: list[KeptData] | UnsetType = UNSET


async def get_customer(call: Call) -> Answer:
    """Tell how a customer stands and what is still asked; a customer never registered is asked for everything.

    Without `type`, the type under which the customer was last registered counts. Where none is known, it is the first
    configured type for which the customer is complete, else the first configured type.
    """
    view = await customer_registry(call.services).look_up(call.principal, Reference.found_in(call.query))
    return Answer(content=customer_answer(view, call.say))


async def put_customer(call: Call) -> Answer:
    """Create or update a customer; safe to repeat. Fields that are not of SEP-9 are ignored and not kept.

    Remittances that waited for this customer's data may then be paid, and payouts that a bank refused are tried again.
    A value that was rejected stays so until another one is sent.
    """
    services = call.services
    form: Form = call.payload
    fields = {name: value for name, value in form.fields.items() if name not in REFERENCE_NAMES}
    customer_id = await customer_registry(services).register(
        call.principal, Reference.found_in(form.fields), fields, form.files, language=call.language
    )
    await release_waiting(
        services.database,
        services.configuration.anchor,
        customer_id,
        services.clock,
        verified_types=services.configuration.verified_types,
    )
    await wake_for_customer(services.database, customer_id)
    return Answer(content=CustomerId(id=str(customer_id)), status=202)


async def delete_customer(call: Call) -> Answer:
    """Delete a customer: nobody reads or uses the data any more, and they are erased as soon as the law allows.

    The answer says what is kept, why, and until when, as far as that is known.

    `memo` and `memo_type` may stand in the body (SEP-12) or in the query. A token of the bare account that names no
    memo means the customer without one.
    """
    named = dict(call.query)
    for name, value in call.payload.items():
        if named.setdefault(name, value) != value:
            raise BadInput(f"Query and body name a different {name[:60]!r}: send it once.")
    reference = Reference(
        account=call.path["account"], memo=named.get("memo"), memo_type=named.get("memo_type")
    )
    deletion = await customer_registry(call.services).delete(call.principal, reference)
    return Answer(content=_deletion_answer(deletion, call.say))


def _deletion_answer(deletion: Deletion, say: Callable[[str], str]) -> DeletionAnswer:
    verdict = deletion.verdict
    if verdict.cause is None:
        return DeletionAnswer(status="erased")
    kept = KeptData(
        what=say(
            "The customer's data and documents, which nobody can read or use through this API any more."
        ),
        why=say(verdict.cause),
        until=UNSET if verdict.until is None else utc_text(verdict.until),
    )
    return DeletionAnswer(status="restricted", kept=[kept])


def customer_registry(services: Services) -> CustomerRegistry:
    """Return the customers' registry on the services of the API."""
    return CustomerRegistry(
        anchor=services.configuration.anchor,
        database=services.database,
        keys=services.keys,
        clock=services.clock,
        randomness=services.randomness,
        verified_types=services.configuration.verified_types,
    )


def customer_answer(view: CustomerView, say: Callable[[str], str] = str) -> CustomerAnswer:
    """Write how a customer stands as SEP-12 has it; `say` translates what is for people."""
    asked = {field.name: _asked(field, say) for field in view.missing}
    provided = {
        field.name: _provided(field, status, view.said.get(field.name), say)
        for field, status in view.provided
    }
    needs_info = view.status is CustomerStatus.NEEDS_INFO
    return CustomerAnswer(
        status=view.status,
        id=UNSET if view.id is None else str(view.id),
        fields=asked if asked or needs_info else UNSET,
        provided_fields=provided or UNSET,
        message=say(_message(view)) if needs_info or view.status is CustomerStatus.REJECTED else UNSET,
    )


def _message(view: CustomerView) -> str:
    if view.status is CustomerStatus.REJECTED:
        return "We cannot work with this customer. Ask our support if you think that this is a mistake."
    if not view.required_missing:
        return "Some fields have to be confirmed with the code that was sent to the customer."
    return f"These fields are still needed: {', '.join(view.required_missing)}."


def _asked(field: CustomerField, say: Callable[[str], str]) -> AskedField:
    return AskedField(
        type=field.kind,
        description=say(field.description),
        choices=list(field.choices) or UNSET,
        optional=field.optional,
    )


def _provided(
    field: CustomerField, status: FieldStatus, said: Say | None, say: Callable[[str], str]
) -> ProvidedField:
    why = said.text if said else "This value was not accepted: send another."
    return ProvidedField(
        type=field.kind,
        description=say(field.description),
        choices=list(field.choices) or UNSET,
        optional=field.optional,
        status=status,
        error=say(why) if status is FieldStatus.REJECTED else UNSET,
    )


_MEMO_PARAMETERS = (
    Parameter(name="memo", description="Memo that tells customers of one account apart.", example="1234"),
    Parameter(name="memo_type", description="Type of the memo: id (the default), text or hash (deprecated)."),
)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/kyc/customer",
        audience=Audience.AUTHENTICATED,
        handler=get_customer,
        source="SEP-12 GET /customer",
        summary="Tell how a customer stands and what is still asked",
        answer=CustomerAnswer,
        parameters=(
            Parameter(name="id", description="The id that PUT /customer gave."),
            Parameter(name="account", description="The account of the token (deprecated)."),
            *_MEMO_PARAMETERS,
            Parameter(name="type", description="Customer type of SEP-31's /info.", example="sep31-receiver"),
            Parameter(name="transaction_id", description="The transaction whose party is meant; needs type."),
            Parameter(name="lang", description="Language of the answer: en, es, pt or fr.", example="en"),
        ),
        refusals=(400, 403, 404),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
    Route(
        method="PUT",
        path="/kyc/customer",
        audience=Audience.AUTHENTICATED,
        handler=put_customer,
        source="SEP-12 PUT /customer",
        summary="Register or update a customer",
        answer=CustomerId,
        status=202,
        body=Body(struct=CustomerBody, encodings=_ENCODINGS, fields_open=True, takes_files=True),
        refusals=(400, 403, 404, 413),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
    Route(
        method="DELETE",
        path="/kyc/customer/{account}",
        audience=Audience.AUTHENTICATED,
        handler=delete_customer,
        source="SEP-12 DELETE /customer/{account}",
        summary="Delete a customer",
        answer=DeletionAnswer,
        body=Body(struct=ErasureBody, encodings=_ENCODINGS, fields_open=True),
        parameters=(
            Parameter(name="account", description="The account of the token.", required=True, place="path"),
            *_MEMO_PARAMETERS,
        ),
        refusals=(400, 403, 404, 413),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
)
