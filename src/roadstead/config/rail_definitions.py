"""The settings of rails: what stands behind a rail of `anchor.toml` in this environment."""

from __future__ import annotations

from roadstead.config import examples
from roadstead.config import text_forms as forms
from roadstead.config.definition import Definition
from roadstead.config.file_definitions import FILE_SETTINGS

RAIL_SETTINGS = (
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_KIND",
        field="kind",
        form=forms.RAIL_KIND,
        default_words="simulated, except where money is real: there it must be said",
        description="What stands behind a rail of [[rails]].",
        example="our_bank.rails:open_rail",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_URL",
        field="url",
        form=forms.BASE_URL,
        default_words="none",
        description="Where the rail is reached; a simulated rail needs it, and others if they say so.",
        example="https://bank.example/api",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_TOKEN",
        field="token",
        form=forms.TOKEN,
        default_words="none",
        secret=True,
        description="What the rail knows us by, if its kind needs that.",
        example=examples.RAIL_TOKEN,
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_SIGNING_KEY",
        field="signing_key",
        form=forms.PRIVATE_KEY,
        default_words="none; a rail of kind http needs it",
        secret=True,
        description="The Ed25519 key with which we sign what we send to the bank (RFC 9421).",
        example=examples.RAIL_SIGNING_KEY,
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_BANK_KEYS",
        field="bank_keys",
        form=forms.PUBLIC_KEYS,
        default_words="none; a rail of kind http needs one",
        description="The Ed25519 keys of which any signs what the bank sends; several while the bank changes its key.",
        example=examples.RAIL_BANK_KEY,
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_CLIENT_CERTIFICATE",
        field="client_certificate",
        form=forms.PATH,
        default_words="none",
        description="A PEM file with the certificate that we show to the bank (mutual TLS) and its private key.",
        example="/etc/roadstead/bank-client.pem",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_AUTHORITY",
        field="authority",
        form=forms.PATH,
        default_words="those that the machine trusts",
        description="A PEM file with the only authorities, or the one certificate, by which the bank's TLS is trusted.",
        example="/etc/roadstead/bank-authority.pem",
    ),
    *FILE_SETTINGS,
)
"""The settings that each rail has."""
