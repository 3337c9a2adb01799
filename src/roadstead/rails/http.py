"""The signed HTTP rail: a bank, or a small translation in front of one, that speaks docs/integrating/payout-api.md.

Both sides sign what they send (`roadstead.rails.message_signatures`); TLS may prove both besides. A refusal, and the
word that a payout never arrived, count only from an answer that the bank signed as the answer to this very request.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from roadstead.clock import Clock, SystemClock
from roadstead.errors import BadInput, ConfigurationError, Unauthenticated
from roadstead.money import Asset, Money
from roadstead.rails.bank_calls import BankCalls, NoAnswer
from roadstead.rails.message_signatures import MessageSigner, MessageVerifier, Request
from roadstead.rails.payout_api import PayoutApiRail, Submission, checked_url
from roadstead.rails.payout_forms import PushForm, read
from roadstead.rails.protocol import PayoutAttempt, RailEvent, RailTerms
from roadstead.randomness import Randomness, SystemRandomness

PUSH_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who the two sides are to each other."""

    signing_key: Ed25519PrivateKey
    """Signs what we send."""
    bank_keys: tuple[Ed25519PublicKey, ...]
    """Any of these signs what the bank sends; several while it changes its key."""
    client_certificate: Path | None = None
    """A PEM file with our certificate for TLS and its private key."""
    authority: Path | None = None
    """A PEM file with the only authorities, or the only certificate, that the bank's TLS is trusted by."""

    def tls(self, name: str) -> ssl.SSLContext | None:
        """Return the TLS that this asks for, or None for the usual.

        Raises:
            ConfigurationError: A file cannot be read or holds nothing of the kind.
        """
        if self.client_certificate is None and self.authority is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.authority)
            if self.client_certificate is not None:
                context.load_cert_chain(self.client_certificate)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The TLS files of rail {name} cannot be used ({error}): write PEM files, the client certificate's "
                "with its private key."
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


@dataclass(frozen=True, slots=True)
class _Signatures:
    signer: MessageSigner
    verifier: MessageVerifier

    def sealed(self, request: Request) -> Request:
        return self.signer.signed(request)

    def open(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> None:
        try:
            self.verifier.verify_answer(request, status, headers, body)
        except Unauthenticated as error:
            raise NoAnswer(
                f"the answer, with status {status}, is not provably the bank's: {error.message}"
            ) from error


class HttpRail(PayoutApiRail):
    """Pays through a bank that speaks the signed payout API. Safe to share between all tasks of one event loop."""

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        trust: Trust,
        currencies: Sequence[Asset],
        events_url: str | None = None,
        amount_max: Money | None = None,
        submit_timeout_s: int = 10,
        poll_interval_s: float = 5.0,
        return_window: timedelta = timedelta(days=60),
        clock: Clock | None = None,
        randomness: Randomness | None = None,
    ) -> None:
        """Describe the bank; nothing is contacted yet.

        `events_url` is where the bank pushes to, as it was told and therefore signs; without it nothing is received.

        Raises:
            ConfigurationError: The address is no URL, no currency or key is named, or a TLS file cannot be used.
        """
        if not trust.bank_keys:
            raise ConfigurationError(f"Rail {name} knows no key of its bank: name at least one.")
        clock = clock or SystemClock()
        self._events_url = events_url
        self._verifier = MessageVerifier(trust.bank_keys, clock=clock)
        signer = MessageSigner(trust.signing_key, clock=clock, randomness=randomness or SystemRandomness())
        super().__init__(
            name=name,
            currencies=currencies,
            terms=RailTerms(
                currencies=frozenset(currencies),
                amount_max=amount_max,
                can_find=True,
                dedupe_window=None,
                return_window=return_window,
                submit_timeout_s=submit_timeout_s,
                poll_interval_s=poll_interval_s,
                pushes=events_url is not None,
                has_statements=True,
            ),
            calls=BankCalls(
                checked_url(name, base_url),
                timeout_s=submit_timeout_s,
                seal=_Signatures(signer, self._verifier),
                tls=trust.tls(name),
            ),
        )

    def submission(self, attempt: PayoutAttempt) -> Submission:
        """Return how an attempt is handed over: its key is the `Idempotency-Key`."""
        return Submission(method="POST", path="/payouts", headers={"Idempotency-Key": attempt.key})

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:
        """Verify and translate a pushed message; see `Rail.receive`.

        Raises:
            Unauthenticated: It is not signed by the bank, for this URL, within the last minutes; or nothing is
                received here.
            BadInput: The bank signed something that is no list of events.
        """
        if self._events_url is None:
            raise Unauthenticated(f"Rail {self.name} has no address to push to.")
        if len(body) > PUSH_MAX_BYTES or not body:
            raise Unauthenticated(f"A message to rail {self.name} has 1 to {PUSH_MAX_BYTES} bytes.")
        request = Request(method="POST", url=self._events_url, headers=dict(headers), body=body)
        self._verifier.verify(request)
        push = read(body, PushForm)
        if push is None:
            raise BadInput("The message is no list of events: see docs/integrating/payout-api.md.")
        return self.own_events(push.events)
