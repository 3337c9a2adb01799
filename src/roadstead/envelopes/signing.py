"""The desk at which transactions are signed: only what was read back from its bytes and allowed reaches the key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from roadstead.config.anchor import TransactionTerms
from roadstead.config.strkey import KeyKind, decode
from roadstead.database.pool import Database
from roadstead.envelopes.purposes import Draft, Purpose
from roadstead.envelopes.store import Bump, Envelope, EnvelopeStatus
from roadstead.errors import Forbidden, InvariantViolated, Unavailable
from roadstead.stellar import payments
from roadstead.stellar.payments import PaymentTransaction
from roadstead.stellar.signers import Signer

RAISE_FACTOR = 10
"""A fee bump takes the place of what waits only at ten times its rate."""
_BUMP_OPERATIONS = 2
"""A fee bump is charged as one operation more than it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningDesk:
    """What is needed to sign for one account."""

    account: str
    passphrase: str
    signer: Signer
    terms: TransactionTerms
    database: Database

    async def sign(
        self,
        purpose: Purpose,
        draft: Draft,
        transaction: PaymentTransaction,
        *,
        envelope_id: UUID,
        signed_ledger: int,
        now: datetime,
    ) -> Envelope:
        """Pack, inspect and sign a transaction. It is not stored yet, and must not be sent before it is.

        Raises:
            Forbidden: The purpose or our own rules do not allow it; nothing was signed.
            Unavailable: The database or the keeper of the key does not answer.
            InvariantViolated: The key's signature is none.
        """
        content = payments.pack_payment(transaction)
        await self._require_allowed(purpose, draft.subject_id, payments.read_payment(content))
        digest = payments.transaction_hash(self.passphrase, content)
        signature = await self._signature(digest)
        return Envelope(
            id=envelope_id,
            kind=purpose.kind,
            subject_id=draft.subject_id,
            hash=digest.hex(),
            content=payments.pack_envelope(content, public_key=self.signer.public_key, signature=signature),
            account=self.account,
            sequence=transaction.sequence,
            fee_stroops=transaction.fee_stroops,
            valid_until=datetime.fromtimestamp(transaction.valid_until_s, UTC),
            signed_ledger=signed_ledger,
            status=EnvelopeStatus.OPEN,
            reason=None,
            submissions=0,
            signed_at=now,
        )

    async def bump(self, envelope: Envelope, last: Bump | None) -> Bump | None:
        """Give the same transaction a higher fee; None when the limit is reached.

        Raises:
            Unavailable: The keeper of the key does not answer.
            InvariantViolated: The key's signature is none.
        """
        rate = last.fee_stroops // _BUMP_OPERATIONS if last else envelope.fee_stroops
        raised = min(rate * RAISE_FACTOR, self.terms.fee_max_stroops // _BUMP_OPERATIONS)
        if raised <= rate:
            return None
        fee_stroops = raised * _BUMP_OPERATIONS
        content = payments.pack_bump(envelope.content, fee_source=self.account, fee_stroops=fee_stroops)
        digest = payments.bump_hash(self.passphrase, content)
        signature = await self._signature(digest)
        return Bump(
            hash=digest.hex(),
            envelope_id=envelope.id,
            content=payments.pack_bump_envelope(
                content, public_key=self.signer.public_key, signature=signature
            ),
            fee_stroops=fee_stroops,
        )

    async def _require_allowed(
        self, purpose: Purpose, subject_id: UUID, transaction: PaymentTransaction
    ) -> None:
        if transaction.source != self.account:
            raise Forbidden(f"The transaction pays from {transaction.source}, not from our account.")
        if transaction.fee_stroops > self.terms.fee_max_stroops:
            raise Forbidden(f"The transaction may cost {transaction.fee_stroops} stroops, above our limit.")
        async with self.database.connection() as connection:
            objection = await purpose.objection(connection, subject_id, transaction)
        if objection is not None:
            raise Forbidden(objection)

    async def _signature(self, digest: bytes) -> bytes:
        try:
            signature = await self.signer.sign(digest)
        except OSError as error:
            raise Unavailable(
                "The keeper of the distribution account's key does not answer. It is asked again."
            ) from error
        key = decode(KeyKind.PUBLIC, self.signer.public_key)
        try:
            Ed25519PublicKey.from_public_bytes(key or b"").verify(signature, digest)
        except (InvalidSignature, ValueError) as error:
            raise InvariantViolated(
                f"What the keeper of key {self.signer.public_key} returned is no signature of it: check the signer."
            ) from error
        return signature
