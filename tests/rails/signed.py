"""The simulated bank behind its signed door, and the signed HTTP rail to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.rails.conftest import TIMEOUT_S, SimulatedBench
from tests.sandbox.bank.bank_process import BankProcess

from roadstead.clock import Clock, SystemClock
from roadstead.config.ed25519 import private_key_from, public_key_text
from roadstead.contract.bench import Pushed
from roadstead.money import currency
from roadstead.rails.http import HttpRail, Trust
from roadstead.rails.message_signatures import MessageSigner, Request
from roadstead.rails.protocol import PayoutAttempt
from roadstead.randomness import SystemRandomness

OUR_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
EVENTS_URL = "https://anchor.example/rails/sepa/events"
FAST = ("--settlement-delay", "0.1", "--return-delay", "0.1")


def customer_options(*more: str) -> tuple[str, ...]:
    """The options of a bank that knows our key."""
    return (*FAST, "--customer-key", public_key_text(OUR_KEY.public_key()), *more)


def key_of(bank: BankProcess) -> Ed25519PrivateKey:
    """The key with which a bank signs."""
    assert bank.state is not None
    return private_key_from((bank.state / "signing-key.pem").read_text())


def signer(key: Ed25519PrivateKey, clock: Clock | None = None) -> MessageSigner:
    return MessageSigner(key, clock=clock or SystemClock(), randomness=SystemRandomness())


def rail_to(
    bank: BankProcess,
    *,
    our_key: Ed25519PrivateKey = OUR_KEY,
    bank_key: Ed25519PrivateKey | None = None,
    name: str = "sepa",
    events_url: str | None = EVENTS_URL,
) -> HttpRail:
    """The rail to the signed door of a bank."""
    return HttpRail(
        name=name,
        base_url=f"{bank.url}/payout-api",
        trust=Trust(
            signing_key=our_key, bank_keys=((key_of(bank) if bank_key is None else bank_key).public_key(),)
        ),
        currencies=[currency("EUR"), currency("USD")],
        events_url=events_url,
        submit_timeout_s=TIMEOUT_S,
    )


@asynccontextmanager
async def signed_bank(folder: Path, *options: str) -> AsyncIterator[BankProcess]:
    """A running bank that knows our key."""
    async with BankProcess(state=folder, token="secret", options=customer_options(*options)) as bank:
        yield bank


@dataclass(frozen=True, slots=True)
class HttpBench(SimulatedBench):
    """The signed HTTP rail and its bank, as the contract wants to see them."""

    def pushed(self, attempt: PayoutAttempt) -> Pushed | None:
        return pushed(self.bank, event_of(attempt))


def event_of(attempt: PayoutAttempt, status: str = "settled", **changes: object) -> dict[str, object]:
    """An event of the bank about an attempt."""
    return {
        "id": f"E-{attempt.key}-{status}",
        "status": status,
        "key": attempt.key,
        "end_to_end_id": attempt.end_to_end_id,
        "amount": attempt.amount.text,
        "currency": attempt.amount.asset.code,
        "reference": "R1",
        "reason": None,
        "occurred_at": "2026-11-29T12:00:00Z",
    } | changes


def pushed(
    bank: BankProcess,
    *events: dict[str, object],
    url: str = EVENTS_URL,
    clock: Clock | None = None,
    key: Ed25519PrivateKey | None = None,
) -> Pushed:
    """A message as the bank pushes it."""
    body = msgspec.json.encode({"events": events})
    request = Request(method="POST", url=url, headers={"content-type": "application/json"}, body=body)
    signed = signer(key_of(bank) if key is None else key, clock).signed(request)
    return Pushed(headers={name.lower(): value for name, value in signed.headers.items()}, body=body)
