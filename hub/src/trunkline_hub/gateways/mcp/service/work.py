"""Long work for MCP clients: tasks are started, asked after, answered and called off; what they made is read."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol.errors import (
    BlobTooLargeError,
    BlobUnknownError,
    PayloadInvalidError,
    TaskBusyError,
    TaskFinishedError,
    TaskUnknownError,
)
from trunkline.protocol.resources import TaskReply, TaskRequest
from trunkline.protocol.tasks import Artifact, Part
from trunkline_hub.blobs import Blobs
from trunkline_hub.gateways.mcp import model
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model import task as words
from trunkline_hub.gateways.mcp.model.forms import misfits
from trunkline_hub.gateways.mcp.service.desk import Desk, Mount
from trunkline_hub.tasks import Tasks
from trunkline_hub.tasks.model import Record

_MOST_BYTES = 8 * 2**20
_MOST_CHARS = 12 * 2**20
"""Base64 takes four for three."""
_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Content:
    """What lies behind a resource's address."""

    media_type: str
    text: str | None = None
    blob: str | None = None
    """Base64."""


class Work:
    """Tasks and what they made, within a mount."""

    def __init__(self, desk: Desk, tasks: Tasks, blobs: Blobs, *, keep_s: float) -> None:
        self.desk = desk
        self.keep_s = keep_s
        self.tasks = tasks
        self._blobs = blobs

    async def start(self, mount: Mount, tool: Tool, arguments: dict[str, Any] | None) -> Record:
        """Start a task of a tool's skill; it is on record when this returns.

        Raises:
            what `Tasks.begin` raises
        """
        payload = model.as_arguments(tool, arguments)
        wanted = TaskRequest(skill=tool.skill, agent=mount.agent or tool.agent, input=payload)
        return await self.tasks.begin(mount.principal, mount.workspace, wanted, origin="mcp")

    async def get(self, mount: Mount, task_id: str) -> Record:
        """Return a task of the caller's, as it stands now.

        Raises:
            TaskUnknownError: there is none in reach of this mount.
        """
        record = await self.tasks.record(mount.principal, mount.workspace, task_id)
        if mount.agent is not None and record.seed.agent != mount.agent:
            raise TaskUnknownError(f"There is no task {task_id!r}")
        return record

    async def update(self, mount: Mount, task_id: str, responses: Mapping[str, Any]) -> None:
        """Take in answers; those that nobody asked for are ignored. Who declines calls the task off.

        Raises:
            TaskUnknownError
            PayloadInvalidError: an answer does not fit its form.
        """
        record = await self.get(mount, task_id)
        asked = {question.key: question for question in words.questions(record)}
        found = [(asked[key], response) for key, response in responses.items() if key in asked]
        if any(not isinstance(one, Mapping) or one.get("action") != "accept" for _question, one in found):
            await self.cancel(mount, task_id, "The caller declined to answer")
            return
        values = [(question.name, _value(question, response)) for question, response in found]
        if not values or record.said is None:
            return
        try:
            if values[0][0] is None:
                await self._reply(mount, task_id, values[0][1])
                return
            said = words.answered(record.said, {str(name): value for name, value in values})
            if len(values) == len(asked):
                await self._reply(mount, task_id, said.metadata[words.ANSWERS])
            else:
                await self.tasks.amend(mount.principal, mount.workspace, task_id, said)
        except (TaskBusyError, TaskFinishedError):  # somebody else answered, or called it off
            return

    async def cancel(self, mount: Mount, task_id: str, reason: str = "") -> None:
        """Call a task off; one that has ended stays as it is.

        Raises:
            TaskUnknownError
        """
        await self.get(mount, task_id)
        try:
            await self.tasks.cancel(mount.principal, mount.workspace, task_id, reason)
        except TaskFinishedError:
            return

    async def follow(self, mount: Mount, record: Record) -> AsyncIterator[Record]:
        """Yield the task whenever its state changes, until it ends."""
        known = (record.state, record.turn)
        async for latest, step in self.tasks.follow(mount.workspace, record):
            if step is not None and (latest.state, latest.turn) != known:
                known = (latest.state, latest.turn)
                yield latest

    async def artifacts(self, mount: Mount, after: str | None) -> tuple[list[tuple[Record, Artifact]], str | None]:
        """Return a page of the artifacts of the caller's own tasks, the latest first."""
        filters = {"caller": mount.principal.name} | ({"agent": mount.agent} if mount.agent else {})
        found, onward, _total = await self.tasks.records(
            mount.principal, mount.workspace, filters, cursor=after, limit=_PAGE
        )
        return [(record, artifact) for record in found for artifact in record.artifacts], onward

    async def content(self, mount: Mount, task_id: str, artifact_id: str) -> list[Content]:
        """Return the parts of an artifact.

        Raises:
            TaskUnknownError, BlobUnknownError: nothing like that is in the caller's reach.
            BlobTooLargeError: it is too large for a message.
        """
        record = await self.get(mount, task_id)
        artifact = next((one for one in record.artifacts if one.id == artifact_id), None)
        if artifact is None:
            raise BlobUnknownError(f"The task {task_id!r} made no artifact {artifact_id!r}")
        found: list[Content] = []
        size = 0
        for part in artifact.parts:
            one = await self._content(mount, part)
            size += len(one.text or one.blob or "")
            if size > _MOST_CHARS:
                raise BlobTooLargeError(f"The artifact {artifact_id!r} is too large for a message")
            found.append(one)
        return found

    async def _reply(self, mount: Mount, task_id: str, value: Any) -> None:
        await self.tasks.reply(mount.principal, mount.workspace, task_id, TaskReply(parts=_answer(value)))

    async def _content(self, mount: Mount, part: Part) -> Content:
        if part.dataref is not None:
            info = await self._blobs.info(mount.workspace, part.dataref.rsplit("/", 1)[-1])
            if info.size > _MOST_BYTES:
                raise BlobTooLargeError(f"{info.size:,} bytes are too many for a message: GET {part.dataref}")
            raw = b"".join([piece async for piece in self._blobs.read(mount.workspace, info, 0, info.size)])
            return _bytes(raw, part.media_type or info.content_type)
        if part.raw is not None:
            return _bytes(part.raw, part.media_type or "application/octet-stream")
        if part.data is not msgspec.UNSET:
            return Content(media_type="application/json", text=msgspec.json.encode(part.data).decode())
        if part.url is not None:
            return Content(media_type="text/uri-list", text=part.url)
        return Content(media_type=part.media_type or "text/plain", text=part.text or "")


def _value(question: words.Question, response: Mapping[str, Any]) -> Any:
    content = response.get("content") or {}
    if wrong := misfits(question.schema, content):
        raise PayloadInvalidError(errors=wrong)
    return question.value(content)


def _answer(value: Any) -> list[Part]:
    return [Part(text=value or "done") if isinstance(value, str) or value == {} else Part(data=value)]


def _bytes(raw: bytes, media_type: str) -> Content:
    if media_type.split(";", maxsplit=1)[0].strip().startswith(("text/", "application/json")):
        try:
            return Content(media_type=media_type, text=raw.decode())
        except UnicodeDecodeError:
            pass
    return Content(media_type=media_type, blob=base64.b64encode(raw).decode())
