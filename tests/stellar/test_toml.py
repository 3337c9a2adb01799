"""stellar.toml, read back by a parser that is not ours."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.authentication import configured
from tests.fixtures.environment import PUBLIC_URL

from roadstead.config import examples
from roadstead.config.anchor import AssetStatus
from roadstead.config.effective import Configuration
from roadstead.config.organization import Principal
from roadstead.errors import ConfigurationError
from roadstead.stellar.toml import stellar_toml

OTHER_ISSUER = "GBCYIVWRHR7IFI3KSIRJOSQJCAZ6LASYPH7I6ZZ5KOYYKXFRH75Y6OC4"


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return configured({"ROADSTEAD_ASSET_USDC_ISSUER": OTHER_ISSUER})


def described_as(configuration: Configuration, description: str) -> Configuration:
    organization = replace(configuration.anchor.organization, description=description)
    return replace(configuration, anchor=replace(configuration.anchor, organization=organization))


class TestWhatItSays:
    @pytest.mark.clause("SEP-1/general")
    def test_the_services_and_keys_are_those_of_the_server(self, configuration: Configuration) -> None:
        document = tomllib.loads(stellar_toml(configuration))
        assert document["VERSION"] == "2.7.0"
        assert document["NETWORK_PASSPHRASE"] == configuration.settings.network_passphrase
        assert document["SIGNING_KEY"] == examples.SIGNING_ACCOUNT
        assert document["WEB_AUTH_ENDPOINT"] == f"{PUBLIC_URL}/auth"
        assert document["KYC_SERVER"] == f"{PUBLIC_URL}/kyc"
        assert document["DIRECT_PAYMENT_SERVER"] == f"{PUBLIC_URL}/sep31"
        assert document["ANCHOR_QUOTE_SERVER"] == f"{PUBLIC_URL}/sep38"

    def test_no_quote_server_is_named_where_nothing_is_quoted(self, configuration: Configuration) -> None:
        anchor = replace(configuration.anchor, pairs=())
        assert "ANCHOR_QUOTE_SERVER" not in tomllib.loads(stellar_toml(replace(configuration, anchor=anchor)))

    @pytest.mark.clause("SEP-1/accounts")
    def test_the_accounts_are_ours_and_no_third_partys(self, configuration: Configuration) -> None:
        accounts = tomllib.loads(stellar_toml(configuration))["ACCOUNTS"]
        assert accounts == [examples.DISTRIBUTION_ACCOUNT, examples.SIGNING_ACCOUNT, examples.ISSUER]

    def test_an_account_is_listed_once(self) -> None:
        two_assets_of_one_issuer = configured()
        issued = tuple(replace(terms, issued=True) for terms in two_assets_of_one_issuer.anchor.assets)
        anchor = replace(two_assets_of_one_issuer.anchor, assets=issued)
        document = tomllib.loads(stellar_toml(replace(two_assets_of_one_issuer, anchor=anchor)))
        assert document["ACCOUNTS"].count(examples.ISSUER) == 1

    @pytest.mark.clause("SEP-1/documentation")
    def test_the_organization_and_its_principals_are_those_of_anchor_toml(
        self, configuration: Configuration
    ) -> None:
        document = tomllib.loads(stellar_toml(configuration))
        assert document["DOCUMENTATION"]["ORG_NAME"] == "Example Anchor Ltd"
        assert document["DOCUMENTATION"]["ORG_SUPPORT_EMAIL"] == "support@anchor.example"
        assert "ORG_LICENSE_TYPE" not in document["DOCUMENTATION"]
        assert document["PRINCIPALS"] == [{"name": "Alex Example", "email": "alex@anchor.example"}]

    @pytest.mark.clause("SEP-1/currencies")
    def test_every_asset_tells_what_it_is_anchored_to(self, configuration: Configuration) -> None:
        euro, dollar = tomllib.loads(stellar_toml(configuration))["CURRENCIES"]
        assert (euro["code"], euro["issuer"]) == ("EURX", examples.ISSUER)
        assert (euro["is_asset_anchored"], euro["anchor_asset_type"], euro["anchor_asset"]) == (
            True,
            "fiat",
            "EUR",
        )
        assert (euro["is_unlimited"], euro["display_decimals"], euro["status"]) == (True, 2, AssetStatus.TEST)
        assert (dollar["code"], dollar["issuer"], dollar["anchor_asset"]) == ("USDC", OTHER_ISSUER, "USD")

    def test_no_secret_is_in_it(self, configuration: Configuration) -> None:
        text = stellar_toml(configuration)
        for secret in (examples.SIGNING_SEED, examples.JWT_SECRET, examples.DATA_KEY):
            assert secret not in text


class TestHowItIsWritten:
    @pytest.mark.clause("SEP-1/toml")
    def test_only_forms_that_old_parsers_read_are_used(self, configuration: Configuration) -> None:
        line = re.compile(
            r'|\[DOCUMENTATION\]|\[\[[A-Z]+\]\]|[A-Za-z_]+=("[^"]*"|true|false|\d+|\["G[^\]]*"\])', re.ASCII
        )
        for written in stellar_toml(configuration).splitlines():
            assert line.fullmatch(written), written

    def test_the_general_part_comes_before_every_table(self, configuration: Configuration) -> None:
        headers = re.findall(r"^\[.*\]$", stellar_toml(configuration), re.MULTILINE)
        assert headers == ["[DOCUMENTATION]", "[[PRINCIPALS]]", "[[CURRENCIES]]", "[[CURRENCIES]]"]
        general, _, _ = stellar_toml(configuration).partition("[DOCUMENTATION]")
        assert "DIRECT_PAYMENT_SERVER" in general

    @given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
    def test_any_text_comes_back_as_it_was(self, configuration: Configuration, text: str) -> None:
        document = tomllib.loads(stellar_toml(described_as(configuration, text)))
        assert document["DOCUMENTATION"]["ORG_DESCRIPTION"] == text
        assert document["VERSION"] == "2.7.0"

    @pytest.mark.clause("SEP-1/supply")
    def test_numbers_of_tokens_are_numbers(self, configuration: Configuration) -> None:
        terms = replace(configuration.anchor.assets[0], is_unlimited=None, max_number=10**12)
        anchor = replace(
            configuration.anchor, assets=(terms,), principals=(Principal(name="A"), Principal(name="B"))
        )
        document = tomllib.loads(stellar_toml(replace(configuration, anchor=anchor)))
        assert document["CURRENCIES"][0]["max_number"] == 10**12
        assert "is_unlimited" not in document["CURRENCIES"][0]
        assert [principal["name"] for principal in document["PRINCIPALS"]] == ["A", "B"]

    @pytest.mark.clause("SEP-1/size")
    def test_a_document_over_the_limit_stops_the_start(self, configuration: Configuration) -> None:
        assert len(stellar_toml(configuration).encode()) < 100_000
        with pytest.raises(ConfigurationError, match="shorten the texts"):
            stellar_toml(described_as(configuration, "é" * 50_000))
