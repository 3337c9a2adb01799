"""stellar.toml (SEP-1 2.7.0), written from the configuration, so that it never says what the server does not do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.config.organization import Organization, Principal
from roadstead.errors import ConfigurationError

VERSION = "2.7.0"
BYTES_MAX = 100_000
"""SEP-1 allows 100 KB; whoever counts a kilobyte as 1,000 bytes is right too."""

Present = str | bool | int | Sequence[str]
"""What SEP-1 has fields of."""
Value = Present | None
"""A field, or None where it is left out."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def stellar_toml(configuration: Configuration) -> str:
    """Write the document: plain keys and tables only, in SEP-1's order, which parsers of old TOML read as well.

    Raises:
        ConfigurationError: The document is larger than SEP-1 allows.
    """
    anchor = configuration.anchor
    parts = [
        _pairs(_general(configuration)),
        _table("[DOCUMENTATION]", _documentation(anchor.organization)),
        *(_table("[[PRINCIPALS]]", _principal(principal)) for principal in anchor.principals),
        *(_table("[[CURRENCIES]]", _currency(accepted)) for accepted in configuration.assets),
    ]
    text = "\n".join(parts)
    size = len(text.encode())
    if size > BYTES_MAX:
        raise ConfigurationError(
            f"stellar.toml would have {size} bytes and may have {BYTES_MAX}: shorten the texts of anchor.toml."
        )
    return text


def _general(configuration: Configuration) -> dict[str, Value]:
    settings = configuration.settings
    return {
        "VERSION": VERSION,
        "NETWORK_PASSPHRASE": settings.network_passphrase,
        "KYC_SERVER": f"{settings.public_url}/kyc",
        "WEB_AUTH_ENDPOINT": f"{settings.public_url}/auth",
        "SIGNING_KEY": configuration.signing_account,
        "ACCOUNTS": _accounts(configuration),
        "DIRECT_PAYMENT_SERVER": f"{settings.public_url}/sep31",
        "ANCHOR_QUOTE_SERVER": f"{settings.public_url}/sep38" if configuration.anchor.pairs else None,
    }


def _accounts(configuration: Configuration) -> list[str]:
    """List the accounts that are ours, each once: a third party's issuer is not."""
    issuers = [accepted.issuer for accepted in configuration.assets if accepted.terms.issued]
    ours = [configuration.settings.distribution_account, configuration.signing_account, *issuers]
    return list(dict.fromkeys(ours))


def _documentation(organization: Organization) -> dict[str, Value]:
    return {
        "ORG_NAME": organization.name,
        "ORG_DBA": organization.dba,
        "ORG_URL": organization.url,
        "ORG_LOGO": organization.logo,
        "ORG_DESCRIPTION": organization.description,
        "ORG_PHYSICAL_ADDRESS": organization.physical_address,
        "ORG_PHYSICAL_ADDRESS_ATTESTATION": organization.physical_address_attestation,
        "ORG_PHONE_NUMBER": organization.phone_number,
        "ORG_PHONE_NUMBER_ATTESTATION": organization.phone_number_attestation,
        "ORG_KEYBASE": organization.keybase,
        "ORG_TWITTER": organization.twitter,
        "ORG_GITHUB": organization.github,
        "ORG_OFFICIAL_EMAIL": organization.official_email,
        "ORG_SUPPORT_EMAIL": organization.support_email,
        "ORG_LICENSING_AUTHORITY": organization.licensing_authority,
        "ORG_LICENSE_TYPE": organization.license_type,
        "ORG_LICENSE_NUMBER": organization.license_number,
    }


def _principal(principal: Principal) -> dict[str, Value]:
    return {
        "name": principal.name,
        "email": principal.email,
        "keybase": principal.keybase,
        "telegram": principal.telegram,
        "twitter": principal.twitter,
        "github": principal.github,
        "id_photo_hash": principal.id_photo_hash,
        "verification_photo_hash": principal.verification_photo_hash,
    }


def _currency(accepted: AcceptedAsset) -> dict[str, Value]:
    terms = accepted.terms
    return {
        "code": terms.code,
        "issuer": accepted.issuer,
        "status": accepted.status.value,
        "display_decimals": terms.display_decimals,
        "name": terms.name,
        "desc": terms.description,
        "conditions": terms.conditions,
        "image": terms.image,
        "fixed_number": terms.fixed_number,
        "max_number": terms.max_number,
        "is_unlimited": terms.is_unlimited,
        "is_asset_anchored": True,
        "anchor_asset_type": terms.anchor_asset_type.value,
        "anchor_asset": terms.delivers.code,
        "attestation_of_reserve": terms.attestation_of_reserve,
        "redemption_instructions": terms.redemption_instructions,
    }


def _table(header: str, fields: Mapping[str, Value]) -> str:
    return f"{header}\n{_pairs(fields)}"


def _pairs(fields: Mapping[str, Value]) -> str:
    return "".join(f"{key}={_written(value)}\n" for key, value in fields.items() if value is not None)


def _written(value: Present) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _quoted(value)
        case _:
            return f"[{', '.join(_quoted(item) for item in value)}]"


def _quoted(text: str) -> str:
    return f'"{"".join(_escaped(text))}"'


def _escaped(text: str) -> Iterator[str]:
    for character in text:
        if character in _ESCAPES:
            yield _ESCAPES[character]
        elif character.isprintable():
            yield character
        else:
            code = ord(character)
            yield f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what \u can hold
