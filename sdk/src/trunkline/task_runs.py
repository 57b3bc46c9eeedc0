"""Long work, from the worker's side: what `ctx.task` is, and how a task's job is done.

Every run of a task starts its handler from the beginning: the first time, after
a worker died, and when the caller has answered. What was asked and answered
before is answered again from the record, and a checkpoint says how far the
work is, so whatever process goes on, goes on from there.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from trunkline import payloads
from trunkline.blobs import Blob, blob_of
from trunkline.packing import type_of
from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames
from trunkline.protocol.errors import (
    PayloadInvalidError,
    TaskNeededError,
)
from trunkline.protocol.ids import new_id
from trunkline.protocol.tasks import Artifact, Part, TaskEvent, TaskJob, TaskMessage, TaskSeed, TaskState

_log = logging.getLogger("trunkline.agent")
T = TypeVar("T")

INLINE_BYTES = 128 * 1024
"""What an artifact holds itself; more goes to the object store."""

Say = Callable[[TaskEvent], Awaitable[None]]
Report = Callable[[float, str], Awaitable[None]]
Keep = Callable[[Blob], Awaitable[str]]


class SuspendedError(BaseException):  # no Exception: a handler that catches those must not catch this
    """Ends a run of a task that waits for its caller, or that its agent does not take on."""

    def __init__(self, state: TaskState, message: TaskMessage) -> None:
        super().__init__(state)
        self.state = state
        self.message = message


class TaskRun:
    """What a handler knows and says about the task in its hands: `ctx.task`.

    Attributes:
        id: id of the task.
        context_id: joins the tasks of one conversation.
        caller: principal who started it.
        history: what caller and agent have said so far, oldest first.
    """

    def __init__(
        self, job: TaskJob, say: Say | None, keep: Keep | None, *, attempt: int = 1, report: Report | None = None
    ) -> None:
        self.id = job.task_id
        self.context_id = job.seed.context_id
        self.caller = job.seed.caller
        self.history = job.history
        self.attempt = attempt
        self._checkpoint = job.checkpoint
        self._answers = [message for message in job.history if message.role == "user"][1:]
        self._run = (job.turn, attempt)
        self._say = say
        self._keep = keep
        self._report = report
        self._fraction = 0.0

    @property
    def message(self) -> TaskMessage:
        """The caller's latest message."""
        return next(message for message in reversed(self.history) if message.role == "user")

    async def status(self, text: str) -> None:
        """Tell the caller what is being done."""
        if self._report is not None:
            await self._report(self._fraction, text)
        await self._write(TaskEvent(kind="status", at=ce.now_rfc3339(), state="working", message=agent_message(text)))

    async def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far this is: `fraction` from 0 to 1."""
        self._fraction = fraction
        if self._report is not None:
            await self._report(fraction, message)
        told = frames.Progress(fraction=fraction, message=message)
        await self._write(TaskEvent(kind="progress", at=ce.now_rfc3339(), progress=told))

    async def artifact(
        self,
        data: Any,
        *,
        name: str = "",
        description: str = "",
        id: str | None = None,  # noqa: A002 -- the A2A word
        append: bool = False,
        last: bool = True,
    ) -> Artifact:
        """Hand over something that the task made: text, data, bytes or a `Blob` of any size.

        With `append` it goes behind what the artifact `id` has already; `last`
        says whether the artifact is complete with it.
        """
        part = await part_of(data, self._keep)
        made = Artifact(id=id or name or new_id(), name=name, description=description, parts=[part])
        await self._write(TaskEvent(kind="artifact", at=ce.now_rfc3339(), artifact=made, append=append, last=last))
        return made

    async def save(self, state: Any) -> None:
        """Remember how far the work is; whoever goes on with it finds it in `load`."""
        self._checkpoint = msgspec.json.decode(payloads.encode(state))
        await self._write(TaskEvent(kind="checkpoint", at=ce.now_rfc3339(), checkpoint=self._checkpoint))

    def load(self, kind: Any = Any) -> Any:
        """Return what was saved last, decoded as `kind`; None where nothing was."""
        if self._checkpoint is msgspec.UNSET:
            return None
        return Codec(kind).decode(payloads.encode(self._checkpoint))

    async def ask(self, question: str | Sequence[Part], kind: Any = str) -> Any:
        """Ask the caller, and return the answer as `kind`: text, a `TaskMessage`, or anything that data can become.

        Until the answer is there this run ends and the task is
        `input-required`; the next run comes here again and goes on. So ask in
        the same order each time.

        Raises:
            TaskNeededError: this is a plain call, which nobody can be asked in.
        """
        refused = ""
        while self._answers:
            try:
                return _answer(self._answers.pop(0), kind)
            except PayloadInvalidError as error:
                refused = f" ({error})"
        message = agent_message(question if isinstance(question, str) else list(question))
        if refused:
            message.parts.append(Part(text=f"The last answer could not be read{refused}"))
        return self._suspend("input-required", message)

    def require_auth(self, text: str) -> None:
        """End this run; the task is `auth-required` until the caller has seen to it and says so.

        Raises:
            TaskNeededError
        """
        if self._answers:
            self._answers.pop(0)
            return
        self._suspend("auth-required", agent_message(text))

    def reject(self, reason: str) -> None:
        """Do not take the task on: it ends as `rejected`.

        Raises:
            TaskNeededError
        """
        self._suspend("rejected", agent_message(reason))

    def _suspend(self, state: TaskState, message: TaskMessage) -> None:
        if self._say is None:
            raise TaskNeededError(message.text)
        raise SuspendedError(state, message)

    async def _write(self, event: TaskEvent) -> None:
        if self._say is not None:
            event.run = self._run
            await self._say(event)


def unrecorded(message: ce.Envelope, caller: str, report: Report) -> TaskRun:
    """Return what `ctx.task` is in a plain call: it has no record, and nobody can be asked."""
    asked = TaskMessage(id=message.id, role="user", parts=[])
    seed = TaskSeed(
        context_id=message.correlationid or message.id, agent="", owner="", skill="", caller=caller, origin="call",
        message=asked, queue="",
    )  # fmt: skip
    return TaskRun(TaskJob(task_id=message.id, turn=1, seed=seed, history=[asked]), None, None, report=report)


def agent_message(said: str | list[Part]) -> TaskMessage:
    """Return what an agent says as a message."""
    parts = [Part(text=said)] if isinstance(said, str) else said
    return TaskMessage(id=new_id(), role="agent", parts=parts, at=ce.now_rfc3339())


async def part_of(data: Any, keep: Keep | None) -> Part:
    """Return a value as a part: text as text, bytes and large things by reference, all else as data."""
    if isinstance(data, Part):
        return data
    if isinstance(data, str) and len(data) <= INLINE_BYTES:
        return Part(text=data)
    blob = blob_of(data, None)
    if blob is None and isinstance(data, payloads.RAW):
        blob = Blob.from_bytes(bytes(data))
    if blob is None:
        kind = "text/plain; charset=utf-8" if isinstance(data, str) else type_of(data)
        body = payloads.encode_as(data, kind)
        if len(body) <= INLINE_BYTES:
            return Part(data=msgspec.json.decode(body), media_type=kind)
        blob = Blob.from_bytes(body, content_type=kind)
    if keep is None:
        return Part(raw=await blob.read(), media_type=blob.content_type)
    return Part(dataref=await keep(blob), media_type=blob.content_type)


def _answer(message: TaskMessage, kind: Any) -> Any:
    if kind is TaskMessage:
        return message
    data = [part.data for part in message.parts if part.data is not msgspec.UNSET]
    if kind is str and not data:
        return message.text
    if data:
        return Codec(kind).decode(payloads.encode(data[0]))
    try:
        return Codec(kind).decode(message.text.encode())
    except PayloadInvalidError:
        return Codec(kind).decode(payloads.encode(message.text))
