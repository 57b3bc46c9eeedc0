"""Traffic as counts: who sent to whom, how much of it failed, how long it took. Pure.

Moments are those at which the broker stored a batch of receipts, so every hub
puts the same batch into the same bucket.
"""

import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.receipts import HANDLED, Receipt, ReceiptBatch
from trunkline_hub.agents.model.roster import Member

WINDOWS = (60, 300, 900)
"""Seconds that one may look back."""
MAX_EDGES = 2_000
"""Of one workspace; of what goes beyond, only how much it was is kept."""
MAX_AGENTS = 1_000
"""Whose latest work is kept."""
KEPT_RECENT = 50
_KEPT_NAMES = 12
_SHOWN_NAMES = 5
_NAME_CHARS = 200
_FINE_S = 5
_COARSE_S = 60
_STEP = math.log(1.2)
_MAX_BIN = 130
_AGENTS = "/agents/"
_TASKS = "agent."
_decoder = msgspec.json.Decoder(ReceiptBatch)

Kind = Literal["call", "event", "queue", "task"]


class Actor(NamedTuple):
    """Who sent or handled: a principal, and the agent that it says it is."""

    principal: str
    agent: str


class EdgeKey(NamedTuple):
    """Traffic of one kind from one to another; work in a queue lies between two of these, and the queue between them."""

    kind: Kind
    sender: Actor | None
    queue: str
    receiver: Actor | None


class Recent(NamedTuple):
    """One thing that an agent handled."""

    at_us: int
    receipt: Receipt
    lane: str
    reader: str
    instance: str
    sender: Actor


class Tally:
    """How much went through, how it ended, and how long it took by size of duration."""

    __slots__ = ("bins", "count", "failed")

    def __init__(self) -> None:
        self.count = 0.0
        self.failed = 0.0
        self.bins: dict[int, int] = {}

    def add(self, duration_us: int, *, weight: float, failed: bool) -> None:
        self.count += weight
        if failed:
            self.failed += weight
        size = min(_MAX_BIN, int(math.log(max(duration_us, 1)) / _STEP))
        self.bins[size] = self.bins.get(size, 0) + 1

    def join(self, other: "Tally") -> None:
        self.count += other.count
        self.failed += other.failed
        for size, number in other.bins.items():
            self.bins[size] = self.bins.get(size, 0) + number

    def quantile_ms(self, share: float) -> float | None:
        """Return the duration below which a share of them lie, within a tenth of it; None where there were none."""
        left = share * sum(self.bins.values())
        for size in sorted(self.bins):
            left -= self.bins[size]
            if left <= 0:
                return round(math.exp((size + 0.5) * _STEP) / 1000, 3)
        return None


