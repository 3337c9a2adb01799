"""What the environment says of a rail becomes that rail."""

from __future__ import annotations

import pytest
from tests.fixtures.authentication import configured

from roadstead.config import examples
from roadstead.config.load import load_configuration
from roadstead.errors import ConfigurationError
from roadstead.rails.http import HttpRail
from roadstead.rails.opening import open_rails
from roadstead.rails.simulated import SimulatedRail

HTTP = {
    "ROADSTEAD_RAIL_SEPA_KIND": "http",
    "ROADSTEAD_RAIL_SEPA_URL": "https://bank.example/payout-api",
    "ROADSTEAD_RAIL_SEPA_SIGNING_KEY": examples.RAIL_SIGNING_KEY,
    "ROADSTEAD_RAIL_SEPA_BANK_KEYS": examples.RAIL_BANK_KEY,
}
PLAIN = {f"ROADSTEAD_RAIL_{name}_URL": "http://127.0.0.1:9" for name in ("SEPA", "WIRE", "ZENGIN")}


class TestARailOfKindHttp:
    async def test_is_opened_with_its_keys_and_its_address_for_pushes(self) -> None:
        rails = open_rails(configured({**PLAIN, **HTTP}))
        sepa = rails["sepa"]
        assert isinstance(sepa, HttpRail)
        assert sepa.terms.pushes
        assert isinstance(rails["wire"], SimulatedRail)

    @pytest.mark.parametrize("missing", ["URL", "SIGNING_KEY", "BANK_KEYS"])
    def test_that_lacks_something_refuses_the_start_and_says_what(self, missing: str) -> None:
        environ = {**PLAIN, **HTTP}
        del environ[f"ROADSTEAD_RAIL_SEPA_{missing}"]
        with pytest.raises(ConfigurationError, match=f"ROADSTEAD_RAIL_SEPA_{missing} is missing"):
            configured(environ)

    @pytest.mark.parametrize(
        ("setting", "value", "told"),
        [
            ("SIGNING_KEY", "AAAA", "is no private key of Ed25519"),
            ("SIGNING_KEY", examples.RAIL_BANK_KEY, "is no private key of Ed25519"),
            ("SIGNING_KEY", "not base64!", "is not base64"),
            ("BANK_KEYS", examples.RAIL_SIGNING_KEY, "is no public key of Ed25519"),
            ("BANK_KEYS", f"{examples.RAIL_BANK_KEY},AAAA", "is no public key of Ed25519"),
        ],
    )
    def test_with_a_key_that_is_none_refuses_the_start_without_showing_it(
        self, setting: str, value: str, told: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=told) as refused:
            configured({**PLAIN, **HTTP, f"ROADSTEAD_RAIL_SEPA_{setting}": value})
        assert setting != "SIGNING_KEY" or value not in refused.value.message.partition("for example")[0]

    def test_keys_may_be_changed_with_the_old_one_beside_the_new(self) -> None:
        keys = f"{examples.RAIL_BANK_KEY}, MCowBQYDK2VwAyEAOI8HsfA+I3Lg3yBJeUlaI9jh0gboxZYVwSfLB0lRclY="
        configuration = configured({**PLAIN, **HTTP, "ROADSTEAD_RAIL_SEPA_BANK_KEYS": keys})
        (sepa,) = (rail for rail in configuration.rails if rail.name == "sepa")
        assert len(sepa.bank_keys) == 2
        assert sepa.events_url == "http://localhost:8080/rails/sepa/events"


def test_example_keys_are_refused_where_strangers_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_configuration(
            {
                "HOME": str(tmp_path_factory.mktemp("home")),
                "ROADSTEAD_NETWORK": "testnet",
                "ROADSTEAD_ANCHOR_FILE": "examples/anchor.toml",
                "ROADSTEAD_HOME_DOMAIN": "anchor.example",
                "ROADSTEAD_SIGNING_SECRET": examples.SIGNING_SEED,
                "ROADSTEAD_DISTRIBUTION_ACCOUNT": examples.DISTRIBUTION_ACCOUNT,
                "ROADSTEAD_JWT_SECRET": examples.JWT_SECRET,
                "ROADSTEAD_DATA_KEY": examples.DATA_KEY,
                "ROADSTEAD_ASSET_EURX_ISSUER": examples.ISSUER,
                "ROADSTEAD_ASSET_USDC_ISSUER": examples.ISSUER,
                **HTTP,
            }
        )
    assert "ROADSTEAD_RAIL_SEPA_SIGNING_KEY is the example" in refused.value.message
    assert "ROADSTEAD_RAIL_SEPA_BANK_KEYS has the example" in refused.value.message
