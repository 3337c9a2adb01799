"""URLs that strangers name, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from yarl import URL

from roadstead.callbacks.targets import TargetRefused, is_permitted, parse_host, parse_target


class TestReading:
    @pytest.mark.clause("SEP-31/callback/signature-host")
    @pytest.mark.parametrize(
        ("url", "host", "port", "authority", "resource"),
        [
            ("https://sender.example", "sender.example", 443, "sender.example", "/"),
            ("https://sender.example?a=b", "sender.example", 443, "sender.example", "/?a=b"),
            ("HTTPS://Sender.EXAMPLE/Path", "sender.example", 443, "sender.example", "/Path"),
            ("https://sender.example:443/", "sender.example", 443, "sender.example:443", "/"),
            (
                "https://sender.example:8443/a?b=%20c",
                "sender.example",
                8443,
                "sender.example:8443",
                "/a?b=%20c",
            ),
            ("https://8.8.8.8/", "8.8.8.8", 443, "8.8.8.8", "/"),
            ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443, "[2606:4700:0::1111]", "/"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/"),
        ],
    )
    def test_the_parts_of_a_url(self, url: str, host: str, port: int, authority: str, resource: str) -> None:
        target = parse_target(url, http_allowed=False)
        assert (target.host, target.port, target.authority, target.resource) == (
            host,
            port,
            authority,
            resource,
        )

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "sender.example",
            "//sender.example/",
            "http://sender.example/",
            "ftp://sender.example/",
            "file:///etc/passwd",
            "gopher://sender.example/",
            "javascript:alert(1)",
            "https:/sender.example/",
            "https:///path",
            "https://",
            "https://user@sender.example/",
            "https://user:password@sender.example/",
            "https://sender.example@127.0.0.1/",
            "https://sender.example\\@127.0.0.1/",
            "https://sender.example\\.evil.example/",
            "https://sender.example/#fragment",
            "https://sender.example#@127.0.0.1/",
            "https://sender.example/ path",
            "https://sender.example/\tpath",
            "https://sender.example/\npath",
            "https://sender.example/\r\nHost: other",
            " https://sender.example/",
            "https://sender.example/\0",
            "https://sender.example/%",
            "https://sender.example/%zz",
            "https://sender.example/é",
            "https://sénder.example/",
            "https://ｓender.example/",
            "https://127。0。0。1/",
            "https://①②⑦.0.0.1/",
            "https://%31%32%37.0.0.1/",
            "https://sender%2eexample/",
            "https://sender.example./",
            "https://.example/",
            "https://sender..example/",
            "https://-sender.example/",
            "https://sender_.example/",
            "https://sender.example:/",
            "https://sender.example:0/",
            "https://sender.example:0443/",
            "https://sender.example:65536/",
            "https://sender.example:-1/",
            "https://sender.example:443:443/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://127.0.0.1.0/",
            "https://127.0.0.256/",
            "https://[::1/",
            "https://[::1]]/",
            "https://[fe80::1%25lo]/",
            "https://[v1.fe80::a]/",
            "https://[127.0.0.1]/",
            "https://::1/",
            f"https://{'a' * 64}.example/",
            f"https://{'a.' * 127}example/",
            f"https://sender.example/{'a' * 2000}",
        ],
    )
    def test_what_programs_might_read_differently_is_refused(self, url: str) -> None:
        with pytest.raises(TargetRefused):
            parse_target(url, http_allowed=False)

    def test_plain_http_only_where_it_is_allowed(self) -> None:
        target = parse_target("http://localhost:8000/x", http_allowed=True)
        assert (target.scheme, target.host, target.port) == ("http", "localhost", 8000)
        assert parse_target("http://localhost", http_allowed=True).port == 80

    @given(some.text(max_size=40), some.text(alphabet="@:/\\?#%.[]0123456789abc", max_size=40))
    def test_the_client_reads_what_we_read(self, head: str, tail: str) -> None:
        for url in (f"https://{head}{tail}", f"https://{tail}", f"https://sender.example{tail}"):
            try:
                target = parse_target(url, http_allowed=False)
            except TargetRefused:
                continue
            read = URL(target.url)
            assert (read.scheme, read.host, read.port) == ("https", target.host, target.port)
            assert read.user is None
            assert read.raw_path.startswith("/")


class TestHostsOfAPartner:
    @pytest.mark.parametrize(
        ("text", "host"),
        [
            (" Sender.Example ", "sender.example"),
            ("sender.example:443", "sender.example"),
            ("sender.example:8443", "sender.example:8443"),
            ("127.0.0.1", "127.0.0.1"),
            ("[0::1]:8000", "[::1]:8000"),
        ],
    )
    def test_they_have_one_form(self, text: str, host: str) -> None:
        assert parse_host(text) == host

    @pytest.mark.parametrize(
        "text", ["", "*", "*.example", "https://sender.example", "sender.example/x", "a b"]
    )
    def test_what_is_no_host_is_refused(self, text: str) -> None:
        with pytest.raises(TargetRefused):
            parse_host(text)

    @pytest.mark.parametrize(
        ("url", "hosts", "permitted"),
        [
            ("https://sender.example/", ["sender.example"], True),
            ("https://sender.example:443/", ["sender.example"], True),
            ("https://sender.example:8443/", ["sender.example"], False),
            ("https://sender.example:8443/", ["sender.example:8443"], True),
            ("https://sender.example/", ["sender.example:8443"], False),
            ("https://sub.sender.example/", ["sender.example"], False),
            ("https://sender.example.evil.example/", ["sender.example"], False),
            ("https://evilsender.example/", ["sender.example"], False),
            ("https://[0:0::1]/", ["[::1]"], True),
            ("https://sender.example/", [], False),
        ],
    )
    def test_only_they_are_called_and_only_at_their_port(
        self, url: str, hosts: list[str], *, permitted: bool
    ) -> None:
        target = parse_target(url, http_allowed=False)
        assert is_permitted(target, hosts, any_port=False) is permitted

    def test_in_a_sandbox_a_host_stands_for_all_its_ports(self) -> None:
        target = parse_target("http://localhost:54321/", http_allowed=True)
        assert is_permitted(target, ["localhost"], any_port=True)
        assert not is_permitted(target, ["localhost:1"], any_port=True)
