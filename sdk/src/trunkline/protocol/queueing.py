"""What a queue is made of on the bus: options, classes, partitions, its stream and its consumers. Pure.

A plain queue is one consumer. Where declared, each priority class and each
partition gets a consumer of its own, so that classes are pulled by weight and
a partition hands out one message at a time. `normal`, without partitions,
always is the consumer `q_<queue>`: adding a class disturbs nothing at work.

The broker looks at every consumer of a stream whenever a message leaves it, so
one stream holds so many queues and no more: a *page*. The first, page 0, is the
workspace's common stream. The hub says on which page a queue is.

The partition of a key is CRC-32 (ISO 3309, as in zlib and Ethernet) of its
UTF-8 bytes, modulo the number of partitions: every language has it. A message
without a key takes its id instead, which spreads them.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from trunkline.protocol import subjects

NORMAL = "normal"
"""The class that every queue has."""
DEFAULT_PARTITIONS = 16
CLASS_PATTERN = r"[a-z][a-z0-9_-]{0,30}"
MAX_CLASSES = 8
MAX_PARTITIONS = 256
MAX_LANES = 256
"""Classes times partitions: each is a consumer, and a line in every worker's rights."""
MAX_WEIGHT = 100
_PAGE = re.compile(r"[1-9][0-9]{0,8}")


class QueueOptions(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a queue may be told beside retries and deadlines; None leaves it as it is, 0 or {} switches it off.

    - `max_in_flight`: most messages given out at once, all workers together.
    - `classes`: weight by priority class; `normal` is always one of them.
    - `concurrency_per_key`: most messages of one key at work at once; 1 keeps strict order.
    - `partitions`: keys that can be at work side by side, where `concurrency_per_key` is set.
    - `dedupe_window_s`: how long a `dedupe_key` is remembered.
    - `max_messages`, `max_bytes`: limits of its own; a full queue tells its senders so.
    - `expires_after_s`: messages that waited longer are dead-lettered, unless they say otherwise.
    """

    max_in_flight: int | None = None
    classes: dict[str, int] | None = None
    concurrency_per_key: int | None = None
    partitions: int | None = None
    dedupe_window_s: float | None = None
    max_messages: int | None = None
    max_bytes: int | None = None
    expires_after_s: float | None = None


class QueueLane(msgspec.Struct, kw_only=True, frozen=True):
    """One consumer of a queue, and what it holds."""

    consumer: str
    priority: str
    weight: int
    partition: int | None = None
    """None where keys are not kept in order."""


@dataclass(kw_only=True, frozen=True)
class Layout:
    """How and where a queue lies on the bus."""

    classes: Mapping[str, int] = field(default_factory=lambda: {NORMAL: 1})
    per_key: int = 0
    """Most messages of a partition at work at once; 0 where there are no partitions."""
    partitions: int = 1
    limited: bool = False
    """Whether it has a stream of its own."""
    page: int = 0
    """Which of the shared streams it is in, where it has none of its own."""

    @property
    def root(self) -> str:
        """The words of its subjects that say which stream they belong to."""
        if self.limited:
            return "limited"
        return f"paged.{self.page}" if self.page else "tasks"

    @property
    def is_plain(self) -> bool:
        """Whether one consumer is all it has."""
        return len(self.classes) == 1 and not self.per_key


PLAIN = Layout()


def layout(options: QueueOptions, page: int = 0) -> Layout:
    """Return the layout that settled options ask for, on the page that the hub chose."""
    limited = bool(options.max_messages or options.max_bytes)
    return Layout(
        classes={NORMAL: 1} | (options.classes or {}),
        per_key=options.concurrency_per_key or 0,
        partitions=(options.partitions or DEFAULT_PARTITIONS) if options.concurrency_per_key else 1,
        limited=limited,
        page=0 if limited else page,
    )


def partition(key: str, count: int) -> int:
    """Return the partition of `key`: CRC-32 of its UTF-8 bytes modulo `count`."""
    return zlib.crc32(key.encode(errors="surrogatepass")) % count


def stream(workspace: str, queue: str, shape: Layout) -> str:
    """Return the stream that holds the queue's messages."""
    if shape.limited:
        return subjects.limited_stream(workspace, queue)
    return subjects.page_stream(workspace, shape.page)


@lru_cache(maxsize=4096)
def address(workspace: str, queue: str, place: tuple[str, str, int], principal: str) -> str:
    """Return the subject for a message; `place` is (root, class, partition)."""
    root, priority, number = place
    return f"{subjects.ROOT}.{workspace}.{root}.{subjects.token(queue)}.{priority}.{number}.{subjects.token(principal)}"


def place(shape: Layout, priority: str, key: str) -> tuple[str, str, int]:
    """Return where a message belongs: (root, class, partition)."""
    return shape.root, priority, partition(key, shape.partitions) if shape.per_key else 0


def lanes(queue: str, shape: Layout) -> list[QueueLane]:
    """Return the consumers of a queue."""
    base = subjects.consumer("queue", queue)
    found: list[QueueLane] = []
    for priority, weight in shape.classes.items():
        name = base if priority == NORMAL else f"{base}~c_{priority}"
        if not shape.per_key:
            found.append(QueueLane(consumer=name, priority=priority, weight=weight))
            continue
        found += [
            QueueLane(consumer=f"{name}~p_{number}", priority=priority, weight=weight, partition=number)
            for number in range(shape.partitions)
        ]
    return found


def queue_filter(workspace: str, queue: str, shape: Layout) -> str:
    """Return the subjects of all that a queue holds."""
    return f"{subjects.ROOT}.{workspace}.{shape.root}.{subjects.token(queue)}.>"


def lane_filter(workspace: str, queue: str, shape: Layout, lane: QueueLane) -> str:
    """Return the subjects that a lane's consumer holds."""
    number = "*" if lane.partition is None else str(lane.partition)
    return f"{subjects.ROOT}.{workspace}.{shape.root}.{subjects.token(queue)}.{lane.priority}.{number}.*"


@dataclass(kw_only=True, frozen=True, slots=True)
class Spot:
    """What a task's subject says about it."""

    workspace: str
    root: str
    queue: str
    priority: str
    partition: str
    principal: str

    @property
    def stream(self) -> str:
        """The stream that its subject belongs to."""
        if self.root == "limited":
            return subjects.limited_stream(self.workspace, self.queue)
        return subjects.page_stream(self.workspace, int(self.root.partition(".")[2] or 0))


def spot(subject: str) -> Spot:
    """Read a task's subject: `tl.<ws>.tasks|limited|paged.<page>.<queue>.<class>.<partition>.<principal>`.

    Raises:
        ValueError: it is none.
    """
    _root, workspace, root, *rest = subject.split(".")
    if root == "paged" and rest and _PAGE.fullmatch(rest[0]):
        root = f"paged.{rest.pop(0)}"
    elif root not in {"tasks", "limited"}:
        raise ValueError(subject)
    queue, priority, number, principal = rest
    return Spot(
        workspace=workspace, root=root, queue=subjects.untoken(queue), priority=priority,
        partition=number, principal=subjects.untoken(principal),
    )  # fmt: skip


def is_covered(found: Spot, shape: Layout) -> bool:
    """Whether one of the queue's consumers holds what lies at this spot."""
    if found.root != shape.root or found.priority not in shape.classes:
        return False
    if not shape.per_key:
        return True
    number = found.partition
    return number.isascii() and number.isdigit() and str(int(number)) == number and int(number) < shape.partitions
