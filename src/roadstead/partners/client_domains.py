"""Applications that sign challenges beside their users (SEP-10, `client_domain`)."""

from __future__ import annotations

import re
from typing import Protocol

from roadstead.config.strkey import is_public_key
from roadstead.errors import BadInput, RoadsteadError
from roadstead.partners.challenge_envelope import DATA_BYTES_MAX, ClientDomain

TOML_BYTES_MAX = 100_000
"""The largest stellar.toml that is read (SEP-1)."""

_DOMAIN = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[1-9][0-9]{0,4})?",
    re.ASCII,
)

_SIGNING_KEY = re.compile(r"""^[ \t]*"?SIGNING_KEY"?[ \t]*=[ \t]*["'](G[A-Z2-7]{55})["']""", re.MULTILINE)
_FIRST_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


class DomainKeys(Protocol):
    """Knows the signing keys of domains, from their stellar.toml."""

    async def signing_key(self, client_domain: str) -> str:
        """Return the SIGNING_KEY that `https://<client_domain>/.well-known/stellar.toml` names.

        An implementation asks no address that is not public, follows no redirect there, reads no more than 100 KB,
        takes seconds at most, and remembers what it found for a while.

        Raises:
            BadInput: There is no such file, it cannot be read in time, or it names no key.
        """
        ...


class Texts(Protocol):
    """Fetches texts that strangers publish: bounded, remembered, and from public addresses only."""

    async def text(self, url: str) -> str:
        """Return the text at a URL.

        Raises:
            RoadsteadError: There is no such text, or it may not be asked for.
        """
        ...


class StellarTomlKeys:
    """Reads the SIGNING_KEY out of domains' stellar.toml; implements `DomainKeys`."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def signing_key(self, client_domain: str) -> str:
        """Return the SIGNING_KEY that `https://<client_domain>/.well-known/stellar.toml` names.

        Raises:
            BadInput: There is no such file, it cannot be read, or it names no key.
        """
        url = f"https://{client_domain}/.well-known/stellar.toml"
        try:
            content = await self._texts.text(url)
        except RoadsteadError as error:
            raise BadInput(
                f"The stellar.toml of {client_domain} cannot be read: make it available at {url}, or leave "
                "client_domain out."
            ) from error
        # Only the part before the first table counts (SEP-1), and a parser would do far more work for a stranger.
        found = _SIGNING_KEY.search(_FIRST_TABLE.split(content, maxsplit=1)[0])
        if found is None:
            raise BadInput(
                f"The stellar.toml of {client_domain} names no SIGNING_KEY: add one, or leave it out."
            )
        return found[1]


async def client_domain_of(name: str, keys: DomainKeys) -> ClientDomain:
    """Find out which key has to sign for an application.

    Raises:
        BadInput: The name is no domain, or its key cannot be found.
    """
    if len(name) > DATA_BYTES_MAX or not _DOMAIN.fullmatch(name):
        raise BadInput(
            "The client_domain is not valid: send a host name in small letters, with a port where it is not 443."
        )
    key = await keys.signing_key(name)
    if not is_public_key(key):
        raise BadInput(
            f"The SIGNING_KEY in the stellar.toml of {name} is no Stellar address: correct it there."
        )
    return ClientDomain(name=name, key=key)
