"""Registering, looking up and deleting customers: what SEP-12 does, without HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor, CustomerType
from roadstead.customers import case_store, store
from roadstead.customers.cases import CaseView
from roadstead.customers.confirming import Verdict, refusal
from roadstead.customers.erasing import Deletion, delete
from roadstead.customers.files import Files
from roadstead.customers.identity import Identity, Reference, identify, read_id
from roadstead.customers.standard_fields import fields_before, read_fields
from roadstead.customers.standing import NOBODY
from roadstead.customers.store import StoredCustomer
from roadstead.customers.submissions import SentFile, sort_out
from roadstead.customers.telling import watch
from roadstead.customers.vault import KeyProvider, Vault, WrappedKey, new_data_key
from roadstead.customers.views import CustomerView, view_of
from roadstead.customers.writing import Change, Writer
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, NotFound, Unavailable
from roadstead.partners.principal import Principal
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

_NO_FILES: Mapping[str, SentFile] = MappingProxyType({})

REGISTRATION_TRIES_MAX = 5
"""A try is repeated only when the customer appeared or was erased between its two steps."""


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

    @property
    def _writer(self) -> Writer:
        return Writer(
            anchor=self.anchor,
            keys=self.keys,
            clock=self.clock,
            randomness=self.randomness,
            verified_types=self.verified_types,
        )

    @property
    def files(self) -> Files:
        """The documents of the same customers."""
        return Files(
            database=self.database,
            keys=self.keys,
            limits=self.anchor.limits,
            clock=self.clock,
            randomness=self.randomness,
        )

    async def register(
        self,
        caller: Principal,
        reference: Reference,
        values: Mapping[str, str],
        files: Mapping[str, SentFile] = _NO_FILES,
        *,
        language: str = "en",
    ) -> UUID:
        """Create or update a customer with the SEP-9 fields among `values` and `files`, and return the id.

        The same identity always gives the same id, also when it is registered twice at once. Well-formed values are
        accepted at once. What a type demands beyond SEP-9 (an IBAN, one of several choices) is demanded for the type
        that is named, else for the one under which the customer was last registered; of a customer without any, a value
        need only suit one of the configured types. Safe to repeat.

        Raises:
            BadInput: The type is unknown, or a value is not of its form; nothing was kept.
            Forbidden: The account or memo named is not the caller's.
            NotFound: The id or the transaction is not one of the caller's.
            TooLarge: A document is larger than the limit; nothing was kept.
            Unavailable: The database or the keeper of the keys does not answer.
        """
        named_type = self._named_type(reference)
        identity = identify(caller, reference)
        type_name = named_type.name if named_type else None
        submission = sort_out(values, files, file_bytes_max=self.anchor.limits.file_bytes_max)
        sealed = {name: self.files.seal(caller, document) for name, document in submission.documents.items()}
        for _ in range(REGISTRATION_TRIES_MAX):
            known = await self._find(reference, identity, named_type)
            read = read_fields(
                submission.texts,
                asking=self._asking(named_type, known),
                today=self.clock.now().date(),
                before=await self._before(known, submission.texts),
            )
            used = await self.files.find_used(caller, submission.references, known.id if known else None)
            if known is None and submission.codes:
                raise refusal(min(submission.codes), Verdict.NOT_ASKED)
            change = Change(
                type_name=type_name,
                registered_type=known.registered_type if known else None,
                language=language,
                read=read,
                sealed=sealed,
                used=used,
                codes=submission.codes,
            )
            customer_id = await (
                self._create(identity, change) if known is None else self._update(known, change)
            )
            if customer_id is not None:
                log.info("customer_registered", customer_id=str(customer_id), fields=len(change.fields))
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
        view = view_of(
            self.anchor,
            known.id if known else None,
            known.received if known else {},
            registered_type=known.registered_type if known else None,
            named_type=named_type,
            cases=await self._cases(known.id if known else None),
            verified_types=self.verified_types,
            now=self.clock.now(),
        )
        if view.begins and view.id is not None and view.type_name is not None:
            async with self.database.connection() as connection:
                await case_store.begin(connection, view.id, view.type_name, self.clock.now())
        return view

    async def watch(
        self, caller: Principal, reference: Reference, *, url: str, private_allowed: bool
    ) -> None:
        """Tell every change of a customer's status to a URL, until it is ACCEPTED or REJECTED. Safe to repeat.

        Raises:
            BadInput: The type is unknown, or the URL is not one that we call.
            Forbidden: The account or memo named is not the caller's, or the account belongs to no active partner.
            NotFound: Nothing is known of such a customer.
            Unavailable: The database does not answer.
        """
        named_type = self._named_type(reference)
        identity = identify(caller, reference)
        known = await self._find(reference, identity, named_type)
        async with self.database.transaction() as connection:
            # Locked, so that no change of the status falls between the look at it and the registration.
            if known is None or not await store.lock(connection, known.id, None):
                raise NotFound("Nothing is known of this customer: register it with PUT /customer first.")
            current = await store.find_by_id(connection, identity.account, known.id)
            await watch(
                connection,
                self.anchor,
                current or known,
                named_type,
                url=url,
                private_allowed=private_allowed,
                verified_types=self.verified_types,
                now=self.clock.now(),
            )

    async def delete(self, caller: Principal, reference: Reference) -> Deletion:
        """Delete the customer with this account and memo: restricted at once, erased when nothing has to be kept.

        Restricted, it is read and changed by nobody through the API and takes part in no new remittance; those under
        way are brought to their end. When the data are erased, the wrapped key is destroyed and fields, documents and
        the memo are deleted; the bare id stays behind as a pseudonym, so that the financial record still adds up.
        Whoever registers the same identity again gets a new id. Written to the audit log. Not to be undone.

        Raises:
            Forbidden: The account or memo named is not the caller's.
            NotFound: Nothing is known of such a customer.
            Unavailable: The database does not answer.
        """
        identity = identify(caller, reference)
        async with self.database.transaction() as connection:
            known = await store.find_by_identity(connection, identity)
            deletion = known and await delete(
                connection, self.anchor, known.id, actor=caller.account, now=self.clock.now()
            )
            if not deletion:
                raise NotFound("Nothing is known of this customer, so there is nothing to delete.")
        log.info("customer_deleted", customer_id=str(deletion.customer_id), erased=deletion.is_erased)
        return deletion

    async def _cases(self, customer_id: UUID | None) -> Mapping[str, CaseView]:
        if customer_id is None or not self.verified_types:
            return {}
        async with self.database.connection() as connection:
            return await case_store.views(connection, customer_id)

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

    async def _before(self, known: StoredCustomer | None, values: Mapping[str, str]) -> Mapping[str, str]:
        """Read what is kept of a customer and needed to judge what was sent; mostly nothing is."""
        needed = fields_before(values, known.received) if known else frozenset()
        if known is None or not needed:
            return {}
        async with self.database.connection() as connection:
            found = await store.read_sealed(connection, known.id, needed)
        if found is None:
            return {}
        vault = await _open_vault(self.keys, known.id, found[0])
        return {name: vault.open(name, ciphertext) for name, ciphertext in found[1].items()}

    async def _create(self, identity: Identity, change: Change) -> UUID | None:
        """Write a new customer; None when another request was faster."""
        customer_id = new_id(self.randomness)
        data_key = new_data_key(self.randomness)
        wrapped_key = await self.keys.wrap(data_key, customer_id=customer_id)
        vault = Vault(customer_id, data_key)
        async with self.database.transaction() as connection:
            if not await store.insert(connection, customer_id, identity, wrapped_key, change.type_name):
                return None
            await self._writer.write_all(connection, vault, customer_id, change)
        return customer_id

    async def _update(self, known: StoredCustomer, change: Change) -> UUID | None:
        """Write what changed of a customer; None when it was erased meanwhile.

        Raises:
            BadInput: A code is not right; that is counted, and nothing else was written.
        """
        vault = await _open_vault(self.keys, known.id, known.wrapped_key)
        async with self.database.transaction() as connection:
            if not await store.lock(connection, known.id, change.type_name):
                return None
            problem = await self._writer.write_changed(connection, vault, known.id, change)
        if problem is not None:
            raise BadInput(problem)
        return known.id


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
