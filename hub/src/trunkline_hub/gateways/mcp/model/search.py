"""Finding the few tools that fit among many: words, weighted by where they stand and how rare they are."""

import math
import re
from collections.abc import Sequence

from trunkline_hub.gateways.mcp.model.tools import Tool

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_IN_NAME, _IN_TAGS, _IN_TEXT = 4.0, 3.0, 1.0
_AS_PREFIX = 0.4
_MIN_PREFIX = 3


def ranked(tools: Sequence[Tool], query: str, limit: int) -> list[Tool]:
    """Return the tools that fit a query best, best first; an empty query fits all."""
    asked = list(dict.fromkeys(_words(query)))
    if not asked:
        return list(tools[:limit])
    weighed = [_weights(tool) for tool in tools]
    rarity = {word: _rarity(word, weighed) for word in asked}
    scored = [
        (sum(rarity[word] * _hit(word, weights) for word in asked), tool)
        for weights, tool in zip(weighed, tools, strict=True)
    ]
    best = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (-pair[0], pair[1].name))
    return [tool for _score, tool in best[:limit]]


def _weights(tool: Tool) -> dict[str, float]:
    found: dict[str, float] = {}
    for text, weight in (
        (tool.description, _IN_TEXT), (" ".join(tool.tags), _IN_TAGS), (f"{tool.skill} {tool.title}", _IN_NAME)
    ):  # fmt: skip
        for word in _words(text):
            found[word] = max(found.get(word, 0.0), weight)
    return found


def _hit(word: str, weights: dict[str, float]) -> float:
    exact = weights.get(word)
    if exact is not None:
        return exact
    if len(word) < _MIN_PREFIX:
        return 0.0
    near = (
        w
        for known, w in weights.items()
        if known.startswith(word) or (len(known) > _MIN_PREFIX and word.startswith(known))
    )
    return _AS_PREFIX * max(near, default=0.0)


def _rarity(word: str, weighed: Sequence[dict[str, float]]) -> float:
    having = sum(1 for weights in weighed if word in weights)
    return math.log(1 + len(weighed) / (1 + having))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
