"""The pages for people: complete, from the configuration, and without anything from outside."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, configured, manual_clock, services_on

from roadstead.config.anchor import CustomerGate
from roadstead.config.effective import Configuration
from roadstead.sep.application import build_application
from roadstead.sep.integrate import integrate_page
from roadstead.sep.markup import POLICY, STYLE, Markup, element, page
from roadstead.sep.table import route_table

CONFIGURATION = configured()
ROUTES = route_table(CONFIGURATION)
VOID = frozenset({"meta"})


class Reader(HTMLParser):
    """Reads a page as strictly as its elements are nested."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(content.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if identifier := values.get("id"):
            self.ids.append(identifier)
        if link := values.get("href"):
            self.links.append(link)
        self.loads += [value or "" for name, value in attrs if name in ("src", "action", "srcset", "style")]
        assert not any(name.startswith("on") for name in values)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self.open:
            self.rows[-1][-1] += data


async def shown(path: str, configuration: Configuration = CONFIGURATION) -> Reply:
    services = services_on(None, FakeAccounts(), manual_clock(), configuration)  # type: ignore[arg-type]
    application = build_application(route_table(configuration), services)
    return await Caller(application=application).get(path)


@pytest.mark.parametrize("path", ["/reference", "/integrate"])
class TestBothPages:
    async def test_a_page_is_html_that_may_load_nothing(self, path: str) -> None:
        reply = await shown(path)
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert reply.headers["content-security-policy"] == POLICY
        assert "'unsafe-inline'" not in POLICY
        assert "default-src 'none'" in POLICY

    async def test_it_needs_nothing_from_outside(self, path: str) -> None:
        reader = Reader((await shown(path)).body)
        assert reader.loads == []
        assert not reader.names & {"script", "link", "img", "iframe", "form", "object", "base"}
        assert all(link.startswith("#") or re.fullmatch(r"[a-z.]+", link) for link in reader.links)

    async def test_every_link_within_it_leads_somewhere_once(self, path: str) -> None:
        reader = Reader((await shown(path)).body)
        assert len(set(reader.ids)) == len(reader.ids)
        assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)

    async def test_the_pages_know_each_other(self, path: str) -> None:
        served = {route.path.lstrip("/") for route in ROUTES}
        reader = Reader((await shown(path)).body)
        assert {link for link in reader.links if not link.startswith("#")} <= served


class TestReference:
    async def test_every_route_and_every_example_stands_there(self) -> None:
        text = Reader((await shown("/reference")).body).text
        for route in ROUTES:
            assert f"{route.method}{route.path}" in text
            assert route.summary in text
        assert '"asset_code": "EURX"' in text


