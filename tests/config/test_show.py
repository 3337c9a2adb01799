"""The configuration in effect, shown to people."""

from __future__ import annotations

from roadstead.config.load import load_configuration
from roadstead.config.secrets import MASK
from roadstead.config.show import effective_rows


class TestRows:
    def test_every_value_stands_with_its_origin(self, mainnet: dict[str, str]) -> None:
        rows = {row.name: (row.value, row.origin) for row in effective_rows(load_configuration(mainnet))}

        assert rows["ROADSTEAD_NETWORK"] == ("mainnet", "environment")
        assert rows["ROADSTEAD_API_PORT"] == ("8080", "default")
        assert rows["ROADSTEAD_DEBUG"] == ("false", "default")
        assert rows["ROADSTEAD_HORIZON_URLS"] == ("https://horizon.stellar.org", "network default")
        assert rows["ROADSTEAD_ASSET_EURX_ISSUER"] == (mainnet["ROADSTEAD_ASSET_EURX_ISSUER"], "environment")
        assert rows["ROADSTEAD_RAIL_SEPA_KIND"] == ("our_bank.rail:Sepa", "environment")
        assert rows["ROADSTEAD_RAIL_WIRE_URL"] == ("(none)", "default")
        assert rows["assets[EURX].amount_max"] == ("10000", "anchor.toml")
        assert rows["assets[USDC].funding_methods"] == ("WIRE", "anchor.toml")
        assert rows["rails[sepa].currency"] == ("iso4217:EUR", "anchor.toml")
        assert rows["customer_types[sep31-receiver].fields[email_address].optional"] == (
            "true",
            "anchor.toml",
        )
        assert rows["remittances.expires_after_s"] == ("86400", "anchor.toml")

    def test_the_networks_choice_of_a_rail_is_named_as_such(self, sandbox: dict[str, str]) -> None:
        rows = {row.name: (row.value, row.origin) for row in effective_rows(load_configuration(sandbox))}

        assert rows["ROADSTEAD_RAIL_SEPA_KIND"] == ("simulated", "network default")
        assert rows["ROADSTEAD_DATABASE_URL"] == ("(none)", "default")

    def test_no_secret_is_shown(self, mainnet: dict[str, str]) -> None:
        mainnet["ROADSTEAD_DATABASE_OWNER_URL"] = "postgresql:///roadstead?host=/run&password=hidden-too"
        rows = effective_rows(load_configuration(mainnet))
        shown = {row.name: row.value for row in rows}
        everything = "\n".join(f"{row}" for row in rows)

        for name in ("SIGNING_SECRET", "JWT_SECRET", "DATA_KEY", "RAIL_SEPA_TOKEN"):
            assert shown[f"ROADSTEAD_{name}"] == MASK
            assert mainnet[f"ROADSTEAD_{name}"] not in everything
        assert (
            shown["ROADSTEAD_DATABASE_URL"] == f"postgresql://app:{MASK}@db.anchor.example/roadstead?{MASK}"
        )
        assert shown["ROADSTEAD_DATABASE_OWNER_URL"] == f"postgresql:///roadstead?{MASK}"
        assert "hidden" not in everything

    def test_each_name_stands_once(self, mainnet: dict[str, str]) -> None:
        names = [row.name for row in effective_rows(load_configuration(mainnet))]

        assert len(set(names)) == len(names)
