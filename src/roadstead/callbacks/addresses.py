"""Which IP addresses may be called on a stranger's word. Pure rules; what is not known to be public is refused.

Python's own `is_private` and `is_global` are not enough: they let pass shared addresses (100.64.0.0/10), and IPv6 forms
that carry an IPv4 address to wherever it leads (NAT64, 6to4, IPv4-compatible).
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_OWN = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
"""Loopback and private networks: the only ones that a sandbox may call beside the public ones."""

_REFUSED_4 = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "it is not specified"),
        ("100.64.0.0/10", "it is shared behind a carrier's NAT (RFC 6598)"),
        ("127.0.0.0/8", "it is loopback"),
        ("168.63.129.16/32", "it is a cloud's own service"),
        ("169.254.0.0/16", "it is link-local, where clouds keep their metadata"),
        ("192.0.0.0/24", "it is reserved (RFC 6890)"),
        ("192.88.99.0/24", "it is a 6to4 relay (RFC 7526)"),
        ("198.18.0.0/15", "it is for benchmarks (RFC 2544)"),
        ("224.0.0.0/4", "it is multicast"),
        ("240.0.0.0/4", "it is reserved"),
    )
)

_GLOBAL_6 = IPv6Network("2000::/3")
"""The only block out of which public addresses are given (RFC 4291)."""

_REFUSED_6 = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "it is not specified"),
        ("::1/128", "it is loopback"),
        ("::ffff:0:0/96", "it is an IPv4 address in disguise (IPv4-mapped)"),
        ("::/96", "it is an IPv4 address in disguise (IPv4-compatible)"),
        ("64:ff9b::/96", "it leads to an IPv4 address (NAT64)"),
        ("64:ff9b:1::/48", "it leads to an IPv4 address (local NAT64)"),
        ("2002::/16", "it leads to an IPv4 address (6to4)"),
        ("2001::/23", "it is reserved for protocols (RFC 2928), Teredo among them"),
        ("2001:db8::/32", "it is for documentation"),
        ("3fff::/20", "it is for documentation"),
        ("fc00::/7", "it is private"),
        ("fe80::/10", "it is link-local"),
        ("fec0::/10", "it is site-local"),
        ("ff00::/8", "it is multicast"),
    )
)


def refusal(text: str, *, private_allowed: bool) -> str | None:
    """Say why an address must not be called; None when it may be.

    With `private_allowed`, loopback and private networks may be called too, but still no other special address.
    A text that is no canonical address is refused.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "it is no IP address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "it names a network interface of this machine"
    if private_allowed and any(address in network for network in _OWN):
        return None
    if isinstance(address, IPv4Address):
        return _refusal_4(address)
    return _refusal_6(address)


def _refusal_4(address: IPv4Address) -> str | None:
    for network, reason in _REFUSED_4:
        if address in network:
            return reason
    return None if address.is_global else "it is not public"


def _refusal_6(address: IPv6Address) -> str | None:
    for network, reason in _REFUSED_6:
        if address in network:
            return reason
    return None if address in _GLOBAL_6 and address.is_global else "it is not public"
