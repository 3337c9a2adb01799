"""The configuration in effect: the offer of `anchor.toml`, the values of the environment, the limits of the network."""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from roadstead.config.anchor import Anchor, AssetStatus, AssetTerms, PairTerms, RateSourceTerms
from roadstead.config.file_rails import FileSettings
from roadstead.config.networks import NetworkProfile
from roadstead.config.secrets import Secret
from roadstead.config.settings import RailSettings, Settings
from roadstead.config.strkey import public_key_of
from roadstead.config.verification import ConfiguredVerifier, configured_verifiers, verified_types
from roadstead.errors import BadInput
from roadstead.money import Asset, stellar_asset


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedAsset:
    """An asset that this anchor receives: its terms, the token on this network, and its published status."""

    terms: AssetTerms
    asset: Asset
    status: AssetStatus

    @property
    def code(self) -> str:
        """The asset's code."""
        return self.terms.code

    @property
    def issuer(self) -> str:
        """The account that issues the asset on this network."""
        return self.asset.issuer or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredRail(FileSettings):
    """A rail with its name and currency from `anchor.toml` and what the environment puts behind them."""

    name: str
    currency: Asset
    kind: str
    url: str | None
    token: Secret | None
    signing_key: Secret | None = None
    bank_keys: tuple[str, ...] = ()
    client_certificate: Path | None = None
    authority: Path | None = None
    events_url: str | None = None
    """Where a bank pushes what it has to tell of this rail; part of what it signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedPair:
    """A pair of `anchor.toml` with its token on this network; what it leaves open is as the asset has it."""

    terms: PairTerms
    accepted: AcceptedAsset

    @property
    def sell(self) -> Asset:
        """The token that the client sells."""
        return self.accepted.asset

    @property
    def buy(self) -> Asset:
        """The currency that the client buys."""
        return self.terms.delivers

    @property
    def fee_fixed(self) -> Decimal:
        """The fixed part of the fee, in the token."""
        own = self.terms.fee_fixed
        return self.accepted.terms.fee_fixed if own is None else own

    @property
    def fee_percent(self) -> Decimal:
        """The proportional part of the fee, in percentage points."""
        own = self.terms.fee_percent
        return self.accepted.terms.fee_percent if own is None else own

    @property
    def amount_min(self) -> Decimal:
        """The least amount of the token."""
        own = self.terms.amount_min
        return self.accepted.terms.amount_min if own is None else own

    @property
    def amount_max(self) -> Decimal:
        """The greatest amount of the token."""
        own = self.terms.amount_max
        return self.accepted.terms.amount_max if own is None else own


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredRateSource:
    """A rate source of `anchor.toml` and what the environment says of where it is."""

    terms: RateSourceTerms
    url: str | None
    token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that a process is told at its start, checked as a whole.

    `roadstead.config.load.load_configuration` makes it; one made by hand (in a test) has not been checked.
    """

    anchor: Anchor
    settings: Settings
    profile: NetworkProfile

    @property
    def assets(self) -> tuple[AcceptedAsset, ...]:
        """The assets received, in the order of `anchor.toml`."""
        return tuple(
            AcceptedAsset(
                terms=terms,
                asset=stellar_asset(terms.code, self.settings.issuers[terms.code.upper()]),
                status=terms.status or self.profile.asset_status_default,
            )
            for terms in self.anchor.assets
        )

    def asset(self, code: str) -> AcceptedAsset:
        """Return an accepted asset by its code.

        Raises:
            BadInput: The anchor does not accept it.
        """
        for accepted in self.assets:
            if accepted.code == code:
                return accepted
        raise BadInput(
            f"Asset {code[:12]!r} is not accepted: use one of {', '.join(a.code for a in self.assets)}."
        )

    @property
    def rails(self) -> tuple[ConfiguredRail, ...]:
        """The rails, in the order of `anchor.toml`."""
        return tuple(self._rail(declared.name, declared.currency) for declared in self.anchor.rails)

    @property
    def pairs(self) -> tuple[QuotedPair, ...]:
        """The pairs that are quoted, in the order of `anchor.toml`."""
        assets = {accepted.code: accepted for accepted in self.assets}
        return tuple(QuotedPair(terms=terms, accepted=assets[terms.sell]) for terms in self.anchor.pairs)

    @property
    def rate_sources(self) -> tuple[ConfiguredRateSource, ...]:
        """The sources of rates, in the order of `anchor.toml`."""
        settings = self.settings
        return tuple(
            ConfiguredRateSource(terms=terms, url=settings.rates_url, token=settings.rates_token)
            for terms in self.anchor.rate_sources
        )

    @property
    def validates_customers(self) -> bool:
        """Whether customers' data are verified beyond their form."""
        said = self.settings.kyc_validation
        return self.profile.validates_customers if said is None else said == "on"

    @property
    def verifiers(self) -> tuple[ConfiguredVerifier, ...]:
        """Who verifies customers, in the order in which they are asked whom they serve; people come last."""
        return configured_verifiers(self.anchor, self.settings)

    @property
    def verified_types(self) -> frozenset[str]:
        """The customer types that are verified beyond the form of their data; none where nobody is verified."""
        return verified_types(self.anchor, self.verifiers) if self.validates_customers else frozenset()

    @property
    def signing_account(self) -> str:
        """The address G... of the key that signs challenges and callbacks (SEP-1 `SIGNING_KEY`)."""
        return public_key_of(self.settings.signing_secret.reveal())

    @property
    def list_age_max(self) -> timedelta | None:
        """How old a list of sanctioned persons may be; None when it never grows too old."""
        hours = self.settings.screening_list_age_max_h
        return timedelta(hours=hours) if hours else None

    @property
    def own_accounts(self) -> frozenset[str]:
        """Every account G... of ours: distribution, issuers of what we issue, those that the environment names."""
        settings = self.settings
        issuers = (accepted.issuer for accepted in self.assets if accepted.terms.issued)
        return frozenset({settings.distribution_account, *issuers, *settings.own_accounts})

    @property
    def data_key(self) -> bytes:
        """The 32 bytes that wrap customers' data keys."""
        return base64.b64decode(self.settings.data_key.reveal(), validate=True)

    @property
    def data_key_previous(self) -> bytes | None:
        """The key of the version before, or None."""
        previous = self.settings.data_key_previous
        return None if previous is None else base64.b64decode(previous.reveal(), validate=True)

    @property
    def messenger_kind(self) -> str | None:
        """How customers are written to; None where no field has to be confirmed, or nothing is said."""
        confirmed = any(field.confirm for kind in self.anchor.customer_types for field in kind.fields)
        return (self.settings.messenger_kind or self.profile.messenger_kind_default) if confirmed else None

    def _rail(self, name: str, currency: Asset) -> ConfiguredRail:
        said = self.settings.rails.get(name, RailSettings())
        kind = said.kind or self.profile.rail_kind_default or ""
        return ConfiguredRail(
            name=name,
            currency=currency,
            kind=kind,
            url=said.url,
            token=said.token,
            signing_key=said.signing_key,
            bank_keys=said.bank_keys,
            client_certificate=said.client_certificate,
            authority=said.authority,
            events_url=f"{self.settings.public_url}/rails/{name}/events",
            **{field.name: getattr(said, field.name) for field in fields(FileSettings)},
        )
