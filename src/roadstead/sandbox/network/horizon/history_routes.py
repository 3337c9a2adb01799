"""Ledgers, transactions, operations, payments and effects."""

from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.history.lists import Lists, slice_of
from roadstead.sandbox.network.network import HISTORY_STARTS_AT

from .answers import base_url, hal, refuse_stream, wants_stream
from .face import Face
from .history_sources import Effects, Ledgers, Numbers, Operations, Transactions
from .parameters import (
    account_parameter,
    balance_parameter,
    flag_parameter,
    hash_parameter,
    join_parameter,
    ledger_parameter,
    operation_parameter,
)
from .problems import before_history, not_found
from .resources import ledger_resource, operation_resource, transaction_resource
from .serving import serve_list

Endpoint = Callable[[Request], Awaitable[Response]]
_ALL = 0xFFF
_UINT32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class HistoryRoutes:
    """The endpoints over one network's history."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        found = [
            Route("/ledgers", self.ledgers),
            Route("/ledgers/{ledger_id}", self.ledger),
            Route("/transactions/{tx_id}", self.transaction),
            Route("/operations/{operation_id}", self.operation),
        ]
        owners: list[tuple[str, Callable[[Request, str], Numbers]]] = [
            ("", self._everything),
            ("/accounts/{account_id}", self._of_account),
            ("/ledgers/{ledger_id}", self._of_ledger),
            ("/transactions/{tx_id}", self._of_transaction),
            ("/claimable_balances/{balance_id}", self._of_balance),
        ]
        for prefix, numbers in owners:
            for name in ("transactions", "operations", "payments", "effects"):
                if name in _ABSENT.get(prefix, ()):
                    continue
                found.append(Route(f"{prefix}/{name}", self._endpoint(name, numbers)))
        found.append(Route("/operations/{operation_id}/effects", self._endpoint("effects", self._of_one)))
        return found

    def _endpoint(self, name: str, numbers: Callable[[Request, str], Numbers]) -> Endpoint:
        async def serve(request: Request) -> Response:
            wants_stream(request)
            found = numbers(request, "operations" if name == "payments" else name)
            match name:
                case "transactions":
                    return self._transactions(request, found)
                case "effects":
                    return self._effects(request, found)
                case _:
                    return self._operations(request, found, payments_only=name == "payments")

        return serve

    def _transactions(self, request: Request, numbers: Numbers) -> Response:
        include_failed = flag_parameter(request, "include_failed")
        source = Transactions(
            face=self.face,
            base=base_url(request),
            numbers=numbers,
            shown=self.face.network.history.transaction_filter(include_failed=include_failed),
        )
        return serve_list(request, self.face, source)

    def _operations(self, request: Request, numbers: Numbers, *, payments_only: bool) -> Response:
        joined = join_parameter(request)
        of_transaction = "tx_id" in request.path_params
        include_failed = flag_parameter(request, "include_failed") or of_transaction
        source = Operations(
            face=self.face,
            base=base_url(request),
            numbers=numbers,
            shown=self.face.network.history.operation_filter(
                include_failed=include_failed, payments_only=payments_only
            ),
            joined=joined,
        )
        return serve_list(request, self.face, source)

    def _effects(self, request: Request, numbers: Numbers) -> Response:
        source = Effects(
            face=self.face,
            base=base_url(request),
            numbers=numbers,
            owner=request.path_params.get("account_id"),
        )
        return serve_list(request, self.face, source)

    def _everything(self, _request: Request, name: str) -> Numbers:
        return lambda: _list_of(self.face.network.history.everything, name)

    def _of_account(self, request: Request, name: str) -> Numbers:
        account = account_parameter(request.path_params["account_id"])
        lists = self.face.network.history.account_lists(account)
        if lists is None:
            raise not_found()
        return lambda: _list_of(lists, name)

    def _of_balance(self, request: Request, name: str) -> Numbers:
        balance_id = balance_parameter(request.path_params["balance_id"], "claimable_balance_id")
        lists = self.face.network.history.balance_lists(balance_id)
        if lists is None:
            raise not_found()
        return lambda: _list_of(lists, name)

    def _of_ledger(self, request: Request, name: str) -> Numbers:
        sequence = self._sequence(request)
        return lambda: slice_of(
            _list_of(self.face.network.history.everything, name),
            sequence << 32,
            (sequence << 32) | _UINT32,
        )

    def _of_transaction(self, request: Request, name: str) -> Numbers:
        record = self.face.network.history.by_hash(hash_parameter(request.path_params["tx_id"]))
        if record is None or record.ledger > self.face.visible_ledger:
            raise not_found()
        toid = record.toid
        return lambda: slice_of(_list_of(self.face.network.history.everything, name), toid, toid | _ALL)

    def _of_one(self, request: Request, name: str) -> Numbers:
        number = operation_parameter(request.path_params["operation_id"])
        everything = self.face.network.history.everything
        return lambda: slice_of(_list_of(everything, name), number, number)

    def _sequence(self, request: Request) -> int:
        sequence = ledger_parameter(request.path_params["ledger_id"])
        if sequence < HISTORY_STARTS_AT:
            raise before_history()
        if sequence > self.face.visible_ledger:
            raise not_found()
        return sequence

    async def ledgers(self, request: Request) -> Response:
        """All ledgers."""
        source = Ledgers(face=self.face, base=base_url(request), elder=HISTORY_STARTS_AT)
        return serve_list(request, self.face, source)

    async def ledger(self, request: Request) -> Response:
        """One ledger."""
        refuse_stream(request)
        record = self.face.network.history.ledger(self._sequence(request))
        if record is None:
            raise not_found()
        return hal(ledger_resource(record, base_url(request)))

    async def transaction(self, request: Request) -> Response:
        """One transaction, by its own hash or by that of the transaction inside a fee bump."""
        refuse_stream(request)
        asked = hash_parameter(request.path_params["tx_id"])
        history = self.face.network.history
        record = history.by_hash(asked)
        if record is None or record.ledger > self.face.visible_ledger:
            raise not_found()
        ledger = history.ledgers[record.ledger - 1]
        return hal(transaction_resource(record, ledger, base_url(request), asked))

    async def operation(self, request: Request) -> Response:
        """One operation."""
        refuse_stream(request)
        number = operation_parameter(request.path_params["operation_id"])
        joined = join_parameter(request)
        if number < HISTORY_STARTS_AT << 32:
            raise before_history()
        history = self.face.network.history
        found = history.operation(number)
        if found is None or found[0].ledger > self.face.visible_ledger:
            raise not_found()
        record, position = found
        ledger = history.ledgers[record.ledger - 1]
        return hal(operation_resource(record, position, ledger, base_url(request), joined=joined))


_ABSENT = {
    "/transactions/{tx_id}": ("transactions",),
    "/claimable_balances/{balance_id}": ("payments", "effects"),
}


def _list_of(lists: Lists, name: str) -> "array[int]":
    match name:
        case "transactions":
            return lists.transactions
        case "effects":
            return lists.effects
        case "trades":
            return lists.trades
        case _:
            return lists.operations
