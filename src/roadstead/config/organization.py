"""Who stands behind the anchor, as `anchor.toml` says it and stellar.toml publishes it (SEP-1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """Who runs the anchor: the fields of SEP-1's `[DOCUMENTATION]`, each without its prefix `ORG_`."""

    name: str
    dba: str | None = None
    url: str | None = None
    logo: str | None = None
    description: str | None = None
    physical_address: str | None = None
    physical_address_attestation: str | None = None
    phone_number: str | None = None
    phone_number_attestation: str | None = None
    keybase: str | None = None
    twitter: str | None = None
    github: str | None = None
    official_email: str | None = None
    support_email: str | None = None
    licensing_authority: str | None = None
    license_type: str | None = None
    license_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person who answers for the organization (SEP-1, `[[PRINCIPALS]]`)."""

    name: str
    email: str | None = None
    keybase: str | None = None
    telegram: str | None = None
    twitter: str | None = None
    github: str | None = None
    id_photo_hash: str | None = None
    verification_photo_hash: str | None = None
