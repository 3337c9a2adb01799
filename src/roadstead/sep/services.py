"""What the handlers of the API stand on, put together once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from roadstead.clock import Clock
from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.customers.vault import KeyProvider
from roadstead.database.pool import Database
from roadstead.messages.catalogue import Catalogue, Language, Message, shipped_messages
from roadstead.partners.challenges import Challenges
from roadstead.partners.principal import PartnerDirectory, TokenReader
from roadstead.quotes.quoting import Quoting
from roadstead.quotes.rates import RateBook
from roadstead.rails.protocol import Rail
from roadstead.randomness import Randomness
from roadstead.sep.limits import Limiter
from roadstead.stellar.toml import stellar_toml
from roadstead.verification.doorbell import Doorbell
from roadstead.verification.protocol import IdentityVerifier


@dataclass(frozen=True, kw_only=True)
class Services:
    """The edges and the configuration that the API's handlers use."""

    configuration: Configuration
    database: Database
    clock: Clock
    randomness: Randomness
    tokens: TokenReader
    partners: PartnerDirectory
    challenges: Challenges
    keys: KeyProvider
    rates: RateBook
    rails: Mapping[str, Rail] = field(default_factory=dict)
    """The rails by name, for what banks push."""
    verifiers: Mapping[str, IdentityVerifier] = field(default_factory=dict)

    @cached_property
    def assets(self) -> dict[str, AcceptedAsset]:
        """The accepted assets by code, in the order of anchor.toml."""
        return {asset.code: asset for asset in self.configuration.assets}

    @cached_property
    def quoting(self) -> Quoting:
        """The desk where prices are asked."""
        return Quoting(
            self.configuration,
            rates=self.rates,
            database=self.database,
            clock=self.clock,
            randomness=self.randomness,
        )

    @cached_property
    def doorbell(self) -> Doorbell:
        """Where verifiers ring."""
        return Doorbell(
            database=self.database, keys=self.keys, randomness=self.randomness, verifiers=self.verifiers
        )

    @cached_property
    def stellar_toml(self) -> bytes:
        """SEP-1's document, written once; ask for it at the start, so that one that is too large stops the start."""
        return stellar_toml(self.configuration).encode()

    @cached_property
    def limiter(self) -> Limiter:
        """How often callers may ask this process."""
        return Limiter(self.configuration.anchor.limits, self.configuration.settings.trusted_proxies)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The messages of the house, and the operator's own texts where anchor.toml translates them."""
        own = (
            Message(
                texts={
                    Language.ENGLISH: translation.text,
                    Language.SPANISH: translation.es or translation.text,
                    Language.PORTUGUESE: translation.pt or translation.text,
                    Language.FRENCH: translation.fr or translation.text,
                }
            )
            for translation in self.configuration.anchor.translations
        )
        return Catalogue((*shipped_messages(), *own))
