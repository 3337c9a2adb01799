"""Prometheus metrics that more than one process keeps, and the registry they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

registry = CollectorRegistry()
ProcessCollector(registry=registry)

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


_loop_failures = Counter(
    "roadstead_loop_failures",
    "Steps of a role's loop that failed and were repeated.",
    ["loop", "reason"],
    registry=registry,
)
_leadership = Gauge(
    "roadstead_leader",
    "Whether this process holds a role that only one process may have (1) or not (0).",
    ["role"],
    registry=registry,
)


def loop_failures(loop: str, reason: str) -> None:
    """Count one failed step of a loop; the reason is an error's code or `unexpected`."""
    _loop_failures.labels(loop, reason).inc()


def leadership_held(role: str, *, held: bool) -> None:
    """Note whether this process leads."""
    _leadership.labels(role).set(int(held))


payments_stored = Counter(
    "roadstead_payments_stored", "Incoming credits stored for the first time.", registry=registry
)
undecodable_records = Counter(
    "roadstead_undecodable_records",
    "Records of the chain that could not be understood; each waits for a person.",
    registry=registry,
)
horizon_faults = Counter(
    "roadstead_horizon_faults", "Calls to Horizon without a good answer.", ["reason"], registry=registry
)
_horizon_in_use = Gauge(
    "roadstead_horizon_in_use",
    "Whether the observer reads from this Horizon (1) or not (0).",
    ["url"],
    registry=registry,
)
chain_seedings = Counter(
    "roadstead_chain_seedings",
    "Times that reading did not go on where it had ended: the network was reset, or its history has a gap.",
    ["kind"],
    registry=registry,
)
clawbacks_stored = Counter(
    "roadstead_clawbacks_stored",
    "Times that an issuer took tokens out of the distribution account.",
    registry=registry,
)
balances_offered = Counter(
    "roadstead_claimable_balances_seen", "Claimable balances that were made for us.", registry=registry
)


def horizon_in_use(url: str | None, known: Iterable[str]) -> None:
    """Note from which Horizon the observer reads; None when from none."""
    for other in known:
        _horizon_in_use.labels(other).set(int(other == url))


observed_ledger = Gauge(
    "roadstead_observer_ledger", "Last ledger up to which all payments were read.", registry=registry
)
observer_lag_s = Gauge(
    "roadstead_observer_lag_seconds",
    "Age of the last ledger up to which all payments were read, by this machine's clock; grows while nothing is read.",
    registry=registry,
)
observer_scan_age_s = Gauge(
    "roadstead_observer_scan_age_seconds",
    "Time since the end of the chain was last reached.",
    registry=registry,
)

payments_matched = Counter(
    "roadstead_payments_matched", "Payments that funded a remittance.", registry=registry
)
payments_unmatched = Counter(
    "roadstead_payments_unmatched",
    "Payments that fund nothing, by reason; each waits for a person or goes back.",
    ["reason"],
    registry=registry,
)
remittances_expired = Counter(
    "roadstead_remittances_expired", "Remittances that were not paid in time.", registry=registry
)
customers_screened = Counter(
    "roadstead_customers_screened", "Customers compared with the sanctions lists.", registry=registry
)
payouts_worked = Counter("roadstead_payouts_worked", "Steps taken with payouts.", registry=registry)
verifications_worked = Counter(
    "roadstead_verifications_worked", "Steps taken with the cases of customers.", registry=registry
)
rail_events_stored = Counter(
    "roadstead_rail_events_stored", "Events that the rails told.", ["rail"], registry=registry
)
statements_stored = Counter(
    "roadstead_statements_stored", "Bank statements that were stored.", ["rail"], registry=registry
)
statement_lines_booked = Counter(
    "roadstead_statement_lines_booked",
    "Statement lines that were matched or put into suspense.",
    registry=registry,
)
books_unsound_checks = Gauge(
    "roadstead_books_unsound_checks",
    "Checks of the books that found something when the books were last verified.",
    registry=registry,
)
callback_tries = Counter(
    "roadstead_callback_tries",
    "Tries to deliver a callback, by how they ended.",
    ["outcome"],
    registry=registry,
)
callbacks_delivered = Counter(
    "roadstead_callbacks_delivered", "Callbacks that their receivers took.", registry=registry
)
callbacks_given_up = Counter(
    "roadstead_callbacks_given_up",
    "Callbacks that their receivers did not take for a day; an operator may send them again.",
    registry=registry,
)
customer_files_expired = Counter(
    "roadstead_customer_files_expired",
    "Documents that were deleted because no customer referred to them in time.",
    registry=registry,
)
codes_handed_over = Counter(
    "roadstead_codes",
    "Tries to send a code with which a customer confirms an address, by how they ended.",
    ["outcome"],
    registry=registry,
)
customers_erased = Counter(
    "roadstead_customers_erased",
    "Deleted customers whose data were erased when they need not be kept any longer.",
    registry=registry,
)
scrape_failures = Counter(
    "roadstead_metrics_refresh_failures",
    "Gauges that could not be refreshed when metrics were asked for; they show old values.",
    ["refresh"],
    registry=registry,
)
