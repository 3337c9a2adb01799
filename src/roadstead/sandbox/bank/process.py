"""The bank as a process: reads its arguments, serves until it is told to end."""

import asyncio
import contextlib
import os
import signal
import socket
from argparse import ArgumentParser, Namespace
from collections.abc import Coroutine, Iterator, Sequence
from datetime import date, time, timedelta
from ipaddress import ip_address
from pathlib import Path

import uvicorn
import uvloop

from roadstead.clock import SystemClock
from roadstead.errors import ConfigurationError, RoadsteadError
from roadstead.money import Money, amount_from_text, currency
from roadstead.randomness import SystemRandomness
from roadstead.sandbox.bank.api import BankApi
from roadstead.sandbox.bank.calendar import BankCalendar
from roadstead.sandbox.bank.connection import CuttableProtocol
from roadstead.sandbox.bank.decisions import BankTerms
from roadstead.sandbox.bank.events import BankEvent
from roadstead.sandbox.bank.journal import FileJournal, Journal, MemoryJournal
from roadstead.sandbox.bank.misfortune import Misfortune
from roadstead.sandbox.bank.teller import Teller

TOKEN_VARIABLE = "ROADSTEAD_BANK_TOKEN"  # noqa: S105 - the name of a variable, not a token

_SHUTDOWN_MAX_S = 1
_BACKLOG = 1024
_CONNECTIONS_MAX = 1000
_DELAY_MAX_S = 7 * 24 * 3600


def arguments(texts: Sequence[str]) -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="roadstead simulate-bank", description="A simulated bank.")
    parser.add_argument("--port", type=int, required=True, help="TCP port; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--state", type=Path, help="folder of the journal; without it, state is in memory")
    parser.add_argument(
        "--token", default=os.environ.get(TOKEN_VARIABLE) or None, help=f"or {TOKEN_VARIABLE}"
    )
    parser.add_argument("--settlement-delay", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--return-delay", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument(
        "--opening-balance",
        action="append",
        default=[],
        metavar="CURRENCY=AMOUNT",
        help="may be repeated; other currencies start with a large balance when first used",
    )
    parser.add_argument(
        "--cut-off",
        type=time.fromisoformat,
        metavar="HH:MM",
        help="UTC; what is accepted then or later settles on the next day",
    )
    parser.add_argument("--rests-at-weekends", action="store_true", help="nothing is booked on weekends")
    parser.add_argument(
        "--holiday",
        action="append",
        default=[],
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="may be repeated; nothing is booked on this day",
    )
    parser.add_argument(
        "--customer-key", metavar="BASE64", help="public Ed25519 key of the customer; opens the signed door"
    )
    parser.add_argument(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="the bank's own key as PEM, made when the file is not there; signing-key.pem in --state by default",
    )
    parser.add_argument(
        "--push-to", metavar="URL", help="where events are pushed, signed; needs --customer-key"
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="CURRENCY=NUMBER",
        help="may be repeated; the number of the customer's account, as statements and files name it",
    )
    parser.add_argument(
        "--files", type=Path, metavar="FOLDER", help="folder of the file door: ISO 20022 files in and out"
    )
    return parser.parse_args(texts)


def run(texts: Sequence[str]) -> int:
    """Run the bank until it is told to end; return the exit status."""
    options = arguments(texts)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options))
    except RoadsteadError as error:
        os.write(2, f"{error.message}\n".encode())
        return 1
    return 0


class _Server(uvicorn.Server):
    """Announces itself when it listens, and ends at the first signal: the journal needs no farewell."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        for listener in sockets or []:
            host, port, *_ = listener.getsockname()
            shown = f"[{host}]" if ":" in host else host
            os.write(1, f"listening http://{shown}:{port}\n".encode())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        yield

    def end(self) -> None:
        """End without waiting for idle connections."""
        self.should_exit = True
        self.force_exit = True


async def _serve(options: Namespace) -> None:
    terms = _terms(options)
    _check_exposure(options.host, options.token)
    journal, history = _open_journal(options.state)
    try:
        listener = _listen(options.host, options.port)
        teller = Teller(
            journal=journal, history=history, terms=terms, clock=SystemClock(), randomness=SystemRandomness()
        )
        await teller.durable()
        misfortune = Misfortune()
        door, works = None, [teller.run()]
        if options.customer_key or options.push_to or options.signing_key:
            # Signatures are slow to import, and most rehearsals do without them.
            from roadstead.sandbox.bank.customers import signed_customer  # noqa: PLC0415

            door, pushing = signed_customer(options, teller, misfortune)
            works += pushing
        api = BankApi(
            teller=teller,
            misfortune=misfortune,
            token=options.token,
            signed_door=door,
            kept_on_disk=options.state is not None,
        )
        if options.files:
            from roadstead.sandbox.bank.files.door import FileDoor  # noqa: PLC0415 - the same

            works.append(FileDoor(teller=teller, misfortune=misfortune, folder=options.files).run())
        await _serve_until_told(api, works, listener)
    finally:
        await journal.close()


async def _serve_until_told(
    api: BankApi, works: Sequence[Coroutine[None, None, None]], listener: socket.socket
) -> None:
    config = uvicorn.Config(
        api.application(),
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_MAX,
        timeout_graceful_shutdown=_SHUTDOWN_MAX_S,
    )
    server = _Server(config)
    working = [asyncio.create_task(work) for work in works]
    for task in working:
        task.add_done_callback(lambda _: server.end())
    await server.serve(sockets=[listener])
    for task in working:
        task.cancel()
    for task in working:
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _terms(options: Namespace) -> BankTerms:
    for delay_s in (options.settlement_delay, options.return_delay):
        if not 0 <= delay_s <= _DELAY_MAX_S:
            raise ConfigurationError(f"A delay is 0 to {_DELAY_MAX_S} seconds.")
    return BankTerms(
        settlement_delay=timedelta(seconds=options.settlement_delay),
        return_delay=timedelta(seconds=options.return_delay),
        calendar=BankCalendar(
            cut_off=options.cut_off,
            rests_at_weekends=options.rests_at_weekends,
            holidays=frozenset(options.holiday),
        ),
        account_numbers=dict(_account(text) for text in options.account),
        opening_balances=dict(_opening_balance(text) for text in options.opening_balance),
    )


def _opening_balance(text: str) -> tuple[str, Money]:
    code, _, amount = text.partition("=")
    return code, amount_from_text(currency(code), amount)


def _account(text: str) -> tuple[str, str]:
    code, _, number = text.partition("=")
    if not number.isalnum():
        raise ConfigurationError(
            "An account is named as CURRENCY=NUMBER, such as EUR=DE02120300000000202051."
        )
    return currency(code).code, number


def _check_exposure(host: str, token: str | None) -> None:
    if token is None and host != "localhost" and not ip_address(host).is_loopback:
        raise ConfigurationError(
            f"The bank would be open to everybody on {host}: set {TOKEN_VARIABLE} or listen on 127.0.0.1."
        )


def _open_journal(state: Path | None) -> tuple[Journal, Sequence[BankEvent]]:
    if state is None:
        return MemoryJournal(), []
    return FileJournal.open(state)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"The bank cannot listen on {host}:{port}: {error.strerror}.") from error
    # Connections inherit it; the event loop sets it only for sockets that were made with an explicit protocol number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
