"""What the environment may say, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadstead.config import examples
from roadstead.config.definitions import all_definitions
from roadstead.config.load import load_configuration
from roadstead.config.networks import Network, NetworkProfile, profiles
from roadstead.config.secrets import Secret
from roadstead.config.settings import load_settings
from roadstead.errors import ConfigurationError


def _problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        load_configuration(environ)
    return [line.removeprefix("- ") for line in refusal.value.message.splitlines()[1:]]


class TestReading:
    def test_the_smallest_environment_is_enough(self, sandbox: dict[str, str]) -> None:
        settings = load_settings(sandbox)

        assert settings.network is Network.SANDBOX
        assert settings.signing_secret == Secret(examples.SIGNING_SEED)
        assert settings.issuers == {"EURX": examples.ISSUER, "USDC": examples.ISSUER}
        assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8080)
        assert (settings.internal_host, settings.internal_port) == ("127.0.0.1", 8081)
        assert (settings.log_level, settings.log_format, settings.debug) == ("info", "json", False)
        assert settings.database_pool_max == 10
        assert settings.database_url is None
        assert settings.state_dir == Path("/home/operator/.local/state/roadstead")

    def test_every_value_knows_where_it_comes_from(self, sandbox: dict[str, str]) -> None:
        origins = load_settings(sandbox).origins

        assert origins["ROADSTEAD_NETWORK"] == "environment"
        assert origins["ROADSTEAD_ASSET_EURX_ISSUER"] == "environment"
        assert origins["ROADSTEAD_API_PORT"] == "default"
        assert origins["ROADSTEAD_STATE_DIR"] == "default"
        assert origins["ROADSTEAD_HORIZON_URLS"] == "network default"
        assert origins["ROADSTEAD_NETWORK_PASSPHRASE"] == "network default"

    @pytest.mark.parametrize("known", profiles(), ids=lambda known: known.network)
    def test_passphrase_and_horizon_follow_the_network(
        self, sandbox: dict[str, str], known: NetworkProfile
    ) -> None:
        settings = load_settings(sandbox | {"ROADSTEAD_NETWORK": known.network})

        assert settings.network_passphrase == known.passphrase
        assert settings.horizon_urls == (known.horizon_url,)

    def test_several_horizons_keep_their_order(self, sandbox: dict[str, str]) -> None:
        urls = {"ROADSTEAD_HORIZON_URLS": "https://b.example, https://a.example"}

        assert load_settings(sandbox | urls).horizon_urls == ("https://b.example", "https://a.example")

    def test_our_accounts_are_named_one_by_one(self, sandbox: dict[str, str]) -> None:
        named = {"ROADSTEAD_OWN_ACCOUNTS": f"{examples.OWN_ACCOUNT},{examples.SIGNING_ACCOUNT}"}

        assert load_settings(sandbox).own_accounts == ()
        assert load_settings(sandbox | named).own_accounts == (examples.OWN_ACCOUNT, examples.SIGNING_ACCOUNT)

    def test_the_public_url_follows_the_home_domain(self, sandbox: dict[str, str]) -> None:
        del sandbox["ROADSTEAD_PUBLIC_URL"]

        assert load_settings(sandbox).public_url == "https://localhost:8080"

    def test_migrations_use_the_same_database_unless_told_otherwise(self, sandbox: dict[str, str]) -> None:
        url = {"ROADSTEAD_DATABASE_URL": "postgresql://app@localhost/one"}
        owner = {"ROADSTEAD_DATABASE_OWNER_URL": "postgresql://owner@localhost/one"}

        assert load_settings(sandbox | url).database_owner_url == Secret("postgresql://app@localhost/one")
        assert load_settings(sandbox | url | owner).database_owner_url == Secret(
            "postgresql://owner@localhost/one"
        )

    def test_an_empty_variable_counts_as_not_set(self, sandbox: dict[str, str]) -> None:
        assert load_settings(sandbox | {"ROADSTEAD_API_PORT": ""}).api_port == 8080
        assert "ROADSTEAD_NETWORK is missing" in _problems(sandbox | {"ROADSTEAD_NETWORK": ""})[0]

    def test_variables_of_others_are_not_looked_at(self, sandbox: dict[str, str]) -> None:
        others = {
            "PATH": "/bin",
            "ROADSTEADER": "1",
            "ROADSTEAD_LIFELINE_FD": "7",
            "ROADSTEAD_TEST_DATABASE": "x",
            "ROADSTEAD_NO_SKIPS": "1",
            "ROADSTEAD_BANK_TOKEN": "x",
            "ROADSTEAD_SENDER_SECRET_FILE": "/run/secret",
        }

        assert load_settings(sandbox | others) == load_settings(sandbox)

    def test_a_rail_without_words_of_its_own_gets_the_networks_kind(self, sandbox: dict[str, str]) -> None:
        said = {
            "ROADSTEAD_RAIL_WIRE_KIND": "our.rail:open",
            "ROADSTEAD_RAIL_WIRE_URL": "http://127.0.0.1:9000",
        }
        sepa, wire, _ = load_configuration(sandbox | said).rails

        assert (sepa.name, sepa.kind, sepa.url) == ("sepa", "simulated", None)
        assert (wire.name, wire.kind, wire.url) == ("wire", "our.rail:open", "http://127.0.0.1:9000")


class TestSecretFiles:
    def test_a_secret_may_be_given_as_a_file(self, sandbox: dict[str, str], tmp_path: Path) -> None:
        file = tmp_path / "jwt"
        file.write_text("a secret of more than thirty-two bytes\n")
        del sandbox["ROADSTEAD_JWT_SECRET"]

        settings = load_settings(sandbox | {"ROADSTEAD_JWT_SECRET_FILE": str(file)})

        assert settings.jwt_secret == Secret("a secret of more than thirty-two bytes")
        assert settings.origins["ROADSTEAD_JWT_SECRET"] == f"file {file}"

    def test_a_rails_token_may_be_given_as_a_file(self, sandbox: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "token").write_text("word")

        rails = load_settings(sandbox | {"ROADSTEAD_RAIL_SEPA_TOKEN_FILE": str(tmp_path / "token")}).rails

        assert rails["sepa"].token == Secret("word")

    def test_a_secret_and_its_file_at_once_are_refused(self, sandbox: dict[str, str]) -> None:
        both = {"ROADSTEAD_DATA_KEY_FILE": "/run/key", "ROADSTEAD_RAIL_SEPA_TOKEN": "a"}
        problems = _problems(sandbox | both | {"ROADSTEAD_RAIL_SEPA_TOKEN_FILE": "/run/token"})

        assert [problem.split(". ")[0] for problem in problems] == [
            "ROADSTEAD_DATA_KEY is set and ROADSTEAD_DATA_KEY_FILE too: keep one of them",
            "ROADSTEAD_RAIL_SEPA_TOKEN is set and ROADSTEAD_RAIL_SEPA_TOKEN_FILE too: keep one of them",
        ]

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (None, "No such file"),
            (b" \n", "it is empty"),
            (b"x" * 70_000, "too large"),
            (b"\xff\xfe", "UnicodeDecode"),
        ],
        ids=["absent", "empty", "too large", "not text"],
    )
    def test_a_file_that_holds_no_secret_is_told(
        self, sandbox: dict[str, str], tmp_path: Path, content: bytes | None, told: str
    ) -> None:
        file = tmp_path / "secret"
        if content is not None:
            file.write_bytes(content)
        del sandbox["ROADSTEAD_JWT_SECRET"]

        (problem,) = _problems(sandbox | {"ROADSTEAD_JWT_SECRET_FILE": str(file)})

        assert told in problem
        assert str(file) in problem

    def test_what_is_no_secret_cannot_be_given_as_a_file(self, sandbox: dict[str, str]) -> None:
        (problem,) = _problems(sandbox | {"ROADSTEAD_HOME_DOMAIN_FILE": "/run/domain"})

        assert (
            "ROADSTEAD_HOME_DOMAIN_FILE is no setting of Roadstead. Did you mean ROADSTEAD_HOME_DOMAIN?"
            in problem
        )


class TestProblems:
    def test_an_empty_environment_lists_everything_that_is_needed(self, tmp_path: Path) -> None:
        problems = _problems({"ROADSTEAD_ANCHOR_FILE": str(tmp_path / "none.toml")})

        assert [problem.split()[0] for problem in problems[:-1]] == [
            "ROADSTEAD_NETWORK",
            "ROADSTEAD_HOME_DOMAIN",
            "ROADSTEAD_SIGNING_SECRET",
            "ROADSTEAD_DISTRIBUTION_ACCOUNT",
            "ROADSTEAD_JWT_SECRET",
            "ROADSTEAD_DATA_KEY",
        ]
        assert "none.toml: cannot be read" in problems[-1]

    def test_a_misspelled_variable_is_refused_with_the_one_that_was_meant(
        self, sandbox: dict[str, str]
    ) -> None:
        (problem,) = _problems(sandbox | {"ROADSTEAD_LOGLEVEL": "info"})

        assert problem == (
            "ROADSTEAD_LOGLEVEL is no setting of Roadstead. Did you mean ROADSTEAD_LOG_LEVEL?"
            " Correct its name or remove it."
        )

    def test_assets_and_rails_that_the_file_does_not_know_are_refused(self, sandbox: dict[str, str]) -> None:
        extra = {"ROADSTEAD_ASSET_EURY_ISSUER": examples.ISSUER, "ROADSTEAD_RAIL_SEPPA_KIND": "simulated"}
        problems = _problems(sandbox | extra)

        assert "anchor.toml accepts no asset EURY. Did you mean EURX?" in problems[0]
        assert "anchor.toml has no rail seppa. Did you mean sepa?" in problems[1]

    def test_an_asset_without_its_issuer_is_refused(self, sandbox: dict[str, str]) -> None:
        del sandbox["ROADSTEAD_ASSET_USDC_ISSUER"]
        (problem,) = _problems(sandbox)

        assert problem.startswith(
            "ROADSTEAD_ASSET_USDC_ISSUER is missing: anchor.toml accepts USDC. It must be"
        )

    @pytest.mark.parametrize(
        ("variable", "value", "told"),
        [
            ("NETWORK", "pubnet", "is 'pubnet'. It must be one of sandbox, testnet, mainnet"),
            ("NETWORK_PASSPHRASE", " x", "begins or ends with a space"),
            ("HORIZON_URLS", "horizon.example", "URLs of http or https"),
            ("HORIZON_URLS", "https://user:word@horizon.example", "carries a user or a password"),
            ("HORIZON_URLS", "https://horizon.example/", "a slash at the end"),
            ("HORIZON_URLS", "https://horizon.example:port", "is no URL"),
            ("HORIZON_URLS", "https://[::1", "is no URL"),
            ("HORIZON_URLS", "https://a.example,https://a.example", "names one URL twice"),
            ("HORIZON_LAG_MAX_S", "5", "a whole number from 10 to 3600"),
            ("OWN_ACCOUNTS", f"{examples.OWN_ACCOUNT},GABC", "is no Stellar address"),
            ("PUBLIC_URL", "ftp://anchor.example", "a URL of http or https"),
            ("HOME_DOMAIN", "https://anchor.example", "a host name in small letters"),
            ("HOME_DOMAIN", "Anchor.example", "a host name in small letters"),
            ("HOME_DOMAIN", "anchor.example/", "a host name in small letters"),
            ("HOME_DOMAIN", "anchor.example:65536", "a host name in small letters"),
            ("HOME_DOMAIN", "a..b", "a host name in small letters"),
            ("SIGNING_SECRET", examples.SIGNING_ACCOUNT, "is a public key, where the secret seed belongs"),
            ("SIGNING_SECRET", examples.SIGNING_SEED[:-1] + "A", "is no secret seed"),
            ("DISTRIBUTION_ACCOUNT", examples.SIGNING_SEED, "is a secret seed, which does not belong here"),
            ("DISTRIBUTION_ACCOUNT", "GABC", "is no Stellar address"),
            ("ASSET_EURX_ISSUER", examples.ISSUER.lower(), "is no Stellar address"),
            ("JWT_SECRET", "x" * 31, "has 31 bytes. It must be a text of at least 32 random bytes"),
            ("JWT_SECRET", "ab" * 20, "can be guessed"),
            ("DATA_KEY", "not base64", "is not base64"),
            ("DATA_KEY", "c2hvcnQ=", "holds 5 bytes"),
            ("DATA_KEY", "A" * 43 + "=", "can be guessed"),
            ("DATABASE_URL", "mysql://localhost/a", "is no PostgreSQL URL"),
            ("DATABASE_URL", "postgresql://localhost", "is no PostgreSQL URL with the name of a database"),
            ("DATABASE_POOL_MAX", "3", "is 3. It must be a whole number from 4 to 500"),
            ("DATABASE_POOL_MAX", "ten", "is 'ten'"),
            ("API_PORT", "65536", "is 65536. It must be a whole number from 0 to 65535"),
            ("API_PORT", "+1", "is '+1'"),
            ("API_PORT", "٣", "a whole number"),
            ("API_HOST", "not a host", "a host name or an IP address"),
            ("LOG_LEVEL", "INFO", "one of debug, info, warning, error"),
            ("DEBUG", "yes", "true or false"),
            (
                "RAIL_SEPA_KIND",
                "our bank",
                "simulated, http, iso20022, or package.module:function of a rail of your own",
            ),
            (
                "RAIL_SEPA_KIND",
                "simulted",
                "simulated, http, iso20022, or package.module:function of a rail of your own",
            ),
            ("RAIL_SEPA_TOKEN", "with\nnewline", "characters that no header can carry"),
        ],
    )
    def test_each_mistake_is_told_with_what_is_expected(
        self, sandbox: dict[str, str], variable: str, value: str, told: str
    ) -> None:
        (problem,) = _problems(sandbox | {f"ROADSTEAD_{variable}": value})

        assert problem.startswith(f"ROADSTEAD_{variable} ")
        assert told in problem
        assert f"for example: ROADSTEAD_{variable}=" in problem

    @pytest.mark.parametrize(
        ("variable", "secret"),
        [
            ("SIGNING_SECRET", examples.SIGNING_SEED[:-1] + "A"),
            ("JWT_SECRET", "correct horse"),
            ("DATA_KEY", "correct horse"),
            ("DATABASE_URL", "mysql://user:correct-horse@db/x"),
            ("RAIL_SEPA_TOKEN", "correct horse\n"),
            ("DISTRIBUTION_ACCOUNT", examples.SIGNING_SEED),
        ],
    )
    def test_no_message_repeats_a_secret(self, sandbox: dict[str, str], variable: str, secret: str) -> None:
        sandbox["ROADSTEAD_SIGNING_SECRET"] = examples.SIGNING_SEED
        with pytest.raises(ConfigurationError) as refusal:
            load_settings(sandbox | {f"ROADSTEAD_{variable}": secret})

        message = refusal.value.message.replace(
            f"for example: ROADSTEAD_SIGNING_SECRET={examples.SIGNING_SEED}", ""
        )
        assert secret.strip() not in message


class TestDefinitions:
    def test_every_example_is_of_its_own_form(self) -> None:
        for definition in all_definitions():
            definition.form.read(definition.example)

    def test_every_default_is_of_its_own_form(self) -> None:
        for definition in all_definitions():
            if definition.default is not None:
                definition.form.read(definition.default)

    def test_every_setting_says_what_happens_when_it_is_left_out(self) -> None:
        for definition in all_definitions():
            said = [definition.required, definition.default is not None, bool(definition.default_words)]
            assert sum(said) == 1, definition.variable
