"""Which signatures count, and the bytes that they cover."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stellar_sdk import Keypair
from stellar_sdk.sep.stellar_web_authentication import read_challenge_transaction
from tests.fixtures.authentication import HOME_DOMAIN, key, manual_clock, signers_of
from tests.fixtures.challenges import (
    CLIENT,
    OTHER,
    PASSPHRASE,
    SERVER,
    TERMS,
    parsed,
    unsigned,
    with_signatures,
)

from roadstead.clock import ManualClock
from roadstead.errors import BadInput, ConfigurationError
from roadstead.partners.challenge_envelope import Claimant
from roadstead.partners.challenge_rules import check_signatures, read_signed_challenge
from roadstead.stellar.accounts import AccountSigners


@pytest.fixture
def clock() -> ManualClock:
    return manual_clock()


class TestSignaturesOfAnAccountThatDoesNotExist:
    def test_its_master_key_signs(self, clock: ManualClock) -> None:
        check(clock, None, CLIENT)

    def test_another_key_does_not(self, clock: ManualClock) -> None:
        refuse(clock, None, OTHER, reason="not signed by any client signer")

    def test_a_second_signature_is_one_too_many(self, clock: ManualClock) -> None:
        refuse(clock, None, CLIENT, OTHER, reason="unrecognized signatures")


class TestSignaturesOfAnAccount:
    def test_one_key_with_weight_enough_signs(self, clock: ManualClock) -> None:
        check(clock, signers_of((CLIENT, 2), medium=2), CLIENT)

    def test_another_key_of_the_account_signs_too(self, clock: ManualClock) -> None:
        check(clock, signers_of((CLIENT, 0), (OTHER, 1), medium=1), OTHER)

    def test_weights_add_up(self, clock: ManualClock) -> None:
        account = signers_of((CLIENT, 1), (OTHER, 1), (key("third"), 1), medium=2)
        check(clock, account, OTHER, key("third"))
        refuse(clock, account, OTHER, reason="do not meet threshold 2")

    def test_a_threshold_of_zero_still_needs_weight(self, clock: ManualClock) -> None:
        check(clock, signers_of((CLIENT, 1)), CLIENT)
        refuse(clock, signers_of((CLIENT, 0), (OTHER, 1)), CLIENT, reason="not signed by any client signer")

    def test_an_account_without_keys_never_authenticates(self, clock: ManualClock) -> None:
        refuse(clock, signers_of((CLIENT, 0)), CLIENT, reason="No signers provided")
        refuse(clock, signers_of(), CLIENT, reason="No signers provided")

    def test_a_key_that_is_no_signer_spoils_the_rest(self, clock: ManualClock) -> None:
        refuse(clock, signers_of((CLIENT, 1), medium=1), CLIENT, OTHER, reason="unrecognized signatures")

    def test_the_master_key_of_an_account_that_removed_it_does_not_sign(self, clock: ManualClock) -> None:
        refuse(clock, signers_of((OTHER, 1), medium=1), CLIENT, reason="not signed by any client signer")

    def test_a_signature_counts_once(self, clock: ManualClock) -> None:
        envelope = parsed(with_signatures(unsigned(clock), CLIENT))
        envelope.signatures.append(envelope.signatures[-1])
        challenge = read_signed_challenge(envelope.to_xdr(), TERMS, clock.now())
        for account in (signers_of((CLIENT, 1), medium=2), signers_of((CLIENT, 1), medium=1), None):
            with pytest.raises(BadInput, match="unrecognized signatures"):
                check_signatures(challenge, TERMS, account)

    def test_the_servers_own_signature_never_counts(self, clock: ManualClock) -> None:
        account = signers_of((CLIENT, 1), (SERVER, 5), medium=5)
        refuse(clock, account, CLIENT, reason="do not meet threshold 5")


def check(clock: ManualClock, account: AccountSigners | None, *signers: Keypair) -> None:
    """Check a challenge with these signatures against the keys of its account."""
    text = with_signatures(unsigned(clock), *signers)
    check_signatures(read_signed_challenge(text, TERMS, clock.now()), TERMS, account)


def refuse(clock: ManualClock, account: AccountSigners | None, *signers: Keypair, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        check(clock, account, *signers)


class TestPackingAChallenge:
    @pytest.mark.parametrize("memo", [None, 1, 2**64 - 1])
    def test_the_sdk_writes_the_same_bytes(self, clock: ManualClock, memo: int | None) -> None:
        text = unsigned(clock, Claimant(account=CLIENT.public_key, memo=memo))
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
