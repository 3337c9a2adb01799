"""Whether a signed challenge proves who sent it (SEP-10, verification of POST). Pure: the network is asked elsewhere.

Each rule is checked for itself, so that a refusal says what is wrong. What passes is then compared byte by byte with
the challenge that this server would have made, so that nothing is accepted that no rule thought of.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from roadstead.config.strkey import KeyKind, decode, encode
from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import (
    CLIENT_DOMAIN,
    DATA_BYTES_MAX,
    HINT_BYTES,
    NONCE_BYTES,
    VALID_S,
    WEB_AUTH_DOMAIN,
    ChallengeTerms,
    Claimant,
    ClientDomain,
    pack_transaction,
    transaction_hash,
)
from roadstead.partners.challenge_reader import AGAIN, ChallengeEnvelope, Entry, Signature, read_envelope
from roadstead.stellar.accounts import AccountSigners

CLOCK_SKEW_S = 60
"""How far ahead the clock of another of our machines may be when it makes a challenge."""

_ENTRIES = 2
"""The operations of every challenge; one with a client domain has one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedChallenge:
    """A challenge of ours that came back in time. Whether the right keys signed it is not known yet."""

    claimant: Claimant
    client_domain: ClientDomain | None
    hash: bytes
    expires_at: datetime
    signatures: tuple[Signature, ...]
    """All but the server's own and the client domain's, none of them checked; there is at least one."""


def read_signed_challenge(text: str, terms: ChallengeTerms, now: datetime) -> SignedChallenge:
    """Read a challenge and make sure that it is one of ours, within its time, and signed by somebody else too.

    Raises:
        BadInput: It is anything else; the message gives the reason.
    """
    envelope = read_envelope(text)
    _require_unusable(envelope, terms)
    _require_in_time(envelope, now)
    terms = terms.at(_home_domain(envelope, terms))
    _require_entries(envelope, terms)
    claimant = _claimant(envelope)
    client_domain = _client_domain(envelope)
    expected = pack_transaction(
        terms,
        claimant,
        nonce_text=envelope.entries[0].value,
        min_time_s=envelope.min_time_s,
        client_domain=client_domain,
    )
    if envelope.transaction != expected:
        raise BadInput(f"The challenge is not one that this server makes. {AGAIN}")
    challenge_hash = transaction_hash(terms.passphrase, expected)
    return SignedChallenge(
        claimant=claimant,
        client_domain=client_domain,
        hash=challenge_hash,
        expires_at=datetime.fromtimestamp(envelope.min_time_s, UTC) + timedelta(seconds=VALID_S),
        signatures=_signatures_of_client(
            _signatures_of_others(envelope.signatures, terms, challenge_hash), client_domain, challenge_hash
        ),
    )


def check_signatures(
    challenge: SignedChallenge, terms: ChallengeTerms, signers: AccountSigners | None
) -> None:
    """Make sure that the keys of the account signed, all of them known, with weight enough.

    The medium threshold is asked for, as for moving money, and never less than 1. A key of weight 0 signs nothing, nor
    does the server's own key where an account has it as a signer. For an account that does not exist (`signers` is
    None) only its master key signs.

    Raises:
        BadInput: A signature is missing, unknown or twice there, or the weight does not suffice.
    """
    weights = _weights(challenge.claimant.account, signers)
    weights.pop(terms.server_key, None)
    if not weights:
        raise BadInput("The account has no key that may sign for it: authenticate with another account.")
    threshold = max(1, signers.medium_threshold) if signers else 1
    weight = sum(weights[key] for key in _keys_that_signed(challenge, weights))
    if weight < threshold:
        raise BadInput(
            f"The signatures have the weight {weight} and do not meet threshold {threshold}, the medium one of the "
            "account: sign with more of its keys."
        )


def _require_unusable(envelope: ChallengeEnvelope, terms: ChallengeTerms) -> None:
    """Make sure that the transaction is the server's, and that no network would ever execute it."""
    if envelope.source.key != terms.server_key or envelope.source.muxed_id is not None:
        raise BadInput(f"The challenge has another source account than the server's. {AGAIN}")
    if envelope.sequence != 0:
        raise BadInput(f"The challenge has another sequence number than zero. {AGAIN}")


def _require_in_time(envelope: ChallengeEnvelope, now: datetime) -> None:
    if envelope.max_time_s != envelope.min_time_s + VALID_S:
        raise BadInput(f"The challenge has time bounds that are not 15 minutes apart. {AGAIN}")
    if now.timestamp() < envelope.min_time_s - CLOCK_SKEW_S:
        raise BadInput(f"The challenge is outside its time bounds: it has not begun yet. {AGAIN}")
    if now.timestamp() > envelope.max_time_s:
        raise BadInput(f"The challenge is outside its time bounds: it is over. {AGAIN}")


def _home_domain(envelope: ChallengeEnvelope, terms: ChallengeTerms) -> str:
    """Find which of the home domains the challenge is for, after making sure that it has operations enough."""
    if not _ENTRIES <= len(envelope.entries) <= _ENTRIES + 1:
        raise BadInput(
            f"The challenge has {len(envelope.entries)} operations, and all of ours have {_ENTRIES}. {AGAIN}"
        )
    for domain in terms.home_domains:
        if envelope.entries[0].name == terms.at(domain).auth_name.encode():
            return domain
    raise BadInput(f"The challenge is for another home domain than {terms.home_domain}. {AGAIN}")


