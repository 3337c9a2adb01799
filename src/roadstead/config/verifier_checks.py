"""What verification must be before a process starts with it. A network is asked what it allows, never for its name."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from roadstead.config.effective import Configuration
from roadstead.config.secrets import Secret
from roadstead.config.verifier_definitions import HTTP, KYC_VALIDATION, OFFLINE, VERIFIER_SETTINGS
from roadstead.config.verifier_terms import IMPLICIT

_EXPECTED = {definition.field: definition for definition in VERIFIER_SETTINGS}


def variable_of(name: str, what: str) -> str:
    """Return the variable that says something of a verifier."""
    return f"ROADSTEAD_VERIFIER_{name.upper()}_{what}"


def verification_is_real(configuration: Configuration) -> Iterator[str]:
    """Refuse to take customers at their word where money is real, and verifiers of which nothing is known."""
    if not configuration.validates_customers:
        if configuration.profile.validates_customers:
            yield (
                "ROADSTEAD_KYC_VALIDATION is off, and so anybody could be anybody. It must be on where money is real:"
                f" {KYC_VALIDATION.variable}=on"
            )
        return
    for verifier in configuration.verifiers:
        if verifier.name == IMPLICIT:
            continue
        variable = variable_of(verifier.name, "KIND")
        if not verifier.kind:
            yield (
                f"{variable} is missing, and customers are verified (ROADSTEAD_KYC_VALIDATION). It must name what"
                f" verifies for {verifier.name}, for example: {variable}={_EXPECTED['kind'].example}"
            )
        if verifier.kind == OFFLINE and configuration.profile.validates_customers:
            yield (
                f"{variable} is offline, which takes everybody at their word. It must name somebody who verifies, for"
                f" example: {variable}={_EXPECTED['kind'].example}"
            )
        if verifier.kind == HTTP:
            for what in ("url", "secret"):
                if getattr(verifier, what) is None:
                    missing = variable_of(verifier.name, what.upper())
                    yield (
                        f"{missing} is missing: {verifier.name} is of kind http. It must be"
                        f" {_EXPECTED[what].form.words}, for example: {missing}={_EXPECTED[what].example}"
                    )


def verifier_urls(configuration: Configuration) -> list[tuple[str, str]]:
    """List the URLs of verifiers, each with its variable."""
    return [
        (variable_of(verifier.name, "URL"), verifier.url)
        for verifier in configuration.verifiers
        if verifier.url and urlsplit(verifier.url).scheme
    ]


def verifier_secrets(configuration: Configuration) -> Iterator[tuple[str, str, Secret]]:
    """Yield the secrets of verifiers, each with its variable and what it is."""
    for verifier in configuration.verifiers:
        if verifier.secret is not None:
            yield variable_of(verifier.name, "SECRET"), "secret", verifier.secret
