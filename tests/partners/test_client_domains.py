"""The signing keys of clients' domains, from what strangers publish."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tests.fixtures.authentication import key

from roadstead.config import examples
from roadstead.errors import BadInput, Forbidden, Unavailable
from roadstead.partners.client_domains import StellarTomlKeys

KEY, OTHER = key("wallet").public_key, key("other").public_key
URL = "https://wallet.example:8443/.well-known/stellar.toml"


@dataclass(slots=True)
class FakeTexts:
    """A world with one text, or with none; implements `Texts`."""

    content: str = ""
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def text(self, url: str) -> str:
        self.asked.append(url)
        if self.error is not None:
            raise self.error
        return self.content


async def found(content: str) -> str:
    return await StellarTomlKeys(FakeTexts(content)).signing_key("wallet.example")


@pytest.mark.parametrize(
    "content",
    [
        f'SIGNING_KEY="{KEY}"',
        f"VERSION = '2.7.0'\r\nSIGNING_KEY = '{KEY}' # ours\r\n",
        f'\t "SIGNING_KEY" = "{KEY}"\n[DOCUMENTATION]\nSIGNING_KEY = "{OTHER}"\n',
        f'# SIGNING_KEY = "{OTHER}"\nSIGNING_KEY = "{KEY}"\nSIGNING_KEY_OLD = "{OTHER}"',
    ],
)
async def test_the_key_before_the_first_table_counts(content: str) -> None:
    assert await found(content) == KEY


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html></html>",
        "SIGNING_KEY = 7",
        'SIGNING_KEY = ""',
        f'SIGNING_KEY = "{examples.SIGNING_SEED}"',
        f'[DOCUMENTATION]\nSIGNING_KEY = "{KEY}"',
        f'URI_REQUEST_SIGNING_KEY = "{KEY}"',
        "[" * 100_000,
        " " * 100_000,
        'SIGNING_KEY = "' * 6_000,
    ],
    ids=lambda content: content[:20],
)
async def test_a_text_without_a_key_is_refused(content: str) -> None:
    with pytest.raises(BadInput, match="names no SIGNING_KEY"):
        await found(content)


@pytest.mark.parametrize("error", [Unavailable("away"), Forbidden("private"), BadInput("no such host")])
async def test_a_text_that_cannot_be_had_is_the_caller_s_to_repair(error: Exception) -> None:
    texts = FakeTexts(error=error)
    with pytest.raises(BadInput, match="leave client_domain out"):
        await StellarTomlKeys(texts).signing_key("wallet.example:8443")
    assert texts.asked == [URL]
