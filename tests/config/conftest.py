"""Environments in which an anchor starts: one for each network."""

from __future__ import annotations

import base64
import hashlib

import pytest
from tests.fixtures.environment import ANCHOR_FILE, sandbox_environment

from roadstead.config.strkey import KeyKind, encode, public_key_of


def seed_of(name: str) -> str:
    """Make a seed that is neither an example nor generated, the same for the same name."""
    return encode(KeyKind.SEED, hashlib.sha256(f"test {name}".encode()).digest())


@pytest.fixture
def sandbox() -> dict[str, str]:
    """The smallest environment of a sandbox, with the keys of the documentation."""
    return sandbox_environment(HOME="/home/operator")


@pytest.fixture
def mainnet() -> dict[str, str]:
    """The smallest environment with which an anchor handles real money."""
    return {
        "HOME": "/home/operator",
        "ROADSTEAD_NETWORK": "mainnet",
        "ROADSTEAD_ANCHOR_FILE": str(ANCHOR_FILE),
        "ROADSTEAD_HOME_DOMAIN": "anchor.example",
        "ROADSTEAD_SIGNING_SECRET": seed_of("signing"),
        "ROADSTEAD_DISTRIBUTION_ACCOUNT": public_key_of(seed_of("distribution")),
        "ROADSTEAD_JWT_SECRET": hashlib.sha256(b"test jwt").hexdigest(),
        "ROADSTEAD_DATA_KEY": base64.b64encode(hashlib.sha256(b"test data").digest()).decode(),
        "ROADSTEAD_DATABASE_URL": "postgresql://app:hidden-word@db.anchor.example/roadstead?sslmode=require",
        "ROADSTEAD_ASSET_EURX_ISSUER": public_key_of(seed_of("issuer of EURX")),
        "ROADSTEAD_ASSET_USDC_ISSUER": public_key_of(seed_of("issuer of USDC")),
        "ROADSTEAD_RAIL_SEPA_KIND": "our_bank.rail:Sepa",
        "ROADSTEAD_RAIL_SEPA_URL": "https://bank.example/api",
        "ROADSTEAD_RAIL_SEPA_TOKEN": "token-of-our-own",
        "ROADSTEAD_RAIL_WIRE_KIND": "our_bank.rail:Wire",
        "ROADSTEAD_RAIL_ZENGIN_KIND": "our_bank.rail:Zengin",
        "ROADSTEAD_VERIFIER_IDENTITY_KIND": "manual",
    }
