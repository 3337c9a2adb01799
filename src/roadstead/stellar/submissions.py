"""Submitting transactions to a Horizon, and asking it what became of them.

An answer to a submission proves nothing: only a transaction that Horizon shows in a closed ledger was applied. What is
not a clear answer is `HorizonFault`: the outcome is unknown, and submitting the same envelope again is safe.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

import aiohttp
import msgspec

from roadstead.boundaries import boundary
from roadstead.errors import BadInput
from roadstead.stellar.horizon import HorizonFault
from roadstead.stellar.outcomes import (
    AccountRecord,
    AccountState,
    Applied,
    HashRecord,
    LedgerRecord,
    Problem,
    TransactionList,
    TransactionRecord,
    account_state,
    applied,
)
from roadstead.stellar.records import Root, read_root

READ_TIMEOUT_S = 8.0
SUBMIT_TIMEOUT_S = 35.0
"""Horizon waits for the ledger, up to 30 seconds, before it says that it does not know."""
ANSWER_BYTES_MAX = 8 * 1024 * 1024
LISTED_MAX = 5_000
"""Most transactions of an account that are looked through."""

_PAGE = 200
_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404
_PROBLEMS = "https://stellar.org/horizon-errors/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Horizon says that the transaction was applied. That is to be seen in a ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Horizon says why it was not applied, with the network's codes; that may be of an earlier submission."""

    transaction_code: str
    inner_code: str | None
    operation_codes: tuple[str, ...]

    @property
    def code(self) -> str:
        """The one code that says most."""
        failed = next((code for code in self.operation_codes if code != "op_success"), None)
        return failed or self.inner_code or self.transaction_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Horizon cannot read the envelope."""


Answer: TypeAlias = Taken | Refused | Unreadable


class Submissions(Protocol):
    """What sending a transaction asks of a Horizon. Every method raises `HorizonFault` without a clear answer."""

    async def root(self) -> Root:
        """Return the network's passphrase and the last ledger shown."""
        ...

    async def account(self, account: str) -> AccountState | None:
        """Return how an account stands; None when it does not exist."""
        ...

    async def find(self, transaction_hash: str) -> Applied | None:
        """Return a transaction of a closed ledger; None when this server's history does not show it."""
        ...

    async def listed(self, account: str, after_ledger: int) -> list[Applied]:
        """List what an account was the source of after a ledger, failed ones too, oldest first, without gaps.

        At most `LISTED_MAX` of the account's transactions of any source are looked through.
        """
        ...

    async def closed_at(self, ledger: int) -> datetime | None:
        """Return when a ledger closed; None when this server does not show it."""
        ...

    async def submit(self, envelope: bytes) -> Answer:
        """Submit an envelope, and wait for what Horizon says of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    status: int
    content: bytes
    ledger: int | None


_Form = TypeVar("_Form", bound=msgspec.Struct)


class HorizonSubmissions:
    """A Horizon at a URL; implements `Submissions`. One instance serves one event loop; `close` it at the end."""

    def __init__(
        self, url: str, *, read_timeout_s: float = READ_TIMEOUT_S, submit_timeout_s: float = SUBMIT_TIMEOUT_S
    ) -> None:
        """Remember the address; nothing is contacted yet."""
        self._url = url.rstrip("/")
        self._read_timeout_s = read_timeout_s
        self._submit_timeout_s = submit_timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def root(self) -> Root:
        """Return the network's passphrase and the last ledger shown. See `Submissions.root`."""
        said = await self._read("/")
        try:
            return read_root(said.content)
        except (ValueError, RecursionError) as error:
            raise self._unclear("/", said.status) from error

    async def account(self, account: str) -> AccountState | None:
        """Return how an account stands. See `Submissions.account`."""
        path = f"/accounts/{account}"
        said = await self._read(path)
        if said.status == _NOT_FOUND:
            return None
        found = self._decode(said, path, AccountRecord)
        try:
            return account_state(found, said.ledger)
        except (BadInput, ValueError) as error:
            raise self._unclear(path, said.status) from error

    async def find(self, transaction_hash: str) -> Applied | None:
        """Return a transaction of a closed ledger. See `Submissions.find`."""
        path = f"/transactions/{transaction_hash}"
        said = await self._read(path)
        if said.status == _NOT_FOUND:
            return None
        found = applied(self._decode(said, path, TransactionRecord))
        if transaction_hash not in found.hashes:
            raise self._unclear(path, said.status)
        return found

    async def listed(self, account: str, after_ledger: int) -> list[Applied]:
        """List the transactions of an account after a ledger. See `Submissions.listed`."""
        path = f"/accounts/{account}/transactions"
        cursor = str((after_ledger + 1) << 32)
        listed: list[Applied] = []
        for _ in range(LISTED_MAX // _PAGE):
            query = {"cursor": cursor, "order": "asc", "limit": str(_PAGE), "include_failed": "true"}
            said = await self._read(path, query)
            if said.status == _NOT_FOUND:
                return []
            records = self._decode(said, path, TransactionList).embedded.records
            listed.extend(applied(record) for record in records if record.source_account == account)
            if len(records) < _PAGE:
                break
            cursor = records[-1].paging_token
        return listed

    async def closed_at(self, ledger: int) -> datetime | None:
        """Return when a ledger closed. See `Submissions.closed_at`."""
        path = f"/ledgers/{ledger}"
        said = await self._read(path)
        if said.status == _NOT_FOUND:
            return None
        found = self._decode(said, path, LedgerRecord)
        if found.sequence != ledger:
            raise self._unclear(path, said.status)
        return found.closed_at

    async def submit(self, envelope: bytes) -> Answer:
        """Submit an envelope. See `Submissions.submit`."""
        path = "/transactions"
        form = {"tx": base64.b64encode(envelope).decode()}
        boundary("horizon.submit.before")
        said = await self._asked("POST", path, {}, form, self._submit_timeout_s)
        boundary("horizon.submit.after")
        if said.status == _OK:
            self._decode(said, path, HashRecord)
            return Taken()
        if said.status == _BAD_REQUEST:
            problem = self._decode(said, path, Problem, status=_BAD_REQUEST)
            codes = problem.extras.result_codes if problem.extras else None
            if problem.type == f"{_PROBLEMS}transaction_malformed":
                return Unreadable()
            if problem.type == f"{_PROBLEMS}transaction_failed" and codes is not None:
                return Refused(
                    transaction_code=codes.transaction,
                    inner_code=codes.inner_transaction,
                    operation_codes=tuple(codes.operations or ()),
                )
        raise self._unclear(path, said.status)

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _read(self, path: str, query: Mapping[str, str] | None = None) -> _Said:
        boundary("horizon.read.before")
        said = await self._asked("GET", path, query or {}, None, self._read_timeout_s)
        boundary("horizon.read.after")
        if said.status == _OK:
            return said
        if said.status == _NOT_FOUND and self._is_problem(said.content, "not_found"):
            return said
        raise self._unclear(path, said.status)

    def _is_problem(self, content: bytes, name: str) -> bool:
        """Tell Horizon's own 404 from that of a proxy in front of it, which knows nothing of transactions."""
        try:
            return msgspec.json.decode(content, type=Problem).type == _PROBLEMS + name
        except (ValueError, RecursionError):
            return False

    async def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeout_s: float,
    ) -> _Said:
        try:
            async with self._opened().request(
                method,
                self._url + path,
                params=query,
                data=form,
                headers={"Accept": "application/hal+json, application/json"},
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                content = await self._bounded(path, response)
                latest = response.headers.get("Latest-Ledger", "")
                ledger = int(latest) if latest.isascii() and latest.isdigit() else None
                return _Said(status=response.status, content=content, ledger=ledger)
        except TimeoutError as error:
            raise HorizonFault(
                f"Horizon at {self._url} did not answer {path} in time. What was asked is not known.",
                reason="timeout",
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise HorizonFault(
                f"Horizon at {self._url} cannot be reached at {path} ({type(error).__name__}).",
                reason="connection",
            ) from error

    async def _bounded(self, path: str, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for part in response.content.iter_any():
            content += part
            if len(content) > ANSWER_BYTES_MAX:
                raise self._unclear(path, response.status)
        return bytes(content)

    def _decode(self, said: _Said, path: str, form: type[_Form], *, status: int = _OK) -> _Form:
        try:
            if said.status == status:
                return msgspec.json.decode(said.content, type=form)
        except (ValueError, RecursionError) as error:
            raise self._unclear(path, said.status) from error
        raise self._unclear(path, said.status)

    def _unclear(self, path: str, status: int) -> HorizonFault:
        return HorizonFault(
            f"Horizon at {self._url} gave no clear answer to {path[:80]} (status {status}). It is asked again.",
            reason=f"status_{status}",
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session
