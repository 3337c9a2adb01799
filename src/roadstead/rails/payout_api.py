"""What the rails to a payout API have in common: the whole contract over HTTP, whatever proves the two sides.

An outcome is definite only when the bank's own answer says it in the form that docs/integrating/payout-api.md
describes. Everything else is unknown: no answer, one that is not provably the bank's, another status, another form, or
one that speaks of another payout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from roadstead.errors import BadInput, ConfigurationError, Unavailable
from roadstead.money import Asset
from roadstead.rails import payout_forms as forms
from roadstead.rails.bank_calls import ANSWER_MAX_BYTES, BankCalls, NoAnswer
from roadstead.rails.checks import amount_problems, creditor_problems, text_problems
from roadstead.rails.protocol import (
    ABSENT,
    Absent,
    BankBalance,
    FieldProblem,
    Observation,
    Outcome,
    PayoutAttempt,
    RailEvent,
    RailTerms,
    Refused,
    Unknown,
)
from roadstead.rails.statements import BankStatement

EVENTS_MAX = 200
STATEMENTS_MAX = 10
STATEMENTS_MAX_BYTES = 32 * 1024 * 1024
INVALID_FORMAT = "FF01"
"""ISO 20022 `ExternalStatusReason1Code`: the instruction is not of a form that the bank reads."""

_INVALID = {"bad_input", "invalid_amount"}
"""What the bank calls an instruction that it cannot read, and therefore has not taken and never will."""
_Content = TypeVar("_Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How an attempt is handed over: the call without its body."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


class PayoutApiRail:
    """Pays through a bank that speaks the payout API. One instance serves all tasks of one event loop."""

    def __init__(self, *, name: str, currencies: Sequence[Asset], terms: RailTerms, calls: BankCalls) -> None:
        """Describe the bank; nothing is contacted yet. `balance` tells of the first currency.

        Raises:
            ConfigurationError: No currency is named.
        """
        if not currencies:
            raise ConfigurationError(f"Rail {name} names no currency: name at least one.")
        self._name = name
        self._currency = currencies[0]
        self._codes = frozenset(asset.code for asset in currencies)
        self._terms = terms
        self._calls = calls

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self._name

    @property
    def terms(self) -> RailTerms:
        """What the rail declares of itself: it finds every payout and recognises a key for ever."""
        return self._terms

    def submission(self, attempt: PayoutAttempt) -> Submission:
        """Return how an attempt is handed over."""
        return Submission(method="PUT", path=path_of(attempt))

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        """Say what the bank would refuse, without asking it."""
        return [
            *amount_problems(attempt.amount, self._terms),
            *creditor_problems(attempt.creditor, attempt.amount.asset),
            *text_problems(attempt, length_max=self._terms.identifier_length_max),
        ]

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        """Hand over an attempt. May be called again with the same attempt; the bank pays once."""
        how = self.submission(attempt)
        try:
            status, body = await self._calls.call(
                how.method, how.path, content=forms.instruction(attempt), headers=how.headers
            )
        except NoAnswer as error:
            return Unknown(detail=f"No answer to payout {attempt.key}: {error}. Ask for it or repeat it.")
        if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return forms.submitted(attempt, body)
        error_answer = forms.read(body, forms.ErrorForm)
        if status == HTTPStatus.BAD_REQUEST and error_answer is not None and error_answer.code in _INVALID:
            return Refused(reason=INVALID_FORMAT, detail=error_answer.message)
        if status == HTTPStatus.CONFLICT:
            return Unknown(
                detail=f"The bank knows key {attempt.key} with other content; a person has to compare the two."
            )
        return Unknown(
            detail=f"The bank answered payout {attempt.key} with status {status}; repeat it later."
        )

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        """Ask what became of an attempt. `ABSENT` only when the bank itself says that it does not know the key."""
        try:
            status, body = await self._calls.call("GET", path_of(attempt))
        except NoAnswer as error:
            return Unknown(detail=f"No answer about payout {attempt.key}: {error}. Ask again.")
        if status == HTTPStatus.OK:
            return forms.observation(attempt, body)
        error_answer = forms.read(body, forms.ErrorForm)
        if status == HTTPStatus.NOT_FOUND and error_answer is not None and error_answer.code == "not_found":
            return ABSENT
        return Unknown(detail=f"The bank answered a question about {attempt.key} with status {status}.")

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        """Return what happened after `cursor`, oldest first, at most 200 events, and the next cursor.

        Several rails may stand before one bank: what concerns other currencies is passed over, and the cursor with it.

        Raises:
            Unavailable: The bank does not answer now, or says what cannot be understood.
        """
        answer = await self._ask("/events", forms.EventsForm, _page(cursor, EVENTS_MAX))
        try:
            events = self.own_events(answer.events)
        except BadInput as error:
            raise Unavailable(
                f"Rail {self._name} told an event that is not valid: {error.message}"
            ) from error
        return events, self._moved(cursor, answer.cursor) if answer.events else cursor

    def own_events(self, told: Sequence[forms.EventForm]) -> list[RailEvent]:
        """Translate those events that are in a currency of this rail.

        Raises:
            BadInput: An amount is none of its currency.
        """
        return [forms.event(each) for each in told if each.currency in self._codes]

    async def balance(self) -> BankBalance:
        """Return what the bank holds for us in the first currency of the rail.

        Raises:
            Unavailable: The bank does not answer now, or has no account in this currency yet.
        """
        answer = await self._ask("/balances", forms.BalancesForm, {})
        for each in answer.balances:
            if each.currency == self._currency.code:
                try:
                    return forms.balance(each)
                except BadInput as error:
                    raise Unavailable(
                        f"Rail {self._name} told a balance that is not valid: {error.message}"
                    ) from error
        raise Unavailable(f"Rail {self._name} has no account in {self._currency.code} yet.")

    async def statements(self, cursor: str | None) -> tuple[Sequence[BankStatement], str | None]:
        """Return the statements after `cursor` of accounts in our currencies, oldest first, and the next cursor.

        Raises:
            Unavailable: The bank does not answer now, or says what cannot be understood.
        """
        query = _page(cursor, STATEMENTS_MAX)
        answer = await self._ask("/statements", forms.StatementsForm, query, bytes_max=STATEMENTS_MAX_BYTES)
        try:
            own = [forms.statement(each) for each in answer.statements if each.currency in self._codes]
        except BadInput as error:
            raise Unavailable(
                f"Rail {self._name} told a statement that is not valid: {error.message}"
            ) from error
        return own, self._moved(cursor, answer.cursor) if answer.statements else cursor

    def _moved(self, before: str | None, after: str | None) -> str:
        """Return the cursor after a page, which would be asked for again and again if it stayed."""
        if after is None or after == before:
            raise Unavailable(f"Rail {self._name} tells something and gives no cursor that leads past it.")
        return after

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    async def _ask(
        self, path: str, kind: type[_Content], query: Mapping[str, str], *, bytes_max: int = ANSWER_MAX_BYTES
    ) -> _Content:
        try:
            status, body = await self._calls.call("GET", path, query=query, bytes_max=bytes_max)
        except NoAnswer as error:
            raise Unavailable(f"Rail {self._name} does not answer: {error}.") from error
        content = forms.read(body, kind)
        if status != HTTPStatus.OK or content is None:
            raise Unavailable(
                f"Rail {self._name} answered {path} with status {status} or what cannot be read."
            )
        return content


def path_of(attempt: PayoutAttempt) -> str:
    """Return where a payout is asked about."""
    return f"/payouts/{quote(attempt.key, safe='')}"


def checked_url(name: str, url: str) -> str:
    """Return the address of a rail if it is a URL.

    Raises:
        ConfigurationError: It is none.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"The address of rail {name} is not valid: write http://HOST:PORT.")
    return url


def _page(cursor: str | None, limit: int) -> dict[str, str]:
    return {"limit": str(limit)} | ({} if cursor is None else {"after": cursor})
