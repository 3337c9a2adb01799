"""Who may come in, as the environment says it: home domains, proxies, partners, keys that change."""

from __future__ import annotations

import ipaddress

import pytest

from roadstead.config.checks import problems_of
from roadstead.config.load import load_configuration
from roadstead.config.settings import Settings, load_settings
from roadstead.errors import ConfigurationError


def settings(environment: dict[str, str], **changes: str) -> Settings:
    return load_settings({**environment, **{f"ROADSTEAD_{name}": value for name, value in changes.items()}})


class TestHomeDomains:
    def test_the_first_is_the_one_of_stellar_toml_and_none_stands_there_twice(
        self, sandbox: dict[str, str]
    ) -> None:
        read = settings(sandbox, HOME_DOMAINS="b.example, localhost:8080,c.example:8443,b.example")
        assert read.home_domains == ("localhost:8080", "b.example", "c.example:8443")

    def test_without_more_there_is_one(self, sandbox: dict[str, str]) -> None:
        assert settings(sandbox).home_domains == ("localhost:8080",)

    @pytest.mark.parametrize("value", [",", "a.example,,b.example", "https://a.example", "A.example", "a b"])
    def test_what_is_no_domain_is_refused(self, sandbox: dict[str, str], value: str) -> None:
        with pytest.raises(ConfigurationError, match="ROADSTEAD_HOME_DOMAINS"):
            settings(sandbox, HOME_DOMAINS=value)

    def test_this_machine_is_no_domain_where_money_is_real(self, mainnet: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match="ROADSTEAD_HOME_DOMAINS names this machine"):
            load_configuration({**mainnet, "ROADSTEAD_HOME_DOMAINS": "localhost:8080"})


class TestTrustedProxies:
    def test_nobody_is_trusted_by_default(self, sandbox: dict[str, str]) -> None:
        assert settings(sandbox).trusted_proxies == ()

    def test_addresses_and_ranges_are_read(self, sandbox: dict[str, str]) -> None:
        assert settings(sandbox, TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.7,2001:db8::/32").trusted_proxies == (
            ipaddress.ip_network("10.0.0.0/8"),
            ipaddress.ip_network("192.0.2.7/32"),
            ipaddress.ip_network("2001:db8::/32"),
        )

    @pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;", "*"])
    def test_what_is_no_range_is_refused(self, sandbox: dict[str, str], value: str) -> None:
        with pytest.raises(ConfigurationError, match="ROADSTEAD_TRUSTED_PROXIES"):
            settings(sandbox, TRUSTED_PROXIES=value)


class TestPartnersAtAuthentication:
    def test_the_network_decides_unless_the_environment_does(
        self, sandbox: dict[str, str], mainnet: dict[str, str]
    ) -> None:
        variable = "REQUIRE_PARTNER_AT_AUTHENTICATION"
        assert settings(sandbox).require_partner_at_authentication is False
        assert settings(mainnet).require_partner_at_authentication is True
        assert settings(sandbox, **{variable: "true"}).require_partner_at_authentication is True
        assert settings(mainnet, **{variable: "false"}).require_partner_at_authentication is False


class TestChangingTheTokenSecret:
    def test_the_new_one_signs_and_both_verify(self, sandbox: dict[str, str]) -> None:
        read = settings(sandbox, JWT_SECRET_PREVIOUS="the secret before this one, 32 bytes")
        assert [secret.reveal()[:11] for secret in read.token_secrets] == ["example-do-", "the secret "]

    def test_it_is_no_problem_where_money_is_real(self, mainnet: dict[str, str]) -> None:
        environment = {**mainnet, "ROADSTEAD_JWT_SECRET_PREVIOUS": "the secret before this one, 32 bytes"}
        assert problems_of(load_configuration(environment)) == []

    def test_one_that_everybody_knows_is_refused_where_money_is_real(self, mainnet: dict[str, str]) -> None:
        environment = {**mainnet, "ROADSTEAD_JWT_SECRET_PREVIOUS": "example-do-not-use-9b2e5d81c4f07a63"}
        with pytest.raises(ConfigurationError, match="ROADSTEAD_JWT_SECRET_PREVIOUS is the example"):
            load_configuration(environment)
