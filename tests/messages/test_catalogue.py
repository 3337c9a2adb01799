"""The message catalogue: complete, faithful to the values, and never an error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tidy.tree import Module, modules

from roadstead.messages.catalogue import Catalogue, Language, language_of, shipped_messages

MESSAGES = shipped_messages()
CATALOGUE = Catalogue(MESSAGES)
REFUSALS = frozenset(
    {
        "BadInput",
        "TargetRefused",
        "InvalidAmount",
        "Forbidden",
        "NotFound",
        "Conflict",
        "TooLarge",
        "Unauthenticated",
        "UnsupportedMediaType",
        "TooManyRequests",
        "Unavailable",
    }
)
SPOKEN = (
    "sep/",
    "partners/",
    "customers/",
    "remittances/carrying.py",
    "remittances/opening.py",
    "remittances/opening_store.py",
    "remittances/corrections.py",
    "remittances/modes.py",
    "remittances/pricing.py",
    "remittances/proposals.py",
    "quotes/",
    "callbacks/",
    "money.py",
)
"""Where messages arise that partners may show to people."""
SILENT = frozenset(
    {
        "partners/registry.py",
        "partners/challenge_reader.py",
        "partners/challenge_rules.py",
        "quotes/http_rates.py",
        "callbacks/replay.py",
        "callbacks/signatures.py",
        "customers/case_store.py",
        "customers/erasing.py",
        "customers/showing.py",
    }
)
"""Where they are for operators only, or for the engineers of a client that makes malformed challenges or of one that
verifies callbacks with our code."""
UNHEARD = frozenset(
    {"No rate of {1} in {2} is in the table of anchor.toml: add one.", "Customer {1} has no file for {2}."}
)
"""Texts that no partner gets, although others of their module do: the book of rates hears them and says its own."""
PLACEHOLDERS = re.compile(r"\{[1-9]\}")


def template(node: ast.expr) -> str | None:
    """Write a text of the code with its values numbered; None when it is put together elsewhere."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            numbers = iter(range(1, 10))
            return "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{next(numbers)}}}"
                for part in parts
            )
        case _:
            return None


def refusals(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every refusal of a module."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[text, *_]) if name in REFUSALS:
                written = template(text)
                if written is not None:
                    yield node.lineno, written


class TestCompleteness:
    def test_every_refusal_that_partners_may_show_is_translated(self) -> None:
        known = {message.english for message in MESSAGES}
        missing = [
            f"{module.path}:{line}: {text}"
            for module in modules()
            if module.path.startswith(SPOKEN) and module.path not in SILENT
            for line, text in refusals(module)
            if text not in known | UNHEARD
        ]
        assert missing == []

    def test_what_is_left_out_is_still_there(self) -> None:
        paths = {module.path for module in modules()}
        said = {text for module in modules() for _, text in refusals(module)}
        assert paths >= SILENT
        assert said >= UNHEARD
        assert [place for place in SPOKEN if not any(path.startswith(place) for path in paths)] == []

    def test_every_reason_why_a_field_does_not_fit_is_translated(self) -> None:
        known = {message.english for message in MESSAGES}
        found = [
            f"{module.path}:{node.lineno}: {text}"
            for module in modules()
            if module.path
            in (
                "customers/formats.py",
                "customers/readers.py",
                "customers/standard_fields.py",
                "customers/documents.py",
            )
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Unfit"
            if (text := template(node.args[0])) is not None
            if f"'{{1}}' {PLACEHOLDERS.sub(lambda found: f'{{{int(found[0][1]) + 1}}}', text)}." not in known
        ]
        assert found == []

    def test_every_reason_why_an_address_is_not_called_is_translated(self) -> None:
        known = {message.english for message in MESSAGES}
        reasons = {
            node.value
            for module in modules()
            if module.path == "callbacks/addresses.py"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("it ")
        }
        assert "it is private" in reasons
        assert reasons - known == set()

    def test_no_message_stands_there_twice(self) -> None:
        english = [message.english for message in MESSAGES]
        assert len(set(english)) == len(english)

    @pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.english[:50])
    def test_every_language_has_it_with_the_same_values(self, message: object) -> None:
        texts = message.texts  # type: ignore[attr-defined]
        assert set(texts) == set(Language)
        wanted = sorted(PLACEHOLDERS.findall(texts[Language.ENGLISH]))
        for language, text in texts.items():
            assert text.strip() == text != ""
            assert sorted(PLACEHOLDERS.findall(text)) == wanted, language


