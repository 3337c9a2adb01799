"""Where real money is, the start is refused unless everything is as it must be."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from roadstead.config import examples
from roadstead.config.anchor import AssetStatus
from roadstead.config.checks import problems_of
from roadstead.config.generated import generate_data_key, generate_seed, generate_text_secret
from roadstead.config.load import load_configuration
from roadstead.config.networks import Network, NetworkProfile, profile, profiles
from roadstead.config.strkey import public_key_of
from roadstead.errors import ConfigurationError
from roadstead.money import stellar_asset
from roadstead.randomness import SeededRandomness

RANDOMNESS = SeededRandomness(7)


def _problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        load_configuration(environ)
    return [line.removeprefix("- ") for line in refusal.value.message.splitlines()[1:]]


class TestAnAnchorThatIsWhole:
    def test_starts_where_real_money_is(self, mainnet: dict[str, str]) -> None:
        configuration = load_configuration(mainnet)

        assert configuration.profile.network is Network.MAINNET
        assert configuration.settings.public_url == "https://anchor.example"
        assert [accepted.status for accepted in configuration.assets] == [AssetStatus.LIVE, AssetStatus.LIVE]
        assert len(configuration.data_key) == 32

    @pytest.mark.parametrize("known", profiles(), ids=lambda known: known.network)
    def test_starts_on_every_network_by_changing_the_network_alone(
        self, mainnet: dict[str, str], known: NetworkProfile
    ) -> None:
        configuration = load_configuration(mainnet | {"ROADSTEAD_NETWORK": known.network})

        assert configuration.settings.network_passphrase == known.passphrase

    def test_starts_in_a_sandbox_with_the_keys_of_the_documentation(self, sandbox: dict[str, str]) -> None:
        configuration = load_configuration(sandbox)

        assert configuration.signing_account == examples.SIGNING_ACCOUNT
        assert configuration.asset("EURX").asset == stellar_asset("EURX", examples.ISSUER)
        assert configuration.asset("EURX").issuer == examples.ISSUER
        assert configuration.asset("USDC").status is AssetStatus.TEST

    def test_starts_in_a_sandbox_with_keys_that_the_sandbox_made(self, sandbox: dict[str, str]) -> None:
        made = {
            "ROADSTEAD_SIGNING_SECRET": generate_seed(RANDOMNESS),
            "ROADSTEAD_JWT_SECRET": generate_text_secret(RANDOMNESS),
            "ROADSTEAD_DATA_KEY": generate_data_key(RANDOMNESS),
        }

        assert problems_of(load_configuration(sandbox | made)) == []


class TestRealMoneyIsRefused:
    @pytest.mark.parametrize(
        ("variable", "value", "told"),
        [
            (
                "NETWORK_PASSPHRASE",
                "Test SDF Network ; September 2015",
                "is the one of testnet, but ROADSTEAD_NETWORK",
            ),
            ("NETWORK_PASSPHRASE", "Private Network", "is not the one of mainnet"),
            ("HORIZON_URLS", "https://horizon-testnet.stellar.org", "names a server of testnet"),
            (
                "HORIZON_URLS",
                "http://horizon.anchor.example",
                "ROADSTEAD_HORIZON_URLS=https://horizon.anchor.example",
            ),
            ("HORIZON_URLS", "http://127.0.0.1:8000", "It must be https"),
            ("PUBLIC_URL", "http://anchor.example", "ROADSTEAD_PUBLIC_URL=https://anchor.example"),
            ("RAIL_SEPA_URL", "http://bank.example", "ROADSTEAD_RAIL_SEPA_URL=https://bank.example"),
            ("PUBLIC_URL", "https://localhost", "names this machine (localhost)"),
            ("PUBLIC_URL", "https://127.0.0.1", "names this machine (127.0.0.1)"),
            ("RAIL_SEPA_KIND", "simulated", "is simulated, which pays nobody"),
            ("RAIL_WIRE_KIND", "", "ROADSTEAD_RAIL_WIRE_KIND is missing"),
            ("DEBUG", "true", "ROADSTEAD_DEBUG=false"),
            ("DATABASE_URL", "", "the embedded database is for rehearsals only"),
            ("SIGNING_SECRET", examples.SIGNING_SEED, "is the example of our documentation"),
            ("JWT_SECRET", examples.JWT_SECRET, "is the example of our documentation"),
            ("DATA_KEY", examples.DATA_KEY, "is the example of our documentation"),
            ("RAIL_SEPA_TOKEN", examples.RAIL_TOKEN, "is the example of our documentation"),
            ("DATABASE_URL", examples.DATABASE_URL, "Give the role a password of its own"),
            ("DATABASE_OWNER_URL", examples.DATABASE_OWNER_URL, "Give the role a password of its own"),
            ("DISTRIBUTION_ACCOUNT", examples.DISTRIBUTION_ACCOUNT, "is the example of our documentation"),
            ("ASSET_USDC_ISSUER", examples.ISSUER, "is the example of our documentation"),
            ("SIGNING_SECRET", generate_seed(RANDOMNESS), "was generated for a sandbox"),
            ("JWT_SECRET", generate_text_secret(RANDOMNESS), "was generated for a sandbox"),
            ("DATA_KEY", generate_data_key(RANDOMNESS), "was generated for a sandbox"),
            ("RAIL_SEPA_TOKEN", generate_text_secret(RANDOMNESS), "was generated for a sandbox"),
        ],
    )
    def test_for_each_thing_that_must_not_be(
        self, mainnet: dict[str, str], variable: str, value: str, told: str
    ) -> None:
        (problem,) = _problems(mainnet | {f"ROADSTEAD_{variable}": value})

        assert problem.startswith(f"ROADSTEAD_{variable} ")
        assert told in problem

    @pytest.mark.parametrize("variable", ["DATA_KEY", "JWT_SECRET", "SIGNING_SECRET", "DISTRIBUTION_ACCOUNT"])
    def test_for_each_thing_that_is_missing(self, mainnet: dict[str, str], variable: str) -> None:
        del mainnet[f"ROADSTEAD_{variable}"]
        (problem,) = _problems(mainnet)

        assert problem.startswith(f"ROADSTEAD_{variable} is missing.")

    def test_with_all_problems_in_one_message(self, sandbox: dict[str, str]) -> None:
        problems = _problems(sandbox | {"ROADSTEAD_NETWORK": "mainnet", "ROADSTEAD_DEBUG": "true"})

        assert len(problems) == 15
        assert len({problem.split()[0] for problem in problems}) == 14


class TestAccountsAreKeptApart:
    """On every network: a rehearsal with other rules would rehearse nothing."""

    @pytest.mark.parametrize("network", list(Network))
    def test_the_distribution_account_issues_nothing(self, mainnet: dict[str, str], network: Network) -> None:
        issuer = mainnet["ROADSTEAD_ASSET_EURX_ISSUER"]
        mainnet |= {"ROADSTEAD_NETWORK": network, "ROADSTEAD_DISTRIBUTION_ACCOUNT": issuer}
        (problem,) = _problems(mainnet)

        assert problem.startswith("ROADSTEAD_DISTRIBUTION_ACCOUNT is also ROADSTEAD_ASSET_EURX_ISSUER.")

    @pytest.mark.parametrize("network", list(Network))
    def test_the_signing_key_moves_no_money(self, mainnet: dict[str, str], network: Network) -> None:
        account = public_key_of(mainnet["ROADSTEAD_SIGNING_SECRET"])
        mainnet |= {"ROADSTEAD_NETWORK": network, "ROADSTEAD_DISTRIBUTION_ACCOUNT": account}
        (problem,) = _problems(mainnet)

        assert problem.startswith("ROADSTEAD_SIGNING_SECRET is the key of ROADSTEAD_DISTRIBUTION_ACCOUNT")

    def test_the_signing_key_issues_nothing(self, mainnet: dict[str, str]) -> None:
        mainnet["ROADSTEAD_ASSET_EURX_ISSUER"] = public_key_of(mainnet["ROADSTEAD_SIGNING_SECRET"])
        (problem,) = _problems(mainnet)

        assert problem.startswith("ROADSTEAD_SIGNING_SECRET is the key of ROADSTEAD_ASSET_EURX_ISSUER")

    def test_one_secret_guards_one_thing(self, mainnet: dict[str, str]) -> None:
        mainnet["ROADSTEAD_JWT_SECRET"] = mainnet["ROADSTEAD_DATA_KEY"]
        (problem,) = _problems(mainnet)

        assert problem.startswith("ROADSTEAD_DATA_KEY and ROADSTEAD_JWT_SECRET are the same secret.")

    def test_metrics_are_not_served_where_partners_are(self, mainnet: dict[str, str]) -> None:
        (problem,) = _problems(mainnet | {"ROADSTEAD_INTERNAL_PORT": "8080"})

        assert problem.startswith("ROADSTEAD_INTERNAL_PORT and ROADSTEAD_API_PORT are both 8080.")


class TestTheDatabase:
    def test_a_role_for_migrations_alone_is_refused(self, sandbox: dict[str, str]) -> None:
        (problem,) = _problems(sandbox | {"ROADSTEAD_DATABASE_OWNER_URL": "postgresql://owner@localhost/one"})

        assert problem.startswith("ROADSTEAD_DATABASE_OWNER_URL is set without ROADSTEAD_DATABASE_URL")


class TestTheTestNetwork:
    @pytest.fixture
    def testnet(self, mainnet: dict[str, str]) -> dict[str, str]:
        return mainnet | {"ROADSTEAD_NETWORK": "testnet"}

    def test_accepts_what_runs_on_this_machine(self, testnet: dict[str, str]) -> None:
        local = {
            "ROADSTEAD_HOME_DOMAIN": "localhost:8080",
            "ROADSTEAD_PUBLIC_URL": "http://localhost:8080",
            "ROADSTEAD_HORIZON_URLS": "http://[::1]:8000",
            "ROADSTEAD_RAIL_SEPA_KIND": "simulated",
            "ROADSTEAD_DATABASE_URL": "",
            "ROADSTEAD_DEBUG": "true",
        }

        assert load_configuration(testnet | local).settings.debug

    def test_refuses_plain_http_to_strangers(self, testnet: dict[str, str]) -> None:
        (problem,) = _problems(testnet | {"ROADSTEAD_PUBLIC_URL": "http://anchor.example"})

        assert "It must be https" in problem

    def test_refuses_keys_that_everybody_knows(self, testnet: dict[str, str]) -> None:
        (problem,) = _problems(testnet | {"ROADSTEAD_SIGNING_SECRET": examples.SIGNING_SEED})

        assert "is the example of our documentation" in problem

    def test_refuses_the_servers_of_real_money(self, testnet: dict[str, str]) -> None:
        real = profile(Network.MAINNET)
        problems = _problems(
            testnet
            | {"ROADSTEAD_HORIZON_URLS": real.horizon_url, "ROADSTEAD_NETWORK_PASSPHRASE": real.passphrase}
        )

        assert len(problems) == 2


class TestChecksArePure:
    def test_the_same_configuration_has_the_same_problems(self, mainnet: dict[str, str]) -> None:
        configuration = load_configuration(mainnet)
        worse = replace(configuration, settings=replace(configuration.settings, debug=True))

        assert problems_of(configuration) == []
        assert problems_of(worse) == problems_of(worse) != []

    def test_the_data_key_is_given_as_bytes(self, mainnet: dict[str, str]) -> None:
        assert load_configuration(mainnet).data_key == base64.b64decode(mainnet["ROADSTEAD_DATA_KEY"])