class Edge:
    """The traffic of one edge over the last quarter of an hour."""

    __slots__ = ("coarse", "fine", "last_us", "names")

    def __init__(self) -> None:
        self.fine: dict[int, Tally] = {}
        self.coarse: dict[int, Tally] = {}
        self.names: dict[str, int] = {}
        self.last_us = 0

    def add(self, at_us: int, name: str, duration_us: int, *, weight: float, failed: bool) -> None:
        self.last_us = max(self.last_us, at_us)
        seconds = at_us // 1_000_000
        for slots, width in ((self.fine, _FINE_S), (self.coarse, _COARSE_S)):
            slots.setdefault(seconds // width, Tally()).add(duration_us, weight=weight, failed=failed)
        if name in self.names or len(self.names) < _KEPT_NAMES:
            self.names[name] = self.names.get(name, 0) + 1

    def over(self, now_us: int, window_s: int) -> Tally:
        """Return the sum of the last `window_s` seconds."""
        slots, width = (self.fine, _FINE_S) if window_s <= WINDOWS[0] else (self.coarse, _COARSE_S)
        first = first_slot(now_us, window_s, width)
        total = Tally()
        for slot, tally in slots.items():
            if slot >= first:
                total.join(tally)
        return total

    def forget(self, now_us: int) -> bool:
        """Drop what is too old; whether nothing is left."""
        for slots, width, kept_s in ((self.fine, _FINE_S, WINDOWS[0]), (self.coarse, _COARSE_S, WINDOWS[-1])):
            first = first_slot(now_us, kept_s, width)
            for slot in [slot for slot in slots if slot < first]:
                del slots[slot]
        return not self.coarse

    @property
    def shown_names(self) -> list[str]:
        return sorted(self.names, key=lambda name: (-self.names[name], name))[:_SHOWN_NAMES]


def first_slot(now_us: int, window_s: int, width: int) -> int:
    """Return the first slot that belongs to a window; the present one has only begun."""
    return (now_us // 1_000_000 - window_s) // width + 1


def span_s(now_us: int, window_s: int) -> float:
    """Return how many seconds the slots of a window cover."""
    width = _FINE_S if window_s <= WINDOWS[0] else _COARSE_S
    return max(1.0, now_us / 1e6 - first_slot(now_us, window_s, width) * width)


class Traffic:
    """All of one workspace's."""

    def __init__(self) -> None:
        self.edges: dict[EdgeKey, Edge] = {}
        self.recent: OrderedDict[str, deque[Recent]] = OrderedDict()
        self.untold: dict[int, float] = defaultdict(float)
        """By minute: what went through without a place on the map."""

    def apply(self, stored_us: int, subject: str, payload: bytes) -> None:
        """Count a batch of receipts; what is none is none: anyone may write to its own readers' subject."""
        try:
            batch = _decoder.decode(payload)
            _root, _workspace, _receipts, *names = subject.split(".")
            principal, lane, reader = (subjects.untoken(name) for name in names)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
            return
        by = Actor(_short(principal), _short(batch.agent))
        handled = sum(1 for one in batch.receipts if one.outcome == HANDLED)
        skipped = max(0, batch.skipped)
        if skipped and not handled:
            self.untold[stored_us // 60_000_000] += skipped
        weight = 1 + skipped / handled if handled else 1.0
        for one in batch.receipts:
            self._count(stored_us, one, lane, _short(reader), by, weight if one.outcome == HANDLED else 1.0)
        self._remember(stored_us, batch, lane, _short(reader), by)

    def forget(self, now_us: int) -> None:
        """Drop what is older than the longest window."""
        for key in [key for key, edge in self.edges.items() if edge.forget(now_us)]:
            del self.edges[key]
        first = first_slot(now_us, WINDOWS[-1], _COARSE_S)
        for slot in [slot for slot in self.untold if slot < first]:
            del self.untold[slot]

    def untold_over(self, now_us: int, window_s: int) -> int:
        first = first_slot(now_us, window_s, _COARSE_S)
        return round(sum(count for slot, count in self.untold.items() if slot >= first))

    def _count(self, at_us: int, one: Receipt, lane: str, reader: str, by: Actor, weight: float) -> None:
        name = reader if lane == "call" else _short(one.type)
        for key in keys_of(sender_of(one), lane, reader, by):
            edge = self.edges.get(key)
            if edge is None and len(self.edges) < MAX_EDGES:
                edge = self.edges[key] = Edge()
            if edge is None:
                self.untold[at_us // 60_000_000] += weight
            else:
                edge.add(at_us, name, one.duration_us, weight=weight, failed=one.outcome != HANDLED)

    def _remember(self, at_us: int, batch: ReceiptBatch, lane: str, reader: str, by: Actor) -> None:
        kept = self.recent.setdefault(by.agent, deque(maxlen=KEPT_RECENT))
        self.recent.move_to_end(by.agent)
        instance = _short(batch.instance)
        for one in batch.receipts[-KEPT_RECENT:]:
            short = msgspec.structs.replace(one, id=_short(one.id), type=_short(one.type))
            kept.append(Recent(at_us, short, lane, reader, instance, sender_of(one)))
        while len(self.recent) > MAX_AGENTS:
            self.recent.popitem(last=False)


def sender_of(one: Receipt) -> Actor:
    """Return who sent a message: its pinned principal, and the agent that its source names; the hub speaks for others."""
    _, agents, name = one.source.partition(_AGENTS)
    claimed = _short(name) if agents and "/" not in name else ""
    if one.sender == subjects.HUB and one.source:
        return Actor("" if claimed else _short(one.source.rsplit("/", 1)[-1]), claimed)
    return Actor(_short(one.sender), claimed)


def keys_of(sender: Actor, lane: str, reader: str, by: Actor) -> Iterable[EdgeKey]:
    """Return the edges that one message went along."""
    if lane == "queue" and reader.startswith(_TASKS):
        return (EdgeKey("task", sender, "", by),)
    if lane == "queue":
        return (EdgeKey("queue", sender, reader, None), EdgeKey("queue", None, reader, by))
    return (EdgeKey("call" if lane == "call" else "event", sender, "", by),)


def _short(text: str) -> str:
    return text[:_NAME_CHARS]


class Roster:
    """Tells which agent an actor is."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = {member.name: member for member in members}

    def node_of(self, actor: Actor) -> str:
        """Return `agent:<name>`, or `principal:<name>` where no agent of that principal's is meant.

        A message's source is its sender's own word; it counts where the agent
        it names is the sender's, or the hub has said it. Where it names none,
        the agent is meant that is called as its principal.
        """
        member = self.members.get(actor.agent or actor.principal)
        if member is not None and actor.principal in {"", member.owner}:
            return f"agent:{member.name}"
        return f"principal:{actor.principal or actor.agent or '?'}"


def ends_of(key: EdgeKey, roster: Roster) -> tuple[str, str]:
    """Return the nodes at both ends of an edge."""
    at_queue = f"queue:{key.queue}"
    sender = at_queue if key.sender is None else roster.node_of(key.sender)
    receiver = at_queue if key.receiver is None else roster.node_of(key.receiver)
    return sender, receiver
