"""Pairs and rate sources: what the tables owe each other is said before anything starts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from roadstead.config.anchor_file import load_anchor, read_anchor
from roadstead.config.load import load_configuration
from roadstead.errors import ConfigurationError
from roadstead.money import currency

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "anchor.toml"
STATIC = 'kind = "static"'
EURO_PAIR = """delivers = "iso4217:EUR"
rate_source = "reference"
spread_bps = 50"""


def problems(folder: Path, *changes: tuple[str, str]) -> list[str]:
    text = EXAMPLE.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "anchor.toml"
    path.write_text(text)
    return read_anchor(path)[1]


class TestTheExample:
    def test_usdc_is_delivered_in_three_currencies_and_the_own_asset_one_to_one(self) -> None:
        anchor = load_anchor(EXAMPLE)
        assert [pair.name for pair in anchor.pairs] == ["EURX-EUR", "USDC-USD", "USDC-EUR", "USDC-JPY"]
        rates = {(rate.sell, rate.delivers): rate.rate for rate in anchor.rate_sources[0].rates}
        assert rates["EURX", currency("EUR")] == Decimal(1)

    def test_the_receiver_is_asked_what_the_currency_needs(self) -> None:
        anchor = load_anchor(EXAMPLE)
        assert anchor.receiver_type("USDC", currency("USD")) == "sep31-receiver-wire"
        assert anchor.receiver_type("USDC", currency("EUR")) == "sep31-receiver"
        assert anchor.receiver_type("EURX", currency("EUR")) == "sep31-receiver"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            (EURO_PAIR, EURO_PAIR.replace("reference", "market"), "market is not among [[rate_sources]]"),
            (EURO_PAIR, EURO_PAIR.replace("EUR", "GBP"), "SEPA pays in iso4217:EUR"),
            (EURO_PAIR, EURO_PAIR.replace("50", "5001"), "a whole number from 0 to 5000"),
            (EURO_PAIR, f'{EURO_PAIR}\namount_min = "0.1"', "leaves nothing to deliver"),
            (EURO_PAIR, f'{EURO_PAIR}\namount_max = "300000"', "exposure_max 250000 is below amount_max"),
            (EURO_PAIR, f'{EURO_PAIR}\ncountry_codes = ["Germany"]', "names 'Germany'"),
            ("quote_lifetime_s = 300", "quote_lifetime_s = 7200", "is above quote_lifetime_max_s"),
            ('receiver_type = "sep31-receiver-zengin"', 'receiver_type = "sep31-sender"', "is not among"),
            ('rate = "0.92"', 'rate = "0"', "at which nothing can be exchanged"),
            ('rate = "0.92"', 'rate = "-1"', "rate"),
            (STATIC, 'kind = "guess"', "package.module:function"),
            (STATIC, 'kind = "http"', "has a table of rates, which nobody would read"),
            (STATIC, f"{STATIC}\nrefresh_s = 300", "go stale before they are asked again"),
            ('funding_methods = ["ZENGIN"]', 'funding_methods = ["PIGEON"]', "PIGEON is not among"),
        ],
    )
    def test_is_named_with_what_to_write(self, tmp_path: Path, old: str, new: str, told: str) -> None:
        found = problems(tmp_path, (old, new))
        assert any(told in problem for problem in found), found

    def test_a_pair_without_a_rate_in_its_table(self, tmp_path: Path) -> None:
        table = '[[rate_sources.rates]]\nsell = "USDC"\ndelivers = "iso4217:EUR"\nrate = "0.92"\n'
        (found,) = problems(tmp_path, (table, ""))
        assert "the static source reference has no rate for it" in found

    def test_a_pair_that_stands_there_twice(self, tmp_path: Path) -> None:
        found = problems(
            tmp_path, ('delivers = "iso4217:JPY"\nrate_source', 'delivers = "iso4217:EUR"\nrate_source')
        )
        assert any("pairs: USDC-EUR stands there 2 times" in problem for problem in found)

    def test_required_quotes_that_nobody_gives(self, tmp_path: Path) -> None:
        text = EXAMPLE.read_text()
        start, end = text.index("[[requirements]]"), text.index("[remittances]")
        text = text[:start] + text[end:]
        path = tmp_path / "anchor.toml"
        path.write_text(text.replace("issued = true", "issued = true\nquotes_required = true"))
        (found,) = read_anchor(path)[1]
        assert "no pair sells EURX" in found


class TestTheAddressOfRates:
    def _over_http(self, tmp_path: Path) -> str:
        text = EXAMPLE.read_text().replace(STATIC, 'kind = "http"')
        before, _, after = text.partition("# Units of the currency")
        path = tmp_path / "anchor.toml"
        path.write_text(before + after[after.index("# What a partner may ask") :])
        return str(path)

    def test_a_source_over_http_needs_one(self, tmp_path: Path, sandbox: dict[str, str]) -> None:
        environ = sandbox | {"ROADSTEAD_ANCHOR_FILE": self._over_http(tmp_path)}
        with pytest.raises(ConfigurationError, match="ROADSTEAD_RATES_URL is missing"):
            load_configuration(environ)
        configuration = load_configuration(environ | {"ROADSTEAD_RATES_URL": "http://127.0.0.1:1/rates"})
        assert configuration.rate_sources[0].url == "http://127.0.0.1:1/rates"

    def test_one_that_nobody_uses_is_refused(self, sandbox: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match=r"every rate source of anchor\.toml is static"):
            load_configuration(sandbox | {"ROADSTEAD_RATES_URL": "http://127.0.0.1:1/rates"})

    def test_where_money_is_real_it_is_https(self, tmp_path: Path, mainnet: dict[str, str]) -> None:
        environ = mainnet | {
            "ROADSTEAD_ANCHOR_FILE": self._over_http(tmp_path),
            "ROADSTEAD_RATES_URL": "http://rates.example/v1",
        }
        with pytest.raises(ConfigurationError, match="ROADSTEAD_RATES_URL is http"):
            load_configuration(environ)
