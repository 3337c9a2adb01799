"""Tokens: what is issued, what is accepted, and everything that is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.fixtures.authentication import key

from roadstead.clock import ManualClock
from roadstead.config.secrets import Secret
from roadstead.errors import ConfigurationError, Unauthenticated
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import (
    TOKEN_LIFETIME_MAX_S,
    TOKEN_LIFETIME_S,
    VERIFIED_MAX,
    TokenBook,
)

ISSUER = "https://anchor.example/auth"
SECRET = Secret("one secret of more than thirty-two bytes, for tests")
OTHER_SECRET = Secret("another secret of more than thirty-two bytes, for tests")
ACCOUNT = key("client").public_key
CALLER = Principal(account=ACCOUNT, memo=0)
CHALLENGE = bytes(range(32))


def part(token: str, place: int) -> dict[str, Any]:
    text = token.split(".")[place]
    decoded = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert isinstance(decoded, dict)
    return decoded


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def book(clock: ManualClock) -> TokenBook:
    return TokenBook(issuer=ISSUER, secrets=[SECRET], clock=clock)


@pytest.fixture
def forge(book: TokenBook, clock: ManualClock) -> Callable[..., str]:
    """Sign with our secret whatever claims and header are given; None leaves one out."""
    genuine = book.issue(CALLER, CHALLENGE, clock.now())

    def build(*, header: dict[str, Any] | None = None, secret: Secret = SECRET, **claims: Any) -> str:
        written = {name: value for name, value in {**part(genuine, 1), **claims}.items() if value is not None}
        headers = {**part(genuine, 0), **(header or {})}
        algorithms = [str(headers["alg"])]
        return jwt.encode(headers, written, OctKey.import_key(secret.reveal()), algorithms=algorithms)

    return build


class TestIssuing:
    @pytest.mark.clause("SEP-10/token/claims")
    def test_the_claims_are_those_of_the_sep(self, book: TokenBook, clock: ManualClock) -> None:
        token = book.issue(CALLER, CHALLENGE, clock.now())
        now = int(clock.now().timestamp())
        assert part(token, 1) == {
            "iss": ISSUER,
            "sub": f"{ACCOUNT}:0",
            "iat": now,
            "exp": now + TOKEN_LIFETIME_S,
            "jti": CHALLENGE.hex(),
        }
        assert part(token, 0)["alg"] == "HS256"

    @pytest.mark.clause("SEP-10/token/sub-muxed")
    def test_a_muxed_caller_is_named_as_it_came(self, book: TokenBook, clock: ManualClock) -> None:
        token = book.issue(CALLER, CHALLENGE, clock.now(), muxed=True)
        assert part(token, 1)["sub"].startswith("M")
        assert book.read(token) == CALLER

    def test_a_verified_client_domain_is_kept(self, book: TokenBook, clock: ManualClock) -> None:
        caller = Principal(account=ACCOUNT, client_domain="wallet.example")
        assert book.read(book.issue(caller, CHALLENGE, clock.now())) == caller

    def test_the_name_of_a_key_tells_nothing_of_it(self, book: TokenBook, clock: ManualClock) -> None:
        name = part(book.issue(CALLER, CHALLENGE, clock.now()), 0)["kid"]
        assert len(name) == 12
        assert SECRET.reveal() not in name

    def test_without_a_secret_there_is_no_start(self, clock: ManualClock) -> None:
        with pytest.raises(ConfigurationError, match="ROADSTEAD_JWT_SECRET"):
            TokenBook(issuer=ISSUER, secrets=[], clock=clock)


class TestReading:
    def test_a_genuine_token_speaks_for_its_caller_again_and_again(
        self, book: TokenBook, clock: ManualClock
    ) -> None:
        token = book.issue(CALLER, CHALLENGE, clock.now())
        assert [book.read(token) for _ in range(3)] == [CALLER] * 3

    def test_it_ends_to_the_second_although_it_was_read_before(
        self, book: TokenBook, clock: ManualClock
    ) -> None:
        token = book.issue(CALLER, CHALLENGE, clock.now())
        clock.advance(timedelta(seconds=TOKEN_LIFETIME_S - 1))
        book.read(token)
        clock.advance(timedelta(seconds=1))
        for _ in range(2):
            with pytest.raises(Unauthenticated, match="expired"):
                book.read(token)

    def test_a_clock_a_minute_ahead_is_forgiven_and_more_is_not(
        self, book: TokenBook, clock: ManualClock
    ) -> None:
        book.read(book.issue(CALLER, CHALLENGE, clock.now() + timedelta(seconds=60)))
        with pytest.raises(Unauthenticated, match="in the future"):
            book.read(book.issue(CALLER, CHALLENGE, clock.now() + timedelta(seconds=61)))

    def test_a_token_of_another_instance_with_the_same_secret_is_read(
        self, book: TokenBook, clock: ManualClock
    ) -> None:
        elsewhere = TokenBook(issuer=ISSUER, secrets=[SECRET], clock=clock)
        assert book.read(elsewhere.issue(CALLER, CHALLENGE, clock.now())) == CALLER

    def test_no_more_tokens_are_remembered_than_the_limit(self, book: TokenBook, clock: ManualClock) -> None:
        for memo in range(VERIFIED_MAX + 10):
            book.read(book.issue(Principal(account=ACCOUNT, memo=memo), CHALLENGE, clock.now()))
        assert len(book._verified) == VERIFIED_MAX

    def test_what_was_refused_is_not_remembered(self, book: TokenBook) -> None:
        for token in ("x", "x.y.z", "a" * 4096):
            with pytest.raises(Unauthenticated):
                book.read(token)
        assert not book._verified


class TestChangingTheSecret:
    def test_tokens_of_the_old_one_hold_while_it_is_still_listed(self, clock: ManualClock) -> None:
        old = TokenBook(issuer=ISSUER, secrets=[SECRET], clock=clock)
        both = TokenBook(issuer=ISSUER, secrets=[OTHER_SECRET, SECRET], clock=clock)
        new = TokenBook(issuer=ISSUER, secrets=[OTHER_SECRET], clock=clock)
        old_token = old.issue(CALLER, CHALLENGE, clock.now())
        new_token = both.issue(CALLER, CHALLENGE, clock.now())
        assert both.read(old_token) == both.read(new_token) == new.read(new_token) == CALLER
        for book, token in ((new, old_token), (old, new_token)):
            with pytest.raises(Unauthenticated, match="not in use"):
                book.read(token)


class TestForgeries:
    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            ({"iss": None}, "another issuer"),
            ({"iss": "https://evil.example/auth"}, "another issuer"),
            ({"iss": ISSUER + "/"}, "another issuer"),
            ({"iss": [ISSUER]}, "another issuer"),
            ({"sub": None}, "no Stellar account"),
            ({"sub": ""}, "no Stellar account"),
            ({"sub": 5}, "no Stellar account"),
            ({"sub": ACCOUNT[:-1]}, "no Stellar account"),
            ({"sub": f"{ACCOUNT}:x"}, "no Stellar account"),
            ({"sub": key("client").secret}, "no Stellar account"),
            ({"iat": None}, "when it was issued"),
            ({"exp": None}, "when it was issued"),
            ({"exp": "9999999999"}, "when it was issued"),
            ({"exp": True}, "when it was issued"),
            ({"exp": -1}, "when it was issued"),
            ({"exp": 10**400}, "when it was issued"),
            ({"exp": 1, "iat": 2}, "longer than any of ours"),
            ({"iat": 0}, "longer than any of ours"),
        ],
    )
    def test_a_claim_that_does_not_hold_is_refused_although_the_signature_does(
        self, book: TokenBook, forge: Callable[..., str], claims: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(Unauthenticated, match=reason):
            book.read(forge(**claims))

    def test_a_life_longer_than_a_day_is_refused(
        self, book: TokenBook, forge: Callable[..., str], clock: ManualClock
    ) -> None:
        now = int(clock.now().timestamp())
        book.read(forge(exp=now + TOKEN_LIFETIME_MAX_S))
        with pytest.raises(Unauthenticated, match="longer than any of ours"):
            book.read(forge(exp=now + TOKEN_LIFETIME_MAX_S + 1))

    def test_another_secret_under_our_keys_name_is_refused(
        self, book: TokenBook, forge: Callable[..., str]
    ) -> None:
        with pytest.raises(Unauthenticated, match="signature is wrong"):
            book.read(forge(secret=OTHER_SECRET))

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_another_algorithm_is_refused_although_the_secret_is_ours(
        self, book: TokenBook, forge: Callable[..., str], algorithm: str
    ) -> None:
        with pytest.raises(Unauthenticated, match="signature is wrong"):
            book.read(forge(header={"alg": algorithm}))

    def test_a_public_keys_signature_is_refused(self, book: TokenBook, clock: ManualClock) -> None:
        genuine = book.issue(CALLER, CHALLENGE, clock.now())
        header = {**part(genuine, 0), "alg": "RS256"}
        token = jwt.encode(header, part(genuine, 1), RSAKey.generate_key(2048), algorithms=["RS256"])
        with pytest.raises(Unauthenticated, match="signature is wrong"):
            book.read(token)

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 5, ["HS256"]])
    def test_no_signature_is_refused_whatever_the_header_calls_it(
        self, book: TokenBook, clock: ManualClock, algorithm: object
    ) -> None:
        genuine = book.issue(CALLER, CHALLENGE, clock.now())
        header = json.dumps({**part(genuine, 0), "alg": algorithm}).encode()
        head = base64.urlsafe_b64encode(header).decode().rstrip("=")
        _, claims, signature = genuine.split(".")
        for token in (f"{head}.{claims}.", f"{head}.{claims}.{signature}"):
            with pytest.raises(Unauthenticated, match="signature is wrong"):
                book.read(token)

    @pytest.mark.parametrize("name", [None, "", "0" * 12, 5, ["a"], {"a": 1}])
    def test_a_key_that_is_not_ours_is_refused(
        self, book: TokenBook, clock: ManualClock, name: object
    ) -> None:
        genuine = book.issue(CALLER, CHALLENGE, clock.now())
        header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": name}).encode()).decode()
        with pytest.raises(Unauthenticated):
            book.read(f"{header.rstrip('=')}.{genuine.split('.', 1)[1]}")

    @pytest.mark.parametrize(
        "token", ["", ".", "..", "...", "a.b", "a.b.c.d", "é.é.é", "\0", "{}.{}.{}", "bnVsbA.bnVsbA.bnVsbA"]
    )
    def test_garbage_is_refused(self, book: TokenBook, token: str) -> None:
        with pytest.raises(Unauthenticated, match="authenticate again"):
            book.read(token)

    def test_a_token_with_anything_slipped_into_it_is_refused(
        self, book: TokenBook, clock: ManualClock
    ) -> None:
        token = book.issue(CALLER, CHALLENGE, clock.now())
        for slipped_in in ("!", " ", "=", "\n", "+", "."):
            for place in (0, token.index(".") + 1, token.rindex(".") + 5, len(token)):
                with pytest.raises(Unauthenticated):
                    book.read(token[:place] + slipped_in + token[place:])

    def test_every_changed_character_is_noticed(self, book: TokenBook, clock: ManualClock) -> None:
        token = book.issue(CALLER, CHALLENGE, clock.now())
        # The last character carries bits that mean nothing and may therefore differ.
        for place in range(0, len(token) - 1, 5):
            changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            with pytest.raises(Unauthenticated):
                book.read(changed)
