"""What a partner proposes, and whether it is acceptable by the configuration and its quote (SEP-31 POST): no I/O."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.customers.corridors import RequiredTypes
from roadstead.errors import BadInput
from roadstead.money import amount_from_text
from roadstead.quotes.store import StoredQuote
from roadstead.remittances.carrying import carried
from roadstead.remittances.demands import types_at
from roadstead.remittances.modes import Mode, at_par_or_to_come, quoted
from roadstead.remittances.pricing import Price

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
