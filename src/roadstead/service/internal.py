"""The internal listener of every process: is it alive, is it ready, what does it count. Never open to the internet.

`/health` answers as long as the process turns; a supervisor restarts on its silence. `/ready` runs the process's
checks; a balancer sends work only where they pass. `/metrics` is Prometheus text.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from roadstead.database.pool import Database
from roadstead.errors import ConfigurationError, RoadsteadError
from roadstead.service.metrics import registry as process_registry
from roadstead.service.metrics import scrape_failures

log = structlog.get_logger()

CHECK_TIMEOUT_S = 2.0
REFRESH_TIMEOUT_S = 3.0
STOP_GRACE_S = 5

_BACKLOG = 2048
_OK = 200
_SERVICE_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold for a process to be ready.

    `run` returns a line for people; it raises when the thing does not hold.
    """

    name: str
    run: Callable[[], Awaitable[str]]
    timeout_s: float = CHECK_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Sets gauges from the database when metrics are asked for."""

    name: str
    run: Callable[[], Awaitable[None]]
    timeout_s: float = REFRESH_TIMEOUT_S


class _Finding(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    detail: str
    duration_ms: float


def internal_application(
    *,
    role: str,
    version: str,
    checks: Sequence[Check],
    refreshes: Sequence[Refresh] = (),
    registry: CollectorRegistry = process_registry,
) -> ASGIApp:
    """Build the application of the internal listener."""

    async def health(_: Request) -> Response:
        return _json({"status": "alive", "role": role, "version": version}, _OK)

    async def ready(_: Request) -> Response:
        findings = await asyncio.gather(*(_find(check) for check in checks))
        is_ready = all(finding.ok for finding in findings)
        content = {
            "status": "ready" if is_ready else "not_ready",
            "role": role,
            "version": version,
            "checks": {check.name: finding for check, finding in zip(checks, findings, strict=True)},
        }
        return _json(content, _OK if is_ready else _SERVICE_UNAVAILABLE)

    async def metrics(_: Request) -> Response:
        await asyncio.gather(*(_refresh(refresh) for refresh in refreshes))
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(
        routes=[Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)],
    )


def database_check(database: Database) -> Check:
    """Check that PostgreSQL answers."""

    async def run() -> str:
        async with database.connection() as connection:
            await connection.fetchval("SELECT 1")
        return "answers"

    return Check(name="database", run=run)


def open_listener(host: str, port: int) -> socket.socket:
    """Listen on an address; port 0 lets the system choose one.

    Raises:
        ConfigurationError: The address is taken, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host} port {port} ({error.strerror or error}): choose an address of this machine and "
            "a port that is free."
        ) from error
    # asyncio leaves Nagle's algorithm on for a socket made this way, at 40 ms an answer; connections inherit this.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve_until(
    stop: asyncio.Event, application: ASGIApp, *, listener: socket.socket, grace_s: int = STOP_GRACE_S
) -> None:
    """Serve an application on a listener until `stop` is set; then let requests under way end, for `grace_s` at most.

    Signals are left to the process. The listener is closed at the end.
    """
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # who is believed about addresses is said by ROADSTEAD_TRUSTED_PROXIES alone
        server_header=False,
        timeout_graceful_shutdown=grace_s,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the process has more to end than this server."""
        yield


async def _find(check: Check) -> _Finding:
    started_s = time.perf_counter()
    ok = False
    try:
        async with asyncio.timeout(check.timeout_s):
            detail = await check.run()
        ok = True
    except RoadsteadError as error:
        detail = error.message
    except TimeoutError:
        detail = f"no answer within {check.timeout_s:g} s"
    except Exception as error:
        log.exception("check_failed", check=check.name)
        detail = f"failed unexpectedly ({type(error).__name__}); see the log"
    return _Finding(ok=ok, detail=detail, duration_ms=round((time.perf_counter() - started_s) * 1000, 1))


async def _refresh(refresh: Refresh) -> None:
    """Refresh some gauges; when that fails, the others are still served, and the failure is one of the metrics."""
    try:
        async with asyncio.timeout(refresh.timeout_s):
            await refresh.run()
    except (RoadsteadError, TimeoutError) as error:
        log.warning("metrics_not_refreshed", refresh=refresh.name, error=str(error) or type(error).__name__)
        scrape_failures.labels(refresh.name).inc()
    except Exception:
        log.exception("metrics_not_refreshed", refresh=refresh.name)
        scrape_failures.labels(refresh.name).inc()


def _json(content: object, status: int) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
