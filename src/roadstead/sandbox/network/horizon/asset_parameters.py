"""Assets in requests: `native`, `CODE:ISSUER`, or three parameters."""

import re
from collections.abc import Mapping

from stellar_sdk import StrKey

from roadstead.sandbox.network.ledger.assets import NATIVE, Asset, account_of, asset_named

from .problems import Problem, bad_request

CODE = re.compile(r"[A-Za-z0-9]{1,12}\Z")
_TYPES = ("native", "credit_alphanum4", "credit_alphanum12")
_TYPE_REASON = "Asset type must be native, credit_alphanum4 or credit_alphanum12"
_FORM_REASON = (
    'Asset must be the string "native" or a string of the form "Code:IssuerAccountID" for issued assets.'
)


def parsed_asset(text: str) -> Asset | None:
    """The asset a text names, or None."""
    if text == "native":
        return NATIVE
    code, colon, issuer = text.partition(":")
    if not colon or not CODE.match(code) or not StrKey.is_valid_ed25519_public_key(issuer):
        return None
    return asset_named(code, account_of(issuer))


def asset_filter(text: str, field: str) -> Asset:
    """The asset of a filter over accounts or claimable balances."""
    asset = parsed_asset(text)
    if asset is None:
        raise bad_request(field, _FORM_REASON)
    return asset


def offer_asset(params: Mapping[str, str], field: str) -> Asset | None:
    """The asset of a filter over offers, in either of its two forms; None when not given."""
    text = params.get(field, "")
    if text:
        if text != "native" and ":" not in text:
            raise bad_request(field, "missing colon")
        asset = parsed_asset(text)
        if asset is None:
            raise bad_request(field, _FORM_REASON)
        return asset
    if params.get(f"{field}_asset_type"):
        return asset_parameters(params, f"{field}_")
    return None


def asset_parameters(params: Mapping[str, str], prefix: str) -> Asset:
    """The asset of `asset_type`, `asset_code` and `asset_issuer` under a prefix."""
    kind = params.get(f"{prefix}asset_type", "")
    if not kind:
        raise bad_request(f"{prefix}asset_type", "Missing required field")
    if kind not in _TYPES:
        raise bad_request(f"{prefix}asset_type", _TYPE_REASON)
    if kind == "native":
        return NATIVE
    code, issuer = params.get(f"{prefix}asset_code", ""), params.get(f"{prefix}asset_issuer", "")
    if not CODE.match(code):
        raise bad_request(f"{prefix}asset_code", "Asset code must be 1-12 alphanumeric characters")
    if not StrKey.is_valid_ed25519_public_key(issuer):
        raise bad_request(
            f"{prefix}asset_issuer",
            "Account ID must start with `G` and contain 56 alphanum characters",
        )
    return asset_named(code, account_of(issuer))


def quiet_asset(params: Mapping[str, str], prefix: str, problem: Problem) -> Asset:
    """The same, with one answer for everything that may be wrong."""
    try:
        return asset_parameters(params, prefix)
    except Problem:
        raise problem from None


def asset_list(text: str, field: str) -> list[Asset]:
    """A comma separated list of assets."""
    found: list[Asset] = []
    for part in text.split(","):
        asset = parsed_asset(part.strip())
        if asset is None:
            raise bad_request(field, f"{part} is not a valid asset")
        found.append(asset)
    return found
