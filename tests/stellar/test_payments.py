"""The transactions that this server signs, with Stellar's SDK as the judge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from stellar_sdk import (
    Account,
    Asset,
    FeeBumpTransactionEnvelope,
    HashMemo,
    IdMemo,
    Keypair,
    MuxedAccount,
    NoneMemo,
    ReturnHashMemo,
    TextMemo,
    TransactionBuilder,
    TransactionEnvelope,
)
from tests.fixtures.authentication import key

from roadstead.errors import BadInput
from roadstead.money import NATIVE, stellar_asset
from roadstead.stellar import payments
from roadstead.stellar.memos import NO_MEMO, Memo, MemoKind, number_memo
from roadstead.stellar.payments import PaymentTransaction, UnknownForm

PASSPHRASE = "Tests ; 2026"
SOURCE = key("source")
PAYER = key("payer")
ISSUER = key("issuer")
MUXED = MuxedAccount(PAYER.public_key, 2**64 - 1).account_muxed or ""

ASSETS = {
    "native": (NATIVE, Asset.native()),
    "short code": (stellar_asset("EUR", ISSUER.public_key), Asset("EUR", ISSUER.public_key)),
    "four letters": (stellar_asset("EURX", ISSUER.public_key), Asset("EURX", ISSUER.public_key)),
    "long code": (stellar_asset("LONGASSET123", ISSUER.public_key), Asset("LONGASSET123", ISSUER.public_key)),
}
MEMOS: dict[str, tuple[Memo, Any]] = {
    "none": (NO_MEMO, NoneMemo()),
    "id": (number_memo(2**64 - 1), IdMemo(2**64 - 1)),
    "zero": (number_memo(0), IdMemo(0)),
    "text": (Memo(MemoKind.TEXT, b"refund"), TextMemo("refund")),
    "bytes that are no text": (Memo(MemoKind.TEXT, b"\xff\x00\xfe"), TextMemo(b"\xff\x00\xfe")),
    "empty text": (Memo(MemoKind.TEXT, b""), TextMemo("")),
    "hash": (Memo(MemoKind.HASH, bytes(range(32))), HashMemo(bytes(range(32)))),
    "return": (Memo(MemoKind.RETURN, bytes(range(32))), ReturnHashMemo(bytes(range(32)))),
}


def payment(**changes: Any) -> PaymentTransaction:
    values: dict[str, Any] = {
        "source": SOURCE.public_key,
        "sequence": 12_345_678_901,
        "fee_stroops": 1_000,
        "valid_until_s": 1_800_000_000,
        "destination": PAYER.public_key,
        "asset": ASSETS["four letters"][0],
        "amount_units": 990_000_000,
        **changes,
    }
    return PaymentTransaction(**values)


def envelope_of(content: bytes, signer: Keypair = SOURCE) -> bytes:
    digest = payments.transaction_hash(PASSPHRASE, content)
    return payments.pack_envelope(content, public_key=signer.public_key, signature=signer.sign(digest))


def as_the_sdk_builds_it(destination: str, asset: Asset, memo: Any) -> TransactionEnvelope:
    builder = TransactionBuilder(Account(SOURCE.public_key, 12_345_678_900), PASSPHRASE, 1_000)
    builder.append_payment_op(destination, asset, "99").add_memo(memo).add_time_bounds(0, 1_800_000_000)
    envelope = builder.build()
    envelope.sign(SOURCE)
    return envelope


class TestPacking:
    @pytest.mark.parametrize("destination", [PAYER.public_key, MUXED], ids=["plain", "muxed"])
    @pytest.mark.parametrize("memo", MEMOS)
    @pytest.mark.parametrize("asset", ASSETS)
    def test_gives_the_bytes_and_the_hash_of_the_sdk(self, asset: str, memo: str, destination: str) -> None:
        content = payments.pack_payment(
            payment(destination=destination, asset=ASSETS[asset][0], memo=MEMOS[memo][0])
        )

        expected = as_the_sdk_builds_it(destination, ASSETS[asset][1], MEMOS[memo][1])
        assert envelope_of(content) == expected.to_xdr_object().to_xdr_bytes()
        assert payments.transaction_hash(PASSPHRASE, content) == expected.hash()

    def test_gives_a_fee_bump_of_the_sdk(self) -> None:
        inner = envelope_of(payments.pack_payment(payment()))
        bump = payments.pack_bump(inner, fee_source=SOURCE.public_key, fee_stroops=20_000)
        digest = payments.bump_hash(PASSPHRASE, bump)
        packed = payments.pack_bump_envelope(
            bump, public_key=SOURCE.public_key, signature=SOURCE.sign(digest)
        )

        expected = TransactionBuilder.build_fee_bump_transaction(
            SOURCE.public_key,
            10_000,
            TransactionEnvelope.from_xdr_object(
                as_the_sdk_builds_it(PAYER.public_key, ASSETS["four letters"][1], NoneMemo()).to_xdr_object(),
                PASSPHRASE,
            ),
            PASSPHRASE,
        )
        expected.sign(SOURCE)
        assert isinstance(expected, FeeBumpTransactionEnvelope)
        assert packed == expected.to_xdr_object().to_xdr_bytes()
        assert digest == expected.hash()


class TestReading:
    @pytest.mark.parametrize("memo", MEMOS)
    @pytest.mark.parametrize("asset", ASSETS)
    def test_gives_back_what_was_packed(self, asset: str, memo: str) -> None:
        packed = payment(destination=MUXED, asset=ASSETS[asset][0], memo=MEMOS[memo][0])

        assert payments.read_payment(payments.pack_payment(packed)) == packed

    @given(some.data())
    def test_refuses_or_understands_whatever_is_changed(self, data: some.DataObject) -> None:
        content = bytearray(payments.pack_payment(payment()))
        position = data.draw(some.integers(0, len(content) - 1))
        content[position] ^= data.draw(some.integers(1, 255))

        try:
            read = payments.read_payment(bytes(content))
        except UnknownForm:
            return
        assert read != payment()
        assert payments.pack_payment(read) == bytes(content)

    @given(some.binary(max_size=300))
    def test_refuses_any_other_bytes(self, content: bytes) -> None:
        with pytest.raises(UnknownForm):
            payments.read_payment(content)

    def test_refuses_a_second_operation(self) -> None:
        builder = TransactionBuilder(Account(SOURCE.public_key, 1), PASSPHRASE, 1_000)
        for _ in range(2):
            builder.append_payment_op(PAYER.public_key, Asset.native(), "1")
        envelope = builder.add_time_bounds(0, 1_800_000_000).build()

        with pytest.raises(UnknownForm):
            payments.read_payment(envelope.transaction.to_xdr_object().to_xdr_bytes())

    @pytest.mark.parametrize("address", [MUXED[:-1] + ("A" if MUXED[-1] != "A" else "B"), "M" * 69, "", "X"])
    def test_packs_no_address_that_is_none(self, address: str) -> None:
        with pytest.raises(BadInput, match="no Stellar address"):
            payments.pack_payment(payment(destination=address))
