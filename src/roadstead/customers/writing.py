"""Writing what a registration brought: fields with their status, documents, index entries, and codes asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor
from roadstead.config.confirmable import CONFIRMABLE, MessageChannel
from roadstead.customers import confirmations_store, indexes, store
from roadstead.customers.confirming import Request, confirmed_names, may_repeat, request_codes, take_codes
from roadstead.customers.files import SealedFile, UsedFile, store_files
from roadstead.customers.indexes import INDEXED
from roadstead.customers.reopening import note_change
from roadstead.customers.requirements import DOCUMENT_END, DOCUMENT_FIELDS, FieldStatus, document_ends_at
from roadstead.customers.standard_fields import ReadFields
from roadstead.customers.standing import NOBODY
from roadstead.customers.submissions import write_file_id
from roadstead.customers.telling import tell_status
from roadstead.customers.vault import KeyProvider, Vault
from roadstead.database.pool import Connection
from roadstead.errors import BadInput
from roadstead.randomness import Randomness


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a registration writes, checked and as far sealed as can be without the customer's key."""

    type_name: str | None
    registered_type: str | None = None
    """The type under which the customer was registered before."""
    language: str
    """The language in which the customer is written to."""
    read: ReadFields = field(repr=False)
    """The texts as they are kept."""
    sealed: Mapping[str, SealedFile]
    used: Mapping[str, UsedFile]
    codes: Mapping[str, str] = field(repr=False)

    @property
    def fields(self) -> dict[str, str]:
        """The values of all fields; that of a document is the id of its file."""
        files = {name: file.new.id for name, file in self.sealed.items()}
        files |= {name: file.id for name, file in self.used.items()}
        return {**self.read.values, **{name: write_file_id(file_id) for name, file_id in files.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes changes of customers, each in a transaction of the caller's that has locked or made the customer."""

    anchor: Anchor
    keys: KeyProvider
    clock: Clock
    randomness: Randomness
    verified_types: frozenset[str] = NOBODY
    """The types that are verified beyond the form of their data."""

    async def write_all(
        self, connection: Connection, vault: Vault, customer_id: UUID, change: Change
    ) -> None:
        """Write everything of a new customer.

        Raises:
            BadInput: A file that is referred to was used or expired meanwhile, or no code can be sent to a number.
            TooManyRequests: Too many codes were asked for an address.
        """
        await self._write(connection, vault, customer_id, change, change.fields.keys())

    async def write_changed(
        self, connection: Connection, vault: Vault, customer_id: UUID, change: Change
    ) -> str | None:
        """Write what a known customer changes; or return why its codes are not taken, with nothing else written.

        The caller commits either way, so that a wrong code is counted. A rejected value that came again stays rejected,
        and a confirmed one confirmed; one that waits for its code brings another code, but not too often.

        Raises:
            BadInput: A file that is referred to was used or expired meanwhile, or no code can be sent to a number.
            TooManyRequests: Too many codes were asked for a field or an address.
        """
        fields, now = change.fields, self.clock.now()
        before = await store.read_fields(connection, customer_id, fields.keys() | change.codes.keys())
        confirmed = confirmed_names(self.anchor)
        if change.codes:
            statuses = {name: status for name, (_, status) in before.items() if name in confirmed}
            problem = await take_codes(
                connection, vault, customer_id, change.codes, statuses=statuses, now=now
            )
            if problem is not None:
                return problem
        lasting = {
            name
            for name, (ciphertext, status) in before.items()
            if name in fields
            and (status is FieldStatus.REJECTED or name in confirmed)
            and vault.open(name, ciphertext) == fields[name]
        }
        again = lasting - {name for name, (_, status) in before.items() if status is FieldStatus.REJECTED}
        await store.receive_again(connection, customer_id, again, now)
        await self._write(connection, vault, customer_id, change, fields.keys() - lasting)
        waiting = {
            name
            for name in lasting
            if before[name][1] is FieldStatus.VERIFICATION_REQUIRED and name not in change.codes
        }
        if waiting:
            known = await confirmations_store.lock_all(connection, customer_id, waiting)
            due = {name for name in waiting if may_repeat(known.get(name), now=now)}
            await self._request(connection, customer_id, change, due)
        return None

    async def _write(
        self,
        connection: Connection,
        vault: Vault,
        customer_id: UUID,
        change: Change,
        names: Collection[str],
    ) -> None:
        values = {name: value for name, value in change.fields.items() if name in names}
        sealed = {name: vault.seal(name, value, self.randomness) for name, value in values.items()}
        to_confirm = confirmed_names(self.anchor) & values.keys()
        now = self.clock.now()
        _require_reachable(values, to_confirm)
        for status, chosen in (
            (FieldStatus.VERIFICATION_REQUIRED, to_confirm),
            (FieldStatus.ACCEPTED, values.keys() - to_confirm),
        ):
            if chosen:
                await store.write_fields(
                    connection,
                    customer_id,
                    {name: sealed[name] for name in sorted(chosen)},
                    status,
                    received_at=now,
                    unchecked=change.read.unchecked,
                )
        if change.read.judged_again:
            await store.set_unchecked(connection, customer_id, change.read.judged_again)
        if DOCUMENT_FIELDS & values.keys():
            last_day = values.get(DOCUMENT_END)
            ends_at = document_ends_at(date.fromisoformat(last_day)) if last_day else None
            await store.set_document_end(connection, customer_id, ends_at, now)
        await store_files(
            connection,
            vault,
            customer_id,
            sealed=change.sealed,
            used=change.used,
            randomness=self.randomness,
        )
        found = indexes.entries(self.keys, values)
        if found:
            await indexes.write(connection, customer_id, found)
        await self._request(connection, customer_id, change, to_confirm)
        begins = self._begun(change.type_name or change.registered_type)
        await note_change(connection, self.anchor, vault, customer_id, begins=begins, now=now)
        await tell_status(connection, self.anchor, customer_id, now, verified_types=self.verified_types)

    def _begun(self, type_name: str | None) -> tuple[str, ...]:
        """Name the cases that begin when a customer is registered under a type."""
        return (type_name,) if type_name is not None and type_name in self.verified_types else ()

    async def _request(
        self, connection: Connection, customer_id: UUID, change: Change, names: Collection[str]
    ) -> None:
        """Order codes for fields that were just written, or came again."""
        requests = {
            name: Request(
                name=name,
                address_digest=indexes.digests(self.keys, INDEXED[name], change.read.values[name])[0].digest,
                language=change.language,
            )
            for name in names
        }
        if requests:
            await request_codes(connection, customer_id, requests, self.clock.now())


def _require_reachable(values: Mapping[str, str], to_confirm: Collection[str]) -> None:
    """Refuse a telephone number to which no code can be sent: SEP-9 lets one be sent as a hash, for example."""
    for name in sorted(to_confirm):
        if CONFIRMABLE[name] is MessageChannel.PHONE and not values[name].startswith("+"):
            raise BadInput(f"'{name}' has to be confirmed with a code: send the number itself (E.164).")
