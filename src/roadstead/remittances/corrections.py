"""Fields of a remittance that have to be corrected, and partners' corrections (SEP-31 PATCH)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, Forbidden, NotFound
from roadstead.remittances import store
from roadstead.remittances.states import RemittanceStatus

VALUE_CHARACTERS_MAX = 500


async def ask_for_fields(
    connection: Connection,
    remittance: store.Remittance,
    fields: Mapping[str, store.AskedField],
    *,
    message: str,
    clock: Clock,
) -> None:
    """Ask the partner to correct fields; the remittance waits in `pending_transaction_info_update`.

    The caller holds the row's lock. What is corrected is found in `transaction_fields` when the remittance is back.

    Raises:
        BadInput: No field is asked for.
        Conflict: The remittance is no longer in the state that was seen.
    """
    if not fields:
        raise BadInput("Name at least one field that has to be corrected.")
    step = store.Move(
        remittance_id=remittance.id,
        status_from=remittance.status,
        status_to=RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE,
        cause="transaction data wrong",
        message=message,
    )
    await store.move(connection, step, clock.now(), asked_fields=fields)


async def correct_fields(
    database: Database, *, account: str, remittance_id: UUID, sent: Mapping[str, object], clock: Clock
) -> store.Remittance:
    """Take corrected fields from the partner and send the remittance on its way again; return it as it then stands.

    Raises:
        BadInput: The remittance waits for no fields, or what was sent is not what was asked for; nothing was changed.
        Conflict: The remittance moved meanwhile; nothing was changed.
        Forbidden: The account belongs to no active partner.
        NotFound: The account has no such remittance.
    """
    async with database.transaction() as connection:
        visible = await store.by_account(connection, account, remittance_id)
        if not visible.partner_is_active:
            raise Forbidden(
                "This account belongs to no active partner: ask the anchor's support to be enabled."
            )
        remittance = visible.remittance
        if remittance is None:
            raise NotFound(
                f"Transaction {remittance_id} is not known: use the id that POST /transactions gave you."
            )
        if remittance.status is not RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE:
            raise BadInput(
                f"Transaction {remittance_id} waits for no information: PATCH is for those in "
                "pending_transaction_info_update."
            )
        values = read_corrections(remittance.asked_fields or {}, sent)
        step = store.Move(
            remittance_id=remittance.id,
            status_from=remittance.status,
            status_to=RemittanceStatus.PENDING_RECEIVER,
            cause="transaction data corrected",
        )
        try:
            await store.move(connection, step, clock.now(), corrected_fields=values)
        except Conflict as error:
            raise Conflict("The transaction has moved on meanwhile: look at it again.") from error
        corrected = await store.by_id(connection, remittance_id)
    if corrected is None:
        raise NotFound(
            f"Transaction {remittance_id} is not known: use the id that POST /transactions gave you."
        )
    return corrected


def read_corrections(asked: Mapping[str, store.AskedField], sent: Mapping[str, object]) -> Mapping[str, str]:
    """Return what was sent, when it is all that was asked for and nothing else.

    Raises:
        BadInput: A field is missing, was not asked for, or does not fit; names it.
    """
    names = ", ".join(asked)
    values: dict[str, str] = {}
    for name, value in sent.items():
        field = asked.get(name)
        if field is None:
            raise BadInput(f"Field {name[:60]!r} was not asked for: send only {names}.")
        if not isinstance(value, str) or not 0 < len(value.strip()) <= VALUE_CHARACTERS_MAX:
            raise BadInput(f"Field {name[:60]!r} must be a text of 1 to {VALUE_CHARACTERS_MAX} characters.")
        if "\x00" in value:
            raise BadInput(f"Field {name[:60]!r} must be a text of 1 to {VALUE_CHARACTERS_MAX} characters.")
        if field.choices is not msgspec.UNSET and value.strip() not in field.choices:
            raise BadInput(f"Field {name[:60]!r} must be one of {', '.join(field.choices)}.")
        values[name] = value.strip()
    missing = [name for name, field in asked.items() if not field.optional and name not in values]
    if missing:
        raise BadInput(f"Fields that were asked for are missing: send {', '.join(missing)}.")
    return values
