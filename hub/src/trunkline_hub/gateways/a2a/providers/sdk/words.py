"""Tasks and messages of this hub in the words of A2A, and back."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from a2a.types import a2a_pb2 as pb
from a2a.utils.proto_utils import to_stream_response
from google.protobuf.json_format import MessageToDict, MessageToJson, ParseDict

from trunkline.protocol.tasks import Artifact, Part, TaskMessage, TaskState
from trunkline_hub.bus.course import Step
from trunkline_hub.gateways.a2a.model import Said
from trunkline_hub.tasks.model import Record

STATES: dict[TaskState, Any] = {
    "submitted": pb.TASK_STATE_SUBMITTED,
    "working": pb.TASK_STATE_WORKING,
    "input-required": pb.TASK_STATE_INPUT_REQUIRED,
    "auth-required": pb.TASK_STATE_AUTH_REQUIRED,
    "completed": pb.TASK_STATE_COMPLETED,
    "failed": pb.TASK_STATE_FAILED,
    "canceled": pb.TASK_STATE_CANCELED,
    "rejected": pb.TASK_STATE_REJECTED,
}
STATE_NAMES: dict[Any, TaskState] = {number: name for name, number in STATES.items()}
_EXACT = 2**53
_SKILL_KEYS = ("skill", "skillId")
Event = pb.Task | pb.Message | pb.TaskStatusUpdateEvent | pb.TaskArtifactUpdateEvent


class Words:
    """Writes what happened to a task as push notifications tell it."""

    def update(self, record: Record, step: Step, files_url: str) -> str | None:
        """Return one step as a `StreamResponse` in JSON; None where it is nothing to A2A clients."""
        event = event_of(record, step, files_url)
        return None if event is None else str(MessageToJson(to_stream_response(event), indent=None))

    def snapshot(self, record: Record, files_url: str) -> str:
        """Return a task as a `StreamResponse` in JSON."""
        return str(MessageToJson(to_stream_response(task(record, files_url)), indent=None))


def said(params: pb.SendMessageRequest) -> Said:
    """Return what a client sent."""
    given = params.message
    metadata, more = plain(given.metadata), plain(params.metadata)
    named = (source[key] for source in (metadata, more) for key in _SKILL_KEYS if isinstance(source.get(key), str))
    message = TaskMessage(
        id=given.message_id, role="user", parts=[part_of(part) for part in given.parts], metadata={**more, **metadata},
        extensions=list(given.extensions), reference_task_ids=list(given.reference_task_ids),
    )  # fmt: skip
    return Said(
        message=message, task_id=given.task_id, context_id=given.context_id, skill=next(named, ""),
        wait=not params.configuration.return_immediately,
    )  # fmt: skip


def part_of(part: pb.Part) -> Part:
    kind = part.WhichOneof("content")
    content: dict[str, Any] = {}
    if kind == "data":
        content["data"] = _numbers(MessageToDict(part.data))
    elif kind is not None:
        content[kind] = getattr(part, kind)
    return Part(filename=part.filename, media_type=part.media_type, metadata=plain(part.metadata), **content)


def spoken(given: pb.Message) -> TaskMessage:
    """Return what an agent elsewhere said."""
    return TaskMessage(
        id=given.message_id, role="agent", parts=[part_of(part) for part in given.parts],
        metadata=plain(given.metadata), extensions=list(given.extensions),
    )  # fmt: skip


def artifact_of(given: pb.Artifact) -> Artifact:
    """Return what an agent elsewhere made."""
    return Artifact(
        id=given.artifact_id, name=given.name, description=given.description, metadata=plain(given.metadata),
        parts=[part_of(part) for part in given.parts], extensions=list(given.extensions),
    )  # fmt: skip


def task(record: Record, files_url: str, *, history: int | None = None, artifacts: bool = True) -> pb.Task:
    """Return a task as it stands, with the last `history` messages."""
    told = (
        record.history if history is None else record.history[len(record.history) - min(history, len(record.history)) :]
    )
    found = pb.Task(
        id=record.id, context_id=record.seed.context_id, status=status(record, files_url),
        history=[message(one, files_url, record) for one in told],
        artifacts=[artifact(one, files_url) for one in record.artifacts] if artifacts else [],
    )  # fmt: skip
    _fill(found.metadata, record.seed.metadata)
    return found


def status(record: Record, files_url: str) -> pb.TaskStatus:
    found = pb.TaskStatus(state=STATES[record.state])
    found.timestamp.FromJsonString(record.state_at)
    spoken = record.said
    if spoken is None and record.error is not None and record.state == "failed":
        words = f"{record.error.title}: {record.error.detail}"
        spoken = TaskMessage(id=f"{record.id}.error", role="agent", parts=[Part(text=words)])
    if spoken is not None:
        found.message.CopyFrom(message(spoken, files_url, record))
    return found


def message(one: TaskMessage, files_url: str, record: Record | None = None) -> pb.Message:
    found = pb.Message(
        message_id=one.id, role=pb.ROLE_USER if one.role == "user" else pb.ROLE_AGENT,
        parts=[part(each, files_url) for each in one.parts], extensions=one.extensions,
        reference_task_ids=one.reference_task_ids,
    )  # fmt: skip
    if record is not None:
        found.task_id, found.context_id = record.id, record.seed.context_id
    _fill(found.metadata, one.metadata)
    return found


def artifact(one: Artifact, files_url: str) -> pb.Artifact:
    found = pb.Artifact(
        artifact_id=one.id, name=one.name, description=one.description, extensions=one.extensions,
        parts=[part(each, files_url) for each in one.parts],
    )  # fmt: skip
    _fill(found.metadata, one.metadata)
    return found


def part(one: Part, files_url: str) -> pb.Part:
    found = pb.Part(filename=one.filename, media_type=one.media_type)
    if one.text is not None:
        found.text = one.text
    elif one.raw is not None:
        found.raw = one.raw
    elif one.url is not None:
        found.url = one.url
    elif one.dataref is not None:
        found.url = f"{files_url}/{one.dataref.rsplit('/', 1)[-1]}"
    else:
        ParseDict(None if one.data is msgspec.UNSET else one.data, found.data)
    _fill(found.metadata, one.metadata)
    return found


def event_of(record: Record, step: Step, files_url: str) -> Event | None:
    """Return what a step of the course is to A2A clients, the record being as it is right after it."""
    event = step.event
    if event.kind == "artifact" and event.artifact is not None and not record.finished:
        held = next((one for one in record.artifacts if one.id == event.artifact.id), None)
        grown = event.append and held is not None and len(held.parts) > len(event.artifact.parts)
        return pb.TaskArtifactUpdateEvent(
            task_id=record.id, context_id=record.seed.context_id, artifact=artifact(event.artifact, files_url),
            append=grown, last_chunk=event.last,
        )  # fmt: skip
    if event.kind in {"created", "checkpoint", "handed_over"}:
        return None
    found = pb.TaskStatusUpdateEvent(
        task_id=record.id, context_id=record.seed.context_id, status=status(record, files_url)
    )
    if event.progress is not None:
        _fill(found.metadata, {"progress": msgspec.to_builtins(event.progress)})
    return found


def plain(struct: Any) -> dict[str, Any]:
    """Return a protobuf `Struct` as JSON, whole numbers as such."""
    found = _numbers(MessageToDict(struct))
    return found if isinstance(found, dict) else {}


def json_from(raw: bytes) -> dict[str, Any]:
    """Return a JSON object, or raise ValueError."""
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 -- as for what is no JSON at all
    return found


def _fill(struct: Any, values: Mapping[str, Any]) -> None:
    if values:
        ParseDict(values, struct)


def _numbers(value: Any) -> Any:
    """Protobuf knows doubles only: what is whole becomes whole again."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return value
