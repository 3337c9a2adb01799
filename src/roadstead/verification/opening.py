"""Putting a verifier behind each name of anchor.toml, as the environment says."""

from __future__ import annotations

from collections.abc import Callable

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.config.extensions import imported
from roadstead.config.verification import ConfiguredVerifier
from roadstead.config.verifier_checks import variable_of
from roadstead.config.verifier_definitions import HTTP, MANUAL, OFFLINE
from roadstead.database.pool import Database
from roadstead.errors import ConfigurationError
from roadstead.verification.http import HttpVerifier
from roadstead.verification.manual import ManualVerifier
from roadstead.verification.offline import OfflineVerifier
from roadstead.verification.protocol import IdentityVerifier

VerifierFactory = Callable[[ConfiguredVerifier], IdentityVerifier]
"""What an integrator's own kind names: `package.module:function`, called with the configured verifier."""


def open_verifiers(
    configuration: Configuration, database: Database, clock: Clock
) -> dict[str, IdentityVerifier]:
    """Make the verifiers, by name; nothing is contacted yet. Where nobody is verified there are none.

    Raises:
        ConfigurationError: A verifier's kind is not known, cannot be imported, or lacks what it needs.
    """
    if not configuration.validates_customers:
        return {}
    return {
        configured.name: open_verifier(configured, database, clock) for configured in configuration.verifiers
    }


def open_verifier(configured: ConfiguredVerifier, database: Database, clock: Clock) -> IdentityVerifier:
    """Make one verifier.

    Raises:
        ConfigurationError: Its kind is not known, cannot be imported, or lacks what it needs.
    """
    match configured.kind:
        case "offline":
            return OfflineVerifier(configured.name)
        case "manual":
            return ManualVerifier(configured.name, database)
        case "http":
            return _http(configured, clock)
    variable = variable_of(configured.name, "KIND")
    if ":" not in configured.kind:
        raise ConfigurationError(
            f"{variable} is {configured.kind!r}: write {OFFLINE}, {MANUAL}, {HTTP}, or package.module:function of a "
            "verifier of your own."
        )
    factory: VerifierFactory = imported(configured.kind, named_by=variable)
    return factory(configured)


def _http(configured: ConfiguredVerifier, clock: Clock) -> HttpVerifier:
    if configured.url is None or configured.secret is None:
        raise ConfigurationError(
            f"{variable_of(configured.name, 'URL')} and {variable_of(configured.name, 'SECRET')} are needed by the "
            "kind http: set both."
        )
    return HttpVerifier(name=configured.name, base_url=configured.url, secret=configured.secret, clock=clock)
