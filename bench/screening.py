"""What the built-in matcher finds, what it finds in vain, and how long it takes.

`python -m bench.screening` measures on the sample that comes with Roadstead; given list files of OFAC, the UN and the
EU it measures on those.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench.common_names import common_names
from roadstead.config.screening_terms import ScreeningTerms
from roadstead.screening.lists.entries import Entry, EntryKind
from roadstead.screening.lists.reading import read_list
from roadstead.screening.matcher import ALGORITHM, Index
from roadstead.screening.names import tokens
from roadstead.screening.sample import SAMPLE_NAME, sample_list
from roadstead.screening.subjects import Subject

SEED = 20_210_310
NAMES_MAX = 1_500
"""How many listed persons are looked for with each kind of mistake."""
MS_MAX = 10.0
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPELLINGS = (
    *(("kh", "h"), ("q", "k"), ("sh", "ch"), ("ou", "u"), ("oo", "u"), ("ee", "i"), ("dh", "d"), ("ph", "f")),
    *(("w", "v"), ("y", "i"), ("j", "dj"), ("mm", "m"), ("ss", "s"), ("ll", "l"), ("dd", "d"), ("ov", "off")),
    *(("ck", "k"), ("c", "k"), ("z", "s"), ("th", "t"), ("u", "ou"), ("i", "ee")),
)
"""Other ways to write the same sound in Latin letters."""

Change = Callable[[str, random.Random], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The result of a run; shares are from 0 to 1, times are CPU time of one search."""

    names: int
    recall: dict[str, float]
    looked_for: int
    false_positives: float
    false_positives_with_birth: float
    common: int
    median_ms: float
    p99_ms: float
    max_ms: float
    load_s: float


def _typo(word: str, chance: random.Random) -> str:
    places = [place for place, letter in enumerate(word) if letter.isalpha()]
    if len(places) < 2:
        return word
    place = chance.choice(places)
    letter = chance.choice(_LETTERS)
    match chance.randrange(4):
        case 0:
            return word[:place] + word[place + 1 :]
        case 1:
            return word[:place] + letter + word[place:]
        case 2:
            return word[:place] + letter + word[place + 1 :]
        case _:
            place = min(place, len(word) - 2)
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _one_typo(name: str, chance: random.Random) -> str:
    words = name.split()
    place = chance.randrange(len(words))
    words[place] = _typo(words[place], chance)
    return " ".join(words)


def _typo_in_each(name: str, chance: random.Random) -> str:
    return " ".join(_typo(word, chance) if len(word) > 2 else word for word in name.split())


def _turned(name: str, _: random.Random) -> str:
    words = name.split()
    return " ".join([*words[1:], words[0]])


def _spelt_otherwise(name: str, chance: random.Random) -> str:
    words = []
    for word in name.lower().split():
        possible = [(old, new) for old, new in _SPELLINGS if old in word]
        old, new = chance.choice(possible) if possible else ("", "")
        words.append(word.replace(old, new, 1) if possible else word)
    return " ".join(words)


CHANGES: dict[str, Change] = {
    "exact": lambda name, _: name,
    "one typo": _one_typo,
    "a typo in each word": _typo_in_each,
    "another order": _turned,
    "another spelling of each word": _spelt_otherwise,
}


def measure(lists: Sequence[tuple[str, Sequence[Entry]]], *, score_min: float) -> Figures:
    """Look for listed persons with mistakes in their names, and for names that very many people have."""
    started = time.process_time()
    index = Index(lists)
    load_s = time.process_time() - started
    listed = list(_persons(lists))
    chance = random.Random(SEED)  # noqa: S311 - it has to be the same every time
    chosen = chance.sample(listed, min(NAMES_MAX, len(listed)))
    recall = {
        what: sum(_is_found(index, *one, change(one[1].names[0], chance), score_min) for one in chosen)
        / len(chosen)
        for what, change in CHANGES.items()
    }
    times: list[float] = []
    alone = with_birth = 0
    names = common_names()
    for name in names:
        began = time.thread_time()
        found = index.search(Subject(persons=(name,)), score_min=score_min)
        times.append((time.thread_time() - began) * 1000)
        alone += bool(found)
        born = date(chance.randint(1950, 2004), chance.randint(1, 12), chance.randint(1, 28))
        with_birth += bool(index.search(Subject(persons=(name,), birth_date=born), score_min=score_min))
    times.sort()
    return Figures(
        names=len(index),
        recall=recall,
        looked_for=len(chosen),
        false_positives=alone / len(names),
        false_positives_with_birth=with_birth / len(names),
        common=len(names),
        median_ms=times[len(times) // 2],
        p99_ms=times[int(len(times) * 0.99)],
        max_ms=times[-1],
        load_s=load_s,
    )


def _persons(lists: Sequence[tuple[str, Sequence[Entry]]]) -> Iterator[tuple[str, Entry]]:
    for name, entries in lists:
        for entry in entries:
            if entry.kind is EntryKind.PERSON and entry.names and len(tokens(entry.names[0])) > 1:
                yield name, entry


def _is_found(index: Index, list_name: str, entry: Entry, name: str, score_min: float) -> bool:
    found = index.search(Subject(persons=(name,)), score_min=score_min)
    return any(one.entry.id == entry.id and one.list_name == list_name for one in found)


def table(figures: Figures) -> str:
    """Write figures as tables in Markdown."""
    lines = [
        "| listed persons, written with | found |",
        "| --- | --- |",
        *(f"| {what} | {share:.1%} |" for what, share in figures.recall.items()),
        "",
        f"| {figures.common} common names | taken for a listed person |",
        "| --- | --- |",
        f"| name alone | {figures.false_positives:.1%} |",
        f"| name and a birth date | {figures.false_positives_with_birth:.1%} |",
        "",
        f"| one name against {figures.names} | CPU ms | target |",
        "| --- | --- | --- |",
        f"| median | {figures.median_ms:.2f} | {MS_MAX:g} {_met(figures.median_ms)} |",
        f"| p99 | {figures.p99_ms:.2f} | {MS_MAX:g} {_met(figures.p99_ms)} |",
        f"| highest | {figures.max_ms:.2f} | |",
        "",
        f"{figures.looked_for} persons were looked for in each row; the index was made in {figures.load_s:.1f} s.",
    ]
    return "\n".join(lines)


def _met(value_ms: float) -> str:
    return "met" if value_ms <= MS_MAX else "MISSED"


def main() -> int:
    """Measure and print; the status is 1 with `--check` when the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.screening", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="list files; the sample without any")
    parser.add_argument("--score-min", type=int, default=ScreeningTerms().score_min, help="percent")
    parser.add_argument("--check", action="store_true", help="end with status 1 when the target is missed")
    given = parser.parse_args()
    files = [(path.name, path.read_bytes()) for path in given.files] or [(SAMPLE_NAME, sample_list())]
    lists = [(name, read_list(data, name=f"file-{name}").entries) for name, data in files]
    print(f"{ALGORITHM}, score_min {given.score_min} %, {', '.join(name for name, _ in lists)}\n")
    figures = measure(lists, score_min=given.score_min / 100)
    print(table(figures))
    return 1 if given.check and figures.p99_ms > MS_MAX else 0


if __name__ == "__main__":
    sys.exit(main())
