"""Which customer types a remittance demands, as `anchor.toml` says it, and what is wrong with saying it otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.fixtures.customers import EXAMPLE

from roadstead.config.anchor import Anchor, CustomerRole
from roadstead.config.anchor_file import load_anchor, read_anchor
from roadstead.customers.corridors import Corridor, demands, required_types
from roadstead.money import Asset, Scheme

if TYPE_CHECKING:
    from pathlib import Path

EUR, USD, JPY = (Asset(Scheme.CURRENCY, code) for code in ("EUR", "USD", "JPY"))
LARGE_SENDER = """
[[requirements]]
type = "sep31-large-sender"
asset = "EURX"
above = "1000"
"""


SEPA, WIRE, ZENGIN = ("EURX", EUR, "SEPA"), ("USDC", USD, "WIRE"), ("USDC", JPY, "ZENGIN")


def types(
    anchor: Anchor, way: tuple[str, Asset, str], amount_in: str, amount_out: str | None = None
) -> tuple[str | None, str | None]:
    code, delivers, method = way
    required = required_types(
        anchor,
        Corridor(
            code=code,
            delivers=delivers,
            funding_method=method,
            amount_in=Decimal(amount_in),
            amount_out=None if amount_out is None else Decimal(amount_out),
        ),
    )
    return required.sender, required.receiver


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text()
    assert old in text
    path = tmp_path / "anchor.toml"
    path.write_text(text.replace(old, new))
    return path


def problems(tmp_path: Path, old: str, new: str) -> str:
    return "\n".join(read_anchor(changed(tmp_path, old, new))[1])


class TestAmounts:
    @pytest.mark.parametrize(
        ("amount", "sender", "receiver"),
        [
            ("1", "sep31-sender", "sep31-receiver"),
            ("1000", "sep31-sender", "sep31-receiver"),
            ("1000.0000001", "sep31-large-sender", "sep31-large-receiver"),
            ("10000", "sep31-large-sender", "sep31-large-receiver"),
        ],
    )
    def test_above_the_amount_of_the_asset_other_types_are_required(
        self, amount: str, sender: str, receiver: str
    ) -> None:
        assert types(load_anchor(EXAMPLE), SEPA, amount, "1") == (sender, receiver)

    def test_the_amount_may_be_one_of_what_is_delivered(self) -> None:
        anchor = load_anchor(EXAMPLE)

        assert types(anchor, WIRE, "1005", "999.75")[1] == "sep31-receiver-wire"
        assert types(anchor, WIRE, "1005", "1000.01")[1] == "sep31-large-receiver-wire"

    def test_where_nobody_knows_yet_how_much_is_delivered_it_may_be_much(self) -> None:
        assert types(load_anchor(EXAMPLE), WIRE, "1")[1] == "sep31-large-receiver-wire"

    def test_a_way_that_no_requirement_is_about_has_its_usual_types(self) -> None:
        assert types(load_anchor(EXAMPLE), ZENGIN, "900")[1] == "sep31-receiver-zengin"

    def test_the_highest_amount_counts(self, tmp_path: Path) -> None:
        higher = LARGE_SENDER.replace("sep31-large-sender", "sep31-sender").replace("1000", "5000")
        anchor = load_anchor(changed(tmp_path, "[[rate_sources]]\n", f"{higher}\n[[rate_sources]]\n"))

        assert types(anchor, SEPA, "5000")[0] == "sep31-large-sender"
        assert types(anchor, SEPA, "5001")[0] == "sep31-sender"


class TestFundingMethods:
    def test_each_may_ask_for_what_its_bank_needs(self, tmp_path: Path) -> None:
        """SEPA asks for an IBAN, SPEI for a CLABE."""
        path = changed(
            tmp_path,
            "[[rate_sources]]\n",
            """
[[funding_methods]]
name = "SPEI"
description = "Transfer in pesos to a CLABE."
rail = "spei"

[[rails]]
name = "spei"
currency = "iso4217:MXN"

[[customer_types]]
name = "sep31-receiver-spei"
description = "People who receive pesos"
role = "receiver"

[[customer_types.fields]]
name = "last_name"

[[customer_types.fields]]
name = "clabe_number"

[[requirements]]
type = "sep31-receiver-spei"
funding_methods = ["SPEI"]

[[pairs]]
sell = "USDC"
delivers = "iso4217:MXN"
rate_source = "reference"
funding_methods = ["SPEI"]
exposure_max = "100000"

