"""A challenge that came back: what is accepted, and everything that is not, each with its reason.

Most mutants are signed by the server's own key as well, so that it is the rule that refuses them and not the signature.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from stellar_sdk import (
    Asset,
    DecoratedSignature,
    FeeBumpTransaction,
    FeeBumpTransactionEnvelope,
    HashMemo,
    IdMemo,
    LedgerBounds,
    ManageData,
    MuxedAccount,
    Payment,
    Preconditions,
    ReturnHashMemo,
    SignedPayloadSigner,
    SignerKey,
    TextMemo,
    TimeBounds,
    Transaction,
    TransactionEnvelope,
)
from tests.fixtures.authentication import HOME_DOMAIN, manual_clock
from tests.fixtures.challenges import (
    CLIENT,
    ENVELOPE,
    NONCE,
    OTHER,
    PASSPHRASE,
    SERVER,
    TERMS,
    parsed,
    unsigned,
    with_signatures,
)

from roadstead.clock import ManualClock
from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import (
    Claimant,
)
from roadstead.partners.challenge_rules import check_signatures, read_signed_challenge

Mutation = Callable[[Transaction], None]


def remade(clock: ManualClock, mutation: Mutation) -> str:
    """A challenge with its transaction changed, and signed by server and client nevertheless."""
    envelope = parsed(unsigned(clock))
    mutation(envelope.transaction)
    envelope.signatures.clear()
    envelope.sign(SERVER)
    envelope.sign(CLIENT)
    return envelope.to_xdr()


def entry(name: str, value: bytes | str | None, source: str | MuxedAccount | None) -> ManageData:
    return ManageData(name, value, source)


def first(
    name: str = f"{HOME_DOMAIN} auth", value: bytes | None = NONCE, source: str | None = None
) -> Mutation:
    """Replace the first operation."""

    def mutate(transaction: Transaction) -> None:
        transaction.operations[0] = entry(name, value, source or CLIENT.public_key)

    return mutate


def second(name: str, value: bytes | None, source: str | None = SERVER.public_key) -> Mutation:
    """Replace the second operation."""

    def mutate(transaction: Transaction) -> None:
        transaction.operations[1] = entry(name, value, source)

    return mutate


def added(name: str, value: bytes, source: str = SERVER.public_key) -> Mutation:
    """Add a third operation."""

    def mutate(transaction: Transaction) -> None:
        transaction.operations.append(entry(name, value, source))

    return mutate


def assigned(**attributes: object) -> Mutation:
    """Change attributes of the transaction."""

    def mutate(transaction: Transaction) -> None:
        for name, value in attributes.items():
            setattr(transaction, name, value)

    return mutate


def bounds(from_s: int, to_s: int, **others: object) -> Mutation:
    """Set the time bounds, relative to those of the challenge, and other preconditions."""

    def mutate(transaction: Transaction) -> None:
        assert transaction.preconditions is not None
        assert transaction.preconditions.time_bounds is not None
        start = transaction.preconditions.time_bounds.min_time
        transaction.preconditions = Preconditions(
            time_bounds=TimeBounds(start + from_s, start + to_s if to_s else 0)
        )
        for name, value in others.items():
            setattr(transaction.preconditions, name, value)

    return mutate


def operation(place: int, source: str | None) -> Mutation:
    """Put a payment in an operation's place."""

    def mutate(transaction: Transaction) -> None:
        transaction.operations[place] = Payment(OTHER.public_key, Asset.native(), "1", source)

    return mutate


def sourceless(place: int) -> Mutation:
    def mutate(transaction: Transaction) -> None:
        transaction.operations[place].source = None

    return mutate


def muxed_with_memo(muxed_id: int) -> Mutation:
    def mutate(transaction: Transaction) -> None:
        transaction.operations[0].source = MuxedAccount(CLIENT.public_key, muxed_id)
        transaction.memo = IdMemo(7)

    return mutate


def without_web_auth_domain(transaction: Transaction) -> None:
    del transaction.operations[1]


EXTRA_SIGNER = SignedPayloadSigner(OTHER.public_key, b"payload")
NOT_OURS = "not one that this server makes"

MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "another source": (assigned(source=MuxedAccount(OTHER.public_key)), "not equal to server's account"),
    "a muxed source": (assigned(source=MuxedAccount(SERVER.public_key, 3)), NOT_OURS),
    "sequence number one": (assigned(sequence=1), "sequence number should be zero"),
    "sequence number minus one": (assigned(sequence=-1), "sequence number should be zero"),
    "another fee": (assigned(fee=100), NOT_OURS),
    "no preconditions": (assigned(preconditions=None), "requires timebounds"),
    "no end": (bounds(0, 0), "non-infinite timebounds"),
    "over since a minute": (bounds(-960, -60), "within range of the specified timebounds"),
    "not begun by far": (bounds(3600, 4500), "within range of the specified timebounds"),
    "not begun, more than clocks differ": (bounds(120, 1020), "outside its time bounds"),
    "a second longer": (bounds(0, 901), NOT_OURS),
    "a day long": (bounds(0, 86_400), NOT_OURS),
    "ledger bounds": (bounds(0, 900, ledger_bounds=LedgerBounds(1, 0)), NOT_OURS),
    "a minimal sequence number": (bounds(0, 900, min_sequence_number=1), NOT_OURS),
    "a minimal sequence age": (bounds(0, 900, min_sequence_age=1), NOT_OURS),
    "an extra signer": (
        bounds(0, 900, extra_signers=[SignerKey.ed25519_signed_payload(EXTRA_SIGNER)]),
        NOT_OURS,
    ),
    "no operation": (assigned(operations=[]), "at least one operation"),
    "a payment first": (operation(0, CLIENT.public_key), "Operation type should be ManageData"),
    "a payment second": (operation(1, SERVER.public_key), "Operation type should be ManageData"),
    "first operation without a source": (sourceless(0), "Operation should have a source account"),
    "second operation without a source": (sourceless(1), "Operation should have a source account"),
    "another home domain": (first(name="evil.example auth"), "expected home domain"),
    "the home domain without its port": (first(name="localhost auth"), "expected home domain"),
    "the home domain alone": (first(name=HOME_DOMAIN), "expected home domain"),
    "the home domain in capitals": (first(name=f"{HOME_DOMAIN.upper()} auth"), "expected home domain"),
    "no nonce": (first(value=None), "should not be null"),
    "a nonce too short": (first(value=NONCE[:-1]), "64 bytes long"),
    "a nonce that decodes to less": (first(value=NONCE[:-2] + b"=="), "48 bytes long"),
    "a nonce that is not base64": (first(value=b"!" * 64), "48 bytes long"),
    "no web_auth_domain": (without_web_auth_domain, NOT_OURS),
    "another web_auth_domain": (second("web_auth_domain", b"evil.example"), "does not match"),
    "web_auth_domain without its port": (second("web_auth_domain", b"auth.example"), "does not match"),
    "an empty web_auth_domain": (second("web_auth_domain", None), "should not be null"),
    "web_auth_domain by another": (
        second("web_auth_domain", b"auth.example:8443", OTHER.public_key),
        "operations that are unrecognized",
    ),
    "another entry instead of web_auth_domain": (second("reserved", b"x"), NOT_OURS),
    "web_auth_domain twice": (added("web_auth_domain", b"auth.example:8443"), NOT_OURS),
    "a reserved entry": (added("reserved", b"x"), NOT_OURS),
    "a client_domain": (added("client_domain", b"wallet.example", OTHER.public_key), NOT_OURS),
    "an entry by the client": (added("more", b"x", CLIENT.public_key), "operations that are unrecognized"),
    "a text memo": (assigned(memo=TextMemo("7")), "only ID memos"),
    "a hash memo": (assigned(memo=HashMemo(b"\7" * 32)), "only ID memos"),
    "a return memo": (assigned(memo=ReturnHashMemo(b"\7" * 32)), "only ID memos"),
    "a muxed client with a memo": (muxed_with_memo(5), "memos are not permitted"),
    "a muxed client of id zero with a memo": (muxed_with_memo(0), "although its account is muxed"),
}


def raw(clock: ManualClock) -> bytes:
    return base64.b64decode(with_signatures(unsigned(clock), CLIENT))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def fee_bump(clock: ManualClock) -> str:
    inner = parsed(with_signatures(unsigned(clock), CLIENT))
    inner.transaction.fee = 200
    bump = FeeBumpTransactionEnvelope(
        FeeBumpTransaction(SERVER.public_key, 1000, inner), network_passphrase=PASSPHRASE
    )
    bump.sign(SERVER)
    return bump.to_xdr()


def version_0(clock: ManualClock) -> str:
    envelope = parsed(with_signatures(unsigned(clock), CLIENT))
    envelope.transaction.v1 = False
    return envelope.to_xdr()


