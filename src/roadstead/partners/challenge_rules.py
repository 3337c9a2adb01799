"""Whether a signed challenge proves who sent it (SEP-10, verification of POST). Pure: the network is asked elsewhere.

The Stellar SDK's verifier is asked first, because its refusals are precise. What it passes is compared byte by byte
with the challenge that this server would have made; so what the SDK is lenient about (a missing `web_auth_domain`,
other preconditions, a muxed server account) is refused as well.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stellar_sdk import ManageData
from stellar_sdk.sep.ed25519_public_key_signer import Ed25519PublicKeySigner
from stellar_sdk.sep.exceptions import InvalidSep10ChallengeError
from stellar_sdk.sep.stellar_web_authentication import (
    ChallengeTransaction,
    read_challenge_transaction,
    verify_challenge_transaction_threshold,
)

from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import (
    ENVELOPE_TYPE,
    VALID_S,
    ChallengeTerms,
    Claimant,
    pack_transaction,
    transaction_hash,
)
from roadstead.stellar.accounts import AccountSigners

CHALLENGE_CHARACTERS_MAX = 4_096
"""A challenge with the twenty signatures that an envelope may carry has about 2,500."""
CLOCK_SKEW_S = 60
"""How far ahead the clock of another of our machines may be when it makes a challenge."""

_SIGNATURE_BYTES = 64
_SIGNATURES_MIN = 2
_AGAIN = "Ask for a new challenge and send it back unchanged but for your signatures."


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedChallenge:
    """A challenge of ours that came back in time. Whether the right keys signed it is not known yet."""

    text: str
    claimant: Claimant
    hash: bytes
    expires_at: datetime


def read_signed_challenge(text: str, terms: ChallengeTerms, now: datetime) -> SignedChallenge:
    """Read a challenge and make sure that it is one of ours, within its time, and signed by somebody else too.

    The SDK compares the time bounds with the machine's clock as well, whatever `now` is.

    Raises:
        BadInput: It is anything else; the message gives the reason.
    """
    raw = _decoded(text)
    read = _read_by_sdk(text, terms)
    claimant = _claimant(read)
    first = read.transaction.transaction.operations[0]
    bounds = read.transaction.transaction.preconditions
    if not isinstance(first, ManageData) or bounds is None or bounds.time_bounds is None:
        raise BadInput(f"The challenge is incomplete. {_AGAIN}")
    min_time_s = bounds.time_bounds.min_time
    expected = pack_transaction(terms, claimant, nonce_text=first.data_value or b"", min_time_s=min_time_s)
    signatures = read.transaction.signatures
    if raw[4 : 4 + len(expected)] != expected:
        raise BadInput(f"The challenge is not one that this server makes. {_AGAIN}")
    if any(len(signature.signature) != _SIGNATURE_BYTES for signature in signatures):
        raise BadInput("The challenge carries a signature that is no ed25519 signature: take it off.")
    if not min_time_s - CLOCK_SKEW_S <= now.timestamp() <= min_time_s + VALID_S:
        raise BadInput(f"The challenge is outside its time bounds, which are 15 minutes apart. {_AGAIN}")
    if len(signatures) < _SIGNATURES_MIN:
        raise BadInput("The challenge is not signed by the client: sign it with the keys of the account.")
    return SignedChallenge(
        text=text,
        claimant=claimant,
        hash=transaction_hash(terms.passphrase, expected),
        expires_at=datetime.fromtimestamp(min_time_s, UTC) + timedelta(seconds=VALID_S),
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
    account = challenge.claimant.account
    threshold = max(1, signers.medium_threshold) if signers else 1
    candidates = (
        [Ed25519PublicKeySigner(signer.key, signer.weight) for signer in signers.signers if signer.weight > 0]
        if signers
        else [Ed25519PublicKeySigner(account, 1)]
    )
    candidates = [signer for signer in candidates if signer.account_id != terms.server_account]
    try:
        verify_challenge_transaction_threshold(
            challenge.text,
            terms.server_account,
            terms.home_domain,
            terms.web_auth_domain,
            terms.passphrase,
            threshold,
            candidates,
        )
    except InvalidSep10ChallengeError as error:
        raise BadInput(f"The challenge was not accepted: {error}") from error
    except Exception as error:  # the SDK answers malformed input with errors of many kinds
        raise BadInput(f"The signatures of the challenge cannot be read. {_AGAIN}") from error


def _decoded(text: str) -> bytes:
    """Decode the envelope strictly and make sure that it holds a transaction of version 1."""
    if len(text) > CHALLENGE_CHARACTERS_MAX:
        raise BadInput(
            f"The challenge has more than {CHALLENGE_CHARACTERS_MAX} characters, which none of ours has."
        )
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("The transaction is not base64; in a form, '+' has to be written as '%2B'.") from error
    if base64.b64encode(raw).decode() != text:
        raise BadInput("The transaction is not base64 in its canonical form.")
    if raw[:4] != ENVELOPE_TYPE:
        raise BadInput(
            "The transaction is no envelope of a version 1 transaction (a fee bump or an old version is none)."
        )
    return raw


def _read_by_sdk(text: str, terms: ChallengeTerms) -> ChallengeTransaction:
    try:
        return read_challenge_transaction(
            text, terms.server_account, terms.home_domain, terms.web_auth_domain, terms.passphrase
        )
    except InvalidSep10ChallengeError as error:
        raise BadInput(f"The challenge was not accepted: {error}") from error
    except Exception as error:  # the SDK answers malformed input with errors of many kinds
        raise BadInput(f"The transaction cannot be read as a challenge. {_AGAIN}") from error


def _claimant(read: ChallengeTransaction) -> Claimant:
    source = read.transaction.transaction.operations[0].source
    if source is None:
        raise BadInput(f"The challenge names no client account. {_AGAIN}")
    if source.account_muxed_id is None:
        return Claimant(account=source.account_id, memo=read.memo)
    if read.memo is not None:
        raise BadInput(f"The challenge has a memo although its account is muxed. {_AGAIN}")
    return Claimant(account=source.account_id, memo=source.account_muxed_id, muxed=True)
