"""The verifiers in effect: what `anchor.toml` declares, with what the environment puts behind each name."""

from __future__ import annotations

from dataclasses import dataclass, field

from roadstead.config.anchor import Anchor
from roadstead.config.secrets import Secret
from roadstead.config.settings import Settings, VerifierSettings
from roadstead.config.verifier_definitions import MANUAL, OFFLINE
from roadstead.config.verifier_terms import IMPLICIT, VerifierDeclaration


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredVerifier:
    """A verifier with whom it serves, and what stands behind its name."""

    name: str
    kind: str
    """`offline`, `manual`, `http`, `package.module:function`, or empty where the environment says nothing."""
    url: str | None = None
    secret: Secret | None = None
    serves: VerifierDeclaration = field(default_factory=lambda: VerifierDeclaration(name=IMPLICIT))


PEOPLE = ConfiguredVerifier(name=IMPLICIT, kind=MANUAL)
"""Who verifies those whom nobody else does."""


def configured_verifiers(anchor: Anchor, settings: Settings) -> tuple[ConfiguredVerifier, ...]:
    """Return the verifiers in the order in which they are asked whom they serve; people come last."""
    declared = (
        (declaration, settings.verifiers.get(declaration.name, VerifierSettings()))
        for declaration in anchor.verifiers
    )
    return (
        *(
            ConfiguredVerifier(
                name=declaration.name,
                kind=said.kind or "",
                url=said.url,
                secret=said.secret,
                serves=declaration,
            )
            for declaration, said in declared
        ),
        PEOPLE,
    )


def verified_types(anchor: Anchor, verifiers: tuple[ConfiguredVerifier, ...]) -> frozenset[str]:
    """Name the customer types of which somebody may be verified by more than the form of the data."""
    return frozenset(
        kind.name for kind in anchor.customer_types if not _is_only_offline(kind.name, verifiers)
    )


def _is_only_offline(customer_type: str, verifiers: tuple[ConfiguredVerifier, ...]) -> bool:
    for verifier in verifiers:
        served = verifier.serves
        if served.customer_types and customer_type not in served.customer_types:
            continue
        if verifier.kind != OFFLINE:
            return False
        if not served.countries:
            return True
    return False
