"""Opening a remittance: is it acceptable, from this partner, for these customers, at what price (SEP-31 POST)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from roadstead.clock import Clock
from roadstead.config.anchor import CustomerGate
from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.customers.corridors import RequiredTypes
from roadstead.customers.requirements import CustomerStatus
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, CustomerInfoNeeded, Forbidden
from roadstead.money import amount_from_text
from roadstead.partners.receipts import Receipt
from roadstead.quotes.quoting import named_quote
from roadstead.quotes.store import StoredQuote
from roadstead.randomness import Randomness, new_id, new_memo
from roadstead.remittances import gate, opening_store
from roadstead.remittances.carrying import carried
from roadstead.remittances.demands import types_at
from roadstead.remittances.modes import Mode, at_par_or_to_come, quoted, used_up
from roadstead.remittances.pricing import Price
from roadstead.remittances.release import release_waiting
from roadstead.remittances.states import RemittanceStatus

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_MEMO_ID_MAX = 2**64 - 1
_MEMO_ID_DIGITS_MAX = 20
_MEMO_TEXT_BYTES_MAX = 28
_MEMO_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundMemo:
    """The memo that a partner wants on a refund."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a partner asks for, as it was sent: nothing of it is checked yet."""

    amount: str
    asset_code: str
    asset_issuer: str | None = None
    destination_asset: str | None = None
    quote_id: str | None = None
    funding_method: str | None = None
    sender_id: str | None = None
    receiver_id: str | None = None
    refund_memo: str | None = None
    refund_memo_kind: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A proposal that is acceptable so far as it can be judged without asking the database."""

    accepted: AcceptedAsset
    price: Price
    quote: StoredQuote | None
    funding_method: str
    required_types: RequiredTypes
    sender_id: UUID | None
    receiver_id: UUID | None
    refund_memo: RefundMemo | None
    lang: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A remittance that now waits for its payment, or for its customers' data first."""

    id: UUID
    receiving_account: str
    memo: int
    is_payable: bool = True
    """Whether it may be paid already; if not, nobody is told where."""


async def open_remittance(
    proposal: Proposal,
    *,
    account: str,
    configuration: Configuration,
    assets: dict[str, AcceptedAsset],
    database: Database,
    clock: Clock,
    randomness: Randomness,
    receipt: Callable[[Opened], Receipt] | None = None,
) -> Opened:
    """Open a remittance for the partner that `account` belongs to; it is stored before this returns.

    Repeating it opens another remittance, unless `receipt` writes a receipt with the same key, which is stored with
    the remittance.

    Raises:
        BadInput: The proposal cannot be accepted; the message says what to change.
        CustomerInfoNeeded: A customer has to be registered or completed first.
        Forbidden: The account belongs to no active partner.
        KeyTaken: The receipt's key has one already; nothing was stored.
        Unavailable: The database does not answer; whether the remittance was stored is not known, and without its memo
            nobody can pay it.
    """
    now = clock.now()
    quote = await _quote(proposal, account, database)
    terms = assess(proposal, configuration, assets, quote=quote, now=now)
    async with database.connection() as connection:
        parties = await opening_store.parties(
            connection,
            account=account,
            sender_id=terms.sender_id,
            receiver_id=terms.receiver_id,
            now=now,
        )
        partner_id = _require_partner(parties)
        status = await _ask_the_gate(connection, parties, terms, configuration, now)
        new = opening_store.NewRemittance(
            id=new_id(randomness),
            partner_id=partner_id,
            account=account,
            status=status,
            receiving_account=configuration.settings.distribution_account,
            started_at=now,
            expires_at=_expiry(terms, configuration, now),
            quote_id=quote.quote.id if quote else None,
            **_agreed(terms),
        )
        try:
            memo = await opening_store.insert(
                connection,
                new,
                lambda: new_memo(randomness),
                None if receipt is None else lambda memo: receipt(_opened(new, memo)),
            )
        except opening_store.QuoteTaken as error:
            raise (used_up(quote) if quote else error) from error
    if status is not RemittanceStatus.PENDING_SENDER:
        # A customer may have become complete between the look at it and the storing of the remittance.
        for customer_id in {new.sender_id, new.receiver_id} - {None}:
            await release_waiting(
                database,
                configuration.anchor,
                cast(UUID, customer_id),
                clock,
                verified_types=configuration.verified_types,
            )
    return _opened(new, memo)


