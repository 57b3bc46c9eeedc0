"""Ranked search over words: an inverted index whose documents come and go.

The score of a document is BM25's over weighted fields, with a fixed average
length: so what a document weighs for a word never changes while others come
and go. Every hub that knows the same documents gives
the same answers in the same order, whichever way it came to know them.
"""

import math
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD_CHARS = 40
_TEXT_CHARS = 20_000
_MAX_WORDS = 12
"""Of a question."""
_K1, _B, _USUAL_WORDS = 1.2, 0.5, 40
_LEVELS = 255
_IDF = 1024

Accept = Callable[[int], bool]


def words_of(text: str) -> list[str]:
    """Split text into the words that are compared: folded, humps apart, plurals as their singular."""
    some = text[:_TEXT_CHARS]
    humps = _HUMP.sub(" ", some if some.isascii() else unicodedata.normalize("NFKC", some))
    return [_stem(word) for word in _WORD.findall(humps.casefold())]


def number_of(name: str) -> int:
    """Return the number by which an index knows a document: the same on every hub."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


class WordIndex:
    """Documents by their words."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        """Word to its place in the three lists below."""
        self._documents: list[array[int]] = []
        self._levels: list[array[int]] = []
        self._frequency: list[int] = []
        self._places: dict[int, int] = {}
        """Document's number to its place in the three below; a place is never used twice."""
        self._numbers = array("Q")
        self._there = bytearray()
        self._words_of: list[array[int] | None] = []

    def __len__(self) -> int:
        return len(self._places)

    @property
    def wasted(self) -> int:
        """Places of documents that are gone."""
        return len(self._numbers) - len(self._places)

    def add(self, document: int, fields: Iterable[tuple[float, str]]) -> None:
        """Take in a document that is not there; `fields` are its texts and what each counts."""
        weights: dict[str, float] = {}
        length = 0
        for weight, text in fields:
            for word in words_of(text):
                weights[word] = weights.get(word, 0.0) + weight
                length += 1
        norm = _K1 * (1 - _B + _B * length / _USUAL_WORDS)
        place = self._places[document] = len(self._numbers)
        self._numbers.append(document)
        self._there.append(1)
        mine = array("I")
        for word, weight in weights.items():
            at = self._words.get(word)
            if at is None:
                at = self._new_word(word)
            self._documents[at].append(place)
            self._levels[at].append(max(1, round(_LEVELS * weight / (weight + norm))))
            self._frequency[at] += 1
            mine.append(at)
        self._words_of.append(mine)

    def remove(self, document: int) -> None:
        """Forget a document."""
        place = self._places.pop(document)
        self._there[place] = 0
        for at in self._words_of[place] or ():
            self._frequency[at] -= 1
        self._words_of[place] = None

    def search(self, text: str, accept: Accept, *, want: int, among: Iterable[int] | None = None) -> list[int]:
        """Return up to `want` documents, the best first: those with every word, or where there are none, with any.

        With `among`, those of these.
        """
        asked = self._asked(text)
        if not asked:
            return []
        scores, met = np.zeros(len(self._numbers), np.int64), np.zeros(len(self._numbers), np.uint8)
        for at in asked:
            documents = np.frombuffer(self._documents[at], np.uint32)
            scores[documents] += np.frombuffer(self._levels[at], np.uint8).astype(np.int64) * self._idf(at)
            met[documents] += 1
        met[np.frombuffer(self._there, np.uint8) == 0] = 0
        chosen = met == len(asked)
        if not chosen.any():
            chosen = met > 0
        if among is not None:
            chosen &= self._mask(among)
        places = np.flatnonzero(chosen)
        numbers = np.frombuffer(self._numbers, np.uint64)[places]
        return _first(numbers, scores[places], accept, want)

    def _new_word(self, word: str) -> int:
        self._words[word] = at = len(self._documents)
        self._documents.append(array("I"))
        self._levels.append(array("B"))
        self._frequency.append(0)
        return at

    def _asked(self, text: str) -> list[int]:
        """Return the words asked for, the rarest first; a word that nothing has is passed over."""
        known = {word for word in words_of(text) if word in self._words and self._frequency[self._words[word]]}
        rarest = sorted(known, key=lambda word: (self._frequency[self._words[word]], word))
        return [self._words[word] for word in rarest[:_MAX_WORDS]]

    def _idf(self, at: int) -> int:
        """Return how much a word tells, as a whole number: sums are then the same in any order."""
        frequency = self._frequency[at]
        return max(1, round(_IDF * math.log(1 + (len(self._places) - frequency + 0.5) / (frequency + 0.5))))

    def _mask(self, among: Iterable[int]) -> Any:
        mask = np.zeros(len(self._numbers), np.bool_)
        mask[[self._places[number] for number in among]] = True
        return mask


def _first(numbers: Any, scores: Any, accept: Accept, want: int) -> list[int]:
    """Return the numbers of the highest scores that are accepted; equal scores go by number."""
    size = want
    while True:
        some = _highest(numbers, scores, size)
        found = [number for number in numbers[some].tolist() if accept(number)]
        if len(found) >= want or len(some) == len(numbers):
            return found[:want]
        size *= 8


def _highest(numbers: Any, scores: Any, size: int) -> Any:
    """Return where the `size` highest scores are, in order."""
    if len(scores) > size:
        least = np.partition(scores, len(scores) - size)[len(scores) - size]
        above, level = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        left = size - len(above)
        if len(level) > left:
            level = level[np.argpartition(numbers[level], left - 1)[:left]]
        some = np.concatenate([above, level])
    else:
        some = np.arange(len(scores))
    return some[np.lexsort((numbers[some], -scores[some]))]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """Take a plural's ending off; whatever it makes of a word, it makes the same of the question."""
    word = word[:_WORD_CHARS]
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 -- not `dies`, `ties`
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004 -- not `gas`
        return word[:-1]
    return word
