"""Tasks as the API shows and takes them."""

from typing import Any

import msgspec

from trunkline.protocol.errors import Problem
from trunkline.protocol.frames import Progress
from trunkline.protocol.tasks import Artifact, Part, TaskEvent, TaskMessage, TaskState


class TaskStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a task stands, since when, and what was said of it."""

    state: TaskState
    at: str
    message: TaskMessage | None = None


class Task(msgspec.Struct, kw_only=True):
    """A piece of long work: what was asked, what was said, what came of it."""

    id: str
    context_id: str
    """Joins the tasks of one conversation."""
    agent: str
    skill: str
    caller: str
    origin: str
    status: TaskStatus
    progress: Progress | None
    error: Problem | None
    history: list[TaskMessage]
    artifacts: list[Artifact]
    metadata: dict[str, Any]
    turn: int
    """How often its caller has spoken."""
    attempt: int
    """How often a worker began this turn."""
    seq: int
    """Place of its latest event in the workspace's course of tasks."""
    created_at: str
    updated_at: str


class TaskPage(msgspec.Struct, kw_only=True):
    items: list[Task]
    next: str | None = None


class TaskRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Work for a skill, as `input` or, with words and files, as the `parts` of a message."""

    skill: str
    agent: str | None = None
    input: Any = msgspec.UNSET
    parts: list[Part] = []
    context_id: str | None = None
    message_id: str | None = None
    metadata: dict[str, Any] = {}
    extensions: list[str] = []
    reference_task_ids: list[str] = []
    wait_s: float = 0.0
    """Answer when the task is done or waits for its caller, or when so many seconds are over."""


class TaskReply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The caller's next message to a task that waits for it."""

    input: Any = msgspec.UNSET
    parts: list[Part] = []
    message_id: str | None = None
    metadata: dict[str, Any] = {}
    extensions: list[str] = []
    reference_task_ids: list[str] = []


class TaskCancel(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a task is no longer wanted."""

    reason: str = ""


class TaskStep(msgspec.Struct, kw_only=True):
    """One event of a task's course, as it is streamed."""

    seq: int
    task_id: str
    event: TaskEvent


class TaskCourse(msgspec.Struct, kw_only=True):
    """The steps of a task that counted, the oldest first; those that left the stream are missing."""

    items: list[TaskStep]
