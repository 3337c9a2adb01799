"""Sending codes to customers: what a registration ordered is drawn, noted as a digest and handed to the messenger.

A process that dies on the way leaves a lease that runs out. Then another code is drawn and sent, and the one before,
should it have arrived, holds no longer: no code is ever stored, so none can be sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from roadstead.boundaries import boundary
from roadstead.clock import Clock
from roadstead.customers import confirmations_store as store
from roadstead.customers.confirmations_store import Order
from roadstead.customers.confirming import LIFETIME, code_digest, new_code
from roadstead.customers.messages import Messenger, NotSent, code_message
from roadstead.customers.vault import KeyProvider, Vault
from roadstead.database.pool import Database
from roadstead.messages.catalogue import Catalogue, language_of
from roadstead.operations.alerts import AlertKind, open_alert
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

BATCH_MAX: Final = 10
LEASE: Final = timedelta(minutes=6)
"""Longer than a whole batch may take to be sent."""
FIRST_PAUSE: Final = timedelta(seconds=10)
TRIES_MAX: Final = 6
"""Tries over about five minutes; afterwards the customer has to ask again, and an alert says why."""


class Courier:
    """Sends the codes that are due. Any number may run at once, in any number of processes."""

    def __init__(
        self,
        *,
        database: Database,
        keys: KeyProvider,
        messenger: Messenger,
        anchor_name: str,
        catalogue: Catalogue,
        clock: Clock,
        randomness: Randomness,
        observe: Callable[[str], None] = lambda _: None,
        lease: timedelta = LEASE,
    ) -> None:
        """Take what sending stands on; `observe` hears `sent`, `not_sent` or `given_up` for each try."""
        self._database = database
        self._keys = keys
        self._messenger = messenger
        self._anchor_name = anchor_name
        self._catalogue = catalogue
        self._clock = clock
        self._randomness = randomness
        self._observe = observe
        self._lease = lease

    async def step(self) -> bool:
        """Send what is due, one after the other, and return whether there was anything.

        Raises:
            Unavailable: The database or the keeper of the keys does not answer; what is left is sent later.
        """
        async with self._database.connection() as connection:
            orders = await store.claim(
                connection, token=new_id(self._randomness), lease=self._lease, limit=BATCH_MAX
            )
        for order in orders:
            await self._send(order)
        return bool(orders)

    async def close(self) -> None:
        """Release what the messenger holds."""
        await self._messenger.close()

    async def _send(self, order: Order) -> None:
        key = await self._keys.unwrap(order.wrapped_key, customer_id=order.customer_id)
        vault = Vault(order.customer_id, key)
        code = new_code(self._randomness)
        digest = code_digest(vault, order.field, code)
        async with self._database.connection() as connection:
            if not await store.fix_code(connection, order, digest, self._clock.now() + LIFETIME):
                return
        language = language_of(order.language)
        message = code_message(
            id=f"{order.customer_id}-{int(order.requested_at.timestamp())}-{order.tries}",
            field_name=order.field,
            address=vault.open(order.field, order.ciphertext),
            code=code,
            minutes=int(LIFETIME.total_seconds() // 60),
            anchor=self._anchor_name,
            language=language,
            say=lambda text: self._catalogue.translate(text, language),
        )
        failure: str | None = None
        boundary("code.send.before")
        try:
            await self._messenger.send(message)
        except NotSent as error:
            failure = error.message
        except Exception as error:  # noqa: BLE001 - a messenger's bug may quote the address; its type says enough
            failure = type(error).__name__
        boundary("code.send.after")
        await self._record(order, failure)

    async def _record(self, order: Order, failure: str | None) -> None:
        about = {"customer_id": str(order.customer_id), "field": order.field}
        pause = FIRST_PAUSE * (1 << (order.tries - 1)) if order.tries < TRIES_MAX else None
        async with self._database.transaction() as connection:
            await store.end(connection, order, pause=pause, sent=failure is None)
            if failure is not None and pause is None:
                await open_alert(
                    connection,
                    kind=AlertKind.CODES_NOT_SENT,
                    subject=order.field,
                    message=f"Codes for {order.field} cannot be sent ({failure}). Customers who wait for one have "
                    "to ask again: look at the messenger, then close this alert.",
                )
        if failure is None:
            log.info("code_sent", **about)
            self._observe("sent")
        elif pause is None:
            log.error("code_given_up", reason=failure, **about)
            self._observe("given_up")
        else:
            log.warning("code_not_sent", reason=failure, **about)
            self._observe("not_sent")
