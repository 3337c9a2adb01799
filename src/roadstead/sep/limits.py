"""How often callers may ask: a bucket of tokens for each account and each address, kept in this process."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from roadstead.config.limit_terms import Limits
from roadstead.config.text_forms import IpNetwork
from roadstead.errors import TooManyRequests

BUCKETS_MAX = 20_000
"""Callers that are remembered; beyond that the one that was quiet for longest is forgotten, its bucket full again."""
ADDRESSES_MAX = 8_192
"""Addresses whose form is remembered."""
IPV6_PREFIX = 64
"""The part of an IPv6 address that a network assigns to one customer: whoever has one of them has them all."""
HOPS_MAX = 20
"""Entries of X-Forwarded-For that are looked at, from the end."""

_MINUTE_S = 60.0
_UNKNOWN = "unknown"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: datetime


class TokenBuckets:
    """Lets each caller make so many requests a minute, all at once if it likes; memory is bounded."""

    def __init__(self, per_minute: int, *, buckets_max: int = BUCKETS_MAX) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / _MINUTE_S
        self._buckets_max = buckets_max
        self._buckets: dict[str, _Bucket] = {}

    def __len__(self) -> int:
        """Tell how many callers are remembered."""
        return len(self._buckets)

    def wait_s(self, caller: str, now: datetime, cost: int = 1) -> int:
        """Take `cost` tokens of a caller and return 0, or take none and return the seconds until they are there."""
        bucket = self._buckets.pop(caller, None)
        if bucket is None:
            if len(self._buckets) >= self._buckets_max:
                del self._buckets[next(iter(self._buckets))]
            bucket = _Bucket(self._capacity, now)
        else:
            # A clock that was set back gives nothing and takes nothing.
            elapsed_s = max(0.0, (now - bucket.filled_at).total_seconds())
            bucket.tokens = min(self._capacity, bucket.tokens + elapsed_s * self._per_second)
            bucket.filled_at = now
        self._buckets[caller] = bucket
        if bucket.tokens >= cost:
            bucket.tokens -= cost
            return 0
        return max(1, math.ceil((cost - bucket.tokens) / self._per_second))


class Limiter:
    """The limits of the API: by account where a token says whose request it is, by address where none does."""

    def __init__(self, limits: Limits, trusted_proxies: Sequence[IpNetwork]) -> None:
        self._accounts = TokenBuckets(limits.account_requests_per_minute)
        self._addresses = TokenBuckets(limits.address_requests_per_minute)
        self._trusted_proxies = tuple(trusted_proxies)

    def admit_account(self, account: str, now: datetime) -> None:
        """Count a request of an account.

        Raises:
            TooManyRequests: The account has made more than its limit allows.
        """
        wait_s = self._accounts.wait_s(account, now)
        if wait_s:
            raise TooManyRequests(
                f"This account sends more requests than its limit allows: send the next one in {wait_s} s.",
                retry_after_s=wait_s,
            )

    def admit_address(
        self, scope: Mapping[str, Any], headers: Mapping[str, str], now: datetime, cost: int = 1
    ) -> None:
        """Count a request of an address.

        Raises:
            TooManyRequests: From the address come more requests than its limit allows.
        """
        wait_s = self._addresses.wait_s(self.address_of(scope, headers), now, cost)
        if wait_s:
            raise TooManyRequests(
                f"Too many requests come from this address: send the next one in {wait_s} s.",
                retry_after_s=wait_s,
            )

    def address_of(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """Return where a request comes from; a proxy is believed only when it is one of ours.

        The entries of X-Forwarded-For are read from the end, where our proxy wrote, up to the first that is not of a
        proxy of ours: what stands before it, anybody may have written.
        """
        client = scope.get("client")
        peer = client[0] if client else _UNKNOWN
        if not self._trusted_proxies or not _is_in(peer, self._trusted_proxies):
            return _written(peer)
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")[-HOPS_MAX:]):
            address = hop.strip()
            if _address(address) is None:
                break
            peer = address
            if not _is_in(peer, self._trusted_proxies):
                break
        return _written(peer)


@lru_cache(maxsize=ADDRESSES_MAX)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=ADDRESSES_MAX)
def _is_in(text: str, networks: tuple[IpNetwork, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=ADDRESSES_MAX)
def _written(text: str) -> str:
    """Write an address as the key of its bucket."""
    match _address(text):
        case ipaddress.IPv6Address() as address:
            return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False))
        case None:
            return _UNKNOWN
        case address:
            return str(address)
