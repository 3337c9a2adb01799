"""A challenge that came back: what is accepted, and everything that is not, each with its reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.fixtures.challenge_mutants import MUTATIONS, TEXTS, encoded, raw, remade
from tests.fixtures.challenges import (
    CLIENT,
    ENVELOPE,
    TERMS,
    long_ago,
    parsed,
    unsigned,
    with_signatures,
)

from roadstead.clock import ManualClock
from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import Claimant
from roadstead.partners.challenge_rules import check_signatures, read_signed_challenge


@pytest.fixture
def clock() -> ManualClock:
    return long_ago()


class TestReadingAChallenge:
    @pytest.mark.parametrize(
        "claimant",
        [
            Claimant(account=CLIENT.public_key),
            Claimant(account=CLIENT.public_key, memo=0),
            Claimant(account=CLIENT.public_key, memo=2**64 - 1),
            Claimant(account=CLIENT.public_key, memo=0, muxed=True),
            Claimant(account=CLIENT.public_key, memo=5, muxed=True),
        ],
    )
    def test_ours_is_accepted_and_names_its_claimant(self, clock: ManualClock, claimant: Claimant) -> None:
        text = with_signatures(unsigned(clock, claimant), CLIENT)
        challenge = read_signed_challenge(text, TERMS, clock.now())
        assert challenge.claimant == claimant
        assert challenge.hash == parsed(text).hash()
        assert challenge.expires_at == clock.now() + timedelta(seconds=900)

    def test_the_order_of_signatures_does_not_matter(self, clock: ManualClock) -> None:
        envelope = parsed(with_signatures(unsigned(clock), CLIENT))
        envelope.signatures.reverse()
        challenge = read_signed_challenge(envelope.to_xdr(), TERMS, clock.now())
        check_signatures(challenge, TERMS, None)

    @pytest.mark.parametrize("case", MUTATIONS)
    @pytest.mark.clause("SEP-10/token/verification")
    def test_a_changed_transaction_is_refused_with_its_reason(self, clock: ManualClock, case: str) -> None:
        mutation, reason = MUTATIONS[case]
        with pytest.raises(BadInput, match=reason):
            read_signed_challenge(remade(clock, mutation), TERMS, clock.now())

    @pytest.mark.parametrize("case", TEXTS)
    def test_a_text_that_is_no_challenge_is_refused_with_its_reason(
        self, clock: ManualClock, case: str
    ) -> None:
        build, reason = TEXTS[case]
        with pytest.raises(BadInput, match=reason):
            read_signed_challenge(build(clock), TERMS, clock.now())

    @pytest.mark.clause("SEP-10/token/time")
    def test_our_clock_decides_whether_it_is_in_time(self, clock: ManualClock) -> None:
        """The clock of these tests stands far from the machine's, which nobody looks at."""
        text = with_signatures(unsigned(clock), CLIENT)
        for age_s in (-60, 0, 900):
            read_signed_challenge(text, TERMS, clock.now() + timedelta(seconds=age_s))
        for age_s in (-61, 901):
            with pytest.raises(BadInput, match="outside its time bounds"):
                read_signed_challenge(text, TERMS, clock.now() + timedelta(seconds=age_s))


class TestDamage:
    """Whatever happens to the bytes, no token can come of it, and nothing but a refusal."""

    def test_no_beginning_of_a_challenge_is_one(self, clock: ManualClock) -> None:
        content = raw(clock)
        accept(clock, content)
        for length in range(len(content)):
            with pytest.raises(BadInput):
                accept(clock, content[:length])

    def test_no_bit_can_be_turned(self, clock: ManualClock) -> None:
        content = raw(clock)
        for place in range(len(content)):
            for bit in range(8):
                turned = bytearray(content)
                turned[place] ^= 1 << bit
                with pytest.raises(BadInput):
                    accept(clock, bytes(turned))

    @settings(deadline=None)
    @given(content=st.binary(max_size=600))
    def test_bytes_at_random_are_refused(self, content: bytes) -> None:
        for text in (encoded(content), encoded(ENVELOPE + content)):
            with pytest.raises(BadInput):
                read_signed_challenge(text, TERMS, long_ago().now())

    @settings(deadline=None)
    @given(text=st.text(max_size=600))
    def test_texts_at_random_are_refused(self, text: str) -> None:
        with pytest.raises(BadInput):
            read_signed_challenge(text, TERMS, long_ago().now())

    @given(place=st.integers(0, 500), cut=st.integers(0, 80), filling=st.binary(max_size=80))
    @settings(max_examples=300, deadline=None)
    def test_no_part_can_be_replaced(self, place: int, cut: int, filling: bytes) -> None:
        content = raw(long_ago())
        damaged = content[:place] + filling + content[place + cut :]
        assume(damaged != content)
        with pytest.raises(BadInput):
            accept(long_ago(), damaged)


def accept(clock: ManualClock, content: bytes) -> None:
    """Read a packed challenge and check its signatures, for an account that does not exist."""
    check_signatures(read_signed_challenge(encoded(content), TERMS, clock.now()), TERMS, None)
