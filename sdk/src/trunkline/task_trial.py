"""A task in a `TestHub`: run to its end, or until it waits for its caller, in the test's own process."""

from typing import Any

import msgspec

from trunkline import payloads
from trunkline.blobs import Blob
from trunkline.context import Context, Messenger
from trunkline.handlers import SkillSpec
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import Problem
from trunkline.protocol.frames import Progress
from trunkline.protocol.ids import new_id
from trunkline.protocol.tasks import TERMINAL, Artifact, Part, TaskEvent, TaskJob, TaskMessage, TaskSeed, TaskState
from trunkline.task_worker import Course, perform


class TaskTrial(Course):
    """How a task stands, and all that was said and made.

    Attributes:
        state: as in A2A: `completed`, `input-required`, …
        message: what goes with the state.
        error: why it failed.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    def __init__(self, hub: Messenger, spec: SkillSpec, agent: str, blobs: dict[str, bytes]) -> None:
        self.state: TaskState = "submitted"
        self.message: TaskMessage | None = None
        self.error: Problem | None = None
        self.history: list[TaskMessage] = []
        self.artifacts: list[Artifact] = []
        self.progress: list[Progress] = []
        self._hub = hub
        self._spec = spec
        self._agent = agent
        self._blobs = blobs
        self._checkpoint: Any = msgspec.UNSET
        self._seed: TaskSeed | None = None

    @property
    def result(self) -> Any:
        """What the handler returned: the data or text of the artifact `result`."""
        part = next(artifact for artifact in self.artifacts if artifact.name == "result").parts[0]
        return part.text if part.data is msgspec.UNSET else part.data

    async def start(self, data: Any, parts: list[Part]) -> None:
        """Run it for the first time."""
        value = msgspec.json.decode(payloads.encode(data))
        asked = _said(parts or [Part(data=value)])
        self._seed = TaskSeed(
            context_id=new_id(), agent=self._agent, owner="test", skill=self._spec.name, caller="test", origin="test",
            message=asked, queue="", input=value,
        )  # fmt: skip
        self.history.append(asked)
        await self._run()

    async def reply(self, data: Any = None, *, parts: list[Part] | None = None) -> None:
        """Answer what it waits for, and run it on."""
        if self.state in TERMINAL:
            raise AssertionError(f"the task is {self.state}")
        if self.message is not None:
            self.history.append(self.message)
        value = data if isinstance(data, str) else msgspec.json.decode(payloads.encode(data))
        said = [Part(text=value)] if isinstance(value, str) else [Part(data=value)]
        self.history.append(_said(parts or said))
        await self._run()

    async def say(self, event: TaskEvent) -> None:
        """Take one step."""
        if event.state is not None:
            self.state, self.message, self.error = event.state, event.message, event.error
        if event.progress is not None:
            self.progress.append(event.progress)
        if event.artifact is not None:
            self._take(event.artifact, append=event.append)
        if event.checkpoint is not msgspec.UNSET:
            self._checkpoint = event.checkpoint

    async def keep(self, blob: Blob) -> str:
        """Keep bytes beside those of the hub."""
        ref = f"/test/blobs/{len(self._blobs) + 1}"
        self._blobs[ref] = await blob.read()
        return ref

    def _take(self, artifact: Artifact, *, append: bool) -> None:
        present = next((one for one in self.artifacts if one.id == artifact.id), None)
        if present is None:
            self.artifacts.append(artifact)
        else:
            present.parts = [*present.parts, *artifact.parts] if append else artifact.parts

    async def _run(self) -> None:
        assert self._seed is not None
        turn = sum(message.role == "user" for message in self.history)
        job = TaskJob(
            task_id=self._seed.context_id, turn=turn, seed=self._seed, history=list(self.history),
            checkpoint=self._checkpoint,
        )  # fmt: skip
        message = ce.new_envelope(type="trunkline.task.run", source="/test/hub", data=None)
        attempt = 1
        while True:
            try:
                await perform(self._spec, job, Context(self._hub, message, attempt=attempt), self)
            except Exception:  # noqa: BLE001 -- whatever its skill raised, the policy says to try again
                attempt += 1
                job.checkpoint = self._checkpoint
            else:
                return


def _said(parts: list[Part]) -> TaskMessage:
    return TaskMessage(id=new_id(), role="user", parts=parts, at=ce.now_rfc3339())
