"""The rail to the simulated bank of `roadstead.sandbox.bank`: the whole contract over HTTP, without a bank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from roadstead.errors import Unauthenticated
from roadstead.money import Asset, Money
from roadstead.rails.bank_calls import BankCalls
from roadstead.rails.message_signatures import Request
from roadstead.rails.payout_api import PayoutApiRail, checked_url
from roadstead.rails.protocol import RailEvent, RailTerms

RETURN_WINDOW = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class _Token:
    """Proves us by a token, and the bank by nothing: it is on this machine or behind TLS."""

    token: str | None

    def sealed(self, request: Request) -> Request:
        if self.token is None:
            return request
        return replace(request, headers=request.headers | {"Authorization": f"Bearer {self.token}"})

    def open(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Believe what comes."""


class SimulatedRail(PayoutApiRail):
    """Pays through a simulated bank. One instance may be shared by all tasks of one event loop."""

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        token: str | None,
        currencies: Sequence[Asset],
        amount_max: Money | None = None,
        submit_timeout_s: int = 10,
        poll_interval_s: float = 1.0,
    ) -> None:
        """Describe the bank; nothing is contacted yet.

        `currencies` are those the rail pays in; `balance` tells of the first one.

        Raises:
            ConfigurationError: The address is no http(s) URL, or no currency is named.
        """
        super().__init__(
            name=name,
            currencies=currencies,
            terms=RailTerms(
                currencies=frozenset(currencies),
                amount_max=amount_max,
                can_find=True,
                dedupe_window=None,
                return_window=RETURN_WINDOW,
                submit_timeout_s=submit_timeout_s,
                poll_interval_s=poll_interval_s,
                has_statements=True,
            ),
            calls=BankCalls(checked_url(name, base_url), timeout_s=submit_timeout_s, seal=_Token(token)),
        )

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:  # noqa: ARG002 - see below
        """Refuse every pushed message, for on this way the simulated bank pushes none.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(f"Rail {self.name} pushes no messages; what it has to say is polled.")
