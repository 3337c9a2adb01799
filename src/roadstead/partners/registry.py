"""Keeping the list of partners: who is added, who is disabled, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roadstead.callbacks.targets import parse_host
from roadstead.config.strkey import is_public_key, is_seed
from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import BadInput, Conflict, InvariantViolated, NotFound
from roadstead.partners import store
from roadstead.partners.subjects import decode_muxed

ACCOUNTS_MAX = 100
"""Most accounts that one call adds."""
CALLBACK_HOSTS_MAX = 100
"""Most callback hosts that one call adds or removes."""
PARTNERS_MAX = 10_000
"""Most partners that one list shows."""
_NAME_LENGTH_MAX = 100
_SHOWN_MAX = 60


class PartnerStatus(StrEnum):
    """Whether a partner may call."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A sending anchor we have agreed with, and the accounts it acts through."""

    id: UUID
    name: str
    status: PartnerStatus
    created_at: datetime
    disabled_at: datetime | None
    accounts: tuple[str, ...]
    callback_hosts: tuple[str, ...]
    """Where it may be called, as `host` or `host:port`."""


async def add(
    database: Database, name: str, accounts: Sequence[str], actor: str, *, callback_hosts: Sequence[str] = ()
) -> Partner:
    """Add a partner, or accounts and callback hosts to an active one; safe to repeat.

    Only what is new is written to the audit log.

    Raises:
        BadInput: The name is empty or too long, an account is no address G..., or a host is no host.
        Conflict: An account belongs to another partner, or the partner is disabled; nothing was changed.
        Unavailable: The database does not answer.
    """
    name = _checked_name(name)
    wanted = _checked_accounts(accounts)
    hosts = _checked_hosts(callback_hosts)
    async with database.transaction() as connection:
        await store.insert_partner(connection, name)
        row = await store.lock_partner(connection, name)
        if row is None:
            raise InvariantViolated(f"Partner {name!r} was inserted and cannot be found: call again.")
        if row["status"] != PartnerStatus.ACTIVE:
            raise Conflict(f"Partner {name!r} is disabled: enable it before you add accounts to it.")
        added = await store.insert_accounts(connection, row["id"], wanted)
        other = await store.account_of_another(connection, row["id"], wanted)
        if other is not None:
            raise Conflict(
                f"Account {other['account']} belongs to partner {other['name']!r} already, and an account has one "
                f"partner. Nothing was added: leave it out, or name the partner {other['name']!r}."
            )
        if added:
            detail: dict[str, object] = {"name": name, "accounts": added}
            await _audit(connection, actor=actor, action="partner.added", partner_id=row["id"], detail=detail)
        await _change_hosts(connection, row["id"], actor=actor, add=hosts, remove=())
        return await _read(connection, name)


