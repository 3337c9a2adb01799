"""The SQL of remittances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from roadstead.customers.corridors import RequiredTypes
from roadstead.database.pool import Connection, Row
from roadstead.errors import Conflict, InvariantViolated
from roadstead.ledger.postings import Delivery
from roadstead.money import Asset, Money, parse_asset
from roadstead.remittances.pricing import Pricing
from roadstead.remittances.refunds import Refund, read_refunds
from roadstead.remittances.states import RemittanceStatus


class AskedField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a remittance that has to be corrected, as SEP-31 describes fields."""

    description: str
    choices: list[str] | msgspec.UnsetType = msgspec.UNSET
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remittance:
    """A remittance as it stands."""

    id: UUID
    partner_id: UUID
    account: str
    sender_id: UUID | None
    receiver_id: UUID | None
    status: RemittanceStatus
    status_at: datetime
    status_message: str | None
    pricing: Pricing
    quote_id: UUID | None
    amount_in: Money
    """What is delivered, less the fee: what was agreed, or what arrived where that is delivered instead."""
    amount_expected: Money
    """What was agreed at the opening."""
    excess: Money
    """What arrived above `amount_in`; nothing of it is delivered."""
    asset_out: Asset
    amount_out: Money | None
    """None while the rate is not fixed."""
    service_fee: Money
    rounding: Money
    fee_lines: Sequence[dict[str, str]]
    funding_method: str
    receiving_account: str
    memo: int
    refund_memo_kind: str | None
    refund_memo: str | None
    expires_at: datetime
    started_at: datetime
    completed_at: datetime | None
    funded_by: int | None
    transaction_hash: str | None
    """Hash of the transaction that funded it."""
    reference: str | None
    asked_fields: dict[str, AskedField] | None
    """What a partner has to correct, while the status says so."""
    transaction_fields: dict[str, str]
    """What a partner corrected."""
    required_types: RequiredTypes | None = None
    """The customer types that were fixed at the opening; None of remittances from before types were."""

    refunds: tuple[Refund, ...] = ()
    """What went back to the payer, in the order of its sending."""

    @property
    def amount_received(self) -> Money:
        """What arrived; before that, what is to arrive."""
        return self.amount_in + self.excess

    @property
    def delivery(self) -> Delivery:
        """The amounts, as the books need them.

        Raises:
            InvariantViolated: The amount that arrives is not fixed yet.
        """
        if self.amount_out is None:
            raise InvariantViolated(f"Remittance {self.id} has no amount to deliver yet.")
        return Delivery(
            remittance_id=self.id,
            amount_in=self.amount_in,
            service_fee=self.service_fee,
            rounding=self.rounding,
            amount_out=self.amount_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of status, from the state that was seen."""

    remittance_id: UUID
    status_from: RemittanceStatus
    status_to: RemittanceStatus
    cause: str
    message: str | None = None
    reference: str | None = None


_COLUMNS = """
r.id, r.partner_id, r.account, r.sender_id, r.receiver_id, r.status, r.status_at, r.status_message,
r.asset_in, r.amount_in_units, r.asset_out, r.amount_out_units, r.fee_asset, r.service_fee_units, r.rounding_units,
r.fee_details, r.funding_method, r.receiving_account, r.memo, r.refund_memo_kind, r.refund_memo,
r.expires_at, r.started_at, r.completed_at, r.funded_by, r.reference, r.pricing, r.quote_id, r.required_info_updates,
r.transaction_fields, r.refunds, r.amount_expected_units, r.sender_type, r.receiver_type, r.types_fixed,
f.transaction_hash, f.excess_units
"""

_BY_ACCOUNT = f"""
SELECT p.status = 'active' AS partner_is_active, {_COLUMNS}
FROM partner_accounts AS a
JOIN partners AS p ON p.id = a.partner_id
LEFT JOIN remittances AS r ON r.id = $2 AND r.account = a.account
LEFT JOIN payments AS f ON f.operation_id = r.funded_by
WHERE a.account = $1
"""  # noqa: S608 - composed of constants

_BY_ID = f"""
SELECT {_COLUMNS} FROM remittances AS r LEFT JOIN payments AS f ON f.operation_id = r.funded_by WHERE r.id = $1
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What an account may see: whether its partner is active, and the remittance if it is its own."""

    partner_is_active: bool
    remittance: Remittance | None


async def by_account(connection: Connection, account: str, remittance_id: UUID) -> Visible:
    """Look up a remittance of an account; one of somebody else is as unknown as one that never was."""
    row = await connection.fetchrow(_BY_ACCOUNT, account, remittance_id)
    if row is None:
        return Visible(partner_is_active=False, remittance=None)
    return Visible(
        partner_is_active=row["partner_is_active"], remittance=None if row["id"] is None else _remittance(row)
    )


async def by_id(connection: Connection, remittance_id: UUID, *, lock: bool = False) -> Remittance | None:
    """Look up a remittance; with `lock` nobody else moves it until the transaction ends."""
    row = await connection.fetchrow(_BY_ID + (" FOR UPDATE OF r" if lock else ""), remittance_id)
    return None if row is None else _remittance(row)


async def as_of(connection: Connection, remittance_id: UUID, snapshot: str) -> Remittance | None:
    """Return a remittance as it was when its row was remembered as JSON (`to_jsonb`).

    Only what never changes is read from elsewhere: columns younger than the snapshot, and the payment that funded it.
    """
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM remittances AS live, jsonb_populate_record(live, $2::jsonb) AS r
        LEFT JOIN payments AS f ON f.operation_id = r.funded_by
        WHERE live.id = $1
        """,  # noqa: S608 - composed of constants
        remittance_id,
        snapshot,
    )
    return None if row is None else _remittance(row)


