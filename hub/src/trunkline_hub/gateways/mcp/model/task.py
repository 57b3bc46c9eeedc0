"""Tasks in the words of MCP's Tasks extension: how they stand, what they ask, what came of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol.errors import Problem
from trunkline.protocol.tasks import Artifact, Part, TaskMessage
from trunkline_hub.gateways.mcp.model.forms import ANSWER, form_of
from trunkline_hub.tasks.model import Record

EXTENSION = "io.modelcontextprotocol/tasks"
RESULT = "result"
"""Name of the artifact that is what a skill returned."""
ANSWERS = "answers"
"""Where a message with several questions keeps those that were answered already."""
_POLL_MS = 1000
_STATUS = {
    "completed": "completed", "canceled": "cancelled", "rejected": "failed", "input-required": "input_required",
    "auth-required": "input_required",
}  # fmt: skip
_OF_THE_HUB = ("bus.", "task.", "internal")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that a task wants to know of its caller, as an elicitation."""

    key: str
    """Never the same twice in the life of a task."""
    text: str
    schema: Mapping[str, Any]
    wraps: bool
    """Whether the answer is one field of the form rather than the form itself."""
    name: str | None = None
    """Which one it is, where several are asked at once."""

    def value(self, content: Mapping[str, Any]) -> Any:
        """Return the answer that a filled form holds."""
        return content.get(ANSWER) if self.wraps else dict(content)


def seed(record: Record, keep_s: float) -> dict[str, Any]:
    """Return a task as it is told at its creation."""
    shown: dict[str, Any] = {
        "taskId": record.id, "status": status(record), "createdAt": record.created_at,
        "lastUpdatedAt": record.updated_at, "ttlMs": int(keep_s * 1000), "pollIntervalMs": _POLL_MS,
    }  # fmt: skip
    said = record.said.text if record.said is not None else ""
    if told := said or (record.progress.message if record.progress is not None else ""):
        shown["statusMessage"] = told
    return shown


def status(record: Record) -> str:
    """Return one of the extension's five; a tool that failed has completed, with an error as its result."""
    if record.state == "failed":
        return "failed" if is_protocol_error(record) else "completed"
    return _STATUS.get(record.state, "working")


def is_protocol_error(record: Record) -> bool:
    """Whether the work failed for a reason that is none of the tool's: it was refused, or could not be done at all."""
    return record.state == "rejected" or record.error is None or record.error.code.startswith(_OF_THE_HUB)


def protocol_error(problem: Problem | None, said: str) -> dict[str, Any]:
    """Return why a task failed, as JSON-RPC has it."""
    if problem is None:
        return {"code": -32603, "message": said or "The task was refused"}
    return {"code": -32603, "message": problem.detail or problem.title, "data": {"problem": {"code": problem.code}}}


def questions(record: Record) -> list[Question]:
    """Return what a task still wants to know."""
    said = record.said
    if said is None or not record.waits:
        return []
    several = [part for part in said.parts if part.metadata.get("question")]
    if not several:
        form, wraps = form_of(said.metadata.get("schema"), is_text=record.state == "input-required")
        return [Question(key=said.id, text=said.text or "The task waits for you", schema=form, wraps=wraps)]
    answered = said.metadata.get(ANSWERS, {})
    found: list[Question] = []
    for part in several:
        name = str(part.metadata["question"])
        form, wraps = form_of(part.metadata.get("schema"), is_text=True)
        if name not in answered:
            found.append(Question(key=f"{said.id}.{name}", text=part.text or name, schema=form, wraps=wraps, name=name))
    return found


def answered(said: TaskMessage, answers: Mapping[str, Any]) -> TaskMessage:
    """Return a message with several questions after some more of them were answered."""
    known = {**said.metadata.get(ANSWERS, {}), **answers}
    return msgspec.structs.replace(said, metadata={**said.metadata, ANSWERS: known})


def output(artifacts: Sequence[Artifact]) -> Part | None:
    """Return what the skill returned, if it did."""
    found = next((one for one in artifacts if one.name == RESULT and len(one.parts) == 1), None)
    return found.parts[0] if found is not None else None
