"""The bytes of a SEP-10 challenge: a transaction that can never be executed, packed in XDR.

A challenge has one form, fixed by what it is for. So it is packed here directly, which keeps a memo of zero (Stellar's
SDK for Python drops it), and a challenge that comes back is compared with these bytes, all of them.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from enum import IntEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from roadstead.config.secrets import Secret
from roadstead.config.strkey import KeyKind, decode, encode
from roadstead.errors import BadInput, ConfigurationError

VALID_S = 900
"""How long a challenge may be signed and sent back (SEP-10 recommends 15 minutes)."""
NONCE_BYTES = 48
DATA_BYTES_MAX = 64
"""What a ManageData operation holds, in its name and in its value."""

HINT_BYTES = 4
"""How many of the last bytes of a key stand beside its signature."""
WEB_AUTH_DOMAIN = b"web_auth_domain"
"""The name of the second operation's entry."""
CLIENT_DOMAIN = b"client_domain"
"""The name of the entry that a client's application signs."""
MANAGE_DATA = 10
"""The type of the operation that a challenge consists of."""


class EnvelopeType(IntEnum):
    """What an envelope holds, in its first bytes."""

    VERSION_0 = 0
    VERSION_1 = 2
    FEE_BUMP = 5


class AccountType(IntEnum):
    """How an account is written."""

    ED25519 = 0
    MUXED_ED25519 = 0x100


class PreconditionType(IntEnum):
    """What has to hold before a transaction is executed."""

    NONE = 0
    TIME = 1
    VERSION_2 = 2


class MemoType(IntEnum):
    """The memos of a transaction that challenges have; there are others."""

    NONE = 0
    ID = 2


_VERSION_1 = EnvelopeType.VERSION_1.to_bytes(4, "big")
"""The first bytes of an envelope and, after the network's, of what is hashed for its signatures."""
_FEE = 100
"""The fee of one operation. A sequence number of zero can never be used, so it is never paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who asks for a challenge, and later for a token."""

    account: str
    """The base account, G..."""
    memo: int | None = None
    """The memo, or the id of the muxed account."""
    muxed: bool = False
    """Whether it came as M...; its id then stands in the operation's source and not in the memo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDomain:
    """The application that a client says it is, by the domain whose stellar.toml names the key."""

    name: str
    key: str
    """The SIGNING_KEY G... of the domain, which has to sign the challenge too."""

    @property
    def raw_key(self) -> bytes:
        """The raw public key of the domain."""
        return _raw_key(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeTerms:
    """What all challenges of this server have in common."""

    passphrase: str
    home_domain: str
    """The domain that is authenticated with; the default where a client names none."""
    more_home_domains: tuple[str, ...] = ()
    web_auth_domain: str
    server_account: str
    """The address G... of the signing key."""

    @property
    def server_key(self) -> bytes:
        """The raw public key of the server."""
        return _raw_key(self.server_account)

    @property
    def home_domains(self) -> tuple[str, ...]:
        """Every domain that a client may authenticate with."""
        return (self.home_domain, *self.more_home_domains)

    def at(self, home_domain: str) -> ChallengeTerms:
        """Return the terms of challenges for one of the home domains."""
        return replace(self, home_domain=home_domain, more_home_domains=())

    @property
    def auth_name(self) -> str:
        """The name of the first operation's entry."""
        return f"{self.home_domain} auth"

    def check(self) -> None:
        """Find out at the start whether challenges can be made at all.

        Raises:
            ConfigurationError: A domain does not fit into a ManageData operation.
        """
        names = [self.at(domain).auth_name for domain in self.home_domains]
        if any(len(text.encode()) > DATA_BYTES_MAX for text in (*names, self.web_auth_domain)):
            raise ConfigurationError(
                f"SEP-10 challenges hold at most {DATA_BYTES_MAX} bytes: shorten ROADSTEAD_HOME_DOMAIN and "
                f"each of ROADSTEAD_HOME_DOMAINS to 59 characters, and the host of ROADSTEAD_PUBLIC_URL to "
                f"{DATA_BYTES_MAX}."
            )


def pack_transaction(
    terms: ChallengeTerms,
    claimant: Claimant,
    *,
    nonce_text: bytes,
    min_time_s: int,
    client_domain: ClientDomain | None = None,
) -> bytes:
    """Pack the transaction of a challenge, without its envelope. The same arguments give the same bytes."""
    server = _packed_account(terms.server_key, None)
    client = _packed_account(_raw_key(claimant.account), claimant.memo if claimant.muxed else None)
    memo = (
        struct.pack(">I", MemoType.NONE)
        if claimant.muxed or claimant.memo is None
        else struct.pack(">IQ", MemoType.ID, claimant.memo)
    )
    operations = [
        _packed_entry(client, terms.auth_name.encode(), nonce_text),
        _packed_entry(server, WEB_AUTH_DOMAIN, terms.web_auth_domain.encode()),
    ]
    if client_domain is not None:
        key = _packed_account(client_domain.raw_key, None)
        operations.append(_packed_entry(key, CLIENT_DOMAIN, client_domain.name.encode()))
    return b"".join(
        (
            server,
            struct.pack(">Iq", _FEE * len(operations), 0),
            struct.pack(">IQQ", PreconditionType.TIME, min_time_s, min_time_s + VALID_S),
            memo,
            struct.pack(">I", len(operations)),
            *operations,
            struct.pack(">I", 0),
        )
    )


def transaction_hash(passphrase: str, transaction: bytes) -> bytes:
    """Return what signatures of a transaction cover."""
    network_id = hashlib.sha256(passphrase.encode()).digest()
    return hashlib.sha256(network_id + _VERSION_1 + transaction).digest()


class ChallengeSigner:
    """Signs challenges with the key that stellar.toml names as SIGNING_KEY."""

    def __init__(self, signing_secret: Secret) -> None:
        """Take the seed S...

        Raises:
            ConfigurationError: It is none.
        """
        raw = decode(KeyKind.SEED, signing_secret.reveal())
        if raw is None:
            raise ConfigurationError(
                "ROADSTEAD_SIGNING_SECRET is no secret seed: set the one that starts with S."
            )
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self._public = self._key.public_key().public_bytes_raw()

    @property
    def account(self) -> str:
        """The address G... of the key."""
        return encode(KeyKind.PUBLIC, self._public)

    def envelope(self, passphrase: str, transaction: bytes) -> bytes:
        """Sign a packed transaction and put it into an envelope."""
        signature = self._key.sign(transaction_hash(passphrase, transaction))
        return b"".join(
            (
                _VERSION_1,
                transaction,
                struct.pack(">I", 1),
                self._public[-HINT_BYTES:],
                struct.pack(">I", len(signature)),
                signature,
            )
        )


def _packed_account(key: bytes, muxed_id: int | None) -> bytes:
    if muxed_id is None:
        return struct.pack(">I", AccountType.ED25519) + key
    return struct.pack(">IQ", AccountType.MUXED_ED25519, muxed_id) + key


def _packed_entry(source: bytes, name: bytes, value: bytes) -> bytes:
    """Pack a ManageData operation with a source of its own."""
    present = struct.pack(">I", 1)
    return b"".join(
        (present, source, struct.pack(">I", MANAGE_DATA), _packed_bytes(name), present, _packed_bytes(value))
    )


def _packed_bytes(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content + b"\0" * (-len(content) % 4)


def _raw_key(account: str) -> bytes:
    key = decode(KeyKind.PUBLIC, account)
    if key is None:
        raise BadInput("The account is no Stellar address: use one that starts with G or M.")
    return key
