"""Finding an anchor: what the stellar.toml of its home domain says (SEP-1)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from roadstead.config.strkey import is_public_key
from roadstead.errors import BadInput
from roadstead.sandbox.calls import Calls

TOML_MAX_BYTES = 100_000
"""SEP-1 allows no longer file."""

_OK = 200
_REQUIRED = {
    "SIGNING_KEY": "SEP-10",
    "WEB_AUTH_ENDPOINT": "SEP-10",
    "KYC_SERVER": "SEP-12",
    "DIRECT_PAYMENT_SERVER": "SEP-31",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorPage:
    """What an anchor's stellar.toml says, as far as a sending anchor needs it."""

    home_domain: str
    signing_key: str
    web_auth_endpoint: str
    kyc_server: str
    direct_payment_server: str
    network_passphrase: str | None
    horizon_url: str | None
    issuers: Mapping[str, str]
    """Issuing accounts by asset code."""


def base_url(home_domain: str) -> str:
    """Return the URL of a home domain: https, or http on this machine itself."""
    host = urlsplit(f"//{home_domain}").hostname or ""
    scheme = "http" if host in {"localhost", "127.0.0.1", "::1"} else "https"
    return f"{scheme}://{home_domain}"


async def read_page(calls: Calls, home_domain: str) -> AnchorPage:
    """Read an anchor's stellar.toml (SEP-1).

    Raises:
        BadInput: It is missing, is no TOML, or does not name what a SEP-31 payment needs.
        Unavailable: The domain does not answer.
    """
    url = f"{base_url(home_domain)}/.well-known/stellar.toml"
    answer = await calls.once("GET", url, redirects=True)
    if answer.status != _OK:
        raise BadInput(
            f"{url} was answered with {answer.status}: {home_domain} is not the home domain of an anchor."
        )
    if len(answer.body) > TOML_MAX_BYTES:
        raise BadInput(f"{url} is longer than the {TOML_MAX_BYTES} bytes that SEP-1 allows.")
    try:
        content = tomllib.loads(answer.body.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{url} is not a TOML file: {error}.") from error
    return _page(home_domain, url, content)


def _page(home_domain: str, url: str, content: Mapping[str, Any]) -> AnchorPage:
    for name, sep in _REQUIRED.items():
        if not isinstance(content.get(name), str):
            raise BadInput(
                f"{url} does not name {name}: the anchor does not offer {sep}, which sending needs."
            )
    if not is_public_key(content["SIGNING_KEY"]):
        raise BadInput(f"{url} names a SIGNING_KEY that is not a Stellar address.")
    currencies = content.get("CURRENCIES")
    listed = [c for c in currencies if isinstance(c, dict)] if isinstance(currencies, list) else []
    return AnchorPage(
        home_domain=home_domain,
        signing_key=content["SIGNING_KEY"],
        web_auth_endpoint=content["WEB_AUTH_ENDPOINT"],
        kyc_server=content["KYC_SERVER"].rstrip("/"),
        direct_payment_server=content["DIRECT_PAYMENT_SERVER"].rstrip("/"),
        network_passphrase=_text(content, "NETWORK_PASSPHRASE"),
        horizon_url=_text(content, "HORIZON_URL"),
        issuers={str(c["code"]): str(c["issuer"]) for c in listed if "code" in c and "issuer" in c},
    )


def _text(content: Mapping[str, Any], name: str) -> str | None:
    value = content.get(name)
    return value if isinstance(value, str) else None
