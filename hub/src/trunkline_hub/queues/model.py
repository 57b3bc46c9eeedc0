"""Rules about queues. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from trunkline.protocol import error_rules, queueing, subjects
from trunkline.protocol.errors import EnvelopeInvalidError, FieldError, QueueClassUnknownError, RequestInvalidError
from trunkline.protocol.expiry import expirytime
from trunkline.protocol.frames import HEADER_DEDUPE_KEY, RetryPolicy
from trunkline.protocol.queueing import Layout, QueueOptions
from trunkline.protocol.resources import EnqueueRequest, QueueDeclaration, QueueSettings
from trunkline.protocol.subjects import can_name_reader

DEFAULT_ACK_WAIT_S = 30.0
DEFAULT_MAX_IN_FLIGHT = 10_000
MAX_ACK_WAIT_S = 86400.0
MAX_IN_FLIGHT = 1_000_000
MAX_MESSAGES = 10**12
MAX_BYTES = 2**50
MAX_WINDOW_S = 90 * 86400.0
MAX_PAGE = 100_000
"""Consumers on a page, where nothing less was set."""
MAX_EXPIRY_S = 10 * 366 * 86400.0
MAX_DEDUPE_KEY_CHARS = 1024
_MAX_NAME_CHARS = 255
_MAX_ID_CHARS = 512
_MAX_WORKSPACE_CHARS = 63
_CLASS = re.compile(queueing.CLASS_PATTERN)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's settings with nothing left open; 0 and {} mean "none"."""

    retry: RetryPolicy = RetryPolicy()
    ack_wait_s: float = DEFAULT_ACK_WAIT_S
    max_in_flight: int = DEFAULT_MAX_IN_FLIGHT
    classes: dict[str, int] = {}
    concurrency_per_key: int = 0
    partitions: int = 0
    dedupe_window_s: float = 0.0
    max_messages: int = 0
    max_bytes: int = 0
    expires_after_s: float = 0.0
    page: int = 0
    """Where the queue lies; not a setting, it is chosen when the queue is declared."""

    @property
    def layout(self) -> Layout:
        """How the queue lies on the bus."""
        return queueing.layout(QueueOptions(**self.options()), self.page)

    @property
    def consumers(self) -> int:
        """How many consumers it has in its page."""
        layout = self.layout
        return 0 if layout.limited else len(layout.classes) * layout.partitions

    def options(self) -> dict[str, Any]:
        """Return what is not a column of its own."""
        own = msgspec.structs.asdict(self)
        return {name: own[name] for name in OPTIONS}

    def declaration(self) -> QueueDeclaration:
        """Return the settings as they are declared."""
        own = msgspec.structs.asdict(self)
        del own["page"]
        return QueueDeclaration(**own)

    def known(self) -> QueueSettings:
        """Return the settings, and where the queue lies, as its senders know them."""
        return QueueSettings(**msgspec.structs.asdict(self))


_COLUMNS = {"retry", "ack_wait_s", "max_in_flight", "page"}
OPTIONS = tuple(name for name in Settled.__struct_fields__ if name not in _COLUMNS)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The streams that a workspace's plain queues share, and how full each is."""

    used: Mapping[int, int]
    """Consumers by page, of pages that have any."""
    last: int
    """The newest. Any other that all queues have left is given up, never to be used again."""
    size: int

    def with_room(self, consumers: int) -> int | None:
        """Return the lowest page with room for so many; an empty one has room for any."""
        roomy = (page for page in self._open() if not self.used.get(page) or self.used[page] + consumers <= self.size)
        return min(roomy, default=None)

    def choose(self, consumers: int) -> int:
        """Return the lowest page with room, or else the emptiest."""
        found = self.with_room(consumers)
        return min(self._open(), key=lambda page: (self.used.get(page, 0), page)) if found is None else found

    def after(self, page: int, consumers: int) -> "Pages":
        """Return the pages as they are when a queue was put on one of them."""
        return replace(self, used={**self.used, page: self.used.get(page, 0) + consumers})

    def _open(self) -> set[int]:
        return {0, self.last, *self.used}


_RANGES: Mapping[str, tuple[float, float]] = {
    "ack_wait_s": (1, MAX_ACK_WAIT_S),
    "max_in_flight": (1, MAX_IN_FLIGHT),
    "concurrency_per_key": (0, MAX_IN_FLIGHT),
    "partitions": (0, queueing.MAX_PARTITIONS),
    "dedupe_window_s": (0, MAX_WINDOW_S),
    "max_messages": (0, MAX_MESSAGES),
    "max_bytes": (0, MAX_BYTES),
    "expires_after_s": (0, MAX_EXPIRY_S),
}


