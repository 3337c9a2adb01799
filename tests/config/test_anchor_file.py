"""What `anchor.toml` may say, and how its mistakes are told."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from roadstead.config.anchor import Anchor, AnchorAssetType, CustomerRole, FieldKind
from roadstead.config.anchor_file import load_anchor
from roadstead.config.anchor_schema import SECTIONS
from roadstead.config.limit_terms import Limits
from roadstead.config.schema import Section
from roadstead.errors import BadInput, ConfigurationError
from roadstead.money import currency

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "anchor.toml"

SMALLEST = """
[organization]
name = "Small Anchor"

[[assets]]
code = "EURX"
name = "Euro"
description = "One euro."
issued = true
delivers = "iso4217:EUR"
amount_min = 1
amount_max = "100"
fee_fixed = 0.10
fee_percent = 0
funding_methods = ["SEPA"]

[[funding_methods]]
name = "SEPA"
description = "Credit transfer."
rail = "sepa"

[[rails]]
name = "sepa"
currency = "iso4217:EUR"
"""


def _load(folder: Path, text: str) -> Anchor:
    path = folder / "anchor.toml"
    path.write_text(text)
    return load_anchor(path)


def _problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        _load(folder, text)
    return [line.removeprefix(f"{folder / 'anchor.toml'}: ") for line in refusal.value.message.splitlines()]


class TestTheExample:
    def test_the_example_anchor_issues_one_asset_and_accepts_another(self) -> None:
        anchor = load_anchor(EXAMPLE)

        assert [(terms.code, terms.issued) for terms in anchor.assets] == [("EURX", True), ("USDC", False)]
        assert anchor.asset("EURX").delivers == currency("EUR")
        assert anchor.asset("EURX").funding_methods == ("SEPA",)
        assert anchor.asset("USDC").funding_methods == ("WIRE",)
        assert anchor.rail("wire").currency == currency("USD")

    def test_each_asset_has_its_customer_types(self) -> None:
        anchor = load_anchor(EXAMPLE)

        for terms in anchor.assets:
            assert terms.sender_type is not None
            assert terms.receiver_type is not None
            assert anchor.customer_type(terms.sender_type).role is CustomerRole.SENDER
            receiver = anchor.customer_type(terms.receiver_type)
            assert receiver.role is CustomerRole.RECEIVER
            assert receiver.field("bank_account_number") is not None

    def test_both_copies_of_the_example_say_the_same(self) -> None:
        assert (ROOT / "src" / "roadstead" / "sandbox" / "anchor.toml").read_text() == EXAMPLE.read_text()

    def test_asking_for_something_that_is_not_offered_names_what_is(self) -> None:
        anchor = load_anchor(EXAMPLE)

        with pytest.raises(BadInput, match="'GBPX' is not offered: use one of EURX, USDC"):
            anchor.asset("GBPX")
        with pytest.raises(BadInput, match="'SWIFT' is not offered: use one of SEPA, WIRE"):
            anchor.funding_method("SWIFT")
        with pytest.raises(BadInput, match="'other' is not offered"):
            anchor.customer_type("other")
        with pytest.raises(BadInput, match="'sepia' is not offered: use one of sepa, wire"):
            anchor.rail("sepia")


class TestReading:
    def test_amounts_are_exact_whether_written_as_text_or_number(self, tmp_path: Path) -> None:
        terms = _load(tmp_path, SMALLEST).asset("EURX")

        assert (terms.amount_min, terms.amount_max, terms.fee_fixed) == (
            Decimal(1),
            Decimal(100),
            Decimal("0.1"),
        )
        assert all(
            isinstance(value, Decimal) for value in (terms.amount_min, terms.fee_fixed, terms.fee_percent)
        )

    def test_what_is_left_out_has_its_default(self, tmp_path: Path) -> None:
        anchor = _load(tmp_path, SMALLEST)

        assert anchor.limits == Limits()
        assert anchor.principals == ()
        assert anchor.asset("EURX").anchor_asset_type is AnchorAssetType.FIAT
        assert anchor.asset("EURX").sender_type is None

    def test_a_customer_field_gets_its_kind_from_sep_9(self, tmp_path: Path) -> None:
        types = """
