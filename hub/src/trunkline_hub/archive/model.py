"""Rules about segments: their names, the chain of their manifests, when one is closed. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from trunkline.protocol.resources import Segment

MANIFEST = ".json"
CONTENT = ".ndjson.zst"
HEAD = "head.json"
_ROOM = 0.5
"""Fraction of the log's limits at which a segment is closed whatever its size."""
_DANGER = 0.8
"""Fraction of the log's limits at which what is not archived yet is in danger."""


class Head(msgspec.Struct, kw_only=True):
    """The end of the chain: without it, nobody would miss the newest segments."""

    last_seq: int
    manifest: str
    """SHA-256 of the newest manifest."""
    missed: int = 0
    """Messages that left the log before they were archived, so far."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What of the log is not archived yet, beside the log's limits."""

    now: datetime
    waiting: int
    """Messages not archived yet."""
    waiting_since: datetime
    """When the oldest of them was stored."""
    waiting_bytes: float
    """About how large they are."""
    max_bytes: int
    max_age_s: float
    """Age at which messages leave the log; 0 is never."""

    def is_due(self, *, messages: int, size_bytes: int, age_s: float) -> bool:
        """Whether a segment should be closed: it is full, old, or the log's limits draw near."""
        full = self.waiting >= messages or self.waiting_bytes >= size_bytes
        return full or self.now - self.waiting_since >= timedelta(seconds=age_s) or self._nears_limits(_ROOM)

    def is_in_danger(self) -> bool:
        """Whether messages may leave the log before they are archived."""
        return self.waiting > 0 and self._nears_limits(_DANGER)

    def _nears_limits(self, fraction: float) -> bool:
        old = self.max_age_s > 0 and self.now - self.waiting_since > timedelta(seconds=self.max_age_s * fraction)
        return old or (self.max_bytes > 0 and self.waiting_bytes >= self.max_bytes * fraction)


def name_of(first_seq: int, last_seq: int) -> str:
    """Return the name of a segment: in the order of names they lie in the order of the log."""
    return f"{first_seq:020d}-{last_seq:020d}"


def encode(segment: Segment) -> bytes:
    return msgspec.json.format(msgspec.json.encode(segment), indent=1)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def overlapping(segments: Sequence[Segment], after_seq: int, until_seq: int) -> list[Segment]:
    """Return the segments that may hold something behind `after_seq` and up to `until_seq`."""
    return [one for one in segments if one.last_seq > after_seq and one.first_seq <= until_seq]


def count(absent: Sequence[tuple[int, int]]) -> int:
    """Return how many sequences lie in some runs."""
    return sum(last - first + 1 for first, last in absent)


def check_chain(
    manifests: Sequence[tuple[str, bytes]], head: Head, names: frozenset[str]
) -> list[tuple[str, str, int, int, str]]:
    """Return what is wrong with the manifests (name and content): (kind, place, first sequence, last sequence, why)."""
    found: list[tuple[str, str, int, int, str]] = []
    before, last_seq = "", 0
    for name, content in manifests:
        first, last = (int(part) for part in name.removesuffix(MANIFEST).split("-"))
        try:
            segment = msgspec.json.decode(content, type=Segment)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found.append(("segment_damaged", "archive", first, last, f"the manifest {name} cannot be read"))
            before, last_seq = digest(content), last
            continue
        absent = count([run for run in segment.missing if run[1] < first])
        if last_seq and first - absent != last_seq + 1:
            found.append(
                ("segment_missing", "archive", last_seq + 1, first - 1, f"no file between {last_seq} and {name}")
            )
        elif segment.previous != before:
            found.append(("chain_broken", "archive", first, last, f"{name} does not follow the manifest before it"))
        if segment.file not in names:
            found.append(("segment_missing", "archive", first, last, f"{segment.file} is missing"))
        before, last_seq = digest(content), last
    if head.last_seq > last_seq:
        found.append(("segment_missing", "archive", last_seq + 1, head.last_seq, "the newest segments are missing"))
    elif head.last_seq == last_seq and head.manifest != before:
        found.append(("chain_broken", "archive", last_seq, last_seq, f"the newest manifest is not the one in {HEAD}"))
    return found