def settle(name: str, wanted: QueueDeclaration, present: Settled | None = None) -> Settled:
    """Fill what was left out from `present` or the defaults, and check it all.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    given = {field: value for field, value in msgspec.structs.asdict(wanted).items() if value is not None}
    settled = msgspec.structs.replace(present or Settled(), **given)
    if settled.concurrency_per_key and not settled.partitions:
        settled = msgspec.structs.replace(settled, partitions=queueing.DEFAULT_PARTITIONS)
    problems = _problems(name, settled)
    if problems:
        raise RequestInvalidError(errors=problems)
    return settled


def needs_empty(before: Settled, after: Settled) -> str | None:
    """Return the setting whose change would leave messages where nobody looks, or out of order; None when none does."""
    old, new = before.layout, after.layout
    if old.limited != new.limited:
        return "max_messages" if before.max_messages != after.max_messages else "max_bytes"
    if (old.per_key > 0) != (new.per_key > 0):
        return "concurrency_per_key"
    if old.partitions != new.partitions:
        return "partitions"
    if set(old.classes) - set(new.classes):
        return "classes"
    return None


def shares(settled: Settled) -> dict[str, int]:
    """Return how many messages each class may have out at once: together no more than the queue may."""
    layout = settled.layout
    total = sum(layout.classes.values())
    return {name: max(1, settled.max_in_flight * weight // total) for name, weight in layout.classes.items()}


def dedupe_token(key: str) -> str:
    """Return what is stored of a `dedupe_key`: of one length, whatever its characters."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def check_class(name: str, priority: str | None, settled: Settled) -> None:
    """Refuse a class that the queue does not have.

    Raises:
        QueueClassUnknownError
    """
    classes = settled.layout.classes
    if priority is not None and priority not in classes:
        raise QueueClassUnknownError(f"The queue {name!r} has no class {priority!r}; it has {', '.join(classes)}")


def check_enqueue(name: str, wanted: EnqueueRequest, settled: Settled, *, is_event: bool = False) -> None:
    """Refuse what the queue does not know; a CloudEvent comes with its terms in the query and a header.

    Raises:
        QueueClassUnknownError, RequestInvalidError
    """
    check_class(name, wanted.priority, settled)
    problems: list[FieldError] = []
    if wanted.expires_in_s is not None and not 0 <= wanted.expires_in_s <= MAX_EXPIRY_S:
        problems.append(
            FieldError("query:expires_in_s" if is_event else "/expires_in_s", f"must be 0 to {MAX_EXPIRY_S:.12g}")
        )
    if wanted.dedupe_key is not None:
        key_at = f"header:{HEADER_DEDUPE_KEY}" if is_event else "/dedupe_key"
        if not settled.dedupe_window_s:
            problems.append(FieldError(key_at, "the queue has no `dedupe_window_s`, so it knows no keys"))
        if not 1 <= len(wanted.dedupe_key) <= MAX_DEDUPE_KEY_CHARS:
            problems.append(FieldError(key_at, f"must be 1 to {MAX_DEDUPE_KEY_CHARS} characters"))
        if wanted.id is not None and (len(wanted.id) > _MAX_ID_CHARS or not wanted.id.isprintable()):
            problems.append(FieldError("/id", f"must be at most {_MAX_ID_CHARS} printable characters"))
    if problems:
        raise RequestInvalidError(errors=problems)


def expirytime_of(wanted: EnqueueRequest, settled: Settled, now: datetime) -> str | None:
    """Return when a message that enters its queue at `now` expires.

    Raises:
        RequestInvalidError: the time given is not one.
    """
    try:
        return expirytime(wanted.expires_in_s, wanted.expires_at, settled.expires_after_s, now.timestamp())
    except EnvelopeInvalidError:
        raise RequestInvalidError(errors=[FieldError("/expires_at", "must be an RFC 3339 time")]) from None


def _problems(name: str, settled: Settled) -> list[FieldError]:
    problems: list[FieldError] = []
    if not can_name_reader(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    problems += error_rules.problems(settled.retry, "/retry")
    for field, (least, most) in _RANGES.items():
        if not least <= getattr(settled, field) <= most:
            problems.append(FieldError(f"/{field}", f"must be {least:g} to {most:.12g}"))
    problems += _class_problems(settled)
    return problems or _size_problems(name, settled)


def _class_problems(settled: Settled) -> list[FieldError]:
    problems: list[FieldError] = []
    if len(settled.classes) > queueing.MAX_CLASSES:
        problems.append(FieldError("/classes", f"at most {queueing.MAX_CLASSES}"))
    for name, weight in settled.classes.items():
        if not _CLASS.fullmatch(name):
            problems.append(FieldError("/classes", f"{name[:40]!r}: a-z, 0-9, '_', '-'; at most 31, a letter first"))
        if not 1 <= weight <= queueing.MAX_WEIGHT:
            problems.append(FieldError("/classes", f"{name[:40]!r}: its weight must be 1 to {queueing.MAX_WEIGHT}"))
    return problems


def _size_problems(name: str, settled: Settled) -> list[FieldError]:
    """Return what does not fit together."""
    layout = settled.layout
    lanes = queueing.lanes(name, layout)
    if len(lanes) > queueing.MAX_LANES:
        return [FieldError("/partitions", f"classes times partitions must be at most {queueing.MAX_LANES}")]
    least = len(lanes) * max(1, layout.per_key)
    if settled.max_in_flight < least:
        return [FieldError("/max_in_flight", f"must be at least {least} with these classes and partitions")]
    longest = max(len(lane.consumer) for lane in lanes)
    stream = len(subjects.limited_stream("w" * _MAX_WORKSPACE_CHARS, name)) if layout.limited else 0
    if max(longest, stream) > _MAX_NAME_CHARS:
        return [FieldError("/name", "too long or with too many dots for classes, partitions or limits of its own")]
    return []