[[rate_sources]]
""",
        )
        path.write_text(
            path.read_text().replace(
                '[[rate_sources.rates]]\nsell = "EURX"',
                '[[rate_sources.rates]]\nsell = "USDC"\ndelivers = "iso4217:MXN"\nrate = "17.5"\n\n'
                '[[rate_sources.rates]]\nsell = "EURX"',
                1,
            )
        )
        anchor = load_anchor(path)
        mxn = Asset(Scheme.CURRENCY, "MXN")

        assert types(anchor, ("USDC", mxn, "SPEI"), "10")[1] == "sep31-receiver-spei"
        assert types(anchor, ("USDC", EUR, "SEPA"), "10")[1] == "sep31-receiver"
        assert anchor.customer_type("sep31-receiver-spei").fields[1].description == (
            "CLABE of the account in Mexico, 18 digits"
        )


class TestWhatIsPublished:
    def test_every_type_of_an_asset_is_listed_the_usual_ones_first(self) -> None:
        anchor = load_anchor(EXAMPLE)

        assert [demand.type for demand in demands(anchor, "EURX", CustomerRole.SENDER)] == [
            "sep31-sender",
            "sep31-large-sender",
        ]
        assert [demand.type for demand in demands(anchor, "EURX", CustomerRole.RECEIVER)] == [
            "sep31-receiver",
            "sep31-large-receiver",
        ]

    def test_it_says_when_each_is_asked(self) -> None:
        large = demands(load_anchor(EXAMPLE), "USDC", CustomerRole.RECEIVER)[-1]

        assert (large.type, large.above, large.unit) == ("sep31-large-receiver-wire", Decimal(1000), "USD")
        assert (large.delivers, large.funding_methods) == (USD, ("WIRE",))


class TestExtending:
    def test_a_type_asks_for_the_fields_of_another_before_its_own(self) -> None:
        anchor = load_anchor(EXAMPLE)
        usual, large = (anchor.customer_type(name) for name in ("sep31-sender", "sep31-large-sender"))

        assert large.fields[: len(usual.fields)] == usual.fields
        assert large.field("id_number") is not None

    def test_a_field_of_its_own_replaces_its_namesake(self, tmp_path: Path) -> None:
        path = changed(
            tmp_path,
            'extends = "sep31-sender"\n',
            'extends = "sep31-sender"\n\n[[customer_types.fields]]\nname = "email_address"\noptional = true\n',
        )
        email = load_anchor(path).customer_type("sep31-large-sender").field("email_address")

        assert email is not None
        assert email.optional

    @pytest.mark.parametrize(
        ("extends", "words"),
        [
            ("sep31-sendre", "Did you mean sep31-sender?"),
            ("sep31-receiver", "Name one of the same role"),
            ("sep31-large-sender", "extend each other in a circle"),
        ],
    )
    def test_it_must_lead_to_one_of_the_same_side(self, tmp_path: Path, extends: str, words: str) -> None:
        assert words in problems(tmp_path, 'extends = "sep31-sender"', f'extends = "{extends}"')


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('type = "sep31-large-sender"', 'type = "sep31-large"', "is not among [[customer_types]]"),
            ('asset = "EURX"\nabove', 'asset = "EURQ"\nabove', "Did you mean EURX?"),
            ('["WIRE"]\nabove', '["WIRED"]\nabove', "Did you mean WIRE?"),
            ('["SEPA"]\nabove', '["WIRE"]\nabove', "applies to nothing"),
            (LARGE_SENDER, LARGE_SENDER.replace("1000", "10000"), 'for example: above = "1000"'),
            (LARGE_SENDER, LARGE_SENDER.replace('asset = "EURX"\n', ""), 'Write asset = "EURX"'),
            (LARGE_SENDER, LARGE_SENDER * 2, "both apply to the same remittances"),
            (
                LARGE_SENDER,
                f'{LARGE_SENDER}{LARGE_SENDER}currency = "iso4217:EUR"\n',
                "Write both with the same currency",
            ),
            ('above = "1000"\ncurrency', "currency", 'Write above = "1000"'),
            ('currency = "iso4217:USD"\n\n[[rate', 'currency = "iso4217:EUR"\n\n[[rate', "without a rate"),
            ('form = "iban"', 'form = "iba"', "must be one of iban"),
            ('form = "iban"', 'form = "sort_code"', "The forms of this field are: iban"),
            ('name = "birth_date"\n', 'name = "birth_date"\nform = "iban"\n', 'Remove form = "iban"'),
            ('name = "birth_date"\n', 'name = "card.number"\n', 'name = "card.token"'),
            ("valid_days = 365", "valid_days = 0", "a whole number from 1"),
        ],
    )
    def test_each_problem_is_told_with_what_to_write_instead(
        self, tmp_path: Path, old: str, new: str, words: str
    ) -> None:
        assert words in problems(tmp_path, old, new)
