"""What A2A clients ask of agents on the bus: messages become calls and tasks."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import (
    A2AExtensionError,
    AgentOfflineError,
    BlobUnknownError,
    SkillUnknownError,
    TaskFinishedError,
    TaskNeededError,
    TaskUnknownError,
)
from trunkline.protocol.frames import Skill
from trunkline.protocol.ids import new_id
from trunkline.protocol.resources import TaskReply, TaskRequest
from trunkline.protocol.tasks import Part, TaskMessage
from trunkline.protocol.trace import current_traceparent
from trunkline_hub.agents import check_input
from trunkline_hub.blobs import Blobs
from trunkline_hub.bus.blobs import BlobInfo
from trunkline_hub.bus.course import Step
from trunkline_hub.bus.signals import HubCalls, NobodyThereError
from trunkline_hub.gateways.a2a import model
from trunkline_hub.gateways.a2a.model import Place, Said, Served
from trunkline_hub.gateways.a2a.service import files
from trunkline_hub.gateways.a2a.service.cards import Cards
from trunkline_hub.gateways.a2a.settings import A2ASettings
from trunkline_hub.tasks import Tasks
from trunkline_hub.tasks.model import Record

_OUTPUT = Codec(Any)


class Desk:
    """Takes messages in, and says how the tasks stand that came of them."""

    def __init__(self, settings: A2ASettings, cards: Cards, tasks: Tasks, calls: HubCalls, blobs: Blobs) -> None:
        self._settings = settings
        self._cards = cards
        self._tasks = tasks
        self._calls = calls
        self._blobs = blobs

    async def say(self, place: Place, said: Said) -> TaskMessage | Record:
        """Hand a message to the agent: an answer from a plain skill, or the task that it began or goes on with.

        Raises:
            A2AExtensionError, A2AContentTypeError, SkillUnknownError, TaskInputError, PayloadInvalidError
            TaskUnknownError, TaskFinishedError, TaskBusyError, TaskContextError
            AgentUnknownError, AgentOfflineError, CallTimeoutError, CallFailedError, BusUnavailableError
        """
        served = await self._cards.served(place.workspace, place.agent)
        self._check_extensions(place, served.required_extensions)
        if said.task_id:
            return await self._reply(place, said)
        skill, behind = self._choose(served, said)
        self._check_extensions(place, served.required.get(skill.name, frozenset()))
        model.check_modes(skill, said.message.parts)
        if not skill.task and (said.wait or behind is not None):
            call_id = new_id()
            try:
                return await self._call(place, skill, said, call_id)
            except TaskNeededError:
                if behind is None:
                    return await self._begun(place, call_id)
                skill = behind
        return await self._begin(place, skill, said)

    async def settled(self, place: Place, record: Record) -> Record:
        """Return a task once it has ended or waits for its caller, or as it is when that takes too long."""
        return await self._tasks.outcome(place.workspace, record, timeout_s=self._settings.wait_s)

    async def task(self, place: Place, task_id: str) -> Record:
        """Return a task of this agent as it stands.

        Raises:
            TaskUnknownError: there is none, or it is none of the caller's.
        """
        record = await self._tasks.record(place.by, place.workspace, task_id)
        if place.agent and record.seed.agent != place.agent:
            raise TaskUnknownError(f"There is no task {task_id!r} of agent {place.agent!r}")
        return record

    async def tasks(
        self, place: Place, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> tuple[list[Record], str | None, int]:
        """Return the caller's own tasks of this agent: (tasks, cursor, how many in all)."""
        mine = {**filters, "caller": place.by.name, "agent": place.agent or None}
        return await self._tasks.records(place.by, place.workspace, mine, cursor=cursor, limit=limit)

    async def cancel(self, place: Place, task_id: str) -> Record:
        """Call a task off.

        Raises:
            TaskUnknownError, TaskFinishedError
        """
        await self.task(place, task_id)
        record = await self._tasks.cancel(place.by, place.workspace, task_id)
        if record.state != "canceled":
            raise TaskFinishedError(f"The task {task_id!r} is {record.state}")
        return record

    def follow(self, place: Place, record: Record) -> AsyncIterator[tuple[Record, Step | None]]:
        """Yield the task after each further step; (record, None) while nothing happens."""
        return self._tasks.follow(place.workspace, record)

    async def file(self, place: Place, task_id: str, blob_id: str) -> tuple[BlobInfo, AsyncIterator[bytes]]:
        """Return a blob that a task of the caller's refers to.

        Raises:
            TaskUnknownError, BlobUnknownError
        """
        record = await self.task(place, task_id)
        if not any(_is_blob(part, blob_id) for part in _parts(record)):
            raise BlobUnknownError(f"The task {task_id!r} refers to no blob {blob_id!r}")
        info = await self._blobs.info(place.workspace, blob_id)
        return info, self._blobs.read(place.workspace, info, 0, info.size)

    def _check_extensions(self, place: Place, required: frozenset[str]) -> None:
        missing = sorted((required | set(self._settings.required_extensions)) - place.extensions)
        if missing:
            raise A2AExtensionError(f"The client does not name {', '.join(missing)}")

    def _choose(self, served: Served, said: Said) -> tuple[Skill, Skill | None]:
        if not served.skills:
            raise SkillUnknownError(f"The agent {served.name!r} has no skills")
        skill = model.choose(served.skills, said.skill)
        return skill, model.falls_back(served.skills, skill)

    async def _call(self, place: Place, skill: Skill, said: Said, call_id: str) -> TaskMessage:
        payload = model.input_for(skill, said.message)
        check_input(skill, payload)
        request = ce.new_envelope(
            type=f"call.{skill.name}", source=f"/{place.workspace}/{place.by.name}", subject=said.message.id,
            data=msgspec.json.encode(payload), traceparent=current_traceparent.get(), id=call_id,
        )  # fmt: skip
        try:
            reply = await self._calls.call(
                place.workspace, place.by.name, skill.name, place.agent or None, request,
                timeout_s=self._settings.call_timeout_s,
            )  # fmt: skip
        except NobodyThereError:
            raise AgentOfflineError(f"No instance of {place.agent!r} is connected") from None
        return model.reply_of(_OUTPUT.read(reply)) if reply.dataref is None else await self._fetched(place, reply)

    async def _begun(self, place: Place, call_id: str) -> Record:
        """Return the task that a call became: an agent elsewhere asks back (`events/remotes.py`).

        Raises:
            TaskNeededError: it became none.
        """
        try:
            return await self._tasks.record(place.by, place.workspace, call_id)
        except TaskUnknownError:
            raise TaskNeededError from None

    async def _fetched(self, place: Place, reply: ce.Envelope) -> TaskMessage:
        """Return a large answer as bytes in a message: there is no task whose file it could be."""
        info = await self._blobs.info(place.workspace, str(reply.dataref).rsplit("/", 1)[-1])
        raw = b"".join([piece async for piece in self._blobs.read(place.workspace, info, 0, info.size)])
        return TaskMessage(id=reply.id, role="agent", parts=[Part(raw=raw, media_type=info.content_type)])

    async def _begin(self, place: Place, skill: Skill, said: Said) -> Record:
        wanted = TaskRequest(
            skill=skill.name, agent=place.agent or None, parts=await self._stored(place, said.message.parts),
            context_id=said.context_id or None, message_id=said.message.id, metadata=said.message.metadata,
            extensions=said.message.extensions, reference_task_ids=said.message.reference_task_ids,
        )  # fmt: skip
        return await self._tasks.begin(place.by, place.workspace, wanted, origin="a2a")

    async def _reply(self, place: Place, said: Said) -> Record:
        record = await self.task(place, said.task_id)
        wanted = TaskReply(
            parts=await self._stored(place, said.message.parts), message_id=said.message.id,
            metadata=said.message.metadata, extensions=said.message.extensions,
            reference_task_ids=said.message.reference_task_ids,
        )  # fmt: skip
        return await self._tasks.reply(place.by, place.workspace, record.id, wanted, context_id=said.context_id or None)

    async def _stored(self, place: Place, parts: list[Part]) -> list[Part]:
        return await files.stored(self._blobs, place.workspace, parts)


def _parts(record: Record) -> list[Part]:
    messages = [*record.history, *([record.said] if record.said is not None else [])]
    spoken = [part for message in messages for part in message.parts]
    return spoken + [part for artifact in record.artifacts for part in artifact.parts]


def _is_blob(part: Part, blob_id: str) -> bool:
    return part.dataref is not None and part.dataref.rsplit("/", 1)[-1] == blob_id
