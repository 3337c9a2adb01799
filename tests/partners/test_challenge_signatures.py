"""Which signatures count, and the bytes that they cover."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from stellar_sdk import DecoratedSignature, Keypair, ManageData, StrKey
from stellar_sdk.sep.stellar_web_authentication import read_challenge_transaction
from tests.fixtures.authentication import key, manual_clock, signers_of
from tests.fixtures.challenges import (
    CLIENT,
    OTHER,
    PASSPHRASE,
    SERVER,
    TERMS,
    long_ago,
    parsed,
    unsigned,
    with_signatures,
)
from tests.fixtures.environment import HOME_DOMAIN

from roadstead.clock import ManualClock
from roadstead.errors import BadInput, ConfigurationError
from roadstead.partners.challenge_envelope import Claimant
from roadstead.partners.challenge_rules import check_signatures, read_signed_challenge
from roadstead.stellar.accounts import AccountSigners

UNKNOWN = "a signature that no key of the account made"
BASE_POINT = "58" + "66" * 31
POINTS_OF_SMALL_ORDER = [
    "01" + "00" * 31,
    "ec" + "ff" * 30 + "7f",
    "00" * 32,
    "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]


@pytest.fixture
def clock() -> ManualClock:
    return long_ago()


class TestSignaturesOfAnAccountThatDoesNotExist:
    def test_its_master_key_signs(self, clock: ManualClock) -> None:
        check(clock, None, CLIENT)

    def test_another_key_does_not(self, clock: ManualClock) -> None:
        refuse(clock, None, OTHER, reason=UNKNOWN)

    def test_a_second_signature_is_one_too_many(self, clock: ManualClock) -> None:
        refuse(clock, None, CLIENT, OTHER, reason=UNKNOWN)


class TestSignaturesOfAnAccount:
    def test_one_key_with_weight_enough_signs(self, clock: ManualClock) -> None:
        check(clock, signers_of((CLIENT, 2), medium=2), CLIENT)

    def test_another_key_of_the_account_signs_too(self, clock: ManualClock) -> None:
        check(clock, signers_of((CLIENT, 0), (OTHER, 1), medium=1), OTHER)

    def test_weights_add_up(self, clock: ManualClock) -> None:
        account = signers_of((CLIENT, 1), (OTHER, 1), (key("third"), 1), medium=2)
        check(clock, account, OTHER, key("third"))
        refuse(clock, account, OTHER, reason="do not meet threshold 2")

    @pytest.mark.clause("SEP-10/token/threshold-zero")
    def test_a_threshold_of_zero_still_needs_weight(self, clock: ManualClock) -> None:
        check(clock, signers_of((CLIENT, 1)), CLIENT)
        refuse(clock, signers_of((CLIENT, 0), (OTHER, 1)), CLIENT, reason=UNKNOWN)

    def test_an_account_without_keys_never_authenticates(self, clock: ManualClock) -> None:
        refuse(clock, signers_of((CLIENT, 0)), CLIENT, reason="has no key that may sign")
        refuse(clock, signers_of(), CLIENT, reason="has no key that may sign")

    @pytest.mark.clause("SEP-10/token/extra-signatures")
    def test_a_key_that_is_no_signer_spoils_the_rest(self, clock: ManualClock) -> None:
        refuse(clock, signers_of((CLIENT, 1), medium=1), CLIENT, OTHER, reason=UNKNOWN)

    def test_the_master_key_of_an_account_that_removed_it_does_not_sign(self, clock: ManualClock) -> None:
        refuse(clock, signers_of((OTHER, 1), medium=1), CLIENT, reason=UNKNOWN)

    @pytest.mark.clause("SEP-10/token/duplicate-signatures")
    def test_a_signature_counts_once(self, clock: ManualClock) -> None:
        envelope = parsed(with_signatures(unsigned(clock), CLIENT))
        envelope.signatures.append(envelope.signatures[-1])
        challenge = read_signed_challenge(envelope.to_xdr(), TERMS, clock.now())
        for account in (signers_of((CLIENT, 1), medium=2), signers_of((CLIENT, 1), medium=1), None):
            with pytest.raises(BadInput, match="two signatures of one key"):
                check_signatures(challenge, TERMS, account)

    @pytest.mark.clause("SEP-10/token/server-signature")
    def test_the_servers_own_signature_never_counts(self, clock: ManualClock) -> None:
        account = signers_of((CLIENT, 1), (SERVER, 5), medium=5)
        refuse(clock, account, CLIENT, reason="do not meet threshold 5")
        itself = with_signatures(unsigned(clock, Claimant(account=SERVER.public_key)), CLIENT)
        with pytest.raises(BadInput, match="has no key that may sign"):
            check_signatures(read_signed_challenge(itself, TERMS, clock.now()), TERMS, None)

    def test_as_many_keys_as_an_envelope_holds_sign_together(self, clock: ManualClock) -> None:
        keys = [key(f"signer {number}") for number in range(19)]
        account = signers_of(*((pair, 1) for pair in keys), medium=19)
        check(clock, account, *keys)
        refuse(clock, account, *keys[:-1], reason="weight 18 and do not meet threshold 19")

    def test_a_signature_with_the_hint_of_another_key_is_of_nobody(self, clock: ManualClock) -> None:
        envelope = parsed(unsigned(clock))
        envelope.signatures.append(DecoratedSignature(OTHER.signature_hint(), CLIENT.sign(envelope.hash())))
        challenge = read_signed_challenge(envelope.to_xdr(), TERMS, clock.now())
        with pytest.raises(BadInput, match=UNKNOWN):
            check_signatures(challenge, TERMS, signers_of((CLIENT, 1), (OTHER, 1)))

    def test_a_signature_with_the_servers_hint_is_not_taken_for_the_servers(self, clock: ManualClock) -> None:
        envelope = parsed(unsigned(clock))
        envelope.signatures.append(DecoratedSignature(SERVER.signature_hint(), CLIENT.sign(envelope.hash())))
        challenge = read_signed_challenge(envelope.to_xdr(), TERMS, clock.now())
        with pytest.raises(BadInput, match=UNKNOWN):
            check_signatures(challenge, TERMS, None)

    @pytest.mark.parametrize("point", POINTS_OF_SMALL_ORDER)
    def test_a_key_for_which_anybody_can_sign_signs_nothing(self, clock: ManualClock, point: str) -> None:
        """By its formula one of eight messages or fewer has this signature, whoever made it."""
        weak = bytes.fromhex(point)
        account = StrKey.encode_ed25519_public_key(weak)
        base = parsed(unsigned(clock, Claimant(account=account)))
        forged = bytes.fromhex(BASE_POINT) + (1).to_bytes(32, "little")
        for nonce in range(64):
            first = base.transaction.operations[0]
            assert isinstance(first, ManageData)
            first.data_value = base64.b64encode(nonce.to_bytes(48, "big"))
            base.signatures.clear()
            base.sign(SERVER)
            base.signatures.append(DecoratedSignature(weak[-4:], forged))
            challenge = read_signed_challenge(base.to_xdr(), TERMS, clock.now())
            with pytest.raises(BadInput, match=UNKNOWN):
                check_signatures(challenge, TERMS, None)


def check(clock: ManualClock, account: AccountSigners | None, *signers: Keypair) -> None:
    """Check a challenge with these signatures against the keys of its account."""
    text = with_signatures(unsigned(clock), *signers)
    check_signatures(read_signed_challenge(text, TERMS, clock.now()), TERMS, account)


def refuse(clock: ManualClock, account: AccountSigners | None, *signers: Keypair, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        check(clock, account, *signers)


class TestPackingAChallenge:
    @pytest.mark.parametrize("memo", [None, 1, 2**64 - 1])
    def test_the_sdk_writes_the_same_bytes(self, memo: int | None) -> None:
        text = unsigned(manual_clock(), Claimant(account=CLIENT.public_key, memo=memo))
        assert parsed(text).to_xdr() == text
        read = read_challenge_transaction(
            text, SERVER.public_key, HOME_DOMAIN, TERMS.web_auth_domain, PASSPHRASE
        )
        assert (read.client_account_id, read.memo) == (CLIENT.public_key, memo)

    def test_domains_that_fit_into_no_challenge_stop_the_start(self) -> None:
        for terms in (
            replace(TERMS, home_domain="a" * 60),
            replace(TERMS, web_auth_domain="a" * 65),
        ):
            with pytest.raises(ConfigurationError, match="64 bytes"):
                terms.check()
        replace(TERMS, home_domain="a" * 59, web_auth_domain="a" * 64).check()
