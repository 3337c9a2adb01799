"""Confirming addresses with codes: when one is asked for, and whether one that came is right.

A code is never stored: of it only a digest under the customer's own key is. It holds for a quarter of an hour and for a
few tries; how often one may be asked for is limited by field and by address.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from roadstead.config.anchor import Anchor
from roadstead.customers import confirmations_store as store
from roadstead.customers.confirmations_store import Confirmation
from roadstead.customers.requirements import FieldStatus
from roadstead.customers.vault import Vault
from roadstead.database.pool import Connection
from roadstead.errors import BadInput, TooManyRequests
from roadstead.randomness import Randomness

LIFETIME: Final = timedelta(minutes=15)
"""How long a code holds after it was sent."""
WRONG_CODES_MAX: Final = 5
"""Wrong codes after which only a new one helps."""
REPEAT_AFTER: Final = timedelta(minutes=1)
"""How long after one code the same value brings another."""
WINDOW: Final = timedelta(days=1)
REQUESTS_MAX: Final = 10
"""Codes for one field of a customer within a day."""
ADDRESS_REQUESTS_MAX: Final = 20
"""Codes for one address within a day, whatever customers name it."""

_DIGITS = 6


class Verdict(StrEnum):
    """What a code that came is."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    USED_UP = "used up"
    """Too many wrong ones came before."""
    NOT_ASKED = "not asked"


def confirmed_names(anchor: Anchor) -> frozenset[str]:
    """Return the fields that have to be confirmed, whoever sends them: those of which a type demands it."""
    return frozenset(field.name for kind in anchor.customer_types for field in kind.fields if field.confirm)


def new_code(randomness: Randomness) -> str:
    """Draw a code."""
    return f"{int.from_bytes(randomness.token_bytes(8)) % 10**_DIGITS:0{_DIGITS}d}"


def code_digest(vault: Vault, name: str, code: str) -> bytes:
    """Return what is stored of a code."""
    return vault.digest(f"code for {name}", code)


def judge(known: Confirmation | None, status: FieldStatus | None, digest: bytes, *, now: datetime) -> Verdict:
    """Tell what a code is, from its digest. A code for what is confirmed already is taken: the request is repeated."""
    if known is None or known.digest is None or known.expires_at is None:
        return Verdict.RIGHT if status in _CONFIRMED else Verdict.NOT_ASKED
    if known.wrong_codes >= WRONG_CODES_MAX:
        return Verdict.USED_UP
    # Compared before the time is looked at, so that how long it takes says nothing.
    is_right = hmac.compare_digest(known.digest, digest)
    if now >= known.expires_at:
        return Verdict.EXPIRED
    return Verdict.RIGHT if is_right else Verdict.WRONG


_CONFIRMED = frozenset((FieldStatus.ACCEPTED, FieldStatus.PROCESSING))


def may_repeat(known: Confirmation | None, *, now: datetime) -> bool:
    """Whether the same value, sent again, brings another code."""
    if known is None:
        return True
    return now - known.requested_at >= REPEAT_AFTER and _requests(known, now) < REQUESTS_MAX


def _requests(known: Confirmation | None, now: datetime) -> int:
    """Count the codes asked for within a day."""
    return known.requests if known is not None and now - known.began_at < WINDOW else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A field for which a code is to be sent."""

    name: str
    address_digest: bytes
    language: str


async def request_codes(
    connection: Connection, customer_id: UUID, requests: Mapping[str, Request], now: datetime
) -> None:
    """Order the codes for fields that were just written, in the same transaction. The customer must be locked or new.

    Raises:
        TooManyRequests: Too many were asked for this field, or for this address; nothing is kept.
    """
    known = await store.lock_all(connection, customer_id, requests.keys())
    for name, wanted in sorted(requests.items()):
        before = _requests(known.get(name), now)
        by_address = await store.count_requests(connection, wanted.address_digest, now - WINDOW)
        if before >= REQUESTS_MAX or by_address >= ADDRESS_REQUESTS_MAX:
            raise TooManyRequests(
                f"Too many codes were asked for '{name}': ask again tomorrow.",
                retry_after_s=int(WINDOW.total_seconds()),
            )
        await store.request(
            connection,
            customer_id,
            name,
            language=wanted.language,
            address_digest=wanted.address_digest,
            now=now,
            began_at=known[name].began_at if before else now,
            requests=before + 1,
        )


async def take_codes(
    connection: Connection,
    vault: Vault,
    customer_id: UUID,
    codes: Mapping[str, str],
    *,
    statuses: Mapping[str, FieldStatus],
    now: datetime,
) -> str | None:
    """Confirm fields with the codes that came for them; or return why not, and count the wrong ones.

    All codes are right or nothing is confirmed. The customer must be locked, and the caller commits either way: a wrong
    code that was not counted could be tried without end.
    """
    known = await store.lock_all(connection, customer_id, codes.keys())
    verdicts = {
        name: judge(known.get(name), statuses.get(name), code_digest(vault, name, code), now=now)
        for name, code in codes.items()
    }
    refused = {name: verdict for name, verdict in verdicts.items() if verdict is not Verdict.RIGHT}
    if not refused:
        await store.confirm(connection, customer_id, codes.keys(), FieldStatus.ACCEPTED)
        return None
    wrong = [name for name, verdict in refused.items() if verdict is Verdict.WRONG]
    await store.count_wrong(connection, customer_id, wrong)
    return " ".join(refusal(name, verdict).message for name, verdict in sorted(refused.items()))


def refusal(name: str, verdict: Verdict) -> BadInput:
    """Say why a code is not taken."""
    match verdict:
        case Verdict.EXPIRED:
            return BadInput(
                f"The confirmation code for '{name}' has expired: send '{name}' again to get a new one."
            )
        case Verdict.USED_UP:
            return BadInput(
                f"Too many wrong confirmation codes came for '{name}': send '{name}' again to get a new one."
            )
        case Verdict.WRONG:
            return BadInput(f"The confirmation code for '{name}' is wrong: check it and send it again.")
        case _:
            return BadInput(f"'{name}_verification' cannot be taken: no code was sent out for this field.")
