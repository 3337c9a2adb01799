"""Which URLs may be called: read strictly, so that no two programs can read one URL differently."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from roadstead.errors import BadInput

URL_CHARACTERS_MAX = 2000
HTTPS_PORT = 443

_PORT_MAX = 65_535
_HTTP = "http"
_DEFAULT_PORTS = {"https": HTTPS_PORT, _HTTP: 80}
_SHOWN_MAX = 100
_URL = re.compile(r"(https?)://([^/?#]*)((?:/[^?#]*)?(?:\?[^#]*)?)", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z.-]+)(?::([1-9][0-9]{0,4}))?", re.ASCII)
_RESOURCE = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


class TargetRefused(BadInput):
    """A URL or an address that we do not call; nothing was sent."""

    code = "target_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that was read, in its parts. `url` is put together from them, so that it says nothing else."""

    scheme: str
    host: str
    """A name in small letters, or an IP address without brackets."""
    port: int
    authority: str
    """Host, with the port where the URL names one: what the `Host` header says and signatures cover."""
    resource: str
    """Path and query, beginning with a slash."""

    @property
    def url(self) -> str:
        """The URL, with scheme and host in small letters."""
        return f"{self.scheme}://{self.authority}{self.resource}"

    @property
    def address(self) -> str | None:
        """The IP address that stands in the place of a name, if one does."""
        return self.host if _is_address(self.host) else None


def parse_target(url: str, *, http_allowed: bool) -> Target:
    """Read a URL that a stranger wants called.

    Raises:
        TargetRefused: It is not https (or http where that is allowed), carries a user, a fragment or characters that
            programs read differently, or its host is neither a name nor an IP address in its usual form.
    """
    if len(url) > URL_CHARACTERS_MAX:
        raise TargetRefused(f"The URL has more than {URL_CHARACTERS_MAX} characters: use a shorter one.")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise TargetRefused(
            "The URL cannot be called: write https://, a host, and a path without a fragment (#)."
        )
    scheme, authority, resource = parts[1].lower(), parts[2].lower(), parts[3]
    if scheme == _HTTP and not http_allowed:
        raise TargetRefused("The URL must begin with https://.")
    if "@" in authority:
        raise TargetRefused("The URL carries a user or a password: leave them out.")
    if not _RESOURCE.fullmatch(resource):
        raise TargetRefused(
            "The URL's path or query has characters that must be percent-encoded: encode them."
        )
    host, port = _parse_authority(authority)
    return Target(
        scheme=scheme,
        host=host,
        port=port or _DEFAULT_PORTS[scheme],
        authority=authority,
        resource=resource if resource.startswith("/") else f"/{resource}",
    )


def parse_host(text: str) -> str:
    """Read a host that a partner may be called at, `host` or `host:port`, and return it in its one form.

    Raises:
        TargetRefused: It is neither a name nor an IP address in its usual form, or its port is none.
    """
    authority = text.strip().lower()
    host, port = _parse_authority(authority)
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, HTTPS_PORT) else f"{shown}:{port}"


def is_permitted(target: Target, hosts: Iterable[str], *, any_port: bool) -> bool:
    """Tell whether a target is at one of a partner's hosts.

    A host without a port stands for port 443, and with `any_port` for every port.
    """
    for entry in hosts:
        host, port = _parse_authority(entry)
        if target.host == host and (target.port == (port or HTTPS_PORT) or (port is None and any_port)):
            return True
    return False


def _parse_authority(authority: str) -> tuple[str, int | None]:
    parts = _AUTHORITY.fullmatch(authority)
    port = int(parts[2]) if parts and parts[2] else None
    if parts is None or (port or 0) > _PORT_MAX:
        raise TargetRefused(
            f"Host {authority[:_SHOWN_MAX]!r} is not valid: write a host name, and a port where it is not 443."
        )
    host = parts[1]
    if host.startswith("["):
        return _address(host[1:-1], IPv6Address), port
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # Resolvers take 2130706433, 0x7f000001, 0177.0.0.1 and 127.1 for addresses, each in its own way.
        return _address(host, IPv4Address), port
    if not _NAME.fullmatch(host):
        raise TargetRefused(
            f"Host {host[:_SHOWN_MAX]!r} is no host name: check it, a dot at its end included."
        )
    return host, port


def _address(text: str, kind: type[IPv4Address | IPv6Address]) -> str:
    try:
        return str(kind(text))
    except ValueError as error:
        raise TargetRefused(
            f"Host {text[:_SHOWN_MAX]!r} is no IP address in its usual form: write a host name."
        ) from error


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
