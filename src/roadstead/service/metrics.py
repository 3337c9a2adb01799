"""Prometheus metrics that more than one process keeps, and the registry they are in."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

registry = CollectorRegistry()

_requests = Counter(
    "roadstead_api_requests",
    "Requests answered by the API.",
    ["method", "route", "status"],
    registry=registry,
)
_durations = Histogram(
    "roadstead_api_request_duration_seconds",
    "Time from the first byte of a request to the start of its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    registry=registry,
)


def api_requests(method: str, route: str) -> Callable[[int, float], None]:
    """Return a function that counts one answer of a route: its status and its duration in seconds."""
    duration = _durations.labels(method, route)
    counters: dict[int, Counter] = {}

    def observe(status: int, duration_s: float) -> None:
        counter = counters.get(status)
        if counter is None:
            counter = counters[status] = _requests.labels(method, route, str(status))
        counter.inc()
        duration.observe(duration_s)

    return observe
