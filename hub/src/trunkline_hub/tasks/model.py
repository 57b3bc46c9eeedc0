"""What a task is: the fold of its course. And what may be asked of it. Pure.

The hub keeps a record of each task in SQL, made of the course that its hub and
its worker wrote into one stream. Whoever needs the latest word folds what lies
behind the record: any hub gives the same answer.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.errors import (
    FieldError,
    Problem,
    RequestInvalidError,
    TaskBusyError,
    TaskContextError,
    TaskFinishedError,
    TaskInputError,
)
from trunkline.protocol.frames import Progress, RetryPolicy
from trunkline.protocol.resources import Task, TaskStatus, TaskStep
from trunkline.protocol.tasks import (
    INTERRUPTED,
    TERMINAL,
    Artifact,
    Part,
    TaskEvent,
    TaskJob,
    TaskMessage,
    TaskSeed,
    TaskState,
)

HUB_QUEUE = "hub.calls"
"""Where the tasks of agents wait that know plain calls only: a hub does the calling."""
PATIENT = RetryPolicy(max_attempts=1000, base_s=0.5, max_s=55.0)
"""An agent may be away for half a day before the hub gives up calling it."""
MAX_RECORD_BYTES = 8 * 2**20
"""What a task may keep inline; beyond it, artifacts belong into the object store."""
MAX_WAIT_S = 300.0
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID_CHARS = 255
_CONTENTS = ("text", "data", "raw", "url", "dataref")


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is known of a task."""

    id: str
    seed: TaskSeed
    state: TaskState
    state_at: str
    created_at: str
    updated_at: str
    seq: int
    """Place of the last step that is folded into this."""
    said: TaskMessage | None = None
    """What goes with the present state."""
    progress: Progress | None = None
    error: Problem | None = None
    history: list[TaskMessage] = []
    artifacts: list[Artifact] = []
    checkpoint: Any = msgspec.UNSET
    turn: int = 1
    handed_over: int = 0
    """The turn whose job is known to lie in the queue."""
    attempt: int = 0
    size: int = 0
    """Bytes of the steps that are kept in it."""

    @property
    def finished(self) -> bool:
        """Whether it will never change again."""
        return self.state in TERMINAL

    @property
    def waits(self) -> bool:
        """Whether it is its caller's turn."""
        return self.state in INTERRUPTED

    def shown(self, *, history: int | None = None, artifacts: bool = True) -> Task:
        """Return it as the API shows it, with the last `history` messages."""
        kept = self.history if history is None else self.history[len(self.history) - min(history, len(self.history)) :]
        return Task(
            id=self.id, context_id=self.seed.context_id, agent=self.seed.agent, skill=self.seed.skill,
            caller=self.seed.caller, origin=self.seed.origin,
            status=TaskStatus(state=self.state, at=self.state_at, message=self.said),
            progress=self.progress, error=self.error, history=kept, artifacts=self.artifacts if artifacts else [],
            metadata=self.seed.metadata, turn=self.turn, attempt=self.attempt, seq=self.seq,
            created_at=self.created_at, updated_at=self.updated_at,
        )  # fmt: skip

    def job(self) -> TaskJob:
        """Return what a worker needs to go on with it."""
        return TaskJob(
            task_id=self.id, turn=self.turn, seed=self.seed, history=self.history, checkpoint=self.checkpoint,
            state=self.state,
        )  # fmt: skip


def fold(record: Record | None, writer: str, agent: str, task_id: str, seq: int, event: TaskEvent) -> Record | None:
    """Return the record after one more step; the very same one where the step does not count.

    A step counts if its writer may write it, its run is not an older one, and
    the task has not ended.
    """
    if record is None:
        return _begin(writer, agent, task_id, seq, event)
    if seq <= record.seq or record.finished or agent != record.seed.agent or event.kind == "created":
        return record
    if writer not in {subjects.HUB, record.seed.owner} or not _is_current(record, writer, event):
        return record
    record.seq, record.updated_at = seq, event.at
    if event.run > (record.turn, record.attempt):
        record.attempt = event.run[1]
    _APPLY[event.kind](record, event)
    return record


def fold_all(record: Record | None, steps: Iterable[Any]) -> Record | None:
    """Return the record after some steps."""
    for step in steps:
        record = fold(record, step.writer, step.agent, step.task_id, step.seq, step.event)
    return record