def _require_entries(envelope: ChallengeEnvelope, terms: ChallengeTerms) -> None:
    """Make sure that the entries are those of a challenge for this server: its nonce, and where it is."""
    first, second = envelope.entries[:_ENTRIES]
    if len(first.value) != DATA_BYTES_MAX or not _is_nonce(first.value):
        raise BadInput(f"The challenge has a nonce that is not {NONCE_BYTES} bytes in base64. {AGAIN}")
    _require_web_auth_domain(second, terms)


def _require_web_auth_domain(entry: Entry, terms: ChallengeTerms) -> None:
    if entry.name != WEB_AUTH_DOMAIN:
        raise BadInput(f"The challenge has another entry in the place of web_auth_domain. {AGAIN}")
    if entry.source.key != terms.server_key or entry.source.muxed_id is not None:
        raise BadInput(
            f"The challenge has a web_auth_domain whose source account is not the server's. {AGAIN}"
        )
    if entry.value != terms.web_auth_domain.encode():
        raise BadInput(f"The challenge has another web_auth_domain than {terms.web_auth_domain}. {AGAIN}")


def _client_domain(envelope: ChallengeEnvelope) -> ClientDomain | None:
    """Find the entry of the client's application; its bytes were ours, and so the key is the one that we asked for."""
    if len(envelope.entries) == _ENTRIES:
        return None
    entry = envelope.entries[_ENTRIES]
    if entry.name != CLIENT_DOMAIN or entry.source.muxed_id is not None:
        raise BadInput(f"The challenge has another entry in the place of client_domain. {AGAIN}")
    name = entry.value.decode("utf-8", "replace")
    return ClientDomain(name=name, key=encode(KeyKind.PUBLIC, entry.source.key))


def _is_nonce(text: bytes) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == NONCE_BYTES
    except binascii.Error:
        return False


def _claimant(envelope: ChallengeEnvelope) -> Claimant:
    source = envelope.entries[0].source
    account = encode(KeyKind.PUBLIC, source.key)
    if source.muxed_id is None:
        return Claimant(account=account, memo=envelope.memo)
    if envelope.memo is not None:
        raise BadInput(f"The challenge has a memo although its account is muxed. {AGAIN}")
    return Claimant(account=account, memo=source.muxed_id, muxed=True)


def _signatures_of_others(
    signatures: tuple[Signature, ...], terms: ChallengeTerms, challenge_hash: bytes
) -> tuple[Signature, ...]:
    """Make sure that the server signed once, and return the signatures beside its own."""
    others = tuple(
        signature for signature in signatures if not _is_by(terms.server_key, signature, challenge_hash)
    )
    if len(others) == len(signatures):
        raise BadInput(f"The challenge is not signed by the server, or was changed after it. {AGAIN}")
    if len(others) < len(signatures) - 1:
        raise BadInput("The challenge carries the server's signature more than once: leave it there once.")
    if not others:
        raise BadInput("The challenge is not signed by the client: sign it with the keys of the account.")
    return others


def _signatures_of_client(
    signatures: tuple[Signature, ...], client_domain: ClientDomain | None, challenge_hash: bytes
) -> tuple[Signature, ...]:
    """Make sure that the client's domain signed where there is one, and return the signatures beside its own."""
    if client_domain is None:
        return signatures
    own = next((one for one in signatures if _is_by(client_domain.raw_key, one, challenge_hash)), None)
    if own is None:
        raise BadInput(
            f"The challenge is not signed by the client_domain: sign it with the key {client_domain.key} too."
        )
    others = list(signatures)
    others.remove(own)
    if not others:
        raise BadInput("The challenge is not signed by the client: sign it with the keys of the account.")
    return tuple(others)


def _weights(account: str, signers: AccountSigners | None) -> dict[bytes, int]:
    """Return the raw keys that sign for an account, with their weights."""
    weights = (
        {account: 1}
        if signers is None
        else {signer.key: signer.weight for signer in signers.signers if signer.weight > 0}
    )
    return {
        key: weight for text, weight in weights.items() if (key := decode(KeyKind.PUBLIC, text)) is not None
    }


def _keys_that_signed(challenge: SignedChallenge, weights: Mapping[bytes, int]) -> set[bytes]:
    """Return the key of each signature; every one is of another key that has a weight."""
    found: set[bytes] = set()
    for signature in challenge.signatures:
        key = next((key for key in weights if _is_by(key, signature, challenge.hash)), None)
        if key is None:
            raise BadInput(
                "The challenge carries a signature that no key of the account made: take it off, and sign with the "
                "keys that the account has now."
            )
        if key in found:
            raise BadInput("The challenge carries two signatures of one key: take one off.")
        found.add(key)
    return found


def _is_by(key: bytes, signature: Signature, challenge_hash: bytes) -> bool:
    """Tell whether a key made a signature, as libsodium does for Stellar's own servers.

    It refuses keys of small order, for which anybody can make signatures; OpenSSL does not.
    """
    if signature.hint != key[-HINT_BYTES:]:
        return False
    try:
        crypto_sign_open(signature.content + challenge_hash, key)
    except BadSignatureError:
        return False
    return True
