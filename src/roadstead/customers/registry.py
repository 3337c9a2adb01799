"""Registering, looking up and erasing customers: what SEP-12 does, without HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor, CustomerField, CustomerType
from roadstead.customers import case_store, store
from roadstead.customers.cases import CaseView, Say
from roadstead.customers.identity import Identity, Reference, identify, read_id
from roadstead.customers.reopening import close_cases, note_change
from roadstead.customers.requirements import CustomerStatus, FieldStatus, judging_type
from roadstead.customers.standard_fields import read_fields
from roadstead.customers.standing import NOBODY, standing
from roadstead.customers.store import StoredCustomer
from roadstead.customers.vault import KeyProvider, Vault, WrappedKey, new_data_key
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, NotFound, Unavailable
from roadstead.partners.principal import Principal
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

REGISTRATION_TRIES_MAX = 5
"""A try is repeated only when the customer appeared or was erased between its two steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """What a caller may know of a customer: what was received and what is wanted, never a value."""

    id: UUID | None
    """None when the customer has never been registered."""
    status: CustomerStatus
    missing: tuple[CustomerField, ...] = ()
    """What can still be sent, optional fields too; never a required field when the status is ACCEPTED."""
    provided: tuple[tuple[CustomerField, FieldStatus], ...] = ()
    said: Mapping[str, Say] = field(default_factory=dict)
    """What may be told of single values that were turned down."""

    @property
    def required_missing(self) -> tuple[str, ...]:
        """Names of what has to be sent before the customer can be accepted."""
        return tuple(field.name for field in self.missing if not field.optional)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistry:
    """The customers of all partners; each caller reaches only those of the own account.

    By `id` (or through a remittance) any token of the account that registered a customer will do, as SEP-31's sending
    anchors need it. By account and memo a token with a memo reaches its own customer alone. What is somebody else's is
    answered exactly like what does not exist.
    """

    anchor: Anchor
    database: Database
    keys: KeyProvider
    clock: Clock
    randomness: Randomness
    verified_types: frozenset[str] = NOBODY
    """The types that are verified beyond the form of their data."""

    async def register(self, caller: Principal, reference: Reference, values: Mapping[str, str]) -> UUID:
        """Create or update a customer with the SEP-9 fields among `values` and return the id.

        The same identity always gives the same id, also when it is registered twice at once. Well-formed values are
        accepted at once. What a type demands beyond SEP-9 (an IBAN, one of several choices) is demanded for the type
        that is named, else for the one under which the customer was last registered; of a customer without any, a value
        need only suit one of the configured types. Safe to repeat.

        Raises:
            BadInput: The type is unknown, or a value is not of its form; nothing was kept.
            Forbidden: The account or memo named is not the caller's.
            NotFound: The id or the transaction is not one of the caller's.
            Unavailable: The database or the keeper of the keys does not answer.
        """
        named_type = self._named_type(reference)
        identity = identify(caller, reference)
        type_name = named_type.name if named_type else None
        for _ in range(REGISTRATION_TRIES_MAX):
            known = await self._find(reference, identity, named_type)
            fields = read_fields(
                values, asking=self._asking(named_type, known), today=self.clock.now().date()
            )
            customer_id = await (
                self._create(identity, fields, type_name)
                if known is None
                else self._update(known, fields, type_name)
            )
            if customer_id is not None:
                log.info("customer_registered", customer_id=str(customer_id), fields=len(fields))
                return customer_id
        raise Unavailable("The customer is being changed by other requests: send this one again in a moment.")

    async def look_up(self, caller: Principal, reference: Reference) -> CustomerView:
        """Tell how a customer stands for a type, or for the type that `judging_type` chooses.

        Where the type is verified and all of its data are there, asking begins the verification.

        Raises:
            BadInput: The type is unknown.
            Forbidden: The account or memo named is not the caller's.
            NotFound: The id or the transaction is not one of the caller's.
            Unavailable: The database does not answer.
        """
        named_type = self._named_type(reference)
        known = await self._find(reference, identify(caller, reference), named_type)
        provided = known.statuses if known else {}
        registered_type = known.registered_type if known else None
        judged = named_type or judging_type(self.anchor.customer_types, registered_type, provided)
        customer_id = known.id if known else None
        if judged is None:
            return CustomerView(id=customer_id, status=CustomerStatus.ACCEPTED)
        stands = standing(
            judged,
            provided,
            await self._case(customer_id, judged.name),
            is_verified=judged.name in self.verified_types,
            now=self.clock.now(),
        )
        if stands.begins and customer_id is not None:
            async with self.database.connection() as connection:
                await case_store.begin(connection, customer_id, judged.name, self.clock.now())
        return CustomerView(
            id=customer_id,
            status=stands.status,
            missing=stands.missing,
            provided=stands.provided,
            said=stands.said,
        )

    async def erase(self, caller: Principal, reference: Reference) -> UUID:
        """Erase the personal data of the customer with this account and memo, for ever.

        A backup of the whole database from before still holds the wrapped key: it has to end by itself.

        The wrapped key is destroyed and the fields and the memo are deleted. The bare id stays behind as a pseudonym,
        so that the financial record, which the law wants kept, still adds up. Whoever registers the same identity again
        gets a new id. The erasure is written to the audit log. Not to be undone.

        A customer is not erased while a remittance that names it on either side is under way: the money could then be
        neither delivered nor explained. The caller may ask again when the remittance has ended.

        Raises:
            Conflict: A remittance of the customer is under way; nothing was erased.
            Forbidden: The account or memo named is not the caller's.
            NotFound: Nothing is known of such a customer.
            Unavailable: The database does not answer.
        """
        identity = identify(caller, reference)
        async with self.database.transaction() as connection:
            known = await store.find_by_identity(connection, identity)
            if known is None or not await store.lock_for_erasure(connection, known.id):
                raise NotFound("Nothing is known of this customer, so there is nothing to erase.")
            under_way = await store.count_open_remittances(connection, known.id)
            if under_way:
                raise Conflict(
                    f"The customer takes part in {under_way} transaction(s) under way and cannot be erased before they "
                    "end: ask again when they are completed, refunded, expired or in error."
                )
            await store.erase(connection, known.id)
            await close_cases(connection, known.id)
            await store.write_audit(
                connection, actor=caller.account, action="customer.erase", customer_id=known.id
            )
        log.info("customer_erased", customer_id=str(known.id))
        return known.id

    async def _case(self, customer_id: UUID | None, type_name: str) -> CaseView | None:
        if customer_id is None or type_name not in self.verified_types:
            return None
        async with self.database.connection() as connection:
            return (await case_store.views(connection, customer_id)).get(type_name)

    def _begun(self, type_name: str | None) -> tuple[str, ...]:
        """Name the cases that begin when a customer is registered under a type."""
        return (type_name,) if type_name is not None and type_name in self.verified_types else ()

    def _named_type(self, reference: Reference) -> CustomerType | None:
        if reference.type is not None:
            return self.anchor.customer_type(reference.type)
        if reference.transaction_id is not None:
            raise BadInput("transaction_id needs a type: name the customer type whose side of it you mean.")
        return None

    def _asking(
        self, named_type: CustomerType | None, known: StoredCustomer | None
    ) -> tuple[CustomerType, ...]:
        """Choose the types whose demands a value has to meet: the one named, else the last one, else any."""
        if named_type is not None:
            return (named_type,)
        registered = tuple(
            kind for kind in self.anchor.customer_types if known and kind.name == known.registered_type
        )
        return registered or self.anchor.customer_types

    async def _find(
        self, reference: Reference, identity: Identity, named_type: CustomerType | None
    ) -> StoredCustomer | None:
        """Find the customer that is meant; None only when an identity was named that nobody has yet.

        Raises:
            BadInput: The id and the memo that were sent belong to different customers.
            NotFound: The id or the transaction is not one of the caller's.
        """
        async with self.database.connection() as connection:
            if reference.transaction_id is not None and named_type is not None:
                return await _party(connection, identity, reference, named_type)
            if reference.id is None:
                return await store.find_by_identity(connection, identity)
            customer_id = read_id(reference.id)
            known = customer_id and await store.find_by_id(connection, identity.account, customer_id)
        if not known:
            raise _unknown_id(reference.id)
        if reference.memo is not None and known.identity != identity:
            raise BadInput("The id and the memo belong to different customers: send only one of them.")
        return known

    async def _create(
        self, identity: Identity, fields: Mapping[str, str], type_name: str | None
    ) -> UUID | None:
        """Write a new customer; None when another request was faster."""
        customer_id = new_id(self.randomness)
        data_key = new_data_key(self.randomness)
        wrapped_key = await self.keys.wrap(data_key, customer_id=customer_id)
        sealed = self._seal(Vault(customer_id, data_key), fields)
        async with self.database.transaction() as connection:
            if not await store.insert(connection, customer_id, identity, wrapped_key, type_name):
                return None
            await store.write_fields(connection, customer_id, sealed, FieldStatus.ACCEPTED)
            for name in self._begun(type_name):
                await case_store.begin(connection, customer_id, name, self.clock.now())
        return customer_id

    async def _update(
        self, known: StoredCustomer, fields: Mapping[str, str], type_name: str | None
    ) -> UUID | None:
        """Write fields of a customer, of the rejected ones those that changed; None when it was erased meanwhile."""
        vault = await _open_vault(self.keys, known.id, known.wrapped_key)
        sealed = self._seal(vault, fields)
        async with self.database.transaction() as connection:
            if not await store.lock(connection, known.id, type_name):
                return None
            rejected = await store.read_rejected(connection, known.id, sealed.keys())
            unchanged = {name for name, was in rejected.items() if vault.open(name, was) == fields[name]}
            changed = {name: new for name, new in sealed.items() if name not in unchanged}
            await store.write_fields(connection, known.id, changed, FieldStatus.ACCEPTED)
            await note_change(
                connection,
                self.anchor,
                vault,
                known.id,
                begins=self._begun(type_name or known.registered_type),
                now=self.clock.now(),
            )
        return known.id

    def _seal(self, vault: Vault, fields: Mapping[str, str]) -> dict[str, bytes]:
        return {name: vault.seal(name, value, self.randomness) for name, value in fields.items()}


