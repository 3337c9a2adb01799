"""Sealed values: they open for their own customer and field, with their own key, unchanged; and for nothing else."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.customers.vault import LocalKeyProvider, Vault, WrappedKey, new_data_key
from roadstead.errors import ConfigurationError, InvariantViolated
from roadstead.randomness import SeededRandomness, SystemRandomness

RANDOM = SystemRandomness()
ANN = UUID("8f0a7a0e-6b2c-4c9f-b6a5-6f6f0a9a5f3c")
EVE = UUID("3e1f5f3b-2a4d-4a5e-9c1d-0d2b8f7a6c5b")
MASTER = bytes(range(32))


class TestSealedValues:
    @given(value=st.text(st.characters(codec="utf-8"), max_size=200))
    def test_a_value_opens_as_it_was(self, value: str) -> None:
        vault = Vault(ANN, MASTER)

        assert vault.open("city", vault.seal("city", value, RANDOM)) == value

    def test_the_same_value_is_sealed_differently_each_time(self) -> None:
        vault = Vault(ANN, MASTER)

        assert vault.seal("city", "Porttown", RANDOM) != vault.seal("city", "Porttown", RANDOM)

    @pytest.mark.parametrize(
        ("vault", "name"),
        [
            (Vault(EVE, MASTER), "city"),
            (Vault(ANN, MASTER), "address"),
            (Vault(ANN, bytes(32)), "city"),
        ],
    )
    def test_it_opens_for_no_other_customer_field_or_key(self, vault: Vault, name: str) -> None:
        sealed = Vault(ANN, MASTER).seal("city", "Porttown", RANDOM)

        with pytest.raises(InvariantViolated) as refusal:
            vault.open(name, sealed)
        assert "Porttown" not in refusal.value.message

    @given(place=st.integers(min_value=0, max_value=36), bit=st.integers(min_value=0, max_value=7))
    def test_one_changed_bit_is_noticed(self, place: int, bit: int) -> None:
        vault = Vault(ANN, MASTER)
        sealed = bytearray(vault.seal("city", "Porttown", RANDOM))
        assert len(sealed) == 37
        sealed[place] ^= 1 << bit

        with pytest.raises(InvariantViolated):
            vault.open("city", bytes(sealed))

    @given(sealed=st.binary(max_size=60))
    def test_bytes_that_are_no_seal_do_not_open(self, sealed: bytes) -> None:
        with pytest.raises(InvariantViolated):
            Vault(ANN, MASTER).open("city", sealed)

    def test_nothing_shows_the_key(self) -> None:
        for text in (
            repr(Vault(ANN, b"k" * 32)),
            repr(LocalKeyProvider(b"k" * 32)),
            str(LocalKeyProvider(b"k" * 32)),
        ):
            assert "kkk" not in text


class TestWrappedKeys:
    async def test_a_key_opens_for_its_customer(self) -> None:
        provider = LocalKeyProvider(MASTER)
        data_key = new_data_key(RANDOM)

        wrapped = await provider.wrap(data_key, customer_id=ANN)

        assert data_key not in wrapped.ciphertext
        assert await LocalKeyProvider(MASTER).unwrap(wrapped, customer_id=ANN) == data_key

    async def test_every_customer_has_a_key_of_their_own(self) -> None:
        randomness = SeededRandomness(7)

        assert len({new_data_key(randomness) for _ in range(100)}) == 100

    async def test_it_does_not_open_for_another_customer_key_or_version(self) -> None:
        wrapped = await LocalKeyProvider(MASTER).wrap(bytes(32), customer_id=ANN)
        other_version = WrappedKey(ciphertext=wrapped.ciphertext, version=2)

        for provider, sealed, customer_id in (
            (LocalKeyProvider(MASTER), wrapped, EVE),
            (LocalKeyProvider(bytes(32)), wrapped, ANN),
            (LocalKeyProvider(MASTER), other_version, ANN),
            (LocalKeyProvider(MASTER, version=2), other_version, ANN),
        ):
            with pytest.raises(InvariantViolated, match="ROADSTEAD_DATA_KEY"):
                await provider.unwrap(sealed, customer_id=customer_id)

    @pytest.mark.parametrize("length", [0, 16, 31, 33])
    def test_a_master_key_has_32_bytes(self, length: int) -> None:
        with pytest.raises(ConfigurationError):
            LocalKeyProvider(bytes(length))