def _agreed(terms: Terms) -> dict[str, Any]:
    """Name what a new remittance takes over from its terms."""
    return {
        "sender_id": terms.sender_id,
        "receiver_id": terms.receiver_id,
        "price": terms.price,
        "funding_method": terms.funding_method,
        "required_types": terms.required_types,
        "refund_memo_kind": terms.refund_memo.kind if terms.refund_memo else None,
        "refund_memo": terms.refund_memo.value if terms.refund_memo else None,
        "lang": terms.lang,
    }


def _opened(new: opening_store.NewRemittance, memo: int) -> Opened:
    return Opened(
        id=new.id,
        receiving_account=new.receiving_account,
        memo=memo,
        is_payable=new.status is RemittanceStatus.PENDING_SENDER,
    )


async def _quote(proposal: Proposal, account: str, database: Database) -> StoredQuote | None:
    if proposal.quote_id is None:
        return None
    quote = await named_quote(database, account, proposal.quote_id)
    if quote is None:
        raise BadInput(
            f"quote_id {proposal.quote_id[:40]!r} is not known: use the id that POST /quote gave you."
        )
    return quote


def _expiry(terms: Terms, configuration: Configuration, now: datetime) -> datetime:
    if terms.quote is not None:
        return terms.quote.quote.expires_at
    return now + timedelta(seconds=configuration.anchor.remittances.expires_after_s)


def assess(
    proposal: Proposal,
    configuration: Configuration,
    assets: dict[str, AcceptedAsset],
    *,
    quote: StoredQuote | None,
    now: datetime,
) -> Terms:
    """Judge a proposal by the configuration and by the quote that it names, if it names one.

    Raises:
        BadInput: It cannot be accepted; the message says what to change.
    """
    accepted = _accepted_asset(proposal, assets)
    amount = amount_from_text(accepted.asset, proposal.amount)
    destination = proposal.destination_asset
    mode = (
        at_par_or_to_come(destination, amount, accepted, configuration)
        if quote is None
        else quoted(quote, amount=amount, accepted=accepted, destination_asset=destination, now=now)
    )
    method = _funding_method(proposal.funding_method, mode, accepted, configuration)
    funding_method = carried(method, mode.price, configuration.anchor)
    return Terms(
        accepted=accepted,
        price=mode.price,
        quote=quote,
        funding_method=funding_method,
        required_types=types_at(configuration.anchor, mode.price, funding_method),
        sender_id=_customer_id(proposal.sender_id, "sender_id"),
        receiver_id=_customer_id(proposal.receiver_id, "receiver_id"),
        refund_memo=_refund_memo(proposal.refund_memo, proposal.refund_memo_kind),
        lang=proposal.lang if proposal.lang and _LANGUAGE.fullmatch(proposal.lang) else None,
    )


def _accepted_asset(proposal: Proposal, assets: dict[str, AcceptedAsset]) -> AcceptedAsset:
    accepted = assets.get(proposal.asset_code)
    if accepted is None:
        raise BadInput(f"Asset {proposal.asset_code[:12]!r} is not accepted: use one of {', '.join(assets)}.")
    if proposal.asset_issuer not in (None, accepted.issuer):
        raise BadInput(
            f"{accepted.code} is accepted only as issued by {accepted.issuer}: send that asset_issuer or none."
        )
    return accepted


def _funding_method(
    name: str | None, mode: Mode, accepted: AcceptedAsset, configuration: Configuration
) -> str:
    offered = mode.funding_methods
    if name is None:
        if len(offered) == 1 and not configuration.anchor.remittances.require_funding_method:
            return offered[0]
        raise BadInput(f"funding_method is missing: send one of {', '.join(offered)}.")
    if name not in offered:
        raise BadInput(
            f"funding_method {name[:40]!r} does not deliver {accepted.code} as {mode.price.delivers}: send one of "
            f"{', '.join(offered)}."
        )
    return name


