"""Handlers of events that the hub itself runs, declared as data."""

from typing import Literal

import msgspec

from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources.routes import RouteMatch

HandlerAction = Literal["call", "enqueue", "publish"]


class HandlerDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is done with events, each once, with retries and dead letters as in an agent.

    It is done in the name of who declared it last.
    """

    action: HandlerAction
    """`call` a skill with the event's data, `enqueue` its data as work, or `publish` it as another type."""
    target: str
    """The skill, the queue, or the event type."""
    match: RouteMatch = msgspec.field(default_factory=RouteMatch)
    """Which events; of those that the types take in, what does not fit is passed over."""
    agent: str | None = None
    """For `call`: only an instance of this agent."""
    timeout_s: float = 30.0
    """For `call`: how long to wait for the result."""
    retry: RetryPolicy | None = None
    concurrency: int = 8
    """Most events under way at once."""
    description: str = ""


class Handler(msgspec.Struct, kw_only=True):
    """A declared handler, and how far it is."""

    name: str
    declaration: HandlerDeclaration
    group: str
    """Its cursor on the log; dead letters and replays name it."""
    paused: bool
    waiting: int
    """Events it has still to look at."""
    in_flight: int
    redelivered: int
    revision: int
    updated_by: str
    updated_at: str


class HandlerPage(msgspec.Struct, kw_only=True):
    items: list[Handler]
    next: str | None = None
