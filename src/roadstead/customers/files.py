"""Documents of customers: uploaded alone or with a registration, sealed at once, and opened for who verifies alone.

Each file is sealed with a key of its own. Until a customer refers to the file, that key is wrapped by the master key,
as customers' keys are; from then on it is sealed in the customer's vault, and dies with it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.limit_terms import Limits
from roadstead.customers import files_store, store
from roadstead.customers.documents import MediaType, require_fit
from roadstead.customers.files_store import NewFile, StoredFile
from roadstead.customers.formats import Unfit
from roadstead.customers.identity import read_id
from roadstead.customers.submissions import Document, SentFile, read_document, read_file_id
from roadstead.customers.vault import (
    KeyProvider,
    Vault,
    new_data_key,
    open_content,
    open_file_digest,
    seal_content,
    seal_file_digest,
)
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, NotFound, TooManyRequests
from roadstead.partners.principal import Principal
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

_RETRY_AFTER_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """A document of a registration, sealed and ready to be stored."""

    new: NewFile
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedFile:
    """A file uploaded before, to which a registration refers, with its open key."""

    id: UUID
    key: bytes | None = field(repr=False)
    """None when the field of this customer refers to it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The documents of all accounts; each caller reaches only the own ones."""

    database: Database
    keys: KeyProvider
    limits: Limits
    clock: Clock
    randomness: Randomness

    async def upload(self, caller: Principal, sent: SentFile) -> StoredFile:
        """Store a file to which a later registration may refer. Each call stores another one.

        Raises:
            BadInput: It is of no type that is taken, or malformed; nothing was stored.
            TooLarge: It is larger than the limit.
            TooManyRequests: The account has too many files that no customer refers to.
            Unavailable: The database or the keeper of the keys does not answer.
        """
        try:
            document = read_document("file", sent, file_bytes_max=self.limits.file_bytes_max, field=None)
        except Unfit as unfit:
            problem = f"'file' {unfit.reason}."
            raise BadInput(problem) from unfit
        sealed = self.seal(caller, document)
        wrapped = await self.keys.wrap(sealed.key, customer_id=sealed.new.id)
        expires_at = sealed.new.created_at + timedelta(seconds=self.limits.unused_file_lifetime_s)
        async with self.database.transaction() as connection:
            unused = await files_store.lock_unused(connection, caller.account)
            if (
                unused.count >= self.limits.unused_files_max
                or unused.size_bytes + sealed.new.size_bytes > self.limits.unused_files_bytes_max
            ):
                raise TooManyRequests(
                    "Too many files of this account wait for a customer to refer to them: refer to them in PUT "
                    "/customer, or wait until they expire.",
                    retry_after_s=_RETRY_AFTER_S,
                )
            await files_store.insert_unused(connection, sealed.new, wrapped, expires_at)
        log.info("customer_file_stored", file_id=str(sealed.new.id), size_bytes=sealed.new.size_bytes)
        return StoredFile(
            id=sealed.new.id,
            customer_id=None,
            field=None,
            media_type=document.media_type,
            size_bytes=sealed.new.size_bytes,
            expires_at=expires_at,
        )

    async def look_up(
        self, caller: Principal, *, file_id: str | None, customer_id: str | None
    ) -> list[StoredFile]:
        """List a file, or those of a customer; what is not the caller's is not there.

        Raises:
            BadInput: Neither is named.
            Unavailable: The database does not answer.
        """
        if file_id is None and customer_id is None:
            raise BadInput("Name what you look for: send file_id or customer_id.")
        async with self.database.connection() as connection:
            if file_id is not None:
                known = read_file_id(file_id)
                found = known and await files_store.find(connection, caller.account, _memo(caller), known)
                if not found or customer_id not in (None, found.customer_id and str(found.customer_id)):
                    return []
                is_living = found.customer_id is None or await store.find_living(
                    connection, found.customer_id
                )
                return [found] if is_living else []
            customer = read_id(customer_id or "")
            if customer is None or not await store.find_by_id(connection, caller.account, customer):
                return []
            return await files_store.list_of(connection, customer)

    def seal(self, caller: Principal, document: Document) -> SealedFile:
        """Seal a document with a new key of its own."""
        file_id, key = new_id(self.randomness), new_data_key(self.randomness)
        digest = hashlib.sha256(document.content).digest()
        return SealedFile(
            key=key,
            new=NewFile(
                id=file_id,
                account=caller.account,
                memo=_memo(caller),
                content=seal_content(key, file_id, document.content, self.randomness),
                digest=seal_file_digest(key, file_id, digest, self.randomness),
                media_type=document.media_type,
                size_bytes=len(document.content),
                created_at=self.clock.now(),
            ),
        )

    async def find_used(
        self, caller: Principal, references: Mapping[str, UUID], customer_id: UUID | None
    ) -> dict[str, UsedFile]:
        """Find the files that a registration refers to, and open their keys.

        Raises:
            BadInput: One is not known, has expired, is not fit for its field, or belongs to another field or customer.
            Unavailable: The database or the keeper of the keys does not answer.
        """
        used: dict[str, UsedFile] = {}
        for name, file_id in references.items():
            async with self.database.connection() as connection:
                found = await files_store.find_key(
                    connection, caller.account, _memo(caller), file_id, self.clock.now()
                )
            if found is None:
                raise no_such_file(name)
            file, wrapped = found
            try:
                require_fit(MediaType(file.media_type), name)
            except Unfit as unfit:
                problem = f"'{name}_file_id' {unfit.reason}."
                raise BadInput(problem) from unfit
            if wrapped is not None:
                key = await self.keys.unwrap(wrapped, customer_id=file_id)
                used[name] = UsedFile(id=file_id, key=key)
            elif (file.customer_id, file.field) == (customer_id, name):
                used[name] = UsedFile(id=file_id, key=None)
            else:
                raise no_such_file(name)
        return used


def no_such_file(name: str) -> BadInput:
    """Say that a file cannot be referred to."""
    return BadInput(
        f"'{name}_file_id' names no file that can be used: it is not known, has expired or is used already. Upload it "
        "again."
    )


async def store_files(
    connection: Connection,
    vault: Vault,
    customer_id: UUID,
    *,
    sealed: Mapping[str, SealedFile],
    used: Mapping[str, UsedFile],
    randomness: Randomness,
) -> None:
    """Write the files of a customer's fields, in the transaction that writes the fields.

    Raises:
        BadInput: A file that is referred to was used or expired meanwhile.
    """
    for name, file in sealed.items():
        sealed_key = _seal_key(vault, file.new.id, file.key, randomness)
        await files_store.insert_used(
            connection, file.new, customer_id=customer_id, name=name, sealed_key=sealed_key
        )
    for name, reference in used.items():
        is_used = reference.key is not None and await files_store.use(
            connection,
            reference.id,
            customer_id=customer_id,
            name=name,
            sealed_key=_seal_key(vault, reference.id, reference.key, randomness),
        )
        # A repetition of the same request may have been faster.
        if not is_used and not await files_store.is_used_by(
            connection, reference.id, customer_id=customer_id, name=name
        ):
            raise no_such_file(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """Which file a field of a customer holds, and what tells it from every other."""

    file: StoredFile
    sha256: str
    """The SHA-256 of what it holds, in hexadecimal."""


async def known_files(
    connection: Connection, vault: Vault, customer_id: UUID, names: Collection[str]
) -> dict[str, KnownFile]:
    """Tell which files the fields of a customer hold, without reading what is in them. The customer should be locked.

    Of a file from before digests were kept, the digest is made from what is in it.

    Raises:
        InvariantViolated: A key or a digest cannot be decrypted.
    """
    found = await files_store.keys_of(connection, customer_id, names) if names else {}
    known: dict[str, KnownFile] = {}
    for name, sealed in found.items():
        if sealed.digest is None:
            document = await open_file(connection, vault, customer_id, name)
            digest = hashlib.sha256(document.content).digest()
        else:
            key = _open_key(vault, sealed.file.id, sealed.key)
            digest = open_file_digest(key, sealed.file.id, sealed.digest)
        known[name] = KnownFile(file=sealed.file, sha256=digest.hex())
    return known


async def open_file(connection: Connection, vault: Vault, customer_id: UUID, name: str) -> Document:
    """Decrypt the document of a customer's field, for who verifies. It is personal data, and goes nowhere else.

    Raises:
        InvariantViolated: It cannot be decrypted.
        NotFound: The field has no file.
    """
    found = await files_store.read(connection, customer_id, name)
    if found is None:
        raise NotFound(f"Customer {customer_id} has no file for {name}.")
    file, sealed_key, content = found
    key = _open_key(vault, file.id, sealed_key)
    return Document(content=open_content(key, file.id, content), media_type=MediaType(file.media_type))


async def purge_unused(database: Database, clock: Clock) -> int:
    """Delete files to which no customer referred in time, and return how many. Safe to repeat.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.connection() as connection:
        return await files_store.purge_expired(connection, clock.now())


def _seal_key(vault: Vault, file_id: UUID, key: bytes, randomness: Randomness) -> bytes:
    return vault.seal(_key_name(file_id), base64.b64encode(key).decode(), randomness)


def _open_key(vault: Vault, file_id: UUID, sealed_key: bytes) -> bytes:
    return base64.b64decode(vault.open(_key_name(file_id), sealed_key))


def _key_name(file_id: UUID) -> str:
    return f"customer_files.sealed_key:{file_id}"


def _memo(caller: Principal) -> str | None:
    return None if caller.memo is None else str(caller.memo)
