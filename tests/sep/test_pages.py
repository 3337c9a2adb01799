"""The pages for people: complete, from the configuration, and without anything from outside."""

from __future__ import annotations

import re
from dataclasses import replace
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
        self.feed(content.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
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
