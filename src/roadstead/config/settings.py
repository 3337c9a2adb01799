"""Where this anchor runs, as the environment says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roadstead.config.networks import Network
from roadstead.config.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RailSettings:
    """What stands behind a rail of `anchor.toml` in this environment."""

    kind: str | None = None
    """`simulated`, another kind that Roadstead knows, or `package.module:name` of an integrator's own."""
    url: str | None = None
    token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of all settings, read and checked one by one; each is described in `roadstead.config.definitions`."""

    network: Network
    network_passphrase: str
    horizon_url: str
    anchor_file: Path
    home_domain: str
    """Host, with a port where it is not 443."""
    public_url: str
    """Base URL of the API, without a slash at the end."""
    signing_secret: Secret
    """The seed S... that signs challenges and callbacks."""
    distribution_account: str
    issuers: Mapping[str, str]
    """Issuing accounts by the asset's code in capital letters."""
    jwt_secret: Secret
    data_key: Secret
    """Base64 of the 32 bytes that wrap customers' data keys."""
    database_url: Secret | None
    """None means the embedded server in the state folder."""
    database_owner_url: Secret | None
    database_pool_max: int
    state_dir: Path
    api_host: str
    api_port: int
    internal_host: str
    internal_port: int
    log_level: str
    log_format: str
    debug: bool
    rails: Mapping[str, RailSettings]
    """Rails by their name in `anchor.toml`, as far as the environment speaks of them."""
    origins: Mapping[str, str]
    """Where each variable's value comes from: `environment`, `file PATH`, `default` or `network default`."""
