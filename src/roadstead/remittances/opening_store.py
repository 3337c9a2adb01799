"""The SQL of opening a remittance: who takes part, and the one statement that stores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from roadstead.customers.case_store import VIEWS_OF, read_views
from roadstead.customers.cases import CaseView
from roadstead.customers.corridors import RequiredTypes
from roadstead.database.pool import Connection
from roadstead.errors import BadInput, Conflict, InvariantViolated
from roadstead.partners.receipts import KEY_CONSTRAINT, RECEIPT_COLUMNS, KeyTaken, Receipt
from roadstead.remittances.gate import accepted_of
from roadstead.remittances.pricing import Price
from roadstead.remittances.states import RemittanceStatus

_MEMO_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who takes part: the partner behind an account and what is accepted of the customers."""

    partner_id: UUID
    partner_is_active: bool
    sender_fields: Mapping[str, datetime] | None
    """Names of accepted fields with the moments of their receipt; None when this account knows no such customer."""
    receiver_fields: Mapping[str, datetime] | None
    sender_cases: Mapping[str, CaseView] = field(default_factory=dict)
    """What was verified of the sending client, by type."""
    receiver_cases: Mapping[str, CaseView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRemittance:
    """A remittance about to be stored; its memo is drawn while storing."""

    id: UUID
    partner_id: UUID
    account: str
    sender_id: UUID | None
    receiver_id: UUID | None
    status: RemittanceStatus
    price: Price
    funding_method: str
    required_types: RequiredTypes
    receiving_account: str
    refund_memo_kind: str | None
    refund_memo: str | None
    lang: str | None
    started_at: datetime
    expires_at: datetime
    quote_id: UUID | None = None


class QuoteTaken(Conflict):
    """Another remittance was opened at the quote meanwhile; nothing was stored."""


_PARTIES = f"""
SELECT p.id AS partner_id, p.status = 'active' AS partner_is_active,
    CASE WHEN s.id IS NOT NULL THEN {accepted_of("s.id", "$4")} END AS sender_fields,
    CASE WHEN r.id IS NOT NULL THEN {accepted_of("r.id", "$4")} END AS receiver_fields,
    {VIEWS_OF.format(customer="s.id")} AS sender_cases, {VIEWS_OF.format(customer="r.id")} AS receiver_cases
FROM partner_accounts AS a
JOIN partners AS p ON p.id = a.partner_id
LEFT JOIN customers AS s ON s.id = $2 AND s.account = a.account AND s.restricted_at IS NULL
LEFT JOIN customers AS r ON r.id = $3 AND r.account = a.account AND r.restricted_at IS NULL
WHERE a.account = $1
"""  # noqa: S608 - composed of constants


async def parties(
    connection: Connection,
    *,
    account: str,
    sender_id: UUID | None,
    receiver_id: UUID | None,
    now: datetime,
) -> Parties | None:
    """Look up who takes part, in one statement; None when the account belongs to no partner.

    A customer counts only when this very account registered it.
    """
    row = await connection.fetchrow(_PARTIES, account, sender_id, receiver_id, now)
    if row is None:
        return None
    partner_id, partner_is_active, sender_fields, receiver_fields, sender_cases, receiver_cases = row
    return Parties(
        partner_id=partner_id,
        partner_is_active=partner_is_active,
        sender_fields=None if sender_fields is None else dict(sender_fields),
        receiver_fields=None if receiver_fields is None else dict(receiver_fields),
        sender_cases=read_views(sender_cases),
        receiver_cases=read_views(receiver_cases),
    )


_INSERT = """
INSERT INTO remittances (id, partner_id, account, sender_id, receiver_id, status, status_at, status_cause,
    asset_in, amount_in_units, asset_out, amount_out_units, fee_asset, service_fee_units, rounding_units, fee_details,
    funding_method, receiving_account, memo, refund_memo_kind, refund_memo, lang, started_at, expires_at, pricing,
    quote_id, sender_type, receiver_type, types_fixed)
SELECT $1, $2, $3, $4, $5, $6, $7, 'opened', $8, $9, $10, $11, $12, $13, $14, $15::jsonb, $16, $17, $18, $19, $20, $21,
    $7, $22, $23, $24, $25, $26, true
-- A customer that is deleted between the gate and this statement is waited for, and then not promised anything.
WHERE (SELECT count(*) FROM (
        SELECT FROM customers WHERE id IN ($4, $5) AND restricted_at IS NULL FOR KEY SHARE) AS living)
    = cardinality(ARRAY(SELECT DISTINCT unnest(array_remove(ARRAY[$4, $5]::uuid[], NULL))))
"""


_INSERT_WITH_RECEIPT = f"""
WITH opened AS ({_INSERT} RETURNING id)
{RECEIPT_COLUMNS} SELECT $27, $28, $29::bytea, $30::smallint, $31::bytea, $32::timestamptz FROM opened
"""  # noqa: S608 - composed of constants


async def insert(
    connection: Connection,
    new: NewRemittance,
    draw_memo: Callable[[], int],
    receipt: Callable[[int], Receipt] | None = None,
) -> int:
    """Store a remittance in a statement of its own and return the memo that is now its alone.

    With `receipt`, which writes one for a memo, the same statement stores the receipt.

    Raises:
        BadInput: A customer was erased meanwhile.
        KeyTaken: The receipt's key has one already.
        QuoteTaken: Its quote was used meanwhile.
        InvariantViolated: Several memos in a row were taken: the source of randomness is broken.
    """
    for _ in range(_MEMO_TRIES):
        memo = draw_memo()
        try:
            done = await connection.execute(
                _INSERT if receipt is None else _INSERT_WITH_RECEIPT,
                *_values(new, memo),
                *(() if receipt is None else receipt(memo).values),
            )
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == KEY_CONSTRAINT:
                raise KeyTaken from error
            if error.constraint_name == "remittances_quote_id_key":
                raise QuoteTaken(f"Quote {new.quote_id} is used already: ask for a new one.") from error
            if error.constraint_name != "remittances_memo_key":
                raise
            continue
        if done != "INSERT 0 1":
            raise BadInput(
                "A customer of this remittance was just erased: register the customer again and repeat."
            )
        return memo
    raise InvariantViolated(
        f"{_MEMO_TRIES} random memos in a row were taken: check the source of randomness."
    )


def _values(new: NewRemittance, memo: int) -> tuple[object, ...]:
    """Return the parameters of `_INSERT`, in their order."""
    price = new.price
    return (
        new.id,
        new.partner_id,
        new.account,
        new.sender_id,
        new.receiver_id,
        new.status,
        new.started_at,
        price.amount_in.asset.id,
        price.amount_in.units,
        price.delivers.id,
        price.amount_out.units if price.amount_out else None,
        price.amount_in.asset.id,
        price.service_fee.units,
        price.rounding.units,
        msgspec.json.encode(price.fee_texts).decode(),
        new.funding_method,
        new.receiving_account,
        memo,
        new.refund_memo_kind,
        new.refund_memo,
        new.lang,
        new.expires_at,
        price.pricing,
        new.quote_id,
        new.required_types.sender,
        new.required_types.receiver,
    )