[[customer_types]]
name = "t"
description = "d"
role = "sender"
[[customer_types.fields]]
name = "birth_date"
description = "Date of birth"
[[customer_types.fields]]
name = "photo_id_front"
description = "Passport"
"""
        fields_read = _load(tmp_path, SMALLEST + types).customer_type("t").fields

        assert [field.kind for field in fields_read] == [FieldKind.DATE, FieldKind.BINARY]

    def test_every_key_of_the_schema_is_a_field_of_its_class(self) -> None:
        def walk(section: Section) -> None:
            if is_dataclass(section.make):
                names = {field.name for field in fields(section.make)}
                assert {key.name for key in section.keys} | {
                    child.name for child in section.children
                } == names
            for child in section.children:
                walk(child)

        for section in SECTIONS:
            walk(section)
        assert {section.name for section in SECTIONS} == {field.name for field in fields(Anchor)}


class TestProblems:
    def test_a_file_that_is_not_there_names_the_variable_that_points_to_it(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"ROADSTEAD_ANCHOR_FILE=/etc/roadstead/anchor\.toml"):
            load_anchor(tmp_path / "none.toml")

    @pytest.mark.parametrize("text", ["name = ", "\xff", 'a = "1"\na = "2"', "x = 1e99999999999999999999"])
    def test_a_file_that_is_no_toml_is_told_as_such(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "anchor.toml").write_bytes(text.encode("latin-1"))

        with pytest.raises(ConfigurationError):
            load_anchor(tmp_path / "anchor.toml")

    def test_an_empty_file_lists_every_table_that_is_needed(self, tmp_path: Path) -> None:
        problems = _problems(tmp_path, "")

        assert [problem.split(":")[0] for problem in problems] == [
            "organization",
            "assets",
            "funding_methods",
            "rails",
        ]

    def test_all_problems_are_told_at_once_with_path_form_and_example(self, tmp_path: Path) -> None:
        text = SMALLEST.replace('name = "Small Anchor"', "nmae = 5").replace(
            "issued = true", 'issued = "yes"'
        )

        unknown, missing, wrong = _problems(tmp_path, text)

        assert unknown.startswith(
            "organization.nmae: is not known here. Did you mean name? Known: name, dba, url,"
        )
        assert missing == (
            'organization.name: is missing. It must be a text, for example: name = "Example Anchor Ltd"'
        )
        assert wrong == (
            "assets[0].issued: is 'yes', which is neither true nor false. It must be true or false, for example:"
            " issued = true"
        )

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("amount_min = 1", "amount_min = true", "assets[0].amount_min: is True, which is no number"),
            (
                "amount_min = 1",
                'amount_min = "1e3"',
                "assets[0].amount_min: is '1e3', which is no plain number",
            ),
            ("amount_min = 1", "amount_min = -1", "assets[0].amount_min: is -1, which is below zero"),
            ("amount_min = 1", "amount_min = nan", "which is no plain number"),
            ("amount_min = 1", "amount_min = inf", "which is no plain number"),
            ("amount_min = 1", "amount_min = 1e900", "which is no plain number"),
            ("amount_min = 1", "amount_min = 0.00000001", "which no amount on Stellar can be"),
            ("amount_min = 1", "amount_min = 0", "amount_min is 0. It must be above zero"),
            ("amount_min = 1", "amount_min = 101", "amount_min 101 is above amount_max 100"),
            ("fee_fixed = 0.10", "fee_fixed = 1", "the fee of the least amount 1 is 1, which leaves nothing"),
            ("fee_percent = 0", "fee_percent = 89", None),
            (
                "fee_percent = 0",
                "fee_percent = 91",
                "the fee of the least amount 1 is 1.01, which leaves nothing",
            ),
            ("fee_percent = 0", "fee_percent = 100", "fee_percent: is 100, which leaves nothing to deliver"),
            ('["SEPA"]', "[]", "funding_methods: is [], which is no list of names"),
            ('["SEPA"]', '["SEPA", "SEPA"]', "names the same thing twice"),
            ('["SEPA"]', '["SEPPA"]', "SEPPA is not among [[funding_methods]] (SEPA). Did you mean SEPA?"),
            ('rail = "sepa"', 'rail = "seba"', "seba is not among [[rails]] (sepa). Did you mean sepa?"),
            (
                '"iso4217:EUR"\namount',
                '"iso4217:USD"\namount',
                "SEPA pays in iso4217:EUR, and the asset delivers",
            ),
            ('"iso4217:EUR"\namount', '"EUR"\namount', "assets[0].delivers: is 'EUR'"),
            ('"iso4217:EUR"\namount', '"stellar:native"\namount', "which is a token and no currency"),
            ('code = "EURX"', 'code = "EURX-EUROPEAN"', "an asset code of 1 to 12 letters and digits"),
            ('name = "sepa"', 'name = "SEPA bank"', "small letters, digits and underscores"),
            ("issued = true", 'issued = true\nsender_type = "x"', "x is not among [[customer_types]]"),
            ("issued = true", "issued = true\nis_unlimited = true\nmax_number = 5", "exclude each other"),
            ("issued = true", "issued = true\ndisplay_decimals = 8", "a whole number from 0 to 7"),
            ("issued = true", 'issued = true\nimage = "http://x.example/a.png"', "an https URL"),
            ("issued = true", 'issued = true\nstatus = "alive"', "one of live, dead, test, private"),
            ("[organization]", "limits = 5\n[organization]", "write [limits] and its keys below it"),
            ("[organization]", "principals = {}\n[organization]", "write [[principals]] and keys below it"),
        ],
    )
    def test_each_mistake_is_told(self, tmp_path: Path, old: str, new: str, told: str | None) -> None:
        assert old in SMALLEST
        text = SMALLEST.replace(old, new)

        if told is None:
            _load(tmp_path, text)
        else:
            assert told in "\n".join(_problems(tmp_path, text))

    def test_a_customer_type_that_asks_for_nothing_is_told_where_to_write_it(self, tmp_path: Path) -> None:
        types = '[[customer_types]]\nname = "t"\ndescription = "d"\nrole = "sender"\n'

        (problem,) = _problems(tmp_path, SMALLEST + types)

        assert problem.startswith("customer_types[0].fields: is missing.")
        assert problem.endswith('[[customer_types.fields]] name = "first_name"')

    def test_names_that_stand_twice_are_told(self, tmp_path: Path) -> None:
        rail = '[[rails]]\nname = "sepa"\ncurrency = "iso4217:EUR"\n'

        assert _problems(tmp_path, SMALLEST + rail) == [
            "rails: sepa stands there 2 times. Give each a name of its own, or remove all but one."
        ]

    def test_two_assets_whose_variables_would_have_one_name_are_refused(self, tmp_path: Path) -> None:
        asset = SMALLEST[SMALLEST.index("[[assets]]") : SMALLEST.index("[[funding_methods]]")]

        assert "EURX stands there 2 times" in _problems(tmp_path, SMALLEST + asset.replace("EURX", "eurx"))[0]

    def test_a_customer_field_must_be_one_of_sep_9_with_its_kind(self, tmp_path: Path) -> None:
        types = """
[[customer_types]]
name = "t"
description = "d"
role = "sender"
[[customer_types.fields]]
name = "firstname"
description = "Given name"
[[customer_types.fields]]
name = "birth_date"
description = "Date of birth"
kind = "string"
[[customer_types.fields]]
name = "card.cvc"
description = "Card"
"""
        problems = "\n".join(_problems(tmp_path, SMALLEST + types))

        assert "field firstname: is no field of SEP-9. Did you mean first_name?" in problems
        assert "field birth_date: is a date in SEP-9, not a string" in problems
        assert "field card.cvc: is never asked for" in problems

    def test_a_type_for_the_other_side_is_refused(self, tmp_path: Path) -> None:
        types = """
[[customer_types]]
name = "t"
description = "d"
role = "sender"
[[customer_types.fields]]
name = "first_name"
description = "Given name"
"""
        text = SMALLEST.replace("issued = true", 'issued = true\nreceiver_type = "t"') + types

        assert _problems(tmp_path, text) == [
            'assets EURX: receiver_type: t is a type for a sender. It must have role = "receiver"'
        ]
