"""SEP-31, the receiving side: what is offered, opening a remittance, and following it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from roadstead.callbacks.delivery import Renderer
from roadstead.callbacks.registration import register
from roadstead.callbacks.store import Subject, SubjectKind
from roadstead.config.anchor import Anchor, CustomerRole
from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.customers.corridors import demands
from roadstead.database.pool import Connection
from roadstead.errors import Forbidden, InvariantViolated, NotFound
from roadstead.partners.receipts import KeyedRequest, Receipt
from roadstead.payouts.waking import wake
from roadstead.remittances import store
from roadstead.remittances.corrections import correct_fields
from roadstead.remittances.opening import Opened, open_remittance
from roadstead.remittances.proposals import Proposal
from roadstead.sep.amounts import AmountText, amount_text
from roadstead.sep.idempotency import IDEMPOTENCY_KEY, done_once
from roadstead.sep.routes import Answer, Audience, Body, Call, Parameter, Route
from roadstead.sep.transactions import TransactionAnswer, shown


class TransactionRequest(msgspec.Struct, kw_only=True, frozen=True):
    """Body of POST /transactions. Names that are not listed are ignored."""

    amount: AmountText
    asset_code: str
    asset_issuer: str | None = None
    destination_asset: str | None = None
    quote_id: str | None = None
    funding_method: str | None = None
    sender_id: str | None = None
    receiver_id: str | None = None
    lang: str | None = None
    refund_memo: str | None = None
    refund_memo_type: str | None = None
    fields: dict[str, Any] | None = None


class TransactionOpened(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Answer of POST /transactions: where to send the payment, and the memo that marks it; all three or none.

    Where none is there, something of a customer is still missing: GET /transactions/:id tells when there is.
    """

    id: str
    stellar_account_id: str | msgspec.UnsetType = msgspec.UNSET
    stellar_memo_type: str | msgspec.UnsetType = msgspec.UNSET
    stellar_memo: str | msgspec.UnsetType = msgspec.UNSET


class TransactionCorrection(msgspec.Struct, kw_only=True, frozen=True):
    """Body of PATCH /transactions/:id."""

    fields: dict[str, dict[str, Any]]
    """The corrected values by their names, under the key `transaction`."""


class CallbackRequest(msgspec.Struct, kw_only=True, frozen=True):
    """Body of PUT /transactions/:id/callback: where to tell of every change of status."""

    url: str


