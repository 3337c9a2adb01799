"""Secrets do not slip out, and keys are known again."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import Keypair, StrKey

from roadstead.config import examples
from roadstead.config.generated import generate_data_key, generate_seed, generate_text_secret, is_generated
from roadstead.config.secrets import MASK, Secret
from roadstead.config.strkey import KeyKind, decode, encode, is_public_key, is_seed, public_key_of
from roadstead.randomness import SeededRandomness


class TestSecret:
    def test_only_reveal_shows_it(self) -> None:
        secret = Secret("open sesame")

        shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{secret:>20}", repr([secret])]

        assert secret.reveal() == "open sesame"
        assert all("sesame" not in text and MASK in text for text in shown)

    def test_it_has_no_attributes_that_a_logger_could_walk_through(self) -> None:
        with pytest.raises(TypeError):
            vars(Secret("open sesame"))

    def test_it_cannot_be_pickled_or_copied_into_another_process(self) -> None:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(Secret("open sesame"))
        with pytest.raises(TypeError):
            copy.deepcopy(Secret("open sesame"))

    def test_equal_secrets_are_equal_and_a_text_is_none(self) -> None:
        assert Secret("a") == Secret("a")
        assert hash(Secret("a")) == hash(Secret("a"))
        assert Secret("a") != Secret("b")
        assert Secret("a") != "a"


class TestStrkey:
    @given(st.binary(min_size=32, max_size=32))
    def test_keys_are_written_and_derived_as_the_sdk_does(self, raw: bytes) -> None:
        keypair = Keypair.from_raw_ed25519_seed(raw)

        assert encode(KeyKind.SEED, raw) == keypair.secret
        assert public_key_of(keypair.secret) == keypair.public_key
        assert decode(KeyKind.SEED, keypair.secret) == raw
        assert decode(KeyKind.PUBLIC, keypair.secret) is None

    @given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=189 ab", max_size=60))
    def test_what_the_sdk_refuses_is_refused(self, text: str) -> None:
        assert is_public_key(text) == StrKey.is_valid_ed25519_public_key(text)
        assert is_seed(text) == StrKey.is_valid_ed25519_secret_seed(text)

    @pytest.mark.parametrize("position", [1, 20, 55])
    def test_one_wrong_letter_is_noticed(self, position: int) -> None:
        key = examples.SIGNING_ACCOUNT
        wrong = "A" if key[position] != "A" else "B"

        assert not is_public_key(key[:position] + wrong + key[position + 1 :])

    def test_a_text_that_is_no_seed_is_not_repeated_in_the_message(self) -> None:
        with pytest.raises(ValueError, match="not a Stellar secret seed") as refusal:
            public_key_of("SECRET-TEXT")
        assert "SECRET-TEXT" not in str(refusal.value)


class TestGeneratedSecrets:
    @given(st.integers(min_value=0))
    def test_every_generated_secret_is_known_again(self, number: int) -> None:
        randomness = SeededRandomness(number)
        seed = generate_seed(randomness)

        assert is_seed(seed)
        assert is_generated(seed)
        assert is_generated(generate_data_key(randomness))
        assert is_generated(generate_text_secret(randomness))

    def test_two_of_them_differ(self) -> None:
        randomness = SeededRandomness(1)

        assert len({make(randomness) for make in (generate_seed, generate_data_key) * 3}) == 6

    @given(st.binary(min_size=32, max_size=32))
    def test_a_random_key_is_not_taken_for_one(self, raw: bytes) -> None:
        if not raw.startswith(b"sandbox-"):
            assert not is_generated(encode(KeyKind.SEED, raw))

    @pytest.mark.parametrize("text", ["", "a", "not base64!", "token-of-the-bank", "é"])
    def test_any_text_may_be_asked_about(self, text: str) -> None:
        assert not is_generated(text)


class TestExamples:
    def test_the_example_account_belongs_to_the_example_seed(self) -> None:
        assert public_key_of(examples.SIGNING_SEED) == examples.SIGNING_ACCOUNT
