"""Applications that sign challenges beside their users (SEP-10, `client_domain`)."""

from __future__ import annotations

import re
from typing import Protocol

from roadstead.config.strkey import is_public_key
from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import DATA_BYTES_MAX, ClientDomain

_DOMAIN = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[1-9][0-9]{0,4})?",
    re.ASCII,
)


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
