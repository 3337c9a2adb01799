"""Names made comparable: other scripts written in Latin letters, accents taken off, split into tokens."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TOKENS_MAX = 12
"""Tokens of a name that are looked at; no real name has more."""

PARTICLES = frozenset(
    "abdul al el ul ad as ash at an ar az bin ibn ben bint ould wa abu abou de del della di da dos du la le las los van von der "
    "den mac mc mr mrs ms dr haji hajji hadji sheikh shaykh mullah maulavi maulawi sayyid seyed san santa y e i and of the "
    "co ltd llc inc sa srl gmbh plc corp company limited".split()
)
"""Tokens that many names share and that tell little; they weigh less."""

_SPECIAL = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ŋ": "ng", "ə": "a",
        "'": "", "’": "", "`": "", "ʼ": "", "ʻ": "", "‘": "", "ʿ": "", "ʾ": "",
    }
)  # fmt: skip
_CYRILLIC = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
        "я": "ya", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj",
        "ћ": "c", "џ": "dz", "қ": "k", "ғ": "g", "ң": "n", "ү": "u", "ұ": "u", "һ": "h", "ө": "o", "ә": "a",
    }
)  # fmt: skip
_GREEK = str.maketrans(
    {
        "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
        "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
        "χ": "ch", "ψ": "ps", "ω": "o",
    }
)  # fmt: skip
_ARABIC = str.maketrans(
    {
        "ا": "a", "أ": "a", "إ": "i", "آ": "a", "ٱ": "a", "ب": "b", "پ": "p", "ت": "t", "ث": "th", "ج": "j", "چ": "ch",
        "ح": "h", "خ": "kh", "د": "d", "ذ": "dh", "ر": "r", "ز": "z", "ژ": "zh", "س": "s", "ش": "sh", "ص": "s",
        "ض": "d", "ط": "t", "ظ": "z", "ع": "a", "غ": "gh", "ف": "f", "ق": "q", "ک": "k", "ك": "k", "گ": "g", "ل": "l",
        "م": "m", "ن": "n", "ه": "h", "ة": "a", "و": "u", "ؤ": "u", "ي": "i", "ی": "i", "ئ": "i", "ى": "a", "ء": "",
        "ـ": "",
    }
)  # fmt: skip
_SERVANT = re.compile(r"abd(?:[aeou]{0,2}[lrdnstz]?)?")
_SERVANT_OF = re.compile(r"abd(?:[aeo]l|ou?l|ul|ur)(?!l?[ae]h?$)(.{3,})")
_BEFORE = re.compile(r"\bال")
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
    text = _BEFORE.sub("al ", unicodedata.normalize("NFKC", name))
    text = text.casefold().translate(_CYRILLIC).translate(_GREEK).translate(_ARABIC)
    text = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    return text.translate(_SPECIAL).translate(_GREEK)


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
