"""Signatures of callbacks, against a vector of the protocol and against forgers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stellar_sdk import Keypair

from roadstead.callbacks.signatures import CallbackSigner, verify
from roadstead.config.secrets import Secret
from roadstead.errors import BadInput, ConfigurationError, Unauthenticated

SEED = Keypair.from_raw_ed25519_seed(bytes(range(32))).secret
ADDRESS = "GAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZ6Q"
HOST = "sendinganchor.example.com:8443"
BODY = b'{"transaction":{"id":"82fhs729f63dh0v4","status":"completed"}}'
MADE_AT = datetime.fromtimestamp(1_700_000_000, UTC)
HEADER = (
    "t=1700000000, s=DMEy99Lv1V4D0rf/Cft4lbmInNiwpl3JSWljTxLohAEEGEbNQfrrqW6r34p+C3U67mLsD5WKiv+qVCD6FVckDg=="
)


class TestTheVector:
    @pytest.mark.clause("SEP-31/callback/signature")
    @pytest.mark.clause("SEP-31/callback/signature-legacy")
    def test_our_signature_is_the_one_of_the_protocol(self) -> None:
        headers = CallbackSigner(Secret(SEED)).headers(host=HOST, body=BODY, now=MADE_AT)
        assert headers == {"Signature": HEADER, "X-Stellar-Signature": HEADER}

    def test_a_receiver_accepts_it(self) -> None:
        assert verify(HEADER, host=HOST, body=BODY, signing_key=ADDRESS, now=MADE_AT) == MADE_AT

    @pytest.mark.clause("SEP-31/callback/signature")
    def test_stellars_own_library_accepts_it(self) -> None:
        import base64  # noqa: PLC0415

        signature = base64.b64decode(HEADER.partition("s=")[2])
        Keypair.from_public_key(ADDRESS).verify(b"1700000000." + HOST.encode() + b"." + BODY, signature)


class TestAReceiverRefuses:
    @pytest.mark.parametrize(
        ("header", "host", "body"),
        [
            (HEADER, HOST, BODY + b" "),
            (HEADER, "sendinganchor.example.com", BODY),
            (HEADER.replace("t=1700000000", "t=1700000001"), HOST, BODY),
            (HEADER.replace("s=DMEy", "s=DMEz"), HOST, BODY),
            (HEADER.replace("==", ""), HOST, BODY),
            (HEADER.replace("s=", "v1="), HOST, BODY),
            (f"{HEADER}, s=AAAA", HOST, BODY),
            ("", HOST, BODY),
            ("t=, s=", HOST, BODY),
            ("t=9" * 50, HOST, BODY),
        ],
    )
    def test_whatever_was_changed(self, header: str, host: str, body: bytes) -> None:
        with pytest.raises(Unauthenticated):
            verify(header, host=host, body=body, signing_key=ADDRESS, now=MADE_AT)

    @pytest.mark.parametrize("by", [timedelta(minutes=3), timedelta(minutes=-3)])
    def test_what_is_too_old_or_from_the_future(self, by: timedelta) -> None:
        with pytest.raises(Unauthenticated, match="too far from now"):
            verify(HEADER, host=HOST, body=BODY, signing_key=ADDRESS, now=MADE_AT + by)

    def test_the_signature_of_another_key(self) -> None:
        with pytest.raises(Unauthenticated, match="not of this key"):
            verify(HEADER, host=HOST, body=BODY, signing_key=Keypair.random().public_key, now=MADE_AT)

    def test_to_take_a_seed_or_a_text_for_the_key(self) -> None:
        with pytest.raises(BadInput):
            verify(HEADER, host=HOST, body=BODY, signing_key=SEED, now=MADE_AT)


class TestSigning:
    def test_every_moment_has_a_signature_of_its_own(self) -> None:
        signer = CallbackSigner(Secret(SEED))
        first = signer.headers(host=HOST, body=BODY, now=MADE_AT)["Signature"]
        second = signer.headers(host=HOST, body=BODY, now=MADE_AT + timedelta(seconds=1))["Signature"]
        assert first.partition(", ")[2] != second.partition(", ")[2]

    def test_an_address_is_no_key_to_sign_with(self) -> None:
        with pytest.raises(ConfigurationError):
            CallbackSigner(Secret(ADDRESS))
