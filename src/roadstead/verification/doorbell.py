"""The bell that verifiers ring: what came is checked, kept as it came, and the cases it names are asked about next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from roadstead.customers import case_store
from roadstead.customers.vault import KeyProvider, Vault, new_data_key
from roadstead.database.pool import Database
from roadstead.errors import BadInput, Unauthenticated
from roadstead.operations.alerts import AlertKind, open_alert
from roadstead.randomness import Randomness, new_id
from roadstead.verification.protocol import IdentityVerifier

log = structlog.get_logger()

KEPT_FOR = timedelta(days=30)
"""How long what came is kept: long enough to find out what a verifier meant, and no longer."""

_PLACE = "verifier_events.body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorbell:
    """Who may ring, and where it is kept."""

    database: Database
    keys: KeyProvider
    randomness: Randomness
    verifiers: Mapping[str, IdentityVerifier]

    async def ring(self, name: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a pushed message; return how many cases are asked about next. Safe to repeat: it is a bell, no word.

        What is provably the verifier's is kept before anybody makes anything of it. What cannot be understood is kept
        too, with an alert, and answered like the rest: to send it again would not help.

        Raises:
            Unauthenticated: It is not provably from a verifier of ours of that name; nothing was kept.
            Unavailable: The database or the keeper of the keys does not answer; it has to be sent again.
        """
        verifier = self.verifiers.get(name)
        if verifier is None:
            raise Unauthenticated(
                f"Nothing is taken here for a verifier {name[:40]!r}: check the address that messages are sent to."
            )
        problem = None
        references: Sequence[str] = ()
        try:
            references = verifier.receive(headers, body)
        except BadInput as error:
            problem = error.message
        return await self._keep(name, body, references, problem)

    async def _keep(self, name: str, body: bytes, references: Sequence[str], problem: str | None) -> int:
        event_id = new_id(self.randomness)
        data_key = new_data_key(self.randomness)
        wrapped = await self.keys.wrap(data_key, customer_id=event_id)
        sealed = Vault(event_id, data_key).seal(_PLACE, body.hex(), self.randomness)
        async with self.database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO verifier_events (id, verifier, wrapped_key, key_version, body, refs, problem)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                event_id,
                name,
                wrapped.ciphertext,
                wrapped.version,
                sealed,
                list(references),
                problem,
            )
            rung = await case_store.ring(connection, name, references)
            if problem is not None:
                await open_alert(
                    connection,
                    kind=AlertKind.VERIFIER_NOT_UNDERSTOOD,
                    subject=name,
                    message=(
                        f"The verifier {name} sent something that cannot be understood (event {event_id}). Cases are "
                        "asked about by themselves meanwhile; compare its version with docs/integrating/kyc.md."
                    ),
                )
        log.info("verifier_rang", verifier=name, references=len(references), cases=rung)
        return rung


async def purge_events(database: Database, now: datetime) -> None:
    """Delete what verifiers rang with and nobody needs any more.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.connection() as connection:
        await connection.execute("DELETE FROM verifier_events WHERE received_at < $1", now - KEPT_FOR)
