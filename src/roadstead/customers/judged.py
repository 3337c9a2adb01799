"""What is put before a verifier of one customer: the values of fields, and which documents there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from roadstead.customers import case_store
from roadstead.customers.cases import digest_of
from roadstead.customers.files import KnownFile, known_files
from roadstead.customers.requirements import Received
from roadstead.customers.submissions import is_document
from roadstead.customers.vault import Vault
from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Everything that is judged of a customer, as far as it is there."""

    values: Mapping[str, str] = field(repr=False)
    """Personal data by their SEP-9 names; documents are not among them."""
    documents: Mapping[str, KnownFile]
    """Documents by their SEP-9 names."""
    received: Mapping[str, Received]
    """How each of both stands by itself, and how old it is."""

    def digest(self, vault: Vault) -> str:
        """Return the digest of all of it: other data, and other bytes of a document, have another."""
        documents = {name: f"sha256:{known.sha256}" for name, known in self.documents.items()}
        return digest_of({**self.values, **documents}, vault)


async def read_judged(
    connection: Connection, vault: Vault, customer_id: UUID, names: Collection[str]
) -> Judged:
    """Read what is judged of a customer, which must be locked; no document is read, only which there are.

    Raises:
        InvariantViolated: Something cannot be decrypted, or a field of a document has none.
    """
    sealed, received = await case_store.read_values(connection, customer_id, names)
    papers = [name for name in sealed if is_document(name)]
    documents = await known_files(connection, vault, customer_id, papers)
    for name in papers:
        if name not in documents:
            raise InvariantViolated(
                f"Field {name} of customer {customer_id} refers to a document that is not there: have it sent again."
            )
    return Judged(
        values={name: vault.open(name, value) for name, value in sealed.items() if name not in documents},
        documents=documents,
        received=received,
    )
