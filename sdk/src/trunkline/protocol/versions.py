"""Versions and ranges of them, as semantic versioning and npm's ranges have it: `^1.2`, `~1.2`, `>=1,<2`, `1.x || 3`."""

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_TERM = re.compile(
    r"(\^|~>?|>=|<=|>|<|=|==)?\s*v?(\d{1,9}|[xX*])(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(-[0-9A-Za-z.-]+)?"
)
_RELEASE = (1, ())
_FIRST = (0, ())
"""Of a pre-release: before any of them."""
_MAX_CHARS = 200

Version = tuple[int, int, int, tuple[int, tuple[tuple[int, int, str], ...]]]


_LEAST: Version = (0, 0, 0, _FIRST)


@dataclass(frozen=True)
class _Span:
    """From `low` on, below `high`."""

    low: Version
    high: Version | None

    def __contains__(self, version: Version) -> bool:
        return self.low <= version and (self.high is None or version < self.high)


class VersionRange:
    """What a range admits; a version that is not semantic is admitted by no range but its own words."""

    def __init__(self, text: str) -> None:
        """Read a range.

        Raises:
            ValueError: it is none.
        """
        if len(text) > _MAX_CHARS:
            raise ValueError("a version range has at most 200 characters")
        self._text = text.strip()
        self._alternatives = [_spans(part) for part in self._text.split("||")]

    def __contains__(self, version: str) -> bool:
        found = parse(version)
        if found is None:
            return version == self._text
        return any(
            all(found in span for span in spans) and (found[3] == _RELEASE or _names_pre_release(spans, found))
            for spans in self._alternatives
        )


def parse(text: str) -> Version | None:
    """Return a version in a form that sorts, or None where it is not semantic."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch = (int(part or 0) for part in match.group(1, 2, 3))
    return major, minor, patch, _RELEASE if match[4] is None else (0, _identifiers(match[4]))


def _identifiers(text: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in text.split("."))


def _names_pre_release(spans: list[_Span], version: Version) -> bool:
    """A pre-release is wanted only where the range names one of the same version."""
    return any(
        bound is not None and bound[3] not in {_RELEASE, _FIRST} and bound[:3] == version[:3]
        for span in spans
        for bound in (span.low, span.high)
    )


def _spans(text: str) -> list[_Span]:
    spans = []
    rest = text.replace(",", " ").strip()
    if rest in {"", "*", "x", "X"}:
        return [_Span(_LEAST, None)]
    position = 0
    while position < len(rest):
        match = _TERM.match(rest, position)
        if match is None:
            raise ValueError(f"{text.strip()!r} is not a version range such as '^1.2' or '>=1,<2'")
        spans.append(_span(match))
        position = match.end()
        while position < len(rest) and rest[position] == " ":
            position += 1
    return spans


def _span(match: re.Match[str]) -> _Span:
    operator = match[1] or "="
    given = [int(part) for part in match.group(2, 3, 4) if part is not None and part.isdigit()]
    if not given:
        return _Span(_LEAST, None)
    low = _at(given, _identifiers(match[5][1:]) if match[5] else None)
    if operator in {"^", "~", "~>"}:
        kept = (
            next((i for i, part in enumerate(given) if part), len(given) - 1)
            if operator == "^"
            else min(1, len(given) - 1)
        )
        return _Span(low, _above(given, kept))
    whole = len(given) == 3  # noqa: PLR2004 -- major, minor, patch
    after = _next(low) if whole else _above(given, len(given) - 1)
    spans = {
        ">=": _Span(low, None), "<": _Span(_LEAST, low if match[5] else (*low[:3], _FIRST)), ">": _Span(after, None),
        "<=": _Span(_LEAST, after),
    }  # fmt: skip
    return spans.get(operator, _Span(low, after))


def _at(given: list[int], pre: tuple[tuple[int, int, str], ...] | None) -> Version:
    major, minor, patch = (*given, 0, 0, 0)[:3]
    return major, minor, patch, _RELEASE if pre is None else (0, pre)


def _next(version: Version) -> Version:
    """Return what comes right after a version."""
    major, minor, patch, pre = version
    return (major, minor, patch + 1, _FIRST) if pre == _RELEASE else (major, minor, patch, (0, (*pre[1], (0, -1, ""))))


def _above(given: list[int], index: int) -> Version:
    """Return the first version whose part at `index` is higher."""
    raised = [*given[:index], given[index] + 1]
    major, minor, patch = (*raised, 0, 0)[:3]
    return major, minor, patch, _FIRST
