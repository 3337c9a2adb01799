from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.errors import BadInput, InvalidAmount, InvariantViolated
from roadstead.money import (
    NATIVE,
    STELLAR_MAX_UNITS,
    Money,
    amount_from_text,
    currency,
    exact_amount,
    parse_asset,
    parse_decimal,
    round_down,
    round_up,
    stellar_asset,
)

ISSUER = "GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL"
EURX = stellar_asset("EURX", ISSUER)
EUR = currency("EUR")


class TestReadingAmounts:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "NaN",
            "Infinity",
            "-1",
            "+1",
            "1e3",
            "1E3",
            "1_0",
            " 1",
            "1 ",
            "1.",
            ".5",
            "01",
            "1,5",
            "0x10",
            "１",
            "٣",
            "1\n",
            "1" * 41,
            "1.1.1",
            "true",
        ],
    )
    def test_what_is_no_plain_number_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidAmount, match="not valid"):
            parse_decimal(text)

    def test_seven_decimals_are_exact_and_eight_are_refused(self) -> None:
        assert amount_from_text(EURX, "99.1234567").units == 991_234_567
        with pytest.raises(InvalidAmount, match="7 at most"):
            amount_from_text(EURX, "99.12345678")

    def test_trailing_zeros_beyond_the_asset_do_no_harm(self) -> None:
        assert amount_from_text(EUR, "10.5000").units == 1050

    def test_the_largest_amount_of_stellar_is_read_and_one_more_is_not(self) -> None:
        assert amount_from_text(EURX, "922337203685.4775807").units == STELLAR_MAX_UNITS
        with pytest.raises(InvalidAmount, match="larger than any"):
            amount_from_text(EURX, "922337203685.4775808")

    @given(st.text(max_size=50))
    def test_no_text_at_all_raises_anything_else(self, text: str) -> None:
        try:
            value = parse_decimal(text)
        except InvalidAmount:
            return
        assert value.is_finite()
        assert value >= 0

    @given(st.integers(min_value=0, max_value=STELLAR_MAX_UNITS))
    def test_what_is_written_is_read_back(self, units: int) -> None:
        written = Money(EURX, units).text
        assert "E" not in written
        assert amount_from_text(EURX, written).units == units


class TestAmountsAndAssets:
    def test_two_assets_never_meet(self) -> None:
        euro, token = Money(EUR, 100), Money(EURX, 100)
        for mix in (lambda: euro + token, lambda: euro - token, lambda: euro < token, lambda: token >= euro):
            with pytest.raises(InvariantViolated, match="mixed"):
                mix()

    def test_small_amounts_are_written_without_an_exponent(self) -> None:
        assert Money(EURX, 1).text == "0.0000001"
        assert Money(EURX, -5).text == "-0.0000005"

    @pytest.mark.parametrize(("code", "scale"), [("EUR", 2), ("JPY", 0), ("CLP", 0), ("KWD", 3), ("CLF", 4)])
    def test_a_currency_has_the_decimals_of_iso_4217(self, code: str, scale: int) -> None:
        assert currency(code).scale == scale

    @given(st.decimals(min_value=0, max_value=1_000_000, places=12))
    def test_rounding_keeps_within_one_unit(self, value: Decimal) -> None:
        low, high = round_down(EUR, value), round_up(EUR, value)
        assert low.decimal <= value <= high.decimal
        assert high.units - low.units <= 1

    def test_an_exact_amount_is_never_rounded(self) -> None:
        with pytest.raises(InvalidAmount):
            exact_amount(EUR, Decimal("1.005"))


class TestAssetIdentifiers:
    @pytest.mark.parametrize("text", [f"stellar:EURX:{ISSUER}", "stellar:native", "iso4217:EUR"])
    def test_an_identifier_is_read_and_written_alike(self, text: str) -> None:
        assert parse_asset(text).id == text

    def test_lumens_have_a_name(self) -> None:
        assert parse_asset("stellar:native") == NATIVE

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "EURX",
            "stellar:EURX",
            "stellar:EURX:GABC",
            "stellar:TOOLONGACODE1:" + ISSUER,
            "iso4217:eur",
            "iso4217:EURO",
        ],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(BadInput):
            parse_asset(text)
