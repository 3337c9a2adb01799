"""How a sandbox is run, and which options exclude each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roadstead.config.networks import Network, profile
from roadstead.errors import ConfigurationError
from roadstead.sandbox import roles
from roadstead.sandbox.keys import Keys

PASSPHRASE_MAX_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How a sandbox is run."""

    state: Path | None = None
    """The folder that is kept; None makes a temporary one that goes at the end."""
    ready_file: Path | None = None
    api_port: int | None = None
    stellar_port: int | None = None
    bank_port: int | None = None
    passphrase: str | None = None
    close: str = "auto:1"
    """When ledgers close, as the network's process takes it."""
    horizon: str | None = None
    """Horizon of somebody else's network to use; None starts a network of the sandbox's own."""
    friendbot: str | None = None
    """Where that network funds accounts; None means `/friendbot` of its Horizon."""
    restart: bool = True
    verify: bool = False
    """Whether customers are verified, by a simulated provider where `anchor.toml` declares a verifier."""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def given_ports(self) -> dict[str, int]:
        """The ports that were asked for, by what they are for."""
        asked = {"api": self.api_port, roles.NETWORK: self.stellar_port, roles.BANK: self.bank_port}
        return {name: port for name, port in asked.items() if port is not None}

    def horizon_url(self, keys: Keys) -> str:
        """The Horizon that this sandbox uses."""
        return self.horizon.rstrip("/") if self.horizon else roles.local_url(keys.ports[roles.NETWORK])

    def friendbot_url(self, keys: Keys) -> str:
        """Where this sandbox gets its lumens."""
        return self.friendbot or f"{self.horizon_url(keys)}/friendbot"


def require_whole(options: SandboxOptions) -> None:
    """Check that the options fit each other.

    Raises:
        ConfigurationError: They do not.
    """
    if options.horizon is None:
        if options.friendbot is not None:
            raise ConfigurationError(
                "--friendbot belongs to --horizon: name the Horizon of that network too."
            )
        return
    for name, url in (("--horizon", options.horizon), ("--friendbot", options.friendbot)):
        if url is not None and not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{name} {url[:80]!r} is no URL: write one such as https://horizon-testnet.stellar.org."
            )
    if options.passphrase is None:
        raise ConfigurationError(
            "--horizon needs --passphrase: name the network that it shows, for example 'Test SDF Network ; September "
            "2015'."
        )
    if profile(Network.MAINNET).passphrase == options.passphrase:
        raise ConfigurationError(
            "A sandbox is for rehearsals and never runs on the public network with real money."
        )
    if options.stellar_port is not None:
        raise ConfigurationError(
            "--stellar-port is for the sandbox's own network: leave it out with --horizon."
        )


def require_passphrase(passphrase: str) -> None:
    """Check the passphrase of a network.

    Raises:
        ConfigurationError: It is empty or too long.
    """
    if not passphrase.strip() or len(passphrase.encode()) > PASSPHRASE_MAX_BYTES:
        raise ConfigurationError(
            f"A passphrase has 1 to {PASSPHRASE_MAX_BYTES} bytes, for example: --passphrase 'Our Rehearsal ; 2026'"
        )
