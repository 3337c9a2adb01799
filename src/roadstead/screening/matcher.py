"""The built-in matcher: which entries of the lists a subject may be. Pure, in memory, and the same answer every time.

A name is folded into tokens. Each token of the subject finds similar tokens of the lists through three indexes: tokens
that differ by one or two letters (both lose one letter and agree), and tokens that sound alike (`names.sound`,
`names.skeleton`). A name is scored by how much of both names is matched, whatever the order: by the length of the
tokens, rare ones weighing more than common ones. Birth date and country then move the score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log

from rapidfuzz.distance import OSA, JaroWinkler, Levenshtein

from roadstead.screening.lists.entries import Entry, EntryKind
from roadstead.screening.names import PARTICLES, skeleton, sound, tokens
from roadstead.screening.subjects import Subject

ALGORITHM = "roadstead-1"
"""Changed with every change that may change an answer."""

_TOKEN_ALIKE_MIN = 0.7
_NOT_ONE_LETTER_MIN = 0.82
"""How alike tokens have to be that differ by more than one letter."""
_SURE = 0.95
_ONE_LETTER = 0.75
"""How much of a letter is lost by one that is wrong, missing, too much or out of its place."""
_SOUNDS_THE_SAME = 0.95
_SOUNDS_ALIKE = {3: 0.78, 4: 0.93}
"""What two tokens count at least when they sound alike, by the length of their skeleton; 4 stands for more too."""
_SKELETON_MIN, _SKELETON_MAX = min(_SOUNDS_ALIKE), max(_SOUNDS_ALIKE)
_SHORT = 3
"""Tokens up to this many letters have to be the same, or sound alike."""
_PARTICLE_WEIGHT = 0.3
_COMMON_WEIGHT = 0.55
_BETTER_HALF = 0.55
"""How much the name that is matched better counts; the rest is the other's."""
_JOINED_LENGTH_MIN = 8
_JOINED_SHARE_MIN = 0.4
"""How much of a name has to be matched before it is compared without its spaces."""
_DOUBT = 0.25
"""How far the rough estimate of a score may be below what is needed, and the name is still looked at."""
_BIRTH_APART = 0.15
_BIRTH_NEAR = 0.05
_BIRTH_SAME = 0.03
_COUNTRY_APART = 0.02
_COUNTRY_SAME = 0.01
_WEAK = 0.1
"""What a weak alias loses, unless birth date or country agree."""
_DAYS_OF_GRACE = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An entry that a subject may be."""

    entry: Entry
    list_name: str
    score: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Name:
    entry: int
    tokens: tuple[int, ...]
    weight: float
    joined: str
    is_weak: bool


class Index:
    """Every name of the lists, made ready to be searched; never changed once it is made."""

    def __init__(self, lists: Iterable[tuple[str, Iterable[Entry]]]) -> None:
        """Index the entries of lists, each given with its name."""
        self._entries = [(name, entry) for name, entries in lists for entry in entries]
        self._tokens: list[str] = []
        self._known: dict[str, int] = {}
        written = [
            (number, words, is_weak)
            for number, (_, entry) in enumerate(self._entries)
            for names, is_weak in ((entry.names, False), (entry.weak_names, True))
            for name in names
            if (words := tokens(name))
        ]
        counts: dict[str, int] = defaultdict(int)
        for _, words, _ in written:
            for word in set(words):
                counts[word] += 1
        self._rarity_of_one = log(1 + len(written))
        self._counts = counts
        self._names = [self._name(number, words, is_weak=is_weak) for number, words, is_weak in written]
        self._postings: list[list[int]] = [[] for _ in self._tokens]
        for position, name in enumerate(self._names):
            for token in set(name.tokens):
                self._postings[token].append(position)
        self._shortened: dict[str, list[int]] = defaultdict(list)
        self._sounding: dict[str, list[int]] = defaultdict(list)
        self._skeletons: dict[str, list[int]] = defaultdict(list)
        for token, word in enumerate(self._tokens):
            for shorter in _shortened(word):
                self._shortened[shorter].append(token)
            self._sounding[sound(word)].append(token)
            self._skeletons[skeleton(word)].append(token)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._names)

    def search(self, subject: Subject, *, score_min: float) -> list[Found]:
        """Return the entries with at least this score, the most alike first."""
        best: dict[int, float] = {}
        for name, kinds in _searched(subject):
            for position, score in self._alike(tokens(name), score_min):
                found = self._names[position]
                _, entry = self._entries[found.entry]
                if entry.kind not in kinds:
                    continue
                final = _modified(score, subject, entry, is_weak=found.is_weak)
                if final >= score_min and final > best.get(found.entry, 0.0):
                    best[found.entry] = final
        return [
            Found(entry=self._entries[number][1], list_name=self._entries[number][0], score=score)
            for number, score in sorted(best.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _name(self, entry: int, words: tuple[str, ...], *, is_weak: bool) -> _Name:
        return _Name(
            entry=entry,
            tokens=tuple(self._token(word) for word in words),
            weight=sum(self._weight(word) for word in words),
            joined="".join(words),
            is_weak=is_weak,
        )

    def _token(self, word: str) -> int:
        token = self._known.setdefault(word, len(self._tokens))
        if token == len(self._tokens):
            self._tokens.append(word)
        return token

    def _weight(self, word: str) -> float:
        """Weigh a token: by its length, less when it is a particle or common in the lists."""
        if word in PARTICLES:
            return len(word) * _PARTICLE_WEIGHT
        rarity = 1 - log(1 + self._counts.get(word, 0)) / self._rarity_of_one if self._rarity_of_one else 1
        return len(word) * (_COMMON_WEIGHT + (1 - _COMMON_WEIGHT) * rarity)

    def _similar(self, word: str) -> dict[int, float]:
        """Return the tokens of the lists that are like a word, with how much."""
        found: dict[int, float] = {}
        own = skeleton(word)
        if len(own) >= _SKELETON_MIN:
            found = dict.fromkeys(self._skeletons.get(own, ()), _SOUNDS_ALIKE[min(len(own), _SKELETON_MAX)])
        found |= dict.fromkeys(self._sounding.get(sound(word), ()), _SOUNDS_THE_SAME)
        for shorter in _shortened(word):
            for token in self._shortened.get(shorter, ()):
                if token not in found:
                    found[token] = 0.0
        alike: dict[int, float] = {}
        for token, at_least in found.items():
            similarity = max(at_least, _spelt_alike(word, self._tokens[token]))
            if similarity >= _TOKEN_ALIKE_MIN:
                alike[token] = similarity
        exact = self._known.get(word)
        if exact is not None:
            alike[exact] = 1.0
        return alike

    def _alike(self, words: tuple[str, ...], score_min: float) -> Iterator[tuple[int, float]]:
        """Yield the names that may reach a score, with the score of the name alone."""
        similar = [self._similar(word) for word in words]
        weights = [self._weight(word) for word in words]
        total = sum(weights)
        joined = "".join(words)
        needed = max(0.0, score_min - _BIRTH_SAME - _COUNTRY_SAME)
        for position, matched in self._reached(similar, weights).items():
            name = self._names[position]
            share = matched / total
            if _together(share, min(1.0, matched / name.weight)) < needed - _DOUBT:
                continue
            score = self._score(name, similar, weights, total)
            if score < needed and share > _JOINED_SHARE_MIN and len(joined) >= _JOINED_LENGTH_MIN:
                score = max(score, _alike_when_joined(joined, name.joined, needed))
            if score >= needed:
                yield position, score

    def _reached(self, similar: list[dict[int, float]], weights: list[float]) -> dict[int, float]:
        """Return every name that has a similar token, with the weight that is matched at most."""
        reached: dict[int, float] = defaultdict(float)
        for weight, alike in zip(weights, similar, strict=True):
            touched: dict[int, float] = {}
            for token, similarity in alike.items():
                for position in self._postings[token]:
                    if similarity > touched.get(position, 0.0):
                        touched[position] = similarity
            for position, similarity in touched.items():
                reached[position] += weight * similarity
        return reached

    def _score(
        self, name: _Name, similar: list[dict[int, float]], weights: list[float], total: float
    ) -> float:
        """Match the tokens of both names one to one, the most alike first, and weigh what is matched."""
        pairs = sorted(
            (
                (alike[token], word, place)
                for word, alike in enumerate(similar)
                for place, token in enumerate(name.tokens)
                if token in alike
            ),
            reverse=True,
        )
        words: set[int] = set()
        places: set[int] = set()
        ours = theirs = 0.0
        for similarity, word, place in pairs:
            if word in words or place in places:
                continue
            words.add(word)
            places.add(place)
            ours += weights[word] * similarity
            theirs += self._weight(self._tokens[name.tokens[place]]) * similarity
        return _together(ours / total, theirs / name.weight)


def _spelt_alike(one: str, other: str) -> float:
    """Compare two tokens: a different letter costs less in long ones, and less than where it stands tells."""
    similarity = JaroWinkler.similarity(one, other)
    if similarity < _SURE and OSA.distance(one, other, score_cutoff=1) == 1:
        return max(similarity, 1 - _ONE_LETTER / max(len(one), len(other)))
    return similarity if similarity >= _NOT_ONE_LETTER_MIN else 0.0


def _together(one: float, other: float) -> float:
    better, worse = max(one, other), min(one, other)
    return better * _BETTER_HALF + worse * (1 - _BETTER_HALF)


def _alike_when_joined(one: str, other: str, score_min: float) -> float:
    """Compare names without their spaces, which are often set differently: Abd al-Rahman, Abdulrahman."""
    if abs(len(one) - len(other)) > (1 - score_min) * max(len(one), len(other)):
        return 0.0
    return float(Levenshtein.normalized_similarity(one, other, score_cutoff=score_min))


def _shortened(word: str) -> set[str]:
    """Return a word and everything that is left of it when it loses one letter."""
    if len(word) < _SHORT:
        return {word}
    return {word} | {word[:place] + word[place + 1 :] for place in range(len(word))}


def _searched(subject: Subject) -> Iterator[tuple[str, frozenset[EntryKind]]]:
    """Say which kinds of entry each name is compared with."""
    for name in subject.persons:
        yield name, frozenset({EntryKind.PERSON})
    for name in subject.organizations:
        yield name, frozenset({EntryKind.ORGANIZATION, EntryKind.PERSON})


def _modified(score: float, subject: Subject, entry: Entry, *, is_weak: bool) -> float:
    """Move the score of a name by what is known of birth and countries."""
    agrees = False
    if subject.birth_date is not None and entry.births:
        days = min(
            max((birth.earliest - subject.birth_date).days, (subject.birth_date - birth.latest).days, 0)
            for birth in entry.births
        )
        agrees = days == 0
        score += _BIRTH_SAME if agrees else -_BIRTH_NEAR if days <= _DAYS_OF_GRACE else -_BIRTH_APART
    if subject.countries and entry.countries:
        shared = not frozenset(subject.countries).isdisjoint(entry.countries)
        agrees = agrees or shared
        score += _COUNTRY_SAME if shared else -_COUNTRY_APART
    if is_weak and not agrees:
        score -= _WEAK
    return min(score, 1.0)
