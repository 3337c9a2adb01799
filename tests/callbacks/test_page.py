"""The page for partners says what the code does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadstead.callbacks import retries
from roadstead.callbacks.delivery import IN_FLIGHT_PER_HOST_MAX
from roadstead.callbacks.http_client import TIMEOUT_S
from roadstead.callbacks.signatures import CallbackSigner, verify
from roadstead.callbacks.store import ANSWER_CHARACTERS_MAX
from roadstead.clock import SystemClock
from roadstead.config.secrets import Secret

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "integrating" / "callbacks.md").read_text()
VECTOR = dict(re.findall(r"^\| ([^|`]+?) +\| `(.+)` \|$", PAGE, re.MULTILINE)) | dict(
    re.findall(r"^\| `(t)` \| `(.+)` \|$", PAGE, re.MULTILINE)
)
SEED = VECTOR["its seed, bytes 00 to 1f"]
KEY = VECTOR["signing key"]
HOST = VECTOR["host"]
BODY = VECTOR["body"].encode()
MADE_AT = datetime.fromtimestamp(int(VECTOR["t"]), UTC)


class TestTheVector:
    def test_it_holds(self) -> None:
        assert verify(VECTOR["header"], host=HOST, body=BODY, signing_key=KEY, now=MADE_AT) == MADE_AT
        assert VECTOR["signed bytes"].encode() == f"{VECTOR['t']}.{HOST}.".encode() + BODY

    def test_our_signature_is_the_one_that_is_printed(self) -> None:
        headers = CallbackSigner(Secret(SEED)).headers(host=HOST, body=BODY, now=MADE_AT)
        assert headers["Signature"] == VECTOR["header"]


class TestTheProgram:
    def test_it_accepts_ours_and_nothing_else(self) -> None:
        [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        names: dict[str, Any] = {}
        exec(program, names)  # noqa: S102 - our own page
        is_ours = names["is_ours"]
        header = CallbackSigner(Secret(SEED)).headers(host=HOST, body=BODY, now=SystemClock().now())[
            "Signature"
        ]
        assert is_ours(header, BODY, HOST, KEY)
        assert not is_ours(header, BODY + b" ", HOST, KEY)
        assert not is_ours(header, BODY, "other.example", KEY)
        assert not is_ours(VECTOR["header"], BODY, HOST, KEY), "it is years old"


class TestTheNumbers:
    def test_they_are_those_of_the_code(self) -> None:
        for number in (
            f"within {TIMEOUT_S:.0f} seconds",
            f"after {retries.FIRST_PAUSE.seconds} seconds",
            f"After {retries.AGE_MAX.total_seconds() / 3600:.0f} hours",
            f"{ANSWER_CHARACTERS_MAX:,} characters",
        ):
            assert number in PAGE
        assert IN_FLIGHT_PER_HOST_MAX == 4
        assert "up to four at once" in PAGE
