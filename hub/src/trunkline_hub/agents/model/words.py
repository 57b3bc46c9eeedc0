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
_LEVELS, _LEVEL_BITS = 255, 8
"""How finely weights are told apart; places have the other 24 bits."""
_IDF = 1024

Accept = Callable[[int], bool]
Fields = Iterable[tuple[float, list[str]]]
"""What each word of a text counts, and its words."""


def words_of(text: str) -> list[str]:
    """Split text into the words that are compared: folded, humps apart, plurals as their singular."""
    some = text[:_TEXT_CHARS]
    whole = _WORD.findall(some if some.isascii() else unicodedata.normalize("NFKC", some))
    return [word for one in whole for word in _parts(one)]


def number_of(name: str) -> int:
    """Return the number that decides between equals: the same on every hub."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


class WordIndex:
    """Documents by their words; each is known by its place, which is never used twice."""

    def __init__(self) -> None:
        self._postings: dict[str, array[int]] = {}
        """Word to the places of its documents, each with how much it weighs there in the lowest bits."""
        self._numbers = array("Q")
        self._there = bytearray()
        self._gone = 0

    def __len__(self) -> int:
        return len(self._numbers) - self._gone

    @property
    def wasted(self) -> int:
        """Places of documents that are gone."""
        return self._gone

    def add(self, number: int, fields: Fields) -> int:
        """Take in a document and return its place."""
        weights: dict[str, float] = {}
        length = 0
        for weight, words in fields:
            length += len(words)
            for word in words:
                weights[word] = weights.get(word, 0.0) + weight
        norm = _K1 * (1 - _B + _B * length / _USUAL_WORDS)
        place, postings = len(self._numbers), self._postings
        self._numbers.append(number)
        self._there.append(1)
        marks: dict[float, int] = {}
        for word, weight in weights.items():
            mark = marks.get(weight)
            if mark is None:
                mark = marks[weight] = place << _LEVEL_BITS | (round(_LEVELS * weight / (weight + norm)) or 1)
            posting = postings.get(word)
            if posting is None:
                postings[word] = array("I", (mark,))
            else:
                posting.append(mark)
        return place

    def remove(self, place: int) -> None:
        """Forget a document."""
        self._there[place] = 0
        self._gone += 1

    def search(self, text: str, accept: Accept, *, want: int, among: Iterable[int] | None = None) -> list[int]:
        """Return up to `want` documents, the best first: those with every word, or where there are none, with any.

        With `among`, those of these.
        """
        asked = self._asked(text)
        if not asked:
            return []
        scores, met = np.zeros(len(self._numbers), np.int64), np.zeros(len(self._numbers), np.uint8)
        for documents, levels in asked:
            scores[documents] += levels * self._idf(len(documents))
            met[documents] += 1
        chosen = met == len(asked)
        if not chosen.any():
            chosen = met > 0
        if among is not None:
            chosen &= self._mask(among)
        places = np.flatnonzero(chosen)
        return _first(places, np.frombuffer(self._numbers, np.uint64)[places], scores[places], accept, want)

    def _asked(self, text: str) -> list[tuple[Any, Any]]:
        """Return (documents, levels) of the words asked for, the rarest first; what nothing has is passed over."""
        known = sorted({word for word in words_of(text) if word in self._postings})
        found = [self._documents(word) for word in known]
        return sorted((one for one in found if len(one[0])), key=lambda one: len(one[0]))[:_MAX_WORDS]

    def _documents(self, word: str) -> tuple[Any, Any]:
        """Return where a word is, and how much it weighs there."""
        posting = np.frombuffer(self._postings[word], np.uint32)
        documents = posting >> np.uint32(_LEVEL_BITS)
        if self._gone:
            there = np.frombuffer(self._there, np.uint8)[documents] != 0
            posting, documents = posting[there], documents[there]
        return documents, (posting & np.uint32(_LEVELS)).astype(np.int64)

    def _idf(self, frequency: int) -> int:
        """Return how much a word tells, as a whole number: sums are then the same in any order."""
        return max(1, round(_IDF * math.log(1 + (len(self) - frequency + 0.5) / (frequency + 0.5))))

    def _mask(self, among: Iterable[int]) -> Any:
        mask = np.zeros(len(self._numbers), np.bool_)
        mask[np.fromiter(among, np.int64)] = True
        return mask


def _first(places: Any, numbers: Any, scores: Any, accept: Accept, want: int) -> list[int]:
    """Return the places of the highest scores that are accepted; equal scores go by number."""
    size = want
    while True:
        some = _highest(numbers, scores, size)
        found = [place for place in places[some].tolist() if accept(place)]
        if len(found) >= want or len(some) == len(places):
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
def _parts(word: str) -> tuple[str, ...]:
    """Take the humps of a word apart, and plurals' endings off."""
    return tuple(_stem(part) for part in _HUMP.sub(" ", word).casefold().split())


def _stem(word: str) -> str:
    """Take a plural's ending off; whatever it makes of a word, it makes the same of the question."""
    word = word[:_WORD_CHARS]
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 -- not `dies`, `ties`
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004 -- not `gas`
        return word[:-1]
    return word
