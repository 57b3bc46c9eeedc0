"""Structs that travel between SDK and hub, over HTTP or the bus."""

from typing import Any, Literal

import msgspec

from trunkline.protocol.errors import FieldError
from trunkline.protocol.queueing import QueueLane, QueueOptions
from trunkline.protocol.subjects import Lane
from trunkline.protocol.version import PROTOCOL

HEADER_MSG_ID = "Nats-Msg-Id"
HEADER_DEDUPE_KEY = "Tl-Dedupe-Key"
"""Over HTTP, beside a CloudEvent: its de-duplication key, percent-encoded."""
HEADER_TIMEOUT = "Tl-Timeout"
"""Seconds the caller waits from now; relative, so clocks need not agree."""
HEADER_KIND = "Tl-Kind"
"""On a reply: `result`, `error`, `progress` or `alive`."""
HEADER_INSTANCE = "Tl-Instance"
"""On a reply: `<agent>/<instance>` that gave it."""
HEADER_LOAD = "Tl-Load"
"""On a reply: how many other calls of the skill that instance has in hand; none where it is absent."""
HEADER_PROBE = "Tl-Probe"
"""On a message to an instance's call subject that is no call: it is answered at once, with kind `alive`.

A hub's probe carries an id, which the next heartbeat names; a caller's carries `PROBED_BY_CALLER`.
"""
PROBED_BY_CALLER = "caller"
HEADER_SUBJECT = "Tl-Subject"
HEADER_STREAM_SEQ = "Tl-Stream-Seq"
HEADER_DELIVERIES = "Tl-Deliveries"
HEADER_REASON = "Tl-Reason"
HEADER_ERROR = "Tl-Error"
HEADER_REDRIVE_OF = "Tl-Redrive-Of"
HEADER_AGENT = "Tl-Agent"
"""On a dead letter: the agent that could not process it."""
HEADER_EDITED_BY = "Tl-Edited-By"
"""On a redriven message: who replaced its data."""
HEADER_DISCARDED_BY = "Tl-Discarded-By"
"""On a dead letter that the hub itself wrote: nobody needs to look at it, for this principal took the message away."""
HEADER_UNPROVEN = "Tl-Unproven"
"""On what a hub stored again on a reader's word: the sender in its subject is a claim."""
HEADER_REPLAY = "Tl-Replay"
"""On a copy of an event that a replay sent to one group: the replay's id. Nothing that leaves the system follows it."""
HEADER_REPLAY_SEQ = "Tl-Replay-Seq"
"""Beside it: the place of the original in the log."""
HEADER_ATTEMPT = "Tl-Attempt"
"""Number of the attempt that the first delivery of this stored copy is; 1 where it is absent."""
HEADER_ORIGIN_SEQ = "Tl-Origin-Seq"
"""Place of the first copy of a message that was put off: its attempts are one history."""
HEADER_DUE = "Tl-Due"
"""RFC 3339: when a deferred message is to be tried again."""

KIND_RESULT = "result"
KIND_ERROR = "error"
KIND_PROGRESS = "progress"
KIND_ALIVE = "alive"


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happens to a message whose handler failed with one of `errors`.

    A name is that of an exception's class or of one above it, plain
    (`ValueError`) or with its module, a Trunkline error's code, or
    `http.<status>`; `*` and `?` match within it.
    """

    errors: tuple[str, ...]
    then: Literal["retry", "dead_letter", "drop"] = "retry"
    max_attempts: int | None = None
    base_s: float | None = None
    max_s: float | None = None


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and when a failed message is tried again.

    The delay before attempt n+1 is `base_s * factor**(n-1)`, at most `max_s`,
    less up to `jitter` (a fraction of it) so that retries spread out. The
    first of `rules` that names the error decides otherwise.
    """

    max_attempts: int = 5
    base_s: float = 0.5
    factor: float = 2.0
    max_s: float = 300.0
    jitter: float = 0.2
    rules: tuple[ErrorRule, ...] = ()


class Balance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How callers choose among the instances that offer a skill."""

    policy: Literal["peak_ewma", "least_outstanding", "round_robin", "weighted", "sticky", "random"] = "peak_ewma"
    weights: dict[str, float] = {}
    """For `weighted`, and as the split of a canary: share by version (`1.2.0`) or version range (`^2`)."""


class Interface(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where an agent can be reached besides the bus, and in which protocol."""

    protocol: str
    """`a2a`, `mcp`, `openapi`, `nats` or a URI."""
    url: str
    binding: str = ""
    """Of A2A: `JSONRPC`, `GRPC` or `HTTP+JSON`; of MCP: `streamable-http` or `stdio`."""
    version: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent says it can bear."""

    concurrency: int | None = None
    """Calls that one instance works on at once."""
    calls_per_s: float | None = None
    max_input_bytes: int | None = None


class Extension(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An extension of A2A that an agent speaks."""

    uri: str
    description: str = ""
    required: bool = False
    """Clients that do not name it are refused."""
    params: dict[str, Any] = {}


