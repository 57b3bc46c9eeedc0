"""Who works with whom, as the map shows it."""

from typing import Literal

import msgspec


class MapNode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An agent, a queue, or a principal that is no agent."""

    id: str
    """`agent:<name>`, `queue:<name>` or `principal:<name>`."""
    kind: Literal["agent", "queue", "principal"]
    name: str
    state: str = ""
    """Of an agent."""
    version: str = ""
    title: str = ""
    origin: str = ""
    instances: int = 0


class MapEdge(msgspec.Struct, kw_only=True):
    """What went from one to another in the window. `source` and `target` are ids of nodes."""

    source: str
    target: str
    kind: Literal["call", "event", "queue", "task"]
    names: list[str]
    """Skills called, or types sent: those seen most."""
    count: int
    """How much was handled; with what was only counted, so it may be an estimate for single edges."""
    failed: int
    """How much of it failed, each attempt by itself."""
    rate: float
    """Handled a second."""
    error_rate: float
    """Share of it that failed, from 0 to 1."""
    p50_ms: float | None
    """How long handling took; within a tenth."""
    p95_ms: float | None
    last_at: str


class TrafficMap(msgspec.Struct, kw_only=True):
    """The agents of a workspace and the traffic between them, as far as their workers noted it."""

    window_s: int
    at: str
    nodes: list[MapNode]
    edges: list[MapEdge]
    untold: int
    """Handled without a place on this map: only counted, or more edges than are kept."""
    quiet: int
    """Agents without traffic that are left out."""
    behind: int
    """Batches of receipts that are still to be read; figures grow until it is 0."""


class Handled(msgspec.Struct, kw_only=True):
    """One message or call that an agent handled."""

    id: str
    type: str
    lane: Literal["call", "queue", "group"]
    reader: str
    """The skill, the queue or the group."""
    sender: str
    """Id of a node of the map."""
    instance: str
    outcome: str
    """`handled`, `failed`, `dead`, `dropped` or `expired`."""
    attempt: int
    started_at: str
    duration_ms: float


class HandledPage(msgspec.Struct, kw_only=True):
    """The latest that an agent handled, the newest first, of the last quarter of an hour."""

    items: list[Handled]
