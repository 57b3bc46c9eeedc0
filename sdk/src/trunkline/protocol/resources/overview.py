"""The state of a workspace, and of a hub."""

import msgspec

from trunkline.protocol.subjects import Lane


class Sample(msgspec.Struct, kw_only=True):
    """One second of the overview's history."""

    at: str
    events_per_s: float
    tasks_per_s: float
    depth: int
    in_flight: int
    dead: int
    agents_up: int


class ReaderLag(msgspec.Struct, kw_only=True):
    """How far a queue's workers or an event group are behind."""

    lane: Lane
    name: str
    waiting: int
    in_flight: int
    delivered: int
    dead: int


class Overview(msgspec.Struct, kw_only=True):
    """The state of a workspace at a glance."""

    at: str
    version: str
    agents_up: int
    agents_total: int
    events_total: int
    tasks_total: int
    dead_total: int
    dead_waiting: int
    attempts_failed: int
    bus_up: bool
    readers: list[ReaderLag]
    history: list[Sample]


class ComponentHealth(msgspec.Struct, kw_only=True):
    """One component: `ok`, or what ails it."""

    name: str
    ok: bool
    detail: str
    restarts: int


class Health(msgspec.Struct, kw_only=True):
    """The hub by its components."""

    ok: bool
    version: str
    components: list[ComponentHealth]
