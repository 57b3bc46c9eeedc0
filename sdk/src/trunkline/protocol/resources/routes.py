"""Routes: where messages go besides the log, declared as data."""

from typing import Annotated, Any, Literal

import msgspec

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "prefix", "suffix", "exists"]
RouteMode = Literal["all", "split"]


class Condition(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One condition on the payload: the value at `path` (JSON pointer, RFC 6901) compared with `value`.

    `exists` takes a boolean `value` (true when absent). Comparisons of unlike
    types are never true; a missing field satisfies only `exists: false` and `!=`.
    """

    path: str
    op: Operator = "="
    value: Any = None


class RouteMatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which events a route takes: all that is named here must hold; what is left out is not asked."""

    types: list[str] = []
    """Event type patterns: `*` is one segment, a final `>` the rest."""
    sources: list[str] = []
    """CloudEvents `source`; `*` stands for anything."""
    subjects: list[str] = []
    """CloudEvents `subject`; `*` stands for anything."""
    senders: list[str] = []
    """Principals that sent the event, as the broker pinned them."""
    attributes: dict[str, Any] = {}
    """Extension attributes: a value, or a list of values of which one must be it."""
    data: list[Condition] = []
    cel: str | None = None
    """A CEL expression over `type`, `source`, `subject`, `sender`, `attributes` and `data`."""


class RouteTarget(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a matching event goes: exactly one of `queue`, `event`, `skill`, or with `workspace` alone its log.

    With `workspace`, the queue, event or skill is that of the other workspace.
    """

    queue: str | None = None
    event: str | None = None
    """Published again as this type, caused by the original."""
    skill: str | None = None
    """Called with the event's data, with retries, through the queue `skill.<name>`."""
    workspace: str | None = None
    weight: float = 1.0
    """Share of the events in mode `split`."""


class RouteDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A route as declared."""

    targets: list[RouteTarget]
    match: RouteMatch = msgspec.field(default_factory=RouteMatch)
    description: str = ""
    mode: RouteMode = "all"
    """`all`: every target gets each event. `split`: one of them does, by weight; the same event always the same one."""
    order: int = 100
    """Routes are tried from the lowest to the highest."""
    stop: bool = False
    """Whether later routes are not tried for what this one took."""
    enabled: bool = True


class RouteCounts(msgspec.Struct, kw_only=True):
    """What a route did so far."""

    routed: int
    dead_ends: int
    """Events whose target does not exist (any more)."""
    loops: int
    """Events that had been through this route already."""
    last_at: str | None
    last_error: str | None


class Route(msgspec.Struct, kw_only=True):
    """A route and what it did."""

    name: str
    route: RouteDeclaration
    revision: int
    counts: RouteCounts
    updated_at: str
    updated_by: str


class RoutePage(msgspec.Struct, kw_only=True):
    items: list[Route]
    next: str | None = None


class DeadEnd(msgspec.Struct, kw_only=True):
    """Events of one type that led nowhere: no route took them and no group follows them, or a target is missing."""

    type: str
    route: str | None
    """The route whose target is missing; None where nothing took the event at all."""
    reason: str
    count: int
    last_at: str
    last_id: str


class DeadEndPage(msgspec.Struct, kw_only=True):
    items: list[DeadEnd]
    next: str | None = None


class RouteSample(msgspec.Struct, kw_only=True):
    """A message to be explained; nothing is sent."""

    type: str
    source: str = "/sample"
    id: str = "sample"
    subject: str | None = None
    sender: str = "sample"
    attributes: dict[str, Any] = {}
    data: Any = None


class RouteVerdict(msgspec.Struct, kw_only=True):
    """What one route makes of a message."""

    route: str
    order: int
    matched: bool
    reason: str
    """The first condition that does not hold, or why it was not tried."""
    targets: list[str]
    """Where it would go, such as `queue invoices`."""
    dead_ends: list[str]
    """Those targets that do not exist."""


class Explanation(msgspec.Struct, kw_only=True):
    """Where a message would go, and why."""

    verdicts: list[RouteVerdict]
    groups: list[str]
    """Event groups that follow its type."""
    leads_nowhere: bool


class Rollback(msgspec.Struct, kw_only=True):
    """Go back to what a thing was in this revision."""

    revision: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    note: str = ""