async def change_callback_hosts(
    database: Database, name: str, actor: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Partner:
    """Change the hosts at which a partner may be called, from the next call on; safe to repeat.

    A URL that is registered at a host that is removed is not called any more, until the host is added again.

    Raises:
        BadInput: A host is no host.
        NotFound: There is no partner of that name.
        Unavailable: The database does not answer.
    """
    added, removed = _checked_hosts(add), _checked_hosts(remove)
    name = name.strip()
    async with database.transaction() as connection:
        row = await store.lock_partner(connection, name)
        if row is None:
            raise _not_found(name)
        await _change_hosts(connection, row["id"], actor=actor, add=added, remove=removed)
        return await _read(connection, name)


async def disable(database: Database, name: str, actor: str) -> Partner:
    """Refuse a partner from now on, within a second in every process; safe to repeat.

    Its open remittances are not touched: what was promised is still delivered or refunded.

    Raises:
        NotFound: There is no partner of that name.
        Unavailable: The database does not answer.
    """
    return await _set_status(database, name, actor, PartnerStatus.DISABLED)


async def enable(database: Database, name: str, actor: str) -> Partner:
    """Let a disabled partner in again; safe to repeat.

    Raises:
        NotFound: There is no partner of that name.
        Unavailable: The database does not answer.
    """
    return await _set_status(database, name, actor, PartnerStatus.ACTIVE)


async def list_all(database: Database) -> tuple[Partner, ...]:
    """Return all partners by name, the disabled ones too, at most `PARTNERS_MAX`.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.connection() as connection:
        rows = await store.partners(connection, PARTNERS_MAX)
    return tuple(_partner(row) for row in rows)


async def _set_status(database: Database, name: str, actor: str, status: PartnerStatus) -> Partner:
    name = name.strip()
    async with database.transaction() as connection:
        row = await store.lock_partner(connection, name)
        if row is None:
            raise _not_found(name)
        if row["status"] != status:
            active = status is PartnerStatus.ACTIVE
            await store.set_status(connection, row["id"], active=active)
            action = "partner.enabled" if active else "partner.disabled"
            await _audit(connection, actor=actor, action=action, partner_id=row["id"], detail={"name": name})
        return await _read(connection, name)


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no partner {name[:_SHOWN_MAX]!r}: 'roadstead partners list' shows them all.")


async def _change_hosts(
    connection: Connection, partner_id: UUID, *, actor: str, add: Sequence[str], remove: Sequence[str]
) -> None:
    removed = await store.remove_callback_hosts(connection, partner_id, remove) if remove else []
    added = await store.add_callback_hosts(connection, partner_id, add) if add else []
    if added or removed:
        detail: dict[str, object] = {"added": added, "removed": removed}
        action = "partner.callback_hosts_changed"
        await _audit(connection, actor=actor, action=action, partner_id=partner_id, detail=detail)


async def _audit(
    connection: Connection, *, actor: str, action: str, partner_id: UUID, detail: dict[str, object]
) -> None:
    await store.insert_audit(
        connection, actor=actor, action=action, subject=f"partner {partner_id}", detail=detail
    )


async def _read(connection: Connection, name: str) -> Partner:
    row = await store.partner_named(connection, name)
    if row is None:
        raise InvariantViolated(f"Partner {name!r} vanished inside a transaction that holds it: call again.")
    return _partner(row)


def _partner(row: Row) -> Partner:
    return Partner(
        id=row["id"],
        name=row["name"],
        status=PartnerStatus(row["status"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        accounts=tuple(row["accounts"]),
        callback_hosts=tuple(row["callback_hosts"]),
    )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= _NAME_LENGTH_MAX or not name.isprintable():
        raise BadInput(f"A partner's name has 1 to {_NAME_LENGTH_MAX} printable characters: choose another.")
    return name


def _checked_accounts(accounts: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(accounts))
    if not 1 <= len(wanted) <= ACCOUNTS_MAX:
        raise BadInput(f"A partner is added with 1 to {ACCOUNTS_MAX} accounts; {len(wanted)} were given.")
    for account in wanted:
        _check_account(account)
    return wanted


def _checked_hosts(hosts: Sequence[str]) -> list[str]:
    if len(hosts) > CALLBACK_HOSTS_MAX:
        raise BadInput(f"At most {CALLBACK_HOSTS_MAX} hosts are changed at once; {len(hosts)} were given.")
    return list(dict.fromkeys(parse_host(host) for host in hosts))


def _check_account(account: str) -> None:
    if is_public_key(account):
        return
    if is_seed(account):
        raise BadInput(
            "One of the accounts is a secret seed: treat that key as leaked, and give its address G..."
        )
    if muxed := decode_muxed(account):
        raise BadInput(
            f"{account} is a muxed account: give its base account {muxed[0]}, which covers all its ids."
        )
    # What starts otherwise may be a mistyped secret and is not repeated.
    shown = f" {account[:_SHOWN_MAX]!r}" if account.startswith("G") else ""
    raise BadInput(
        f"Account{shown} is not valid: give a Stellar address of 56 characters that starts with G."
    )