async def by_memos(connection: Connection, memos: Sequence[int]) -> dict[int, Remittance]:
    """Look up and lock the remittances that own these memos, in one order, so that two lookups never deadlock."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM remittances AS r LEFT JOIN payments AS f ON f.operation_id = r.funded_by
        WHERE r.memo = ANY($1::bigint[]) ORDER BY r.id FOR UPDATE OF r
        """,  # noqa: S608 - composed of constants
        list(memos),
    )
    return {row["memo"]: _remittance(row) for row in rows}


async def latest(connection: Connection, *, status: str | None, limit: int) -> list[Remittance]:
    """List the newest remittances, of one status or of all."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM remittances AS r LEFT JOIN payments AS f ON f.operation_id = r.funded_by
        WHERE $1::text IS NULL OR r.status = $1 ORDER BY r.started_at DESC, r.id LIMIT $2
        """,  # noqa: S608 - composed of constants
        status,
        limit,
    )
    return [_remittance(row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One move of a remittance."""

    status_from: str
    status_to: str
    cause: str
    message: str | None
    reached_at: datetime


async def history(connection: Connection, remittance_id: UUID) -> list[HistoryLine]:
    """Tell how a remittance came to where it is, oldest first."""
    rows = await connection.fetch(
        """
        SELECT status_from, status_to, cause, message, reached_at FROM remittance_history
        WHERE remittance_id = $1 ORDER BY id
        """,
        remittance_id,
    )
    return [HistoryLine(**row) for row in rows]


async def unpriced(
    connection: Connection, pairs: Sequence[tuple[Asset, Asset]], limit: int
) -> list[Remittance]:
    """Look up and lock the oldest funded remittances of some pairs whose rate is not fixed."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM remittances AS r LEFT JOIN payments AS f ON f.operation_id = r.funded_by
        WHERE r.amount_out_units IS NULL AND r.status = 'pending_receiver' AND r.funded_by IS NOT NULL
            AND r.cancelled_at IS NULL AND (r.asset_in, r.asset_out) IN (SELECT * FROM unnest($2::text[], $3::text[]))
        ORDER BY r.started_at, r.id LIMIT $1 FOR UPDATE OF r SKIP LOCKED
        """,  # noqa: S608 - composed of constants
        limit,
        [sell.id for sell, _ in pairs],
        [buy.id for _, buy in pairs],
    )
    return [_remittance(row) for row in rows]


async def awaiting_rate(connection: Connection, limit: int) -> list[Remittance]:
    """Look up the funded remittances whose rate is not fixed, oldest first; nothing is locked."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM remittances AS r LEFT JOIN payments AS f ON f.operation_id = r.funded_by
        WHERE r.amount_out_units IS NULL AND r.status = 'pending_receiver' AND r.funded_by IS NOT NULL
            AND r.cancelled_at IS NULL
        ORDER BY r.started_at, r.id LIMIT $1
        """,  # noqa: S608 - composed of constants
        limit,
    )
    return [_remittance(row) for row in rows]


async def fix_price(connection: Connection, remittance_id: UUID, amount_out: Money, rate: Decimal) -> None:
    """Fix the rate of a funded remittance, once.

    Raises:
        Conflict: It is fixed already.
    """
    done = await connection.execute(
        """
        UPDATE remittances SET amount_out_units = $2, exchange_rate = $3, status_message = NULL
        WHERE id = $1 AND amount_out_units IS NULL AND funded_by IS NOT NULL AND cancelled_at IS NULL
        """,
        remittance_id,
        amount_out.units,
        rate,
    )
    if done != "UPDATE 1":
        raise Conflict(f"The price of remittance {remittance_id} is fixed already: look again.")


async def move(
    connection: Connection,
    step: Move,
    now: datetime,
    *,
    asked_fields: Mapping[str, AskedField] | None = None,
    corrected_fields: Mapping[str, str] | None = None,
) -> None:
    """Move a remittance by compare-and-set; the database writes the history with it.

    `asked_fields` go with the move to `pending_transaction_info_update`, and leave with the next one;
    `corrected_fields` are added to those that are known.

    Raises:
        Conflict: It is no longer in the state that the move comes from.
    """
    done = await connection.execute(
        """
        UPDATE remittances
        SET status = $3, status_at = $4, status_cause = $5, status_message = $6, reference = COALESCE($7, reference),
            completed_at = CASE WHEN $3 IN ('completed', 'refunded') THEN $4 ELSE completed_at END,
            required_info_updates = $8::jsonb,
            transaction_fields = CASE WHEN $9::jsonb IS NULL THEN transaction_fields
                ELSE COALESCE(transaction_fields, '{}'::jsonb) || $9::jsonb END
        WHERE id = $1 AND status = $2
        """,
        step.remittance_id,
        step.status_from,
        step.status_to,
        now,
        step.cause,
        step.message,
        step.reference,
        None if asked_fields is None else msgspec.json.encode(asked_fields).decode(),
        None if corrected_fields is None else msgspec.json.encode(corrected_fields).decode(),
    )
    if done != "UPDATE 1":
        raise Conflict(
            f"Remittance {step.remittance_id} is no longer {step.status_from}: look again before moving it."
        )


async def tell(connection: Connection, told: Mapping[UUID, str]) -> None:
    """Tell partners something of remittances that does not move them; what a partner was asked for stays said."""
    await connection.execute(
        """
        UPDATE remittances AS r SET status_message = told.message
        FROM unnest($1::uuid[], $2::text[]) AS told (id, message)
        WHERE r.id = told.id AND r.status NOT IN
            ('pending_customer_info_update', 'pending_transaction_info_update', 'error')
        """,
        list(told),
        list(told.values()),
    )


def _remittance(row: Row) -> Remittance:
    asset_in = parse_asset(row["asset_in"])
    asset_out = parse_asset(row["asset_out"])
    fee_asset = parse_asset(row["fee_asset"])
    return Remittance(
        id=row["id"],
        partner_id=row["partner_id"],
        account=row["account"],
        sender_id=row["sender_id"],
        receiver_id=row["receiver_id"],
        status=RemittanceStatus(row["status"]),
        status_at=row["status_at"],
        status_message=row["status_message"],
        pricing=Pricing(row["pricing"]),
        quote_id=row["quote_id"],
        amount_in=Money(asset_in, row["amount_in_units"]),
        amount_expected=Money(asset_in, row["amount_expected_units"]),
        excess=Money(asset_in, row["excess_units"] or 0),
        asset_out=asset_out,
        amount_out=_optional(asset_out, row["amount_out_units"]),
        service_fee=Money(fee_asset, row["service_fee_units"]),
        rounding=Money(fee_asset, row["rounding_units"]),
        fee_lines=msgspec.json.decode(row["fee_details"], type=list[dict[str, str]]),
        funding_method=row["funding_method"],
        receiving_account=row["receiving_account"],
        memo=row["memo"],
        refund_memo_kind=row["refund_memo_kind"],
        refund_memo=row["refund_memo"],
        expires_at=row["expires_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        funded_by=row["funded_by"],
        transaction_hash=row["transaction_hash"],
        reference=row["reference"],
        asked_fields=_asked_fields(row["required_info_updates"]),
        transaction_fields=_text_fields(row["transaction_fields"]),
        required_types=RequiredTypes(sender=row["sender_type"], receiver=row["receiver_type"])
        if row["types_fixed"]
        else None,
        refunds=read_refunds(row["refunds"], asset_in),
    )


def _asked_fields(text: str | None) -> dict[str, AskedField] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, AskedField])


def _text_fields(text: str | None) -> dict[str, str]:
    return {} if text is None else msgspec.json.decode(text, type=dict[str, str])


def _optional(asset: Asset, units: int | None) -> Money | None:
    return None if units is None else Money(asset, units)
