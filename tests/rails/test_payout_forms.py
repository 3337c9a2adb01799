"""What a bank tells over the payout API, in our words."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from roadstead.errors import BadInput
from roadstead.rails import payout_forms as forms


def told(opening: str, closing: str) -> forms.StatementForm:
    return forms.StatementForm(
        id="S1",
        account="1",
        sequence=1,
        currency="EUR",
        booked_on=date(2026, 1, 2),
        opening=opening,
        closing=closing,
        created_at=datetime(2026, 1, 3, tzinfo=UTC),
        lines=[],
    )


class TestAStatement:
    def test_of_an_overdrawn_account_has_balances_below_zero(self) -> None:
        read = forms.statement(told("-20.00", "-15.50"))
        assert (str(read.opening), str(read.closing)) == ("-20.00 EUR", "-15.50 EUR")

    @pytest.mark.parametrize("written", ["--1", "-", "- 1", "1-", "-1.001"])
    def test_has_no_other_signs(self, written: str) -> None:
        with pytest.raises(BadInput):
            forms.statement(told(written, "0"))
