"""Long work on the wire: messages, artifacts, and the course of a task, event by event.

The nouns and states are those of A2A 1.0 (§4), in the JSON of this API. A
task's course is the list of its `TaskEvent`s in the order in which the broker
stored them; everything else about a task is derived from it.
"""

from typing import Any, Literal

import msgspec

from trunkline.protocol.errors import Problem
from trunkline.protocol.frames import Progress

TaskState = Literal[
    "submitted", "working", "input-required", "auth-required", "completed", "failed", "canceled", "rejected"
]
TERMINAL: frozenset[TaskState] = frozenset({"completed", "failed", "canceled", "rejected"})
"""A task in one of these never changes again."""
INTERRUPTED: frozenset[TaskState] = frozenset({"input-required", "auth-required"})
"""A task in one of these waits for its caller's next message."""
TASK_RUN = "trunkline.task.run"
"""Event type of what lies in an agent's queue."""


class Part(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of content: exactly one of `text`, `data`, `raw`, `url` and `dataref`."""

    text: str | None = None
    data: Any = msgspec.UNSET
    raw: bytes | None = None
    """Bytes; base64 in JSON."""
    url: str | None = None
    dataref: str | None = None
    """Where in this hub's object store the bytes lie."""
    filename: str = ""
    media_type: str = ""
    metadata: dict[str, Any] = {}


class TaskMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What caller and agent say to each other about a task."""

    id: str
    role: Literal["user", "agent"]
    parts: list[Part]
    at: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []
    reference_task_ids: list[str] = []

    @property
    def text(self) -> str:
        """All of its text, line by line."""
        return "\n".join(part.text for part in self.parts if part.text is not None)


class Artifact(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something a task made."""

    id: str
    parts: list[Part]
    name: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []


class TaskSeed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a task is from its beginning on."""

    context_id: str
    agent: str
    owner: str
    """Principal of the agent: besides the hub, only it may write the task's course."""
    skill: str
    caller: str
    origin: str
    """How it was asked for: `sdk`, `rest`, `a2a` or `mcp`."""
    message: TaskMessage
    queue: str
    input: Any = msgspec.UNSET
    """The skill's input."""
    metadata: dict[str, Any] = {}
    traceparent: str | None = None


class TaskEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One step of a task's course; `kind` says which of the other fields count."""

    kind: Literal["created", "message", "status", "progress", "artifact", "checkpoint", "handed_over", "resumed"]
    at: str
    run: tuple[int, int] = (0, 0)
    """(turn, attempt) of the run that says so; what an older run still says is not heard."""
    seed: TaskSeed | None = None
    message: TaskMessage | None = None
    """Of `message`, and of `status` where there is something to say."""
    state: TaskState | None = None
    progress: Progress | None = None
    artifact: Artifact | None = None
    append: bool = False
    """Whether the artifact's parts go behind those that it has."""
    last: bool = True
    """Whether the artifact is complete with this."""
    checkpoint: Any = msgspec.UNSET
    error: Problem | None = None
    by: str = ""
    """Who had the hub write it."""


class TaskJob(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a worker needs for one run of a task."""

    task_id: str
    turn: int
    seed: TaskSeed
    history: list[TaskMessage] = []
    checkpoint: Any = msgspec.UNSET
    state: TaskState = "submitted"


def may_become(present: TaskState, following: TaskState) -> bool:
    """Whether a task may go from one state to the other: anything but out of an end."""
    return present not in TERMINAL and following != "submitted"
