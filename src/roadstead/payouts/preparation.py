"""Preparing an attempt: the gate once more, the receiving client's data, the rail's own check, then fixed bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import Anchor
from roadstead.customers import store as customers
from roadstead.customers.requirements import gate_decision
from roadstead.customers.vault import Vault, WrappedKey
from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated
from roadstead.payouts import content, store
from roadstead.payouts.desk import Desk
from roadstead.payouts.identifiers import attempt_key
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import PayoutAttempt
from roadstead.remittances import gate
from roadstead.remittances import store as remittances
from roadstead.remittances.states import RemittanceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An attempt that may go out, and its sealed content."""

    attempt: PayoutAttempt
    number: int
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReady:
    """A customer's data have to be completed or corrected first; names SEP-9 fields, never values."""

    fields: tuple[str, ...]


async def prepare(desk: Desk, payout: store.Payout) -> Prepared | NotReady:
    """Put together the next attempt of a payout; nothing is written or sent yet.

    Raises:
        InvariantViolated: The payout has no remittance, or the receiving client's data cannot be decrypted.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with desk.database.connection() as connection:
        remittance = await remittances.by_id(connection, payout.remittance_id)
        if remittance is None:
            raise InvariantViolated(f"Payout {payout.id} has no remittance.")
        accepted = await gate.accepted_fields(connection, remittance.id)
        number = 1 + len(await store.attempts(connection, payout.id))
        missing = _missing(desk.configuration.anchor, remittance, accepted)
        sealed = await _sealed_fields(connection, remittance.receiver_id)
    if missing or sealed is None or remittance.receiver_id is None:
        return NotReady(fields=missing or content.NAME_FIELDS[:2])
    wrapped_key, ciphertexts = sealed
    data_key = await desk.keys.unwrap(wrapped_key, customer_id=remittance.receiver_id)
    vault = Vault(remittance.receiver_id, data_key)
    values = {name: vault.open(name, ciphertext) for name, ciphertext in ciphertexts.items()}
    creditor = content.creditor(values)
    if isinstance(creditor, content.Incomplete):
        return NotReady(fields=creditor.fields)
    attempt = PayoutAttempt(
        key=attempt_key(payout.id, number),
        end_to_end_id=payout.end_to_end_id,
        amount=payout.amount,
        creditor=creditor,
        information=f"{desk.configuration.anchor.organization.name[:60]} {remittance.id}",
    )
    problems = desk.rail.check(attempt)
    if problems:
        return NotReady(fields=tuple(problem.field for problem in problems))
    plain = content.write(attempt).decode()
    return Prepared(
        attempt=attempt, number=number, sealed=vault.seal(sealed_name(attempt.key), plain, desk.randomness)
    )


def _missing(
    anchor: Anchor, remittance: remittances.Remittance, accepted: gate.AcceptedFields
) -> tuple[str, ...]:
    terms = anchor.asset(remittance.amount_in.asset.code)
    receiver_type = anchor.receiver_type(terms.code, remittance.asset_out)
    sides = ((terms.sender_type, accepted.sender), (receiver_type, accepted.receiver))
    return tuple(
        name
        for type_name, names in sides
        if type_name is not None
        for name in gate_decision(anchor.customer_type(type_name), names)
    )


async def _sealed_fields(
    connection: Connection, receiver_id: UUID | None
) -> tuple[WrappedKey, dict[str, bytes]] | None:
    if receiver_id is None:
        return None
    return await customers.read_sealed(connection, receiver_id, content.CREDITOR_FIELDS)


async def write(connection: Connection, payout: store.Payout, prepared: Prepared, now: datetime) -> None:
    """Write a prepared attempt into the database, in the transaction after which it may be sent.

    The database refuses it while another attempt of the payout may still pay.
    """
    await store.insert_attempt(
        connection,
        key=prepared.attempt.key,
        payout_id=payout.id,
        number=prepared.number,
        content=prepared.sealed,
        now=now,
    )
    await store.set_status(connection, payout, PayoutStatus.SUBMITTING, None, now)
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None and remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE:
        await remittances.move(
            connection,
            remittances.Move(
                remittance_id=remittance.id,
                status_from=remittance.status,
                status_to=RemittanceStatus.PENDING_RECEIVER,
                cause="customer data complete",
            ),
            now,
        )


async def wait_for_customer(
    connection: Connection, payout: store.Payout, lack: NotReady, now: datetime
) -> None:
    """Tell the partner which data stand in the way; the payout stays ordered and is looked at again."""
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None or remittance.status is not RemittanceStatus.PENDING_RECEIVER:
        return
    await remittances.move(
        connection,
        remittances.Move(
            remittance_id=remittance.id,
            status_from=remittance.status,
            status_to=RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
            cause="customer data missing",
            message=f"Send these fields of the customers again through SEP-12: {', '.join(lack.fields)}.",
        ),
        now,
    )


async def unseal(desk: Desk, payout: store.Payout, written: store.Attempt) -> PayoutAttempt:
    """Read back an attempt as it was written, to send or ask after the very same one.

    Raises:
        InvariantViolated: The receiving client is gone, or the content cannot be decrypted.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with desk.database.connection() as connection:
        remittance = await remittances.by_id(connection, payout.remittance_id)
        receiver_id = remittance.receiver_id if remittance else None
        sealed = await _sealed_fields(connection, receiver_id)
    if sealed is None or receiver_id is None:
        raise InvariantViolated(
            f"Payout {payout.id} has an open attempt, but no receiving client to read it for."
        )
    wrapped_key, _ = sealed
    vault = Vault(receiver_id, await desk.keys.unwrap(wrapped_key, customer_id=receiver_id))
    return content.read(vault.open(sealed_name(written.key), written.content).encode())


def sealed_name(key: str) -> str:
    """Name the place of an attempt's content, to which its ciphertext is bound."""
    return f"payout_attempts.content:{key}"
