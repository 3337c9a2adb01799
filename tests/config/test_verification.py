"""Whether customers are verified, and by whom: the same file everywhere, and only networks that differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadstead.config.load import load_configuration
from roadstead.config.verification import PEOPLE
from roadstead.errors import ConfigurationError

SECRET = "a-secret-of-the-provider-and-us-0123456789"
PLAIN = '[[verifiers]]\nname = "identity"\n'
IDENTITY = """\
[[verifiers]]
name = "identity"
customer_types = ["sep31-receiver"]
countries = ["DEU"]
"""


@pytest.fixture
def declared(tmp_path: Path, mainnet: dict[str, str]) -> dict[str, str]:
    """Real money, and an anchor.toml that declares a verifier."""
    path = tmp_path / "anchor.toml"
    everything = Path(mainnet["ROADSTEAD_ANCHOR_FILE"]).read_text()
    path.write_text(everything.replace(PLAIN, IDENTITY))
    return mainnet | {
        "ROADSTEAD_ANCHOR_FILE": str(path),
        "ROADSTEAD_VERIFIER_IDENTITY_KIND": "http",
        "ROADSTEAD_VERIFIER_IDENTITY_URL": "https://identity.example/v1",
        "ROADSTEAD_VERIFIER_IDENTITY_SECRET": SECRET,
    }


def _problems(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        load_configuration(environ)
    return refusal.value.message


class TestWhoIsVerified:
    def test_where_money_is_real_every_type_is_and_people_do_it_unless_somebody_is_named(
        self, mainnet: dict[str, str], tmp_path: Path
    ) -> None:
        path = tmp_path / "anchor.toml"
        path.write_text(Path(mainnet["ROADSTEAD_ANCHOR_FILE"]).read_text().replace(PLAIN, ""))
        del mainnet["ROADSTEAD_VERIFIER_IDENTITY_KIND"]
        configuration = load_configuration(mainnet | {"ROADSTEAD_ANCHOR_FILE": str(path)})

        assert configuration.verifiers == (PEOPLE,)
        assert configuration.verified_types == {kind.name for kind in configuration.anchor.customer_types}

    @pytest.mark.parametrize("network", ["sandbox", "testnet"])
    def test_elsewhere_nobody_is_with_the_same_file_and_no_word_of_verifiers(
        self, declared: dict[str, str], network: str
    ) -> None:
        environ = {name: value for name, value in declared.items() if "VERIFIER" not in name}
        configuration = load_configuration(environ | {"ROADSTEAD_NETWORK": network})

        assert not configuration.validates_customers
        assert configuration.verified_types == frozenset()

    def test_a_rehearsal_may_verify_too(self, declared: dict[str, str]) -> None:
        changes = {"ROADSTEAD_NETWORK": "testnet", "ROADSTEAD_KYC_VALIDATION": "on"}

        assert load_configuration(declared | changes).validates_customers

    def test_a_verifier_serves_its_types_and_countries_and_people_serve_the_others(
        self, declared: dict[str, str]
    ) -> None:
        first, last = load_configuration(declared).verifiers

        assert (first.name, first.kind, first.url) == ("identity", "http", "https://identity.example/v1")
        assert first.serves.serves("sep31-receiver", "DEU")
        assert not first.serves.serves("sep31-receiver", "FRA")
        assert not first.serves.serves("sep31-receiver", None)
        assert not first.serves.serves("sep31-sender", "DEU")
        assert last.serves.serves("sep31-sender", "DEU")

    def test_a_type_that_is_only_taken_at_its_word_is_not_verified(self, declared: dict[str, str]) -> None:
        everything = Path(declared["ROADSTEAD_ANCHOR_FILE"]).read_text().replace('countries = ["DEU"]\n', "")
        Path(declared["ROADSTEAD_ANCHOR_FILE"]).write_text(everything)
        changes = {
            "ROADSTEAD_NETWORK": "testnet",
            "ROADSTEAD_KYC_VALIDATION": "on",
            "ROADSTEAD_VERIFIER_IDENTITY_KIND": "offline",
        }
        verified = load_configuration(declared | changes).verified_types

        assert "sep31-receiver" not in verified
        assert "sep31-sender" in verified


class TestRealMoneyIsRefused:
    def test_without_verification(self, declared: dict[str, str]) -> None:
        told = _problems(declared | {"ROADSTEAD_KYC_VALIDATION": "off"})
        assert "ROADSTEAD_KYC_VALIDATION=on" in told

    def test_with_a_verifier_that_takes_everybody_at_their_word(self, declared: dict[str, str]) -> None:
        told = _problems(declared | {"ROADSTEAD_VERIFIER_IDENTITY_KIND": "offline"})
        assert "ROADSTEAD_VERIFIER_IDENTITY_KIND is offline" in told

    @pytest.mark.parametrize("what", ["KIND", "URL", "SECRET"])
    def test_with_a_verifier_of_which_something_is_not_said(
        self, declared: dict[str, str], what: str
    ) -> None:
        variable = f"ROADSTEAD_VERIFIER_IDENTITY_{what}"
        told = _problems({name: value for name, value in declared.items() if name != variable})
        assert f"{variable} is missing" in told

    def test_with_a_provider_that_anybody_on_the_way_can_read(self, declared: dict[str, str]) -> None:
        told = _problems(declared | {"ROADSTEAD_VERIFIER_IDENTITY_URL": "http://identity.example/v1"})
        assert "ROADSTEAD_VERIFIER_IDENTITY_URL is http" in told


class TestWhatDoesNotFit:
    def test_settings_of_a_verifier_that_the_file_does_not_declare(self, mainnet: dict[str, str]) -> None:
        told = _problems(mainnet | {"ROADSTEAD_VERIFIER_IDENTITTY_KIND": "http"})
        assert "anchor.toml has no verifier identitty" in told

    @pytest.mark.parametrize(
        ("was", "written", "told"),
        [
            ('"sep31-receiver"', '"sep31-reciever"', "verifiers identity: customer_types"),
            ('name = "identity"', 'name = "people"', "people verify under this name"),
            ('"DEU"', '"DE"', "three letters"),
        ],
    )
    def test_a_declaration_that_leads_nowhere(
        self, declared: dict[str, str], was: str, written: str, told: str
    ) -> None:
        path = Path(declared["ROADSTEAD_ANCHOR_FILE"])
        path.write_text(path.read_text().replace(IDENTITY, IDENTITY.replace(was, written)))
        assert told in _problems(declared)