def odd_signature(length: int) -> Callable[[ManualClock], str]:
    def build(clock: ManualClock) -> str:
        envelope = parsed(with_signatures(unsigned(clock), CLIENT))
        envelope.signatures.append(DecoratedSignature(b"\0" * 4, b"\1" * length))
        return envelope.to_xdr()

    return build


def unsigned_by_server(clock: ManualClock) -> str:
    envelope = parsed(unsigned(clock))
    envelope.signatures.clear()
    envelope.sign(CLIENT)
    return envelope.to_xdr()


def forged_server_signature(clock: ManualClock) -> str:
    envelope = parsed(unsigned(clock))
    envelope.signatures[0] = DecoratedSignature(SERVER.signature_hint(), OTHER.sign(envelope.hash()))
    envelope.sign(CLIENT)
    return envelope.to_xdr()


def changed_after_signing(clock: ManualClock) -> str:
    envelope = parsed(with_signatures(unsigned(clock), CLIENT))
    envelope.transaction.operations[0] = entry(
        f"{HOME_DOMAIN} auth", base64.b64encode(b"\7" * 48), CLIENT.public_key
    )
    return envelope.to_xdr()


def of_another_network(clock: ManualClock) -> str:
    envelope = TransactionEnvelope.from_xdr(unsigned(clock), "Public Global Stellar Network ; September 2015")
    envelope.signatures.clear()
    envelope.sign(SERVER)
    envelope.sign(CLIENT)
    return envelope.to_xdr()


TEXTS: dict[str, tuple[Callable[[ManualClock], str], str]] = {
    "nothing": (lambda _: "", "no envelope"),
    "no base64": (lambda _: "%%%", "not base64"),
    "letters outside ASCII": (lambda _: "é" * 8, "not base64"),
    "base64 with a space for a plus": (lambda clock: encoded(raw(clock))[:40] + " AAA", "not base64"),
    "base64 over lines": (lambda clock: encoded(raw(clock))[:40] + "\n", "not base64"),
    "base64 without its padding": (lambda _: "AAAAAg", "not base64"),
    "base64 in a second form": (lambda _: "AAAAAh==", "canonical"),
    "more than any challenge": (lambda _: "A" * 4100, "more than 4096 characters"),
    "the first bytes alone": (lambda clock: encoded(raw(clock)[:4]), "cannot be read"),
    "the first half": (lambda clock: encoded(raw(clock)[:200]), "cannot be read|Importing XDR failed"),
    "no signatures' count": (lambda clock: encoded(raw(clock)[:-148]), "cannot be read|Importing XDR failed"),
    "a byte more": (lambda clock: encoded(raw(clock) + b"\0"), "cannot be read"),
    "another envelope behind it": (lambda clock: encoded(raw(clock) * 2), "cannot be read"),
    "zeroes": (lambda _: encoded(ENVELOPE + b"\0" * 400), "not equal to server|cannot be read|Importing"),
    "ones": (lambda _: encoded(ENVELOPE + b"\xff" * 400), "cannot be read|Importing"),
    "a fee bump": (fee_bump, "no envelope of a version 1"),
    "an old envelope": (version_0, "no envelope of a version 1"),
    "a signature of no bytes": (odd_signature(0), "no ed25519 signature"),
    "a signature of 63 bytes": (odd_signature(63), "no ed25519 signature"),
    "no signature of the server": (unsigned_by_server, "not signed by server"),
    "a forged signature of the server": (forged_server_signature, "not signed by server"),
    "a change after signing": (changed_after_signing, "not signed by server"),
    "the signatures of another network": (of_another_network, "not signed by server"),
    "no signature of the client": (unsigned, "not signed by the client"),
}


@pytest.fixture
def clock() -> ManualClock:
    return manual_clock()


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

    def test_every_single_bit_is_covered(self, clock: ManualClock) -> None:
        """Whatever bit is turned, in the transaction or in the signatures, no token can come of it."""
        content = raw(clock)
        for place in range(0, len(content), 3):
            turned = bytearray(content)
            turned[place] ^= 1 << (place % 8)
            with pytest.raises(BadInput):
                check_signatures(
                    read_signed_challenge(encoded(bytes(turned)), TERMS, clock.now()), TERMS, None
                )

    def test_our_clock_decides_whether_it_is_in_time(self, clock: ManualClock) -> None:
        text = with_signatures(unsigned(clock), CLIENT)
        read_signed_challenge(text, TERMS, clock.now() + timedelta(seconds=900))
        with pytest.raises(BadInput, match="outside its time bounds"):
            read_signed_challenge(text, TERMS, clock.now() + timedelta(seconds=901))