async def reveal(
    connection: Connection, keys: KeyProvider, customer_id: UUID, names: Collection[str]
) -> dict[str, str]:
    """Decrypt the accepted fields that are named, for a payout or a check; what is not accepted is left out.

    The values are personal data: they go to the bank or the verifier, and into no log, message or table in clear.

    Raises:
        NotFound: There is no such customer, or it was erased.
        InvariantViolated: A value cannot be decrypted.
        Unavailable: The keeper of the keys does not answer.
    """
    found = await store.read_sealed(connection, customer_id, names)
    if found is None:
        raise NotFound(f"Customer {customer_id} is not known or was erased, so nothing can be read of it.")
    wrapped_key, ciphertexts = found
    vault = await _open_vault(keys, customer_id, wrapped_key)
    return {name: vault.open(name, ciphertext) for name, ciphertext in ciphertexts.items()}


async def _open_vault(keys: KeyProvider, customer_id: UUID, wrapped_key: WrappedKey) -> Vault:
    return Vault(customer_id, await keys.unwrap(wrapped_key, customer_id=customer_id))


async def _party(
    connection: Connection, identity: Identity, reference: Reference, named_type: CustomerType
) -> StoredCustomer:
    remittance_id = read_id(reference.transaction_id or "")
    party = remittance_id and await store.find_party(
        connection, identity.account, remittance_id, named_type.role
    )
    known = party and await store.find_by_id(connection, identity.account, party)
    if not known:
        raise NotFound(f"No {named_type.role} was found for the transaction: check its id and the type.")
    if reference.id not in (None, str(known.id)):
        raise _unknown_id(reference.id or "")
    return known


def _unknown_id(customer_id: str) -> NotFound:
    return NotFound(f"customer not found for id: {customer_id[:40]}")
