"""Shapes of what the REST API returns and takes; the hub's OpenAPI is made from them.

Times are RFC 3339 in UTC, durations seconds (`_s`) or milliseconds (`_ms`),
sizes bytes. Lists come as a page: `items` and, where more follow, `next`, the
cursor for the next request.
"""

from typing import Any

import msgspec

from trunkline.protocol.frames import Attempt, RetryPolicy, Skill
from trunkline.protocol.subjects import Lane


class TokenRequest(msgspec.Struct, kw_only=True):
    """A new API key: for whom, what it may do, and until when."""

    name: str
    scopes: list[str]
    principal: str | None = None
    """Created when it does not exist; the caller's own when absent."""
    expires_in_s: int | None = None


class Token(msgspec.Struct, kw_only=True):
    """An API key as it can be shown: never its secret."""

    id: str
    name: str
    principal: str
    workspace: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class TokenCreated(msgspec.Struct, kw_only=True):
    """The only moment at which the secret is shown."""

    secret: str
    token: Token


class TokenPage(msgspec.Struct, kw_only=True):
    items: list[Token]
    next: str | None = None


class SigninLink(msgspec.Struct, kw_only=True):
    """A link that signs a browser in once, within its life."""

    url: str
    expires_at: str


class SigninRequest(msgspec.Struct, kw_only=True):
    """The one-time secret out of a sign-in link."""

    secret: str


class Whoami(msgspec.Struct, kw_only=True):
    """Who the caller is, and what they may do."""

    principal: str
    workspace: str
    scopes: list[str]


class AgentInstance(msgspec.Struct, kw_only=True):
    """One running process of an agent."""

    id: str
    state: str
    version: str
    since: str
    last_beat_at: str
    in_flight: int
    handled: int
    failed: int


class Agent(msgspec.Struct, kw_only=True):
    """An agent in the catalogue, and how it is now."""

    name: str
    owner: str
    version: str
    description: str
    state: str
    """`healthy`, `starting`, `draining`, `offline`, or `unknown` just after a hub restart."""
    skills: list[Skill]
    queues: list[str]
    groups: list[str]
    instances: list[AgentInstance]
    registered_at: str
    updated_at: str


class AgentPage(msgspec.Struct, kw_only=True):
    items: list[Agent]
    next: str | None = None


class CallRequest(msgspec.Struct, kw_only=True):
    """Input for a skill; `agent` narrows the choice where several offer it."""

    input: Any = None
    agent: str | None = None
    timeout_s: float = 30.0


class CallResult(msgspec.Struct, kw_only=True):
    """What the skill returned."""

    output: Any


class QueueDeclaration(msgspec.Struct, kw_only=True):
    """Settings of a queue; what is left out takes the default."""

    retry: RetryPolicy | None = None
    ack_wait_s: float | None = None
    max_in_flight: int | None = None


class Queue(msgspec.Struct, kw_only=True):
    """A queue: its settings and what is in it now."""

    name: str
    retry: RetryPolicy
    ack_wait_s: float
    max_in_flight: int
    depth: int
    """Messages waiting for a worker."""
    in_flight: int
    """Messages given to a worker and not yet settled."""
    redelivered: int
    workers_waiting: int
    dead: int
    created_at: str


class QueuePage(msgspec.Struct, kw_only=True):
    items: list[Queue]
    next: str | None = None


class EnqueueRequest(msgspec.Struct, kw_only=True):
    """Work for a queue. With the same `id` it is stored once."""

    data: Any = None
    type: str | None = None
    id: str | None = None
    key: str | None = None


class Event(msgspec.Struct, kw_only=True):
    """An event in the log: its place, the pinned sender, and the CloudEvent itself."""

    seq: int
    sender: str
    stored_at: str
    event: dict[str, Any]


class EventPage(msgspec.Struct, kw_only=True):
    items: list[Event]
    next: str | None = None


class DeadLetter(msgspec.Struct, kw_only=True):
    """A message that nobody could process: where it waited and why it died."""

    id: str
    lane: Lane
    reader: str
    message_id: str
    type: str
    sender: str
    reason: str
    error: str
    attempts: int
    size_bytes: int
    died_at: str
    traceparent: str | None
    redriven_at: str | None
    redriven_by: str | None


class DeadLetterDetail(msgspec.Struct, kw_only=True):
    """A dead letter with its payload and the history of every attempt."""

    letter: DeadLetter
    subject: str
    headers: dict[str, str]
    payload: Any
    payload_encoding: str
    """`json`, `text` or `base64`: how `payload` is to be read."""
    payload_truncated: bool
    history: list[Attempt]


class DeadLetterPage(msgspec.Struct, kw_only=True):
    items: list[DeadLetter]
    next: str | None = None


class Redriven(msgspec.Struct, kw_only=True):
    """A dead letter that is on its way again. The message keeps its id, so that idempotent workers know it."""

    id: str
    message_id: str
    subject: str
    seq: int


class AuditEntry(msgspec.Struct, kw_only=True):
    """Who did what to what, and when."""

    id: str
    at: str
    principal: str
    action: str
    resource: str
    detail: dict[str, Any]
    request_id: str | None


class AuditPage(msgspec.Struct, kw_only=True):
    items: list[AuditEntry]
    next: str | None = None


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