class TestIntegrate:
    async def test_it_says_what_is_in_effect(self) -> None:
        text = Reader((await shown("/integrate")).body).text
        settings = CONFIGURATION.settings
        for word in (
            settings.network_passphrase,
            settings.distribution_account,
            CONFIGURATION.signing_account,
            f"{settings.public_url}/auth",
            "0.1 EURX and 0.5 % of the amount",
            "10000 USDC",
            "Credit transfer in euros to an IBAN.",
            "sep31-receiver-wire",
            "bank_number",
            "support@anchor.example",
        ):
            assert word in text

    async def test_it_says_what_is_exchanged_on_which_terms(self) -> None:
        rows = Reader((await shown("/integrate")).body).rows
        held = "300 s, at most 3600 s with expire_after"
        fee = "0.25 USDC and 0.5 % of the amount"
        assert [row for row in rows if row[-1] == held] == [
            [
                "EURX",
                "iso4217:EUR",
                "SEPA",
                "any country",
                "1 to 10000 EURX",
                "0.1 EURX and 0.5 % of the amount",
                held,
            ],
            ["USDC", "iso4217:USD", "WIRE", "US", "1 to 10000 USDC", fee, held],
            ["USDC", "iso4217:EUR", "SEPA", "any country", "1 to 10000 USDC", fee, held],
            ["USDC", "iso4217:JPY", "ZENGIN", "JP", "1 to 10000 USDC", fee, held],
        ]
        assert ["Prices and quotes (SEP-38)", f"{CONFIGURATION.settings.public_url}/sep38"] in rows
        zengin = CONFIGURATION.anchor.funding_method("ZENGIN")
        assert ["ZENGIN", zengin.description] in rows

    def test_the_terms_of_a_pair_are_its_own_where_it_has_some(self) -> None:
        anchor = CONFIGURATION.anchor
        pairs = tuple(
            replace(pair, funding_methods=("SEPA", "WIRE"), fee_fixed=Decimal(3), amount_max=Decimal(77))
            for pair in anchor.pairs
        )
        text = Reader(integrate_page(replace(CONFIGURATION, anchor=replace(anchor, pairs=pairs)))).text
        assert "SEPA, WIRE" in text
        assert "1 to 77 USDC" in text
        assert "3 USDC and 0.5 % of the amount" in text

    async def test_it_asks_of_the_receivers_of_every_currency_what_that_needs(self) -> None:
        text = Reader((await shown("/integrate")).body).text
        for whom, name in (
            ("EUR", "sep31-receiver:"),
            ("USD", "sep31-receiver-wire:"),
            ("JPY", "sep31-receiver-zengin:"),
        ):
            assert f"Of receiving clients ({whom}) we ask, under the type {name}" in text

    def test_receivers_that_need_the_same_are_asked_once(self) -> None:
        anchor = CONFIGURATION.anchor
        pairs = tuple(replace(pair, receiver_type=None) for pair in anchor.pairs)
        text = Reader(integrate_page(replace(CONFIGURATION, anchor=replace(anchor, pairs=pairs)))).text
        assert "Of receiving clients (USD, EUR, JPY) we ask, under the type sep31-receiver-wire:" in text

    def test_where_nothing_is_exchanged_no_quotes_are_spoken_of(self) -> None:
        plain = replace(CONFIGURATION, anchor=replace(CONFIGURATION.anchor, pairs=()))
        text = Reader(integrate_page(plain)).text
        assert "quote" not in text.lower()
        assert "sep38" not in text

    def test_it_says_which_assets_need_a_quote(self) -> None:
        anchor = CONFIGURATION.anchor
        assets = tuple(replace(terms, quotes_required=terms.code == "USDC") for terms in anchor.assets)
        strict = replace(CONFIGURATION, anchor=replace(anchor, assets=assets))
        assert b"USDC cannot be sent without one." in integrate_page(strict)
        assert b"cannot be sent without one." not in integrate_page(CONFIGURATION)

    async def test_it_says_how_to_be_called_and_how_to_verify_it(self) -> None:
        text = Reader((await shown("/integrate")).body).text
        for words in (
            "PUT /sep31/transactions/{id}/callback",
            "answer 2xx within 10 s",
            "at most 24 h long",
            "Signature: t=<unix seconds>, s=<base64>",
            "more than 120 s away",
            "<t>.<host>.<body>",
            f"by {CONFIGURATION.signing_account}.",
        ):
            assert words in text

    def test_where_money_is_real_only_public_addresses_are_named(self) -> None:
        profile = replace(CONFIGURATION.profile, allows_callbacks_to_private_addresses=False)
        public = integrate_page(replace(CONFIGURATION, profile=profile))
        assert b"an https URL at one of them that leads to public addresses" in public
        assert b"http and private addresses are called too" not in public

    def test_it_says_above_which_amount_more_is_asked_and_what(self) -> None:
        text = Reader(integrate_page(CONFIGURATION)).text
        for words in (
            "Of sending clients we ask, under the type sep31-sender:",
            "Of sending clients (above 1000 EURX) we ask, under the type sep31-large-sender:",
            "Of receiving clients (USD by WIRE above 1000 USD) we ask, under the type sep31-large-receiver-wire:",
            "that type is asked instead of the usual one",
            "after 365 days",
            "when the document has expired",
        ):
            assert words in text, words

    def test_it_follows_the_agreed_way_of_asking_for_customers(self) -> None:
        anchor = CONFIGURATION.anchor
        terms = replace(anchor.remittances, kyc=CustomerGate.ASYNCHRONOUS)
        later = replace(CONFIGURATION, anchor=replace(anchor, remittances=terms))
        assert b"customer_info_needed" in integrate_page(CONFIGURATION)
        assert b"customer_info_needed" not in integrate_page(later)

    def test_an_operator_s_text_cannot_become_markup(self) -> None:
        anchor = CONFIGURATION.anchor
        name = "<script>alert(1)</script>\"'&"
        organization = replace(anchor.organization, dba=name, support_email=name)
        hostile = replace(CONFIGURATION, anchor=replace(anchor, organization=organization))
        reader = Reader(integrate_page(hostile))
        assert "script" not in reader.names
        assert name in reader.text


class TestMarkup:
    def test_text_is_escaped_and_markup_is_not(self) -> None:
        assert element("p", "<b>", Markup("<i></i>"), title='"') == ('<p title="&quot;">&lt;b&gt;<i></i></p>')

    def test_the_policy_names_the_style_of_the_page(self) -> None:
        assert f"<style>{STYLE}</style>".encode() in page("t")