class InfoAnswer(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of GET /info: per asset code what is received and on what terms."""

    receive: dict[str, dict[str, Any]]


async def info(call: Call) -> Answer:
    """Tell what is offered; the same for everybody but for the language of descriptions."""
    return Answer(content=InfoAnswer(receive=offer(call.services.configuration, call.say)))


def offer(configuration: Configuration, say: Callable[[str], str] = str) -> dict[str, dict[str, Any]]:
    """Describe every accepted asset as SEP-31 `/info` does, with the members that older clients rely on."""
    return {accepted.code: _asset_offer(accepted, configuration, say) for accepted in configuration.assets}


def _asset_offer(
    accepted: AcceptedAsset, configuration: Configuration, say: Callable[[str], str]
) -> dict[str, Any]:
    terms = accepted.terms
    pairs = [pair for pair in configuration.anchor.pairs if pair.sell == accepted.code]
    methods = dict.fromkeys(
        [*terms.funding_methods, *(name for pair in pairs for name in pair.funding_methods)]
    )
    described: dict[str, Any] = {
        "enabled": True,
        "quotes_supported": bool(pairs),
        "quotes_required": terms.quotes_required,
        "funding_methods": list(methods),
        "min_amount": _number(f"{terms.amount_min:f}"),
        "max_amount": _number(f"{terms.amount_max:f}"),
        "fee_fixed": _number(f"{terms.fee_fixed:f}"),
        "fee_percent": _number(f"{terms.fee_percent:f}"),
        "sep12": {
            "sender": {"types": _types(terms.code, CustomerRole.SENDER, configuration, say)},
            "receiver": {"types": _types(terms.code, CustomerRole.RECEIVER, configuration, say)},
        },
        "fields": {"transaction": {}},
    }
    if terms.sender_type:
        described["sender_sep12_type"] = terms.sender_type
    if terms.receiver_type:
        described["receiver_sep12_type"] = terms.receiver_type
    return described


def _types(
    code: str, role: CustomerRole, configuration: Configuration, say: Callable[[str], str]
) -> dict[str, Any]:
    """Describe every type that an asset may demand of a side, also those that only some remittances do."""
    anchor = configuration.anchor
    kinds = (anchor.customer_type(demand.type) for demand in demands(anchor, code, role))
    return {kind.name: {"description": say(kind.description)} for kind in kinds}


def _number(text: str) -> msgspec.Raw:
    # SEP-31 wants JSON numbers here; the digits of a Decimal are one already, and a float would change them.
    return msgspec.Raw(text.encode())


async def open_transaction(call: Call) -> Answer:
    """Open a remittance and tell where to pay; once, if the request has an idempotency key."""
    return await done_once(call, "open transaction", lambda keyed: _open_transaction(call, keyed))


async def _open_transaction(call: Call, keyed: KeyedRequest | None) -> Answer:
    request: TransactionRequest = call.payload
    services = call.services

    def receipt(keyed: KeyedRequest, opened: Opened) -> Receipt:
        body = msgspec.json.encode(_opened(opened))
        return Receipt(request=keyed, status=201, body=body, answered_at=services.clock.now())

    opened = await open_remittance(
        Proposal(
            amount=amount_text(request.amount),
            asset_code=request.asset_code,
            asset_issuer=request.asset_issuer,
            destination_asset=request.destination_asset,
            quote_id=request.quote_id,
            funding_method=request.funding_method,
            sender_id=request.sender_id,
            receiver_id=request.receiver_id,
            refund_memo=request.refund_memo,
            refund_memo_kind=request.refund_memo_type,
            lang=request.lang,
        ),
        account=call.principal.account,
        configuration=services.configuration,
        assets=services.assets,
        database=services.database,
        clock=services.clock,
        randomness=services.randomness,
        receipt=None if keyed is None else partial(receipt, keyed),
    )
    return Answer(status=201, remittance_id=str(opened.id), content=_opened(opened))


def _opened(opened: Opened) -> TransactionOpened:
    return TransactionOpened(
        id=str(opened.id),
        stellar_account_id=opened.receiving_account if opened.is_payable else msgspec.UNSET,
        stellar_memo_type="id" if opened.is_payable else msgspec.UNSET,
        stellar_memo=str(opened.memo) if opened.is_payable else msgspec.UNSET,
    )


async def show_transaction(call: Call) -> Answer:
    """Show a remittance to the account that opened it."""
    remittance_id = _remittance_id(call.path["id"])
    async with call.services.database.connection() as connection:
        visible = await store.by_account(connection, call.principal.account, remittance_id)
        content = await _shown(call, connection, _required(visible, remittance_id))
    return Answer(remittance_id=str(remittance_id), content=content)


async def _shown(call: Call, connection: Connection, remittance: store.Remittance) -> TransactionAnswer:
    services = call.services
    anchor, now = services.configuration.anchor, services.clock.now()
    return await shown(connection, anchor, remittance, now=now, say=call.say)


async def set_callback(call: Call) -> Answer:
    """Tell every change of a remittance's status to a URL from now on, instead of any URL before it."""
    request: CallbackRequest = call.payload
    remittance_id = _remittance_id(call.path["id"])
    async with call.services.database.transaction() as connection:
        visible = await store.by_account(connection, call.principal.account, remittance_id)
        remittance = _required(visible, remittance_id)
        await register(
            connection,
            Subject(kind=SubjectKind.REMITTANCE, id=remittance.id),
            partner_id=remittance.partner_id,
            url=request.url,
            private_allowed=call.services.configuration.profile.allows_callbacks_to_private_addresses,
        )
    return Answer(remittance_id=str(remittance_id), status=204)


def callback_renderer(anchor: Anchor) -> Renderer:
    """Return what writes a callback: the answer of GET /transactions/:id as it was when the status changed.

    What it returns raises `InvariantViolated` when there is no such remittance.
    """

    async def render(connection: Connection, remittance_id: UUID, snapshot: str) -> bytes:
        remittance = await store.as_of(connection, remittance_id, snapshot)
        if remittance is None:
            raise InvariantViolated(f"A callback tells of remittance {remittance_id}, which does not exist.")
        return msgspec.json.encode(await shown(connection, anchor, remittance, now=remittance.status_at))

    return render


def _required(visible: store.Visible, remittance_id: UUID) -> store.Remittance:
    if not visible.partner_is_active:
        raise Forbidden("This account belongs to no active partner: ask the anchor's support to be enabled.")
    if visible.remittance is None:
        raise NotFound(
            f"Transaction {remittance_id} is not known: use the id that POST /transactions gave you."
        )
    return visible.remittance


def _remittance_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(
            f"Transaction {text[:40]!r} is not known: use the id that POST /transactions gave you."
        ) from error


async def correct_transaction(call: Call) -> Answer:
    """Take fields that were asked for, and show the remittance on its way again."""
    request: TransactionCorrection = call.payload
    remittance_id = _remittance_id(call.path["id"])
    corrected = await correct_fields(
        call.services.database,
        account=call.principal.account,
        remittance_id=remittance_id,
        sent=request.fields.get("transaction", {}),
        clock=call.services.clock,
    )
    await wake(call.services.database, remittance_id)
    async with call.services.database.connection() as connection:
        content = await _shown(call, connection, corrected)
    return Answer(remittance_id=str(remittance_id), content=content)


_ID = Parameter(
    name="id",
    place="path",
    required=True,
    description="The id that POST /transactions gave.",
    example="d4e9b7a2-52f4-4c0e-9a53-9d2f7e5b8c11",
)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/sep31/info",
        audience=Audience.PUBLIC,
        handler=info,
        source="SEP-31 GET /info",
        tags=("SEP-31",),
        summary="What this anchor receives, and on what terms",
        answer=InfoAnswer,
        parameters=(Parameter(name="lang", description="ISO 639-1 language of descriptions.", example="en"),),
    ),
    Route(
        method="POST",
        path="/sep31/transactions",
        audience=Audience.PARTNER,
        handler=open_transaction,
        source="SEP-31 POST /transactions",
        tags=("SEP-31",),
        summary="Open a remittance",
        body=Body(struct=TransactionRequest),
        answer=TransactionOpened,
        status=201,
        parameters=(IDEMPOTENCY_KEY,),
        refusals=(400, 409, 413),
    ),
    Route(
        method="PATCH",
        path="/sep31/transactions/{id}",
        audience=Audience.PARTNER,
        handler=correct_transaction,
        source="SEP-31 PATCH /transactions/:id",
        summary="Correct fields of a remittance that were asked for",
        body=Body(struct=TransactionCorrection),
        answer=TransactionAnswer,
        parameters=(_ID,),
        refusals=(400, 404, 409, 413),
        tags=("SEP-31",),
    ),
    Route(
        method="GET",
        path="/sep31/transactions/{id}",
        audience=Audience.PARTNER,
        handler=show_transaction,
        source="SEP-31 GET /transactions/:id",
        tags=("SEP-31",),
        summary="Follow a remittance",
        answer=TransactionAnswer,
        parameters=(_ID,),
        refusals=(404,),
    ),
    Route(
        method="PUT",
        path="/sep31/transactions/{id}/callback",
        audience=Audience.PARTNER,
        handler=set_callback,
        source="SEP-31 PUT /transactions/:id/callback",
        summary="Be told of every change of status",
        body=Body(struct=CallbackRequest),
        status=204,
        parameters=(_ID,),
        refusals=(400, 404, 413),
    ),
)
