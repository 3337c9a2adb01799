from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.config.anchor import AssetTerms
from roadstead.errors import BadInput
from roadstead.money import Money, amount_from_text, currency, stellar_asset
from roadstead.remittances.pricing import price_at_par

ISSUER = "GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL"
EURX = stellar_asset("EURX", ISSUER)
TERMS = AssetTerms(
    code="EURX",
    name="Euro",
    description="Euro",
    issued=True,
    delivers=currency("EUR"),
    amount_min=Decimal(1),
    amount_max=Decimal(10_000),
    fee_fixed=Decimal("0.10"),
    fee_percent=Decimal("0.5"),
    funding_methods=("SEPA",),
)


class TestPriceAtPar:
    def test_the_fee_is_fixed_and_percentage_points(self) -> None:
        price = price_at_par(TERMS, EURX, amount_from_text(EURX, "100"))
        assert price.service_fee.text == "0.6000000"
        assert price.amount_out is not None
        assert price.amount_out.text == "99.40"
        assert price.rounding.units == 0
        assert [line.name for line in price.fee_lines] == ["Service fee"]

    def test_what_no_bank_can_pay_is_named_as_rounding(self) -> None:
        price = price_at_par(TERMS, EURX, amount_from_text(EURX, "99.1234567"))
        assert price.service_fee.text == "0.5956172"
        assert price.amount_out is not None
        assert price.amount_out.text == "98.52"
        assert price.rounding.text == "0.0078395"
        assert [line.name for line in price.fee_lines] == ["Service fee", "Rounding"]

    @pytest.mark.parametrize(
        ("amount", "message"), [("0.9999999", "too small"), ("10000.0000001", "too large")]
    )
    def test_the_limits_hold_to_the_last_unit(self, amount: str, message: str) -> None:
        with pytest.raises(BadInput, match=message):
            price_at_par(TERMS, EURX, amount_from_text(EURX, amount))

    def test_an_amount_that_the_fee_eats_is_refused(self) -> None:
        dear = replace(TERMS, fee_fixed=Decimal("0.995"))
        with pytest.raises(BadInput, match="does not cover the fee"):
            price_at_par(dear, EURX, amount_from_text(EURX, "1"))

    @given(
        st.integers(min_value=10_000_000, max_value=100_000_000_000), st.sampled_from(["EUR", "JPY", "KWD"])
    )
    def test_the_parts_always_add_up_exactly(self, units: int, code: str) -> None:
        terms = replace(TERMS, delivers=currency(code))
        try:
            price = price_at_par(terms, EURX, Money(EURX, units))
        except BadInput:
            assert code == "JPY"
            return
        assert price.amount_out is not None
        total = price.fee.decimal + price.amount_out.decimal
        assert total == price.amount_in.decimal
        assert sum(line.amount.units for line in price.fee_lines) == price.fee.units
        assert price.rounding.decimal < Decimal(1).scaleb(-currency(code).scale)
