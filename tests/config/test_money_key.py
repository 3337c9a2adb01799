"""The key that signs what leaves the distribution account: who may have it, and where."""

from __future__ import annotations

import hashlib

import pytest

from roadstead.cli.roles import serve_roles
from roadstead.config.load import load_configuration
from roadstead.config.strkey import KeyKind, encode, public_key_of
from roadstead.errors import ConfigurationError
from roadstead.service.roles import Role


def seed_of(name: str) -> str:
    """A seed that is neither an example nor generated."""
    return encode(KeyKind.SEED, hashlib.sha256(f"test {name}".encode()).digest())


class TestTheKeyToTheMoney:
    def test_is_not_needed_to_receive(self, sandbox: dict[str, str]) -> None:
        assert load_configuration(sandbox).settings.distribution_secret is None

    def test_in_the_environment_has_to_be_allowed_where_money_is_real(self, mainnet: dict[str, str]) -> None:
        given = {**mainnet, "ROADSTEAD_DISTRIBUTION_SECRET": seed_of("distribution")}

        with pytest.raises(ConfigurationError, match="ROADSTEAD_ALLOW_SECRET_IN_ENVIRONMENT=true"):
            load_configuration(given)
        allowed = load_configuration({**given, "ROADSTEAD_ALLOW_SECRET_IN_ENVIRONMENT": "true"})
        assert allowed.settings.distribution_secret is not None

    def test_is_not_the_issuers(self, sandbox: dict[str, str]) -> None:
        seed = seed_of("issuer of EURX")
        given = {
            **sandbox,
            "ROADSTEAD_DISTRIBUTION_SECRET": seed,
            "ROADSTEAD_ASSET_EURX_ISSUER": public_key_of(seed),
        }

        with pytest.raises(ConfigurationError, match="could issue the asset"):
            load_configuration(given)

    def test_is_not_the_key_that_signs_challenges(self, sandbox: dict[str, str]) -> None:
        given = {**sandbox, "ROADSTEAD_DISTRIBUTION_SECRET": sandbox["ROADSTEAD_SIGNING_SECRET"]}

        with pytest.raises(ConfigurationError, match="are the same secret"):
            load_configuration(given)

    @pytest.mark.parametrize("role", [Role.API, Role.OBSERVER, Role.SCHEDULER])
    async def test_stops_a_process_that_does_not_need_it(self, role: Role, sandbox: dict[str, str]) -> None:
        given = {**sandbox, "ROADSTEAD_DISTRIBUTION_SECRET": seed_of("distribution")}

        with pytest.raises(ConfigurationError, match="no worker runs in this process"):
            await serve_roles(load_configuration(given), frozenset({role}))
