"""The rail to the simulated bank of `roadstead.sandbox.bank`: the whole contract over HTTP, without a bank."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from roadstead.errors import BadInput, ConfigurationError, Unauthenticated, Unavailable
from roadstead.money import Asset, Money, amount_from_text, currency
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
    RailStatus,
    RailTerms,
    Refused,
    Submitted,
    Unknown,
)

EVENTS_MAX = 200
ANSWER_MAX_BYTES = 1024 * 1024
INVALID_FORMAT = "FF01"
"""ISO 20022 `ExternalStatusReason1Code`: the instruction is not of a form that the bank reads."""

_INVALID = {"bad_input", "invalid_amount"}
"""What the bank calls an instruction that it cannot read, and therefore has not taken."""
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Content = TypeVar("_Content")


class _PayoutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    end_to_end_id: str
    amount: str
    currency: str
    account: str
    status: RailStatus
    reference: str
    reason: str | None = None
    returned_amount: str | None = None


class _EventAnswer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    status: RailStatus
    key: str
    end_to_end_id: str
    amount: str
    currency: str
    reference: str
    occurred_at: _Moment
    reason: str | None = None


class _EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    events: list[_EventAnswer]
    cursor: str | None


class _BalanceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    booked: str
    available: str
    as_of: _Moment


class _BalancesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    balances: list[_BalanceAnswer]


class _ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str = ""


class _NoAnswer(Exception):
    """No answer came that can be read; the message says why."""


class SimulatedRail:
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
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError(f"The address of rail {name} is not valid: write http://HOST:PORT.")
        if not currencies:
            raise ConfigurationError(f"Rail {name} names no currency: name at least one.")
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._currency = currencies[0]
        self._session: aiohttp.ClientSession | None = None
        self._terms = RailTerms(
            currencies=frozenset(currencies),
            amount_max=amount_max,
            can_find=True,
            dedupe_window=None,
            return_window=timedelta(days=60),
            submit_timeout_s=submit_timeout_s,
            poll_interval_s=poll_interval_s,
        )

    @property
    def name(self) -> str:
        """The name that `anchor.toml` gives it."""
        return self._name

    @property
    def terms(self) -> RailTerms:
        """What the rail declares of itself: it finds every payout and recognises a key for ever."""
        return self._terms

    def check(self, attempt: PayoutAttempt) -> Sequence[FieldProblem]:
        """Say what the bank would refuse, without asking it."""
        return [
            *amount_problems(attempt.amount, self._terms),
            *creditor_problems(attempt.creditor, attempt.amount.asset),
            *text_problems(attempt, length_max=self._terms.identifier_length_max),
        ]

    async def submit(self, attempt: PayoutAttempt) -> Outcome:
        """Hand over an attempt. May be called again with the same attempt; the bank pays once."""
        try:
            status, body = await self._call("PUT", _path(attempt), content=_instruction(attempt))
        except _NoAnswer as error:
            return Unknown(detail=f"No answer to payout {attempt.key}: {error}. Ask for it or repeat it.")
        if status in {200, 201}:
            return _submitted(attempt, body)
        error_answer = _error_of(body)
        if status == 400 and error_answer is not None and error_answer.code in _INVALID:  # noqa: PLR2004 - HTTP
            return Refused(reason=INVALID_FORMAT, detail=error_answer.message)
        if status == 409:  # noqa: PLR2004 - HTTP 409 Conflict
            return Unknown(
                detail=f"The bank knows key {attempt.key} with other content; a person has to compare the two."
            )
        return Unknown(
            detail=f"The bank answered payout {attempt.key} with status {status}; repeat it later."
        )

    async def find(self, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
        """Ask what became of an attempt. `ABSENT` only when the bank itself says that it does not know the key."""
        try:
            status, body = await self._call("GET", _path(attempt))
        except _NoAnswer as error:
            return Unknown(detail=f"No answer about payout {attempt.key}: {error}. Ask again.")
        if status == 200:  # noqa: PLR2004 - HTTP 200 OK
            return _observation(attempt, body)
        error_answer = _error_of(body)
        if status == 404 and error_answer is not None and error_answer.code == "not_found":  # noqa: PLR2004 - HTTP
            return ABSENT
        return Unknown(detail=f"The bank answered a question about {attempt.key} with status {status}.")

    async def poll(self, cursor: str | None) -> tuple[Sequence[RailEvent], str | None]:
        """Return what happened after `cursor`, oldest first, at most 200 events, and the next cursor.

        Several rails may stand before one bank: what concerns other currencies is passed over, and the cursor with it.

        Raises:
            Unavailable: The bank does not answer now, or says what cannot be understood.
        """
        query = {"limit": str(EVENTS_MAX)} | ({} if cursor is None else {"after": cursor})
        answer = await self._ask("/events", _EventsAnswer, query)
        try:
            events = [_event(each) for each in answer.events]
        except BadInput as error:
            raise Unavailable(
                f"Rail {self._name} told an event that is not valid: {error.message}"
            ) from error
        own = [
            event for event in events if event.amount is None or event.amount.asset in self._terms.currencies
        ]
        return own, answer.cursor if events else cursor

    def receive(self, headers: Mapping[str, str], body: bytes) -> Sequence[RailEvent]:  # noqa: ARG002 - see below
        """Refuse every pushed message, for the simulated bank pushes none.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(f"Rail {self._name} pushes no messages; what it has to say is polled.")

    async def balance(self) -> BankBalance:
        """Return what the bank holds for us in the first currency of the rail.

        Raises:
            Unavailable: The bank does not answer now, or has no account in this currency yet.
        """
        answer = await self._ask("/balances", _BalancesAnswer, {})
        for balance in answer.balances:
            if balance.currency == self._currency.code:
                return BankBalance(
                    booked=amount_from_text(self._currency, balance.booked),
                    available=amount_from_text(self._currency, balance.available),
                    as_of=balance.as_of,
                )
        raise Unavailable(f"Rail {self._name} has no account in {self._currency.code} yet.")

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, path: str, kind: type[_Content], query: Mapping[str, str]) -> _Content:
        try:
            status, body = await self._call("GET", path, query=query)
        except _NoAnswer as error:
            raise Unavailable(f"Rail {self._name} does not answer: {error}.") from error
        content = _read(body, kind)
        if status != 200 or content is None:  # noqa: PLR2004 - HTTP 200 OK
            raise Unavailable(
                f"Rail {self._name} answered {path} with status {status} or what cannot be read."
            )
        return content

    async def _call(
        self, method: str, path: str, *, content: Any = None, query: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        body = None if content is None else msgspec.json.encode(content)
        try:
            async with self._opened().request(
                method, self._base_url + path, data=body, params=query, allow_redirects=False
            ) as response:
                return response.status, await _bounded(response)
        except TimeoutError as error:
            raise _NoAnswer(f"nothing came within {self._terms.submit_timeout_s} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _NoAnswer(type(error).__name__) from error

    def _opened(self) -> aiohttp.ClientSession:
        """Open the session at the first call, because it belongs to the event loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Content-Type": "application/json", **self._headers},
                timeout=aiohttp.ClientTimeout(total=self._terms.submit_timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_once,),
            )
        return self._session


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a cut request by itself: whether to repeat is decided above the rail."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError(f"The connection was cut: {type(error).__name__}.") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > ANSWER_MAX_BYTES:
            raise _NoAnswer(f"the answer exceeds {ANSWER_MAX_BYTES} bytes")
    return bytes(body)


def _read(body: bytes, kind: type[_Content]) -> _Content | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _error_of(body: bytes) -> _ErrorAnswer | None:
    return _read(body, _ErrorAnswer)


def _path(attempt: PayoutAttempt) -> str:
    return f"/payouts/{quote(attempt.key, safe='')}"


def _instruction(attempt: PayoutAttempt) -> Mapping[str, str]:
    return {
        "end_to_end_id": attempt.end_to_end_id,
        "amount": attempt.amount.text,
        "currency": attempt.amount.asset.code,
        "account": attempt.creditor.account_number,
        "bank_number": attempt.creditor.bank_number or "",
        "name": attempt.creditor.name,
        "information": attempt.information,
    }


def _answer_to(attempt: PayoutAttempt, body: bytes) -> _PayoutAnswer | Unknown:
    """Read what the bank says of a payout, and make sure that it speaks of this one."""
    answer = _read(body, _PayoutAnswer)
    if answer is None:
        return Unknown(detail=f"What the bank said of payout {attempt.key} cannot be read.")
    told = (answer.key, answer.end_to_end_id, answer.amount, answer.currency, answer.account)
    ours = _instruction(attempt)
    if told != (attempt.key, *(ours[each] for each in ("end_to_end_id", "amount", "currency", "account"))):
        return Unknown(
            detail=f"The bank knows payout {attempt.key} with other content; a person has to compare."
        )
    return answer


def _submitted(attempt: PayoutAttempt, body: bytes) -> Outcome:
    match _answer_to(attempt, body):
        case Unknown() as unknown:
            return unknown
        case _PayoutAnswer(status=RailStatus.REFUSED) as answer:
            return Refused(reason=answer.reason or "", detail="The bank refused the payout.")
        case answer:
            return Submitted(status=answer.status, reference=answer.reference)


def _observation(attempt: PayoutAttempt, body: bytes) -> Observation | Unknown:
    match _answer_to(attempt, body):
        case Unknown() as unknown:
            return unknown
        case answer:
            try:
                back = _came_back(answer)
            except BadInput as error:
                return Unknown(detail=f"The bank says what cannot be of {attempt.key}: {error.message}")
            return Observation(
                status=answer.status, reference=answer.reference, reason=answer.reason, amount=back
            )


def _came_back(answer: _PayoutAnswer) -> Money | None:
    if answer.returned_amount is None:
        return None
    return amount_from_text(currency(answer.currency), answer.returned_amount)


def _event(answer: _EventAnswer) -> RailEvent:
    return RailEvent(
        identity=answer.id,
        key=answer.key,
        end_to_end_id=answer.end_to_end_id,
        status=answer.status,
        occurred_at=answer.occurred_at,
        amount=amount_from_text(currency(answer.currency), answer.amount),
        reference=answer.reference,
        reason=answer.reason,
    )
