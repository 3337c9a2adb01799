"""The networks. This is the one module that knows them apart: all others ask a profile what it allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadstead.config.anchor import AssetStatus
from roadstead.config.text_forms import MESSENGER_FILE, SIMULATED


class Network(StrEnum):
    """Where the anchor runs."""

    SANDBOX = "sandbox"
    """Offline, on one machine, with a Stellar network and a bank that are our own."""
    TESTNET = "testnet"
    """Stellar's public test network: real strangers, no real money."""
    MAINNET = "mainnet"
    """Stellar's public network: real money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkProfile:
    """What a network sets and allows. The code is the same everywhere; these switches are all that differs."""

    network: Network
    passphrase: str
    """The passphrase that every signature covers."""
    passphrase_is_fixed: bool
    """Whether no other passphrase may be set."""
    horizon_url: str
    requires_https: bool
    """Whether plain http is refused in the URLs that the anchor publishes or calls."""
    allows_http_on_loopback: bool
    """Whether plain http is nevertheless accepted on this machine itself."""
    allows_simulated_rail: bool
    allows_generated_keys: bool
    """Whether secrets that the sandbox generated may be used."""
    allows_example_keys: bool
    """Whether keys printed in our documentation, which everybody knows, may be used."""
    allows_secret_in_environment: bool
    """Whether the key of the distribution account may stand in the environment without further ado."""
    allows_debug: bool
    allows_embedded_database: bool
    messenger_kind_default: str | None
    """How customers are written to where the environment does not say; None means that it must."""
    allows_messages_into_a_file: bool
    validates_customers: bool
    """Whether customers' data is verified against the world, beyond its form."""
    requires_screening: bool
    """Whether customers have to be screened against lists of sanctioned persons, and old lists stop payouts."""
    screening_lists: tuple[str, ...]
    """The lists without which no payout goes out, if the environment names no others."""
    screening_list_age_max_h: int
    """Hours after which one of them is too old, if the environment says no other; 0 means never."""
    requires_allow_list_at_authentication: bool
    """Whether accounts that belong to no partner are refused already when they authenticate (SEP-10)."""
    allows_callbacks_to_private_addresses: bool
    """Whether callbacks may go to loopback and private addresses, and over plain http."""
    reseeds_by_itself: bool
    """Whether the observer begins anew by itself when the network was reset; elsewhere a person has to say so."""
    rail_kind_default: str | None
    """The kind of a rail for which the environment names none; None means that it must name one."""
    asset_status_default: AssetStatus
    """What stellar.toml says of an asset whose status `anchor.toml` leaves open."""


_PROFILES = {
    profile.network: profile
    for profile in (
        NetworkProfile(
            network=Network.SANDBOX,
            passphrase="Roadstead Sandbox Network ; 2026",  # noqa: S106 - a network's public name
            passphrase_is_fixed=False,
            horizon_url="http://127.0.0.1:8000",
            requires_https=False,
            allows_http_on_loopback=True,
            allows_simulated_rail=True,
            allows_generated_keys=True,
            allows_example_keys=True,
            allows_secret_in_environment=True,
            allows_debug=True,
            allows_embedded_database=True,
            messenger_kind_default=MESSENGER_FILE,
            allows_messages_into_a_file=True,
            validates_customers=False,
            requires_screening=False,
            screening_lists=(),
            screening_list_age_max_h=0,
            requires_allow_list_at_authentication=False,
            allows_callbacks_to_private_addresses=True,
            reseeds_by_itself=True,
            rail_kind_default=SIMULATED,
            asset_status_default=AssetStatus.TEST,
        ),
        NetworkProfile(
            network=Network.TESTNET,
            passphrase="Test SDF Network ; September 2015",  # noqa: S106 - a network's public name
            passphrase_is_fixed=False,
            horizon_url="https://horizon-testnet.stellar.org",
            requires_https=True,
            allows_http_on_loopback=True,
            allows_simulated_rail=True,
            allows_generated_keys=True,
            allows_example_keys=False,
            allows_secret_in_environment=True,
            allows_debug=True,
            allows_embedded_database=True,
            messenger_kind_default=MESSENGER_FILE,
            allows_messages_into_a_file=True,
            validates_customers=False,
            requires_screening=False,
            screening_lists=(),
            screening_list_age_max_h=0,
            requires_allow_list_at_authentication=False,
            allows_callbacks_to_private_addresses=False,
            reseeds_by_itself=True,
            rail_kind_default=SIMULATED,
            asset_status_default=AssetStatus.TEST,
        ),
        NetworkProfile(
            network=Network.MAINNET,
            passphrase="Public Global Stellar Network ; September 2015",  # noqa: S106 - a network's public name
            passphrase_is_fixed=True,
            horizon_url="https://horizon.stellar.org",
            requires_https=True,
            allows_http_on_loopback=False,
            allows_simulated_rail=False,
            allows_generated_keys=False,
            allows_example_keys=False,
            allows_secret_in_environment=False,
            allows_debug=False,
            allows_embedded_database=False,
            messenger_kind_default=None,
            allows_messages_into_a_file=False,
            validates_customers=True,
            requires_screening=True,
            screening_lists=("ofac", "un", "eu"),
            screening_list_age_max_h=48,
            requires_allow_list_at_authentication=True,
            allows_callbacks_to_private_addresses=False,
            reseeds_by_itself=False,
            rail_kind_default=None,
            asset_status_default=AssetStatus.LIVE,
        ),
    )
}


def profile(network: Network) -> NetworkProfile:
    """Return what a network sets and allows."""
    return _PROFILES[network]


def profiles() -> tuple[NetworkProfile, ...]:
    """Return the profiles of all networks, the safest to play with first."""
    return tuple(_PROFILES.values())
