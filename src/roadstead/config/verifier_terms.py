"""Who verifies which customers, by name. What stands behind a name is for the environment to say."""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.config.forms import COUNTRIES, NAMES, RAIL_NAME
from roadstead.config.schema import Key, Section

IMPLICIT = "people"
"""The name of the verifier that stands where `anchor.toml` names none: people look at the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierDeclaration:
    """A verifier and whom it serves. Of several that would serve a customer, the first in the file does."""

    name: str
    customer_types: tuple[str, ...] = ()
    """The customer types that it serves; empty means all."""
    countries: tuple[str, ...] = ()
    """The countries of customers that it serves (ISO 3166-1 alpha-3); empty means all, and those who name none."""

    def serves(self, customer_type: str, country: str | None = None) -> bool:
        """Tell whether it serves customers of a type who live in a country."""
        if self.customer_types and customer_type not in self.customer_types:
            return False
        return not self.countries or country in self.countries


VERIFIERS = Section(
    name="verifiers",
    make=VerifierDeclaration,
    many=True,
    description=(
        "Who verifies customers, where they are verified. What stands behind it is said by"
        " ROADSTEAD_VERIFIER_<NAME>_KIND. Whom none serves, people verify."
    ),
    keys=(
        Key(name="name", form=RAIL_NAME, required=True, description="Name.", example='"identity"'),
        Key(
            name="customer_types",
            form=NAMES,
            description="Customer types that it serves; all when left out.",
            example='["sep31-receiver"]',
        ),
        Key(
            name="countries",
            form=COUNTRIES,
            description="Countries of the customers that it serves, by address_country_code; all when left out.",
            example='["DEU", "FRA"]',
        ),
    ),
)
