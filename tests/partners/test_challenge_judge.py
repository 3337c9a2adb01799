"""What Stellar's SDK says of the same challenges: it accepts all that we accept, and where we are stricter we know why.

The SDK looks at the machine's clock, so these challenges are of the present. It is asked as it wants to be asked: with
the keys that may sign, which are those with a weight, without the server's, and a threshold of at least one.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk import Keypair
from stellar_sdk.sep.ed25519_public_key_signer import Ed25519PublicKeySigner
from stellar_sdk.sep.stellar_web_authentication import verify_challenge_transaction_threshold
from tests.fixtures.authentication import key, manual_clock, signers_of
from tests.fixtures.challenge_mutants import MUTATIONS, TEXTS, remade
from tests.fixtures.challenges import CLIENT, OTHER, SERVER, TERMS, parsed, unsigned, with_signatures

from roadstead.clock import ManualClock
from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import Claimant
from roadstead.partners.challenge_rules import check_signatures, read_signed_challenge
from roadstead.stellar.accounts import AccountSigners

STRICTER = {
    "a muxed source": "ours is not muxed; the SDK compares the base account alone",
    "another fee": "ours is of two operations; the SDK does not look at it",
    "not begun, more than clocks differ": "our own machines differ by a minute at most; the SDK allows five",
    "a second longer": "ours ends after 15 minutes; the SDK wants some end",
    "a day long": "ours ends after 15 minutes; the SDK wants some end",
    "ledger bounds": "ours has time bounds alone; the SDK looks at no others",
    "a minimal sequence number": "ours has time bounds alone; the SDK looks at no others",
    "a minimal sequence age": "ours has time bounds alone; the SDK looks at no others",
    "an extra signer": "ours has time bounds alone; the SDK looks at no others",
    "no web_auth_domain": "ours always names it, so that a challenge cannot be relayed; SEP-10 leaves it optional",
    "web_auth_domain by a muxed account of the server": "ours is not muxed; the SDK compares the base account alone",
    "another entry instead of web_auth_domain": "as above",
    "web_auth_domain twice": "ours names it once; SEP-10 reserves further entries of the server for later",
    "a reserved entry": "ours has none; SEP-10 reserves them for later",
    "a muxed client of id zero with a memo": "the SDK takes an id of zero for none, so two users for one",
    "base64 with a line's end": "one challenge has one text; the SDK skips what is not base64",
    "an old envelope": "ours are of version 1; the SDK converts, and the signatures cover the same bytes",
    "a source half there": "one challenge has one text; the SDK takes any number for 'there'",
    "a value half there": "one challenge has one text; the SDK takes any number for 'there'",
    "padding that is not zero": "one challenge has one text; the SDK does not look at padding",
}
"""What the SDK accepts and we do not, with the reason. All of these are signed by the server's own key."""
KEYS = [CLIENT, OTHER, SERVER, key("third"), key("fourth")]


def accepted(text: str, clock: ManualClock, account: AccountSigners | None) -> bool:
    try:
        check_signatures(read_signed_challenge(text, TERMS, clock.now()), TERMS, account)
    except BadInput:
        return False
    return True


def accepted_by_sdk(text: str, account: AccountSigners | None) -> bool:
    weights = {signer.key: signer.weight for signer in account.signers} if account else {CLIENT.public_key: 1}
    try:
        verify_challenge_transaction_threshold(
            text,
            TERMS.server_account,
            TERMS.home_domain,
            TERMS.web_auth_domain,
            TERMS.passphrase,
            max(1, account.medium_threshold) if account else 1,
            [
                Ed25519PublicKeySigner(address, weight)
                for address, weight in weights.items()
                if weight > 0 and address != TERMS.server_account
            ],
        )
    except Exception:  # noqa: BLE001 - its refusals are of many kinds
        return False
    return True


def changed() -> dict[str, str]:
    """All that is refused, by its name."""
    clock = manual_clock()
    return {
        **{name: remade(clock, mutation) for name, (mutation, _) in MUTATIONS.items()},
        **{name: build(clock) for name, (build, _) in TEXTS.items()},
    }


claimants = st.one_of(
    st.builds(Claimant, account=st.just(CLIENT.public_key), memo=st.none() | st.integers(0, 2**64 - 1)),
    st.builds(
        Claimant, account=st.just(CLIENT.public_key), memo=st.integers(0, 2**64 - 1), muxed=st.just(True)
    ),
)
accounts = st.none() | st.builds(
    lambda weights, medium: signers_of(*zip(KEYS, weights, strict=True), medium=medium),
    st.lists(st.integers(0, 3), min_size=len(KEYS), max_size=len(KEYS)),
    st.integers(0, 5),
)


class TestTheJudge:
    @pytest.mark.parametrize("memo", [None, 0, 2**64 - 1])
    @pytest.mark.parametrize("muxed", [False, True])
    def test_both_accept_what_the_client_signed(self, memo: int | None, *, muxed: bool) -> None:
        clock = manual_clock()
        claimant = Claimant(account=CLIENT.public_key, memo=memo or 0 if muxed else memo, muxed=muxed)
        text = with_signatures(unsigned(clock, claimant), CLIENT)
        assert accepted(text, clock, None)
        assert accepted_by_sdk(text, None)

    def test_what_is_refused_here_the_sdk_refuses_too_but_for_these(self) -> None:
        assert {name for name, text in changed().items() if accepted_by_sdk(text, None)} == set(STRICTER)

    @settings(max_examples=100, deadline=None)
    @given(claimant=claimants, account=accounts, signers=st.lists(st.sampled_from(KEYS), max_size=5))
    def test_both_say_the_same_of_every_set_of_signatures(
        self, claimant: Claimant, account: AccountSigners | None, signers: list[Keypair]
    ) -> None:
        clock = manual_clock()
        envelope = parsed(unsigned(clock, claimant))
        challenge_hash = envelope.hash()
        envelope.signatures.extend(pair.sign_decorated(challenge_hash) for pair in signers)
        text = envelope.to_xdr()
        assert accepted(text, clock, account) == accepted_by_sdk(text, account)
