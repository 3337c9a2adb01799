"""Faults that a test plants into a process under test, to prove that the harness notices them. None is in the product.

Each puts wrong code in the place of right code before the process starts to run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from roadstead.boundaries import boundary


def key_per_process() -> None:
    """Attempts are sent under a key of the sending process instead of the one that was written."""
    from roadstead.payouts import submission  # noqa: PLC0415 - only where the fault is planted

    rightly = submission._open_attempt

    async def wrongly(desk: Any, payout: Any) -> Any:
        written, attempt = await rightly(desk, payout)
        return written, replace(attempt, key=f"{attempt.key[:-6]}{os.getpid() % 10**6:06d}")

    submission._open_attempt = wrongly


def sent_before_written() -> None:
    """An attempt is noted as sent before it is: what was not sent is never asked for again."""
    from roadstead.payouts import store, submission  # noqa: PLC0415 - as above
    from roadstead.rails.protocol import RailStatus, Submitted  # noqa: PLC0415 - as above

    async def wrongly(desk: Any, payout: Any, attempt: Any, token: UUID) -> None:
        async with desk.database.transaction() as connection:
            locked = await store.lock_leased(connection, payout.id, token)
            sent = Submitted(status=RailStatus.ACCEPTED, reference=None)
            await submission._record_outcome(connection, locked, attempt.key, sent, desk.clock.now())
            await submission._give_back(connection, payout.id, token)
        boundary("payout.submit.before")
        await desk.rail.submit(attempt)
        boundary("payout.submit.after")

    submission._send = wrongly


def cursor_before_payments() -> None:
    """The observer's cursor is committed before the payments that it has passed."""
    from roadstead.service import observer  # noqa: PLC0415 - as above

    rightly = observer.Observer._store

    async def wrongly(self: Any, batch: Any, reached: Any) -> None:
        nothing = replace(
            batch, **{field.name: type(getattr(batch, field.name))() for field in fields(batch)}
        )
        await rightly(self, nothing, reached)
        await rightly(self, batch, reached)

    observer.Observer._store = wrongly  # type: ignore[method-assign]


def envelope_anew() -> None:
    """An envelope that another process signed is given up without proof, and a new one is signed."""
    from roadstead.envelopes import store, submitter  # noqa: PLC0415 - as above
    from roadstead.envelopes.purposes import Dead  # noqa: PLC0415 - as above

    rightly, sign = submitter.Submitter._carry_on, submitter.Submitter._sign
    own: set[str] = set()

    async def remember(self: Any, purpose: Any, draft: Any, token: UUID) -> Any:
        envelope = await sign(self, purpose, draft, token)
        own.update([envelope.hash] if envelope else [])
        return envelope

    async def wrongly(self: Any, envelope: Any, token: UUID) -> bool:
        if envelope.hash in own:
            return await rightly(self, envelope, token)
        async with self._database.transaction() as connection:
            now = self._clock.now()
            await store.confirm_lease(connection, self._desk.account, token)
            await store.end(connection, envelope.id, store.EnvelopeStatus.DEAD, now, reason="not ours")
            purpose = self._purposes[envelope.kind]
            await purpose.conclude(connection, envelope, Dead(proof="not ours", code=None), now)
        return True

    submitter.Submitter._carry_on = wrongly  # type: ignore[method-assign]
    submitter.Submitter._sign = remember  # type: ignore[method-assign]


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (key_per_process, sent_before_written, cursor_before_payments, envelope_anew)
}


def plant(name: str) -> None:
    """Plant a fault into this process."""
    FAULTS[name]()