def _customer_id(text: str | None, name: str) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInput(
            f"{name} {text[:40]!r} is not known: use the id that PUT /customer gave you."
        ) from error


def _refund_memo(value: str | None, kind: str | None) -> RefundMemo | None:
    if value is None and kind is None:
        return None
    if value is None or kind is None:
        raise BadInput("refund_memo and refund_memo_type come together: send both or neither.")
    match kind:
        case "id":
            sound = (
                value.isascii()
                and value.isdigit()
                and len(value) <= _MEMO_ID_DIGITS_MAX
                and int(value) <= _MEMO_ID_MAX
            )
        case "text":
            sound = 0 < len(value.encode()) <= _MEMO_TEXT_BYTES_MAX and "\x00" not in value
        case "hash":
            sound = _is_hash(value)
        case _:
            raise BadInput(f"refund_memo_type {kind[:20]!r} is not known: use id, text or hash.")
    if not sound:
        raise BadInput(
            f"refund_memo is not a valid memo of type {kind}: an id is a number up to 2^64-1, a text has at most "
            f"{_MEMO_TEXT_BYTES_MAX} bytes, a hash is base64 of {_MEMO_HASH_BYTES} bytes."
        )
    return RefundMemo(kind=kind, value=value)


def _is_hash(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _MEMO_HASH_BYTES
    except (binascii.Error, ValueError):
        return False


def _require_partner(parties: opening_store.Parties | None) -> UUID:
    if parties is None or not parties.partner_is_active:
        raise Forbidden("This account belongs to no active partner: ask the anchor's support to be enabled.")
    return parties.partner_id


async def _ask_the_gate(
    connection: Connection,
    parties: opening_store.Parties | None,
    terms: Terms,
    configuration: Configuration,
    now: datetime,
) -> RemittanceStatus:
    """Return the status to open with, and begin the verifications that are asked for.

    Raises:
        BadInput: A customer is not known, or one whom we do not work with.
        CustomerInfoNeeded: A customer is missing, or not complete where it has to be.
    """
    sides = _sides(parties, terms, configuration, now)
    await gate.begin_cases(connection, sides, now)
    may_wait = configuration.anchor.remittances.kyc is CustomerGate.ASYNCHRONOUS
    return _status_by_customers(sides, may_wait=may_wait)


def _sides(
    parties: opening_store.Parties | None, terms: Terms, configuration: Configuration, now: datetime
) -> list[gate.Side]:
    """Judge both customers for the types that are asked of them.

    Raises:
        BadInput: A customer is not known.
    """
    sender_fields = parties.sender_fields if parties else None
    receiver_fields = parties.receiver_fields if parties else None
    for name, customer_id, fields in (
        ("sender_id", terms.sender_id, sender_fields),
        ("receiver_id", terms.receiver_id, receiver_fields),
    ):
        if customer_id is not None and fields is None:
            raise BadInput(f"{name} {customer_id} is not known: use the id that PUT /customer gave you.")
    accepted = gate.AcceptedFields(
        sender=sender_fields or {},
        receiver=receiver_fields or {},
        sender_cases=parties.sender_cases if parties else {},
        receiver_cases=parties.receiver_cases if parties else {},
        sender_id=terms.sender_id,
        receiver_id=terms.receiver_id,
    )
    verified = gate.Verified(types=configuration.verified_types, now=now)
    return gate.sides_of(configuration.anchor, terms.required_types, accepted, verified)


def _status_by_customers(sides: Sequence[gate.Side], *, may_wait: bool) -> RemittanceStatus:
    """Return the status to open with: what is missing of a customer is asked for now, or later where that is agreed.

    Raises:
        BadInput: A customer is one whom we do not work with.
        CustomerInfoNeeded: A customer is missing, or not complete where it has to be.
    """
    status = RemittanceStatus.PENDING_SENDER
    for side in sides:
        if side.standing.status is CustomerStatus.REJECTED:
            raise BadInput(
                f"Customer {side.customer_id} cannot take part in a transaction: GET /customer tells how the customer "
                "stands."
            )
        if side.customer_id is not None and side.standing.opens:
            continue
        if side.customer_id is None or not may_wait:
            raise CustomerInfoNeeded(side.type_name)
        status = RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
    return status
