"""Opening a remittance: is it acceptable, from this partner, for these customers, at what price (SEP-31 POST)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from roadstead.clock import Clock
from roadstead.config.anchor import CustomerGate
from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.customers.requirements import CustomerStatus
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, CustomerInfoNeeded, Forbidden
from roadstead.partners.receipts import Receipt
from roadstead.quotes.quoting import named_quote
from roadstead.quotes.store import StoredQuote
from roadstead.randomness import Randomness, new_id, new_memo
from roadstead.remittances import gate, opening_store
from roadstead.remittances.modes import used_up
from roadstead.remittances.proposals import Proposal, Terms, assess
from roadstead.remittances.release import release_waiting
from roadstead.remittances.states import RemittanceStatus


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
        parties = _require_partner(parties)
        new = _new_remittance(
            terms,
            configuration,
            remittance_id=new_id(randomness),
            partner_id=parties.partner_id,
            account=account,
            status=await _ask_the_gate(connection, parties, terms, configuration, now),
            now=now,
        )
        memo = await _store(connection, new, quote, randomness, receipt)
    if new.status is not RemittanceStatus.PENDING_SENDER:
        await _release_if_completed(new, configuration, database, clock)
    return _opened(new, memo)


def _new_remittance(
    terms: Terms,
    configuration: Configuration,
    *,
    remittance_id: UUID,
    partner_id: UUID,
    account: str,
    status: RemittanceStatus,
    now: datetime,
) -> opening_store.NewRemittance:
    return opening_store.NewRemittance(
        id=remittance_id,
        partner_id=partner_id,
        account=account,
        sender_id=terms.sender_id,
        receiver_id=terms.receiver_id,
        status=status,
        price=terms.price,
        funding_method=terms.funding_method,
        required_types=terms.required_types,
        receiving_account=configuration.settings.distribution_account,
        refund_memo_kind=terms.refund_memo.kind if terms.refund_memo else None,
        refund_memo=terms.refund_memo.value if terms.refund_memo else None,
        lang=terms.lang,
        started_at=now,
        expires_at=_expiry(terms, configuration, now),
        quote_id=terms.quote.quote.id if terms.quote else None,
    )


async def _store(
    connection: Connection,
    new: opening_store.NewRemittance,
    quote: StoredQuote | None,
    randomness: Randomness,
    receipt: Callable[[Opened], Receipt] | None,
) -> int:
    try:
        return await opening_store.insert(
            connection,
            new,
            lambda: new_memo(randomness),
            None if receipt is None else lambda memo: receipt(_opened(new, memo)),
        )
    except opening_store.QuoteTaken as error:
        raise (used_up(quote) if quote else error) from error


async def _release_if_completed(
    new: opening_store.NewRemittance, configuration: Configuration, database: Database, clock: Clock
) -> None:
    """Look again at customers who may have become complete between the look at them and the storing."""
    for customer_id in {new.sender_id, new.receiver_id}:
        if customer_id is not None:
            await release_waiting(
                database,
                configuration.anchor,
                customer_id,
                clock,
                verified_types=configuration.verified_types,
            )


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


def _require_partner(parties: opening_store.Parties | None) -> opening_store.Parties:
    if parties is None or not parties.partner_is_active:
        raise Forbidden("This account belongs to no active partner: ask the anchor's support to be enabled.")
    return parties


async def _ask_the_gate(
    connection: Connection,
    parties: opening_store.Parties,
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
    parties: opening_store.Parties, terms: Terms, configuration: Configuration, now: datetime
) -> list[gate.Side]:
    """Judge both customers for the types that are asked of them.

    Raises:
        BadInput: A customer is not known.
    """
    for name, customer_id, fields in (
        ("sender_id", terms.sender_id, parties.sender_fields),
        ("receiver_id", terms.receiver_id, parties.receiver_fields),
    ):
        if customer_id is not None and fields is None:
            raise BadInput(f"{name} {customer_id} is not known: use the id that PUT /customer gave you.")
    accepted = gate.AcceptedFields(
        sender=parties.sender_fields or {},
        receiver=parties.receiver_fields or {},
        sender_cases=parties.sender_cases,
        receiver_cases=parties.receiver_cases,
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
