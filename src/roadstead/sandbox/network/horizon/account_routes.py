"""Accounts and their data, as they are now."""

import base64
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.ledger.operations.data import is_plain_text
from roadstead.sandbox.network.ledger.state import Account, AccountKey

from .answers import CACHE, base_url, hal, wants_stream
from .face import Face
from .parameters import account_parameter
from .problems import Problem, not_found
from .state_resources import account_resource
from .streams import state_events, stream_answer


@dataclass(frozen=True, slots=True)
class AccountRoutes:
    """The endpoints over one network's accounts."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/accounts/{account_id}", self.account),
            Route("/accounts/{account_id}/data/{key}", self.data),
        ]

    def _account(self, request: Request) -> Account:
        account = account_parameter(request.path_params["account_id"])
        entry = self.face.network.store.get(AccountKey(account))
        if not isinstance(entry, Account):
            raise self.stated(not_found())
        return entry

    def stated(self, problem: Problem) -> Problem:
        """The problem, saying as of which ledger it holds."""
        problem.headers["Latest-Ledger"] = str(self.face.network.header.sequence)
        return problem

    async def account(self, request: Request) -> Response:
        """One account."""
        streaming = wants_stream(request)
        entry = self._account(request)
        network = self.face.network
        base = base_url(request)

        def look() -> dict[str, Any]:
            now = network.store.get(entry.key)
            shown = now if isinstance(now, Account) else entry
            return account_resource(network.store, network.history, shown, base)

        if streaming:
            return stream_answer(state_events(self.face, look))
        return hal(look(), latest_ledger=network.header.sequence)

    @staticmethod
    def _plain(value: bytes, latest_ledger: int) -> Response:
        """A data entry's value itself, called text where it is some."""
        is_text = is_plain_text(value)
        return Response(
            value,
            headers={"Cache-Control": CACHE, "Latest-Ledger": str(latest_ledger)},
            media_type="text/plain; charset=utf-8" if is_text else "application/octet-stream",
        )

    async def data(self, request: Request) -> Response:
        """One data entry of an account."""
        raw = request.headers.get("accept", "") == "application/octet-stream"
        streaming = not raw and wants_stream(request)
        account = self._account(request)
        name = request.path_params["key"].encode()
        network = self.face.network
        if name not in network.store.data_by_account.get(account.account, {}):
            raise self.stated(not_found())
        if raw:
            value = network.store.data_by_account[account.account][name].value
            return self._plain(value, network.header.sequence)

        def look() -> dict[str, Any]:
            entry = network.store.data_by_account.get(account.account, {}).get(name)
            value = b"" if entry is None else entry.value
            return {"value": base64.b64encode(value).decode()}

        if streaming:
            return stream_answer(state_events(self.face, look))
        return hal(look(), latest_ledger=network.header.sequence)