class TestTranslating:
    def test_values_are_carried_over(self) -> None:
        text = "Asset 'XYZ' is not accepted: use one of EURX, USDC."
        assert CATALOGUE.translate(text, Language.FRENCH) == (
            "L'actif 'XYZ' n'est pas accepté : utilisez l'un de EURX, USDC."
        )

    def test_a_value_that_is_a_message_itself_is_translated_too(self) -> None:
        text = "The token has expired: authenticate again at the WEB_AUTH_ENDPOINT named in stellar.toml."
        assert CATALOGUE.translate(text, Language.PORTUGUESE) == (
            "O token expirou: autentique-se de novo no WEB_AUTH_ENDPOINT indicado em stellar.toml."
        )

    def test_the_reason_in_a_refused_callback_is_translated_with_it(self) -> None:
        text = "127.0.0.1 is not called: it is loopback. Use a public host name."
        assert CATALOGUE.translate(text, Language.FRENCH) == (
            "127.0.0.1 n'est pas appelé : c'est une boucle locale (loopback). Utilisez un nom d'hôte public."
        )

    def test_several_problems_are_translated_one_by_one(self) -> None:
        text = "'birth_date' is in the future. 'email_address' is too long: write at most 254 characters."
        assert CATALOGUE.translate(text, Language.SPANISH) == (
            "'birth_date' está en el futuro. 'email_address' es demasiado largo: escriba como máximo 254 caracteres."
        )

    def test_a_text_that_nobody_translated_stays_as_it_is(self) -> None:
        assert CATALOGUE.translate("Who would say that?", Language.SPANISH) == "Who would say that?"

    def test_english_is_never_touched(self) -> None:
        for message in MESSAGES:
            assert CATALOGUE.translate(message.english, Language.ENGLISH) == message.english

    def test_values_are_not_read_as_placeholders(self) -> None:
        text = "Asset '{2}{1}' is not accepted: use one of {9}."
        assert CATALOGUE.translate(text, Language.SPANISH) == (
            "El activo '{2}{1}' no se acepta: use uno de {9}."
        )

    @given(st.text(max_size=400), st.sampled_from(Language))
    def test_any_text_in_any_language_comes_out_as_a_text(self, text: str, language: Language) -> None:
        assert isinstance(CATALOGUE.translate(text, language), str)

    @given(st.text(alphabet="abc {}'.:", max_size=60), st.sampled_from(MESSAGES), st.sampled_from(Language))
    def test_whatever_was_said_is_still_in_the_translation(
        self, value: str, message: object, language: Language
    ) -> None:
        english = message.english  # type: ignore[attr-defined]
        text = PLACEHOLDERS.sub(lambda _: value, english)
        translated = CATALOGUE.translate(text, language)
        if "{1}" in english:
            assert value.strip(" .") in translated or translated == text


class TestChoosingALanguage:
    @pytest.mark.parametrize(
        ("wishes", "language"),
        [
            ((), "en"),
            ((None, None), "en"),
            (("es",), "es"),
            (("pt-BR",), "pt"),
            (("FR_ca",), "fr"),
            (("xx", "fr"), "fr"),
            (("de", None), "en"),
            (("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5",), "fr"),
            (("en;q=0.1, es;q=0.7",), "es"),
            (("es;q=0, pt;q=0.2",), "pt"),
            (("es;q=nan",), "en"),
            (("es;q=zzz",), "en"),
            (("\x00", "a" * 100_000, ",;,;" * 1_000), "en"),
        ],
    )
    def test_the_first_one_that_is_known_wins(self, wishes: tuple[str | None, ...], language: str) -> None:
        assert language_of(*wishes) == language

    @given(st.lists(st.text(max_size=50) | st.none(), max_size=3))
    def test_no_wish_is_an_error(self, wishes: list[str | None]) -> None:
        assert language_of(*wishes) in set(Language)
