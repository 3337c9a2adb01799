"""Names made comparable: other scripts written in Latin letters, accents taken off, split into tokens."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from roadstead.screening.scripts import ARABIC, ARTICLE, CYRILLIC, GREEK, SPECIAL

TOKENS_MAX = 12
"""Tokens of a name that are looked at; no real name has more."""

PARTICLES = frozenset(
    """
    abdul al el ul ad as ash at an ar az bin ibn ben bint ould wa abu abou de del della di da dos du la le las los van
    von der den mac mc mr mrs ms dr haji hajji hadji sheikh shaykh mullah maulavi maulawi sayyid seyed san santa y e i
    and of the co ltd llc inc sa srl gmbh plc corp company limited
    """.split()
)
"""Tokens that many names share and that tell little; they weigh less."""

_SERVANT = re.compile(r"abd(?:[aeou]{0,2}[lrdnstz]?)?")
_SERVANT_OF = re.compile(r"abd(?:[aeo]l|ou?l|ul|ur)(?!l?[ae]h?$)(.{3,})")
_WORD = re.compile(r"[^\W_]+")
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"shch|sch|tch|sh|ch|zh", "s"),
        (r"dzh|dj|dz", "j"),
        (r"kh|gh|ck|q|c|g|x", "k"),
        (r"ph", "f"),
        (r"th", "t"),
        (r"dh", "d"),
        (r"ts|tz|z", "s"),
        (r"w", "v"),
        (r"ff\b", "v"),
    )
)
_VOWELS = (
    (re.compile(r"(?<=[aeiouy])h\b"), ""),
    (re.compile(r"[eiy]+"), "i"),
    (re.compile(r"[ou]+"), "u"),
)
_SILENT = re.compile(r"(?<!^)[aeiouyh]")
_FIRST_VOWEL = re.compile(r"^[aeiouy]+")
_DOUBLED = re.compile(r"(.)\1+")


def fold(name: str) -> str:
    """Write a name in small Latin letters without accents; letters of scripts that are not known here are kept."""
    text = ARTICLE.sub("al ", unicodedata.normalize("NFKC", name))
    text = text.casefold().translate(CYRILLIC).translate(GREEK).translate(ARABIC)
    text = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    return text.translate(SPECIAL).translate(GREEK)


def tokens(name: str) -> tuple[str, ...]:
    """Return the folded words of a name in their order, at most `TOKENS_MAX` of them.

    Abdulrahman becomes two words like Abdul Rahman and Abd al-Rahman, and the first of them is the same in all.
    """
    words: list[str] = []
    for word in _WORD.findall(fold(name)):
        compound = _SERVANT_OF.fullmatch(word)
        if compound:
            words += ["abdul", compound[1]]
        else:
            words.append("abdul" if _SERVANT.fullmatch(word) else word)
    return tuple(words[:TOKENS_MAX])


@lru_cache(maxsize=100_000)
def sound(token: str) -> str:
    """Return how a folded token sounds, whoever wrote it down: Yusuf and Youssouf, Ali and Alee are the same."""
    for pattern, spoken in (*_SOUNDS, *_VOWELS):
        token = pattern.sub(spoken, token)
    return _DOUBLED.sub(r"\1", token)


@lru_cache(maxsize=100_000)
def skeleton(token: str) -> str:
    """Return the consonants of a folded token, by their sound.

    Vowels of names from other scripts are heard in many ways: Qadhafi and Gaddafi, Mohammed and Muhamad are the same.
    """
    return _DOUBLED.sub(r"\1", _SILENT.sub("", _FIRST_VOWEL.sub("a", sound(token))))
