"""Which addresses are called on a stranger's word: every trick of both families."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as some

from roadstead.callbacks.addresses import refusal

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"]
OWN = ["127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd00::1"]
NEVER = [
    "0.0.0.0",  # noqa: S104 - nothing is bound here
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fe80::1",
    "fe80::1%lo",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "1.2.3",
    "0x7f000001",
    "2130706433",
    "127.1",
    "0177.0.0.1",
    "localhost",
    "",
]


class TestWhereMoneyIsReal:
    @pytest.mark.parametrize("address", PUBLIC)
    def test_public_addresses_are_called(self, address: str) -> None:
        assert refusal(address, private_allowed=False) is None

    @pytest.mark.parametrize("address", OWN + NEVER)
    def test_no_other_is(self, address: str) -> None:
        assert refusal(address, private_allowed=False)

    @given(some.one_of(some.ip_addresses(v=4), some.ip_addresses(v=6)))
    def test_what_python_calls_not_global_is_never_called(self, address: IPv4Address | IPv6Address) -> None:
        if not address.is_global or address.is_multicast:
            assert refusal(str(address), private_allowed=False)

    @given(some.ip_addresses(v=4), some.sampled_from(["::ffff:", "::", "64:ff9b::"]))
    def test_no_ipv4_address_hides_in_an_ipv6_address(self, address: IPv4Address, prefix: str) -> None:
        assert refusal(f"{prefix}{address}", private_allowed=False)

    @given(some.ip_addresses(v=4))
    def test_nor_behind_a_6to4_relay(self, address: IPv4Address) -> None:
        number = int(address)
        assert refusal(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1", private_allowed=False)


class TestInASandbox:
    @pytest.mark.parametrize("address", PUBLIC + OWN)
    def test_its_own_networks_are_called_too(self, address: str) -> None:
        assert refusal(address, private_allowed=True) is None

    @pytest.mark.parametrize("address", NEVER)
    def test_special_addresses_are_not(self, address: str) -> None:
        assert refusal(address, private_allowed=True)