class Face(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent offers to clients of A2A besides messages; its hub offers no more than it does itself."""

    streaming: bool = True
    push_notifications: bool = True
    extended_card: bool = True
    extensions: list[Extension] = []


class Skill(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something an agent can be called for; maps to an A2A skill and an MCP tool.

    `name` is its id: unique in the agent, and what callers write. `title` is
    for people.
    """

    name: str
    title: str = ""
    description: str = ""
    tags: list[str] = []
    examples: list[Any] = []
    """Inputs that make sense, to show and to try."""
    input_modes: list[str] = []
    """Media types it takes; empty means those of the agent (JSON and plain text)."""
    output_modes: list[str] = []
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    task: bool = False
    """Whether it is long work, which runs as a task with a life of its own."""
    idempotent: bool = False
    """Whether calling it twice with the same input does no harm: a lost call may be tried again, a slow one hedged."""
    balance: Balance | None = None
    """How callers choose among its instances; None: as the caller sees fit."""
    prompt: bool = False
    """Whether it returns what is to be said to a model: MCP clients get it as a prompt, not as a tool."""


class ReaderDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an agent wants to read: a queue's work, or events as a group."""

    lane: Lane
    name: str
    types: list[str] = []
    """Event type patterns; for groups only."""
    retry: RetryPolicy | None = None
    ack_wait_s: float | None = None
    payload_schema: dict[str, Any] | None = None
    options: QueueOptions | None = None
    """For queues only; changes what it names and leaves the rest."""


class Registration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An agent as it registers itself."""

    version: str = "0.0.0"
    title: str = ""
    description: str = ""
    documentation_url: str = ""
    icon_url: str = ""
    labels: dict[str, str] = {}
    interfaces: list[Interface] = []
    """Where it can be reached besides the bus."""
    limits: Limits | None = None
    a2a: Face | None = None
    skills: list[Skill] = []
    readers: list[ReaderDeclaration] = []
    publishes: list[str] = []
    """Event types or patterns it says it publishes."""
    protocol: int = 1
    """Version of the protocol that the agent speaks; a hub refuses one that it does not."""


class Reader(msgspec.Struct, kw_only=True):
    """A durable consumer the hub made for a registered reader."""

    lane: Lane
    name: str
    stream: str
    consumer: str
    retry: RetryPolicy
    ack_wait_s: float
    lanes: list[QueueLane] = []
    """The consumers of a queue with classes or partitions; empty where `consumer` is the only one."""


class Connection(msgspec.Struct, kw_only=True):
    """How to reach the bus, and as whom. The token is the HTTP token."""

    urls: list[str]
    workspace: str
    principal: str
    inbox_prefix: str
    heartbeat_s: float
    governed_events: bool = False
    """Whether events go through the hub's gate: the token may not publish them directly."""
    governed_tasks: bool = False
    protocol: int = PROTOCOL
    """Version of the protocol that the hub speaks."""


class Registered(msgspec.Struct, kw_only=True):
    """Answer to a registration: connect with these, then read these."""

    connection: Connection
    readers: list[Reader]


class AttemptError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong in one attempt."""

    code: str
    message: str
    type: str = ""
    traceback: str = ""
    errors: list[FieldError] = []


class Attempt(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One failed attempt at a message, written before the message is given back."""

    message_id: str
    stream_seq: int
    number: int
    agent: str
    instance: str
    version: str
    started_at: str
    duration_ms: float
    error: AttemptError
    final: bool = False
    outcome: str = ""
    """`retry`, `dead_letter` or `dropped`."""
    handler: str = ""
    """Name of the function that was run."""


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A callee's sign of life: `fraction` done (0 to 1) and a word on it."""

    fraction: float
    message: str = ""


class Beat(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A heartbeat; `state` is `starting`, `healthy`, `draining` or `offline` (the last word)."""

    state: str
    version: str
    lease_s: float
    in_flight: int = 0
    handled: int = 0
    failed: int = 0
    weight: float = 1.0
    """Its part of the calls where they are shared out by weight, compared with other instances."""
    answers: str = ""
    """Id of the probe that it answers."""


class Ack(msgspec.Struct, kw_only=True):
    """A message is stored: where, and whether an earlier copy with this id was there already."""

    id: str
    stream: str
    seq: int
    duplicate: bool = False


class Subscription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A live view of the event log, delivered to the caller's own inbox."""

    types: list[str]
    deliver_to: str
    after_seq: int | None = None
    since: str | None = None


class Subscribed(msgspec.Struct, kw_only=True):
    """The consumer made for a subscription, and how often it shows life."""

    stream: str
    consumer: str
    heartbeat_s: float