def outline(steps: Iterable[Any], owner: str) -> list[TaskStep]:
    """Return the steps of one course that counted, without what was made; where the first is gone, what its own wrote."""
    record: Record | None = None
    found: list[TaskStep] = []
    for step in steps:
        before = record.seq if record is not None else 0
        record = fold(record, step.writer, step.agent, step.task_id, step.seq, step.event)
        if (step.writer in {subjects.HUB, owner}) if record is None else record.seq != before:
            found.append(TaskStep(seq=step.seq, task_id=step.task_id, event=_outlined(step.event)))
    return found


def _outlined(event: TaskEvent) -> TaskEvent:
    artifact = None if event.artifact is None else msgspec.structs.replace(event.artifact, parts=[])
    return msgspec.structs.replace(event, seed=None, artifact=artifact, checkpoint=msgspec.UNSET)


def _begin(writer: str, agent: str, task_id: str, seq: int, event: TaskEvent) -> Record | None:
    seed = event.seed
    if writer != subjects.HUB or event.kind != "created" or seed is None or seed.agent != agent:
        return None
    return Record(
        id=task_id, seed=seed, state="submitted", state_at=event.at, created_at=event.at, updated_at=event.at, seq=seq,
        history=[seed.message],
    )  # fmt: skip


def _is_current(record: Record, writer: str, event: TaskEvent) -> bool:
    """Whether a worker's step is of the latest run; one that lost its lease may still talk."""
    if writer == subjects.HUB and event.run == (0, 0):
        return True
    goes_on = event.kind == "resumed" or not record.waits
    return event.run[0] == record.turn and event.run[1] >= record.attempt and goes_on


def _speak(record: Record, event: TaskEvent) -> None:
    if event.message is None:
        return
    if record.said is not None:
        record.history.append(record.said)
    record.history.append(event.message)
    record.said = None
    record.turn, record.attempt = record.turn + 1, 0
    record.state, record.state_at, record.progress = "submitted", event.at, None


def _set_state(record: Record, event: TaskEvent) -> None:
    if event.state is None or (event.state == "submitted" and record.state != "submitted"):
        return
    if record.said is not None and (event.message is None or event.message.id != record.said.id):
        record.history.append(record.said)
    record.state, record.state_at, record.said = event.state, event.at, event.message
    if event.error is not None:
        record.error = event.error
    if record.finished and event.state == "completed":
        record.progress = None


def _set_progress(record: Record, event: TaskEvent) -> None:
    record.progress = event.progress
    if record.state == "submitted":
        record.state, record.state_at = "working", event.at


def _set_artifact(record: Record, event: TaskEvent) -> None:
    new = event.artifact
    if new is None:
        return
    record.size += len(msgspec.json.encode(new))
    if record.size > MAX_RECORD_BYTES:
        record.state, record.state_at = "failed", event.at
        record.error = TaskInputError(f"The task's artifacts hold more than {MAX_RECORD_BYTES:,} bytes").to_problem()
        return
    for index, present in enumerate(record.artifacts):
        if present.id == new.id:
            parts = [*present.parts, *new.parts] if event.append else new.parts
            record.artifacts[index] = msgspec.structs.replace(new, parts=parts) if not event.append else (
                msgspec.structs.replace(present, parts=parts, metadata=present.metadata | new.metadata)
            )  # fmt: skip
            return
    record.artifacts.append(new)


def _set_checkpoint(record: Record, event: TaskEvent) -> None:
    record.checkpoint = event.checkpoint


def _resume(record: Record, event: TaskEvent) -> None:
    """A task that waited goes on without its caller: what it waited for came another way."""
    if record.said is not None:
        record.history.append(record.said)
    record.state, record.state_at, record.said = "working", event.at, None


def _note_handed_over(record: Record, event: TaskEvent) -> None:
    if event.by == subjects.HUB:
        record.handed_over = record.turn


_APPLY: Mapping[str, Callable[[Record, TaskEvent], None]] = {
    "message": _speak,
    "status": _set_state,
    "progress": _set_progress,
    "artifact": _set_artifact,
    "checkpoint": _set_checkpoint,
    "handed_over": _note_handed_over,
    "resumed": _resume,
}


def check_open(record: Record) -> None:
    """Refuse what comes too late.

    Raises:
        TaskFinishedError
    """
    if record.finished:
        raise TaskFinishedError(f"The task {record.id!r} is {record.state}")


