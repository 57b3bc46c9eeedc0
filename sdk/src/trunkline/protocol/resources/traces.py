"""The path of a message: who sent it, who handled it, how long, what it caused."""

from typing import Literal

import msgspec


class Copy(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One place in the log where the message lies: the original, or a copy for one group after a redrive or replay."""

    seq: int
    stored_at: str
    group: str | None = None
    redrive_of: str | None = None
    """Id of the dead letter it was redriven from."""
    replay: str | None = None
    """Id of the job that replayed it."""


class Handling(msgspec.Struct, kw_only=True):
    """One attempt of one reader at the message, as the worker reported it."""

    lane: Literal["queue", "group", "call"]
    reader: str
    """Queue or group; the skill of a call."""
    attempt: int
    outcome: str
    """`handled`, `failed` (it came again; a caller was told), `dead`, `dropped` or `expired`."""
    agent: str
    instance: str
    version: str
    started_at: str
    duration_ms: float
    waited_ms: float | None
    """From the broker's storing it to the handler's start; clocks of two machines are compared."""
    error: str | None = None
    redrive_of: str | None = None
    replay: str | None = None


class TracedLetter(msgspec.Struct, kw_only=True):
    """A dead letter of the message, and what became of it."""

    id: str | None
    """None until the dead letters' own index has it."""
    lane: Literal["queue", "group", "call"]
    reader: str
    reason: str
    error: str
    died_at: str
    redriven_at: str | None = None
    redriven_by: str | None = None


class Waiting(msgspec.Struct, kw_only=True):
    """A group that has not settled the event yet."""

    group: str
    state: Literal["waiting", "in_flight"]


class TraceNode(msgspec.Struct, kw_only=True):
    """One message and what happened to it."""

    id: str
    kind: Literal["event", "task", "call", "unknown"]
    """`unknown`: only its effects are on record."""
    type: str
    sender: str
    source: str
    subject: str | None
    sent_at: str | None
    stored_at: str | None
    correlation_id: str | None
    causation_id: str | None
    trace_id: str | None
    size_bytes: int | None
    is_cloudevent: bool
    """False for what was written to the log past the SDK and is none."""
    copies: list[Copy]
    handlings: list[Handling]
    dead_letters: list[TracedLetter]
    waiting: list[Waiting]
    children: list["TraceNode"]
    """Messages sent while this one was handled, in the order of time."""


class Span(msgspec.Struct, kw_only=True):
    """One line of the timeline."""

    start: str
    end: str | None
    """None while it goes on; equal to `start` for a moment."""
    offset_ms: float
    """From the beginning of the timeline."""
    duration_ms: float
    kind: Literal["sent", "handling", "dead_letter", "redrive", "waiting"]
    name: str
    agent: str | None
    outcome: str | None
    message_id: str
    depth: int
    """How many messages deep in the tree."""


class Trace(msgspec.Struct, kw_only=True):
    """Trees of messages, and the same as a flat timeline."""

    message_id: str | None
    """The message asked for, if one was."""
    correlation_id: str | None
    ancestors: list[TraceNode]
    """What led to the message, the origin first; each without its other children."""
    roots: list[TraceNode]
    timeline: list[Span]
    messages: int
    truncated: bool
    """Whether there is more than is shown."""
    behind: int
    """Messages that the index has not read yet; what they tell is not in here."""
