"""Where this anchor runs, as the environment says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from roadstead.config.definition import DEFAULT, NETWORK_DEFAULT
from roadstead.config.environment import Reading, read_environment
from roadstead.config.file_rails import FileSettings
from roadstead.config.networks import Network, NetworkProfile, profile
from roadstead.config.secrets import Secret
from roadstead.config.text_forms import IpNetwork
from roadstead.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class RailSettings(FileSettings):
    """What stands behind a rail of `anchor.toml` in this environment."""

    kind: str | None = None
    """`simulated`, `http`, or `package.module:function` of an integrator's own."""
    url: str | None = None
    token: Secret | None = None
    signing_key: Secret | None = None
    """The Ed25519 key that signs what we send."""
    bank_keys: tuple[str, ...] = ()
    """The Ed25519 keys that sign what the bank sends."""
    client_certificate: Path | None = None
    authority: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierSettings:
    """What stands behind a verifier of `anchor.toml` in this environment."""

    kind: str | None = None
    """`offline`, `manual`, `http`, or `package.module:function` of an integrator's own."""
    url: str | None = None
    secret: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of all settings, read and checked one by one; each is described in `roadstead.config.definitions`."""

    network: Network
    network_passphrase: str
    horizon_urls: tuple[str, ...]
    """The Horizon servers, best first; never empty."""
    horizon_lag_max_s: int = 60
    """Age of a Horizon's last ledger from which on it counts as lagging, in seconds."""
    anchor_file: Path
    home_domain: str
    """Host, with a port where it is not 443."""
    more_home_domains: tuple[str, ...] = ()
    """Further domains that partners may authenticate with."""
    public_url: str
    """Base URL of the API, without a slash at the end."""
    signing_secret: Secret
    """The seed S... that signs challenges and callbacks."""
    distribution_account: str
    distribution_secret: Secret | None = None
    """The seed S... that signs what leaves the distribution account."""
    allow_secret_in_environment: bool = False
    own_accounts: tuple[str, ...] = ()
    """Further accounts of our own, as the environment names them."""
    issuers: Mapping[str, str]
    """Issuing accounts by the asset's code in capital letters."""
    jwt_secret: Secret
    jwt_secret_previous: Secret | None = None
    """Verifies tokens that were issued before the secret was changed."""
    require_partner_at_authentication: bool = False
    require_client_attribution: bool = False
    data_key: Secret
    """Base64 of the 32 bytes that wrap customers' data keys."""
    data_key_version: int = 1
    data_key_previous: Secret | None = None
    """The key of the version before, while data keys are moved to the newest."""
    messenger_kind: str | None = None
    """None means what the network's profile says."""
    messenger_from: str | None = None
    database_url: Secret | None = None
    """None means the embedded server in the state folder."""
    database_owner_url: Secret | None = None
    database_pool_max: int = 10
    state_dir: Path
    rates_url: str | None = None
    rates_token: Secret | None = None
    alert_webhook_url: Secret | None = None
    alert_webhook_secret: Secret | None = None
    smtp_url: Secret | None = None
    alert_email_from: str | None = None
    alert_email_to: tuple[str, ...] = ()
    screening: bool = True
    screener: str = "built-in"
    """`built-in`, or `package.module:function` of an integrator's own."""
    screener_url: str | None = None
    screener_token: Secret | None = None
    screening_lists: tuple[str, ...] = ()
    screening_list_age_max_h: int = 0
    """0 means that lists never grow too old."""
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    trusted_proxies: tuple[IpNetwork, ...] = ()
    internal_host: str = "127.0.0.1"
    internal_port: int = 8081
    log_level: str = "info"
    log_format: str = "json"
    debug: bool = False
    rails: Mapping[str, RailSettings] = field(default_factory=dict)
    """Rails by their name in `anchor.toml`, as far as the environment speaks of them."""
    kyc_validation: str | None = None
    """`on` or `off`: whether customers are verified; None means what the network says."""
    verifiers: Mapping[str, VerifierSettings] = field(default_factory=dict)
    """Verifiers by their name in `anchor.toml`, as far as the environment speaks of them."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each variable's value comes from: `environment`, `file PATH`, `default` or `network default`."""

    @property
    def home_domains(self) -> tuple[str, ...]:
        """Every domain that partners may authenticate with, each once; the first is the one of stellar.toml."""
        return tuple(dict.fromkeys((self.home_domain, *self.more_home_domains)))

    @property
    def token_secrets(self) -> tuple[Secret, ...]:
        """The secrets that verify tokens; the first one signs."""
        previous = self.jwt_secret_previous
        return (self.jwt_secret,) if previous is None else (self.jwt_secret, previous)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment. Reading again is safe and changes nothing.

    Raises:
        ConfigurationError: A variable is missing, malformed or unknown; lists every problem found.
    """
    reading = read_environment(environ)
    if reading.problems:
        raise ConfigurationError("\n".join(reading.problems))
    return settings_from(reading, environ)


def settings_from(reading: Reading, environ: Mapping[str, str]) -> Settings:
    """Fill in the defaults that depend on other values. The reading must be free of problems."""
    values = dict(reading.values)
    origins = dict(reading.origins)
    network = profile(cast(Network, values["network"]))
    for name, variable, default, origin in _dependent_defaults(values, network, environ):
        if name not in values:
            values[name] = default
            origins[variable] = origin
    return Settings(
        **cast(dict[str, Any], values),  # every definition names its attribute and reads its type
        issuers=MappingProxyType(cast(dict[str, str], reading.issuers)),
        rails=MappingProxyType(
            {name: RailSettings(**cast(Any, rail)) for name, rail in reading.rails.items()}
        ),
        verifiers=MappingProxyType(
            {name: VerifierSettings(**cast(Any, verifier)) for name, verifier in reading.verifiers.items()}
        ),
        origins=MappingProxyType(origins),
    )


def _dependent_defaults(
    values: Mapping[str, object], network: NetworkProfile, environ: Mapping[str, str]
) -> tuple[tuple[str, str, object, str], ...]:
    """List attribute, variable, default and its origin of what has a default that its definition does not state."""
    database_url = values.get("database_url")
    return (
        ("network_passphrase", "ROADSTEAD_NETWORK_PASSPHRASE", network.passphrase, NETWORK_DEFAULT),
        ("horizon_urls", "ROADSTEAD_HORIZON_URLS", (network.horizon_url,), NETWORK_DEFAULT),
        ("own_accounts", "ROADSTEAD_OWN_ACCOUNTS", (), DEFAULT),
        ("more_home_domains", "ROADSTEAD_HOME_DOMAINS", (), DEFAULT),
        ("distribution_secret", "ROADSTEAD_DISTRIBUTION_SECRET", None, DEFAULT),
        ("jwt_secret_previous", "ROADSTEAD_JWT_SECRET_PREVIOUS", None, DEFAULT),
        ("alert_email_to", "ROADSTEAD_ALERT_EMAIL_TO", (), DEFAULT),
        ("data_key_previous", "ROADSTEAD_DATA_KEY_PREVIOUS", None, DEFAULT),
        ("messenger_kind", "ROADSTEAD_MESSENGER_KIND", None, DEFAULT),
        ("messenger_from", "ROADSTEAD_MESSENGER_FROM", None, DEFAULT),
        (
            "require_partner_at_authentication",
            "ROADSTEAD_REQUIRE_PARTNER_AT_AUTHENTICATION",
            network.requires_allow_list_at_authentication,
            NETWORK_DEFAULT,
        ),
        ("screening_lists", "ROADSTEAD_SCREENING_LISTS", network.screening_lists, NETWORK_DEFAULT),
        (
            "screening_list_age_max_h",
            "ROADSTEAD_SCREENING_LIST_AGE_MAX_H",
            network.screening_list_age_max_h,
            NETWORK_DEFAULT,
        ),
        ("trusted_proxies", "ROADSTEAD_TRUSTED_PROXIES", (), DEFAULT),
        (
            "kyc_validation",
            "ROADSTEAD_KYC_VALIDATION",
            "on" if network.validates_customers else "off",
            NETWORK_DEFAULT,
        ),
        ("public_url", "ROADSTEAD_PUBLIC_URL", f"https://{values['home_domain']}", DEFAULT),
        ("database_url", "ROADSTEAD_DATABASE_URL", None, DEFAULT),
        ("database_owner_url", "ROADSTEAD_DATABASE_OWNER_URL", database_url, DEFAULT),
        ("state_dir", "ROADSTEAD_STATE_DIR", _state_dir(environ), DEFAULT),
    )


def _state_dir(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / ".local" / "state" / "roadstead"
