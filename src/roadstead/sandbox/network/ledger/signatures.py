"""Signatures, weights and thresholds."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from . import pack
from .assets import AccountId
from .state import Account, Signer
from .transaction import Signature

WEIGHT_MAX = 255

KEY_ED25519 = 0
KEY_PRE_AUTHORIZED = 1
KEY_HASH = 2
KEY_PAYLOAD = 3

_SIGNATURE_BYTES = 64


def key_kind(key: bytes) -> int:
    """Which kind of signer a packed signer key is."""
    return int.from_bytes(key[:4], "big")


def key_of_account(account: AccountId) -> bytes:
    """The packed signer key of an account's master key."""
    return pack.ZERO + account


@lru_cache(maxsize=16384)
def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an ed25519 signature holds. Remembered: the ledger asks twice for each."""
    if len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except (BadSignatureError, ValueError):
        return False
    return True


def _signed_by_key(key: bytes, signature: Signature, message: bytes) -> bool:
    public_key = key[4:36]
    if signature.hint != public_key[-4:]:
        return False
    return is_signed(public_key, signature.value, message)


def _opened_hash(key: bytes, signature: Signature, _message: bytes) -> bool:
    expected = key[4:36]
    return signature.hint == expected[-4:] and sha256(signature.value).digest() == expected


def payload_of(key: bytes) -> bytes:
    """The payload of a signed-payload signer key."""
    length = int.from_bytes(key[36:40], "big")
    return key[40 : 40 + length]


def _signed_payload(key: bytes, signature: Signature, _message: bytes) -> bool:
    public_key = key[4:36]
    payload = payload_of(key)
    tail = payload[-4:].ljust(4, b"\x00")
    hint = bytes(left ^ right for left, right in zip(public_key[-4:], tail, strict=True))
    return signature.hint == hint and is_signed(public_key, signature.value, payload)


_CHECKS: tuple[tuple[int, Callable[[bytes, Signature, bytes], bool]], ...] = (
    (KEY_HASH, _opened_hash),
    (KEY_ED25519, _signed_by_key),
    (KEY_PAYLOAD, _signed_payload),
)


class SignatureChecker:
    """Weighs the signatures of one transaction and remembers which of them were needed."""

    def __init__(self, content_hash: bytes, signatures: tuple[Signature, ...]) -> None:
        self._hash = content_hash
        self._signatures = signatures
        self._used = [False] * len(signatures)

    def reaches(self, signers: Iterable[Signer], needed: int) -> bool:
        """Whether the signatures of these signers weigh enough; one at least must be there."""
        candidates = list(signers)
        total = 0
        for signer in candidates:
            if key_kind(signer.key) == KEY_PRE_AUTHORIZED and signer.key[4:] == self._hash:
                total += min(signer.weight, WEIGHT_MAX)
                if total >= needed:
                    return True
        for kind, check in _CHECKS:
            remaining = [signer for signer in candidates if key_kind(signer.key) == kind]
            for index, signature in enumerate(self._signatures):
                found = next((one for one in remaining if check(one.key, signature, self._hash)), None)
                if found is None:
                    continue
                self._used[index] = True
                total += min(found.weight, WEIGHT_MAX)
                if total >= needed:
                    return True
                remaining.remove(found)
        return False

    def account_reaches(self, account: Account, needed: int) -> bool:
        """Whether the account's master key and signers together weigh enough."""
        master = account.thresholds[0]
        signers = [Signer(key_of_account(account.account), master)] if master else []
        return self.reaches([*signers, *account.signers], needed)

    def absent_account_signed(self, account: AccountId) -> bool:
        """Whether the key of an account that does not exist yet has signed."""
        return self.reaches([Signer(key_of_account(account), 1)], 0)

    def extra_signed(self, keys: Iterable[bytes]) -> bool:
        """Whether every extra signer of a transaction has signed."""
        signers = [Signer(key, 1) for key in keys]
        return self.reaches(signers, len(signers))

    @property
    def all_used(self) -> bool:
        """Whether no signature was superfluous."""
        return all(self._used)