def check_reply(record: Record, context_id: str | None) -> None:
    """Refuse a message that the task does not wait for.

    Raises:
        TaskFinishedError, TaskBusyError, TaskContextError
    """
    check_open(record)
    if context_id is not None and context_id != record.seed.context_id:
        raise TaskContextError(f"The task {record.id!r} belongs to the context {record.seed.context_id!r}")
    if not record.waits:
        raise TaskBusyError(f"The task {record.id!r} is {record.state}")


def check_message(parts: list[Part], context_id: str | None, message_id: str | None, wait_s: float = 0.0) -> None:
    """Refuse a message that says nothing, or says a part in two ways.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    if not parts:
        problems.append(FieldError("/parts", "must have at least one part, or give `input`"))
    for index, part in enumerate(parts):
        if len(_contents(part)) != 1:
            problems.append(FieldError(f"/parts/{index}", f"must have exactly one of {', '.join(_CONTENTS)}"))
    for name, value in (("context_id", context_id), ("message_id", message_id)):
        if value is not None and (not 1 <= len(value) <= _ID_CHARS or not value.isprintable()):
            problems.append(FieldError(f"/{name}", f"must be 1 to {_ID_CHARS} printable characters"))
    if not 0 <= wait_s <= MAX_WAIT_S:
        problems.append(FieldError("/wait_s", f"must be 0 to {MAX_WAIT_S:g}"))
    if problems:
        raise RequestInvalidError(errors=problems)


def _contents(part: Part) -> list[str]:
    held = {name: getattr(part, name) for name in _CONTENTS}
    return [
        name for name, value in held.items() if value is not msgspec.UNSET and (value is not None or name == "data")
    ]


def parts_of(value: Any) -> list[Part]:
    """Return a skill's input as the parts of a message."""
    return [Part(text=value)] if isinstance(value, str) else [Part(data=value)]


def input_of(parts: list[Part], schema: dict[str, Any] | None) -> Any:
    """Return the skill's input that a message holds, by the skill's schema; nothing where the skill takes any message.

    One data part is the input. Text is it where the schema takes a string; for
    an object it may be its JSON, or the value of its only required text.

    Raises:
        TaskInputError
    """
    data = [part.data for part in parts if part.data is not msgspec.UNSET]
    if len(data) == 1:
        return data[0]
    text = "\n".join(part.text for part in parts if part.text is not None)
    if not schema:
        return msgspec.UNSET
    if data or not text:
        raise TaskInputError(f"The skill takes one data part; the message has {len(data)}")
    if schema.get("type") == "string":
        return text
    return _from_text(text, schema)


def _from_text(text: str, schema: dict[str, Any]) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        pass
    name = _only_text(schema)
    if name is None:
        raise TaskInputError("The skill takes structured input: send a data part, or JSON as text")
    return {name: text}


def _only_text(schema: dict[str, Any]) -> str | None:
    """Return the property that plain words can stand for: the only required one, and a string."""
    target = schema
    if "$ref" in schema:
        target = schema.get("$defs", {}).get(str(schema["$ref"]).rsplit("/", 1)[-1], {})
    required = target.get("required", [])
    properties = target.get("properties", {})
    if len(required) == 1 and properties.get(required[0], {}).get("type") == "string":
        return str(required[0])
    return None


def call_input(seed: TaskSeed) -> Any:
    """Return what a plain skill is called with; where it takes any message, its words, or else all of it."""
    if seed.input is not msgspec.UNSET:
        return seed.input
    parts = seed.message.parts
    return seed.message.text if all(part.text is not None for part in parts) else msgspec.to_builtins(seed.message)


def fact(record: Record) -> dict[str, Any]:
    """Return what the log is told when a task's state has changed."""
    seed = record.seed
    return {
        "task": record.id, "context": seed.context_id, "agent": seed.agent, "skill": seed.skill,
        "caller": seed.caller, "state": record.state, "turn": record.turn,
    }  # fmt: skip


def is_task_id(text: str) -> bool:
    """Whether a text has the form of a task's id."""
    return _ID.fullmatch(text) is not None


def failure(error: Problem, at: str) -> TaskEvent:
    """Return the step by which a hub says that a task failed."""
    return TaskEvent(kind="status", at=at, state="failed", error=error, by=subjects.HUB)


def result_of(output: Any, task_id: str) -> Artifact:
    """Return what a skill answered as the task's artifact."""
    part = Part(text=output) if isinstance(output, str) else Part(data=output, media_type="application/json")
    return Artifact(id=f"{task_id}.result", name="result", parts=[part])
