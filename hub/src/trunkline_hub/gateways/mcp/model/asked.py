"""What an upstream's tool wants to know before it goes on, as a question of a task, and its answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol.tasks import Part, TaskMessage
from trunkline_hub.gateways.mcp.model.forms import misfits, typed

KEPT = "mcp"
"""Where a question keeps what its tool wants back."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An `input_required` result: elicitations by the server's keys, and the state it wants back."""

    requests: Mapping[str, Mapping[str, Any]]
    """The params of each `elicitation/create`."""
    state: str | None = None

    @property
    def text(self) -> str:
        """All that is asked, in words."""
        return " ".join(_text(params) for params in self.requests.values()) or "it wants to be called again"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a tool is called with once more."""

    responses: Mapping[str, Mapping[str, Any]]
    state: str | None = None


def message(found: Asked, message_id: str) -> TaskMessage:
    """Return the question: a form, or several, each with the schema of its answer."""
    kept = {"state": found.state, "requests": found.requests}
    if len(found.requests) == 1:
        (params,) = found.requests.values()
        metadata = {KEPT: kept} | _schema(params)
        return TaskMessage(id=message_id, role="agent", parts=[Part(text=_text(params))], metadata=metadata)
    parts = [
        Part(text=_text(params), metadata={"question": key} | _schema(params)) for key, params in found.requests.items()
    ]
    return TaskMessage(id=message_id, role="agent", parts=parts or [Part(text="Go on?")], metadata={KEPT: kept})


def answers(question: TaskMessage, said: TaskMessage) -> tuple[Answers | None, str]:
    """Return (answers, "") for what the caller said, or (None, what is wrong with it)."""
    kept = question.metadata[KEPT]
    requests: Mapping[str, Mapping[str, Any]] = kept["requests"]
    value = _value(said)
    found: dict[str, Mapping[str, Any]] = {}
    for key, params in requests.items():
        if len(requests) == 1:
            answer = value
        elif isinstance(value, Mapping) and key in value:
            answer = value[key]
        else:
            return None, f"{key!r} is not answered"
        content, wrong = _content(params, answer)
        if wrong:
            return None, wrong
        found[key] = {"action": "accept"} | ({"content": content} if content is not None else {})
    return Answers(responses=found, state=kept["state"]), ""


def again(question: TaskMessage, wrong: str) -> TaskMessage:
    """Return a question asked once more, because its answer did not fit."""
    first, *others = question.parts
    text = f"{wrong}. {question.metadata.get('asked', first.text)}"
    metadata = {"asked": first.text, **question.metadata}
    return msgspec.structs.replace(
        question, parts=[msgspec.structs.replace(first, text=text), *others], metadata=metadata
    )


def _text(params: Mapping[str, Any]) -> str:
    asked = str(params.get("message", ""))
    return f"{asked} {params['url']}" if params.get("url") else asked


def _schema(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": params["requestedSchema"]} if params.get("requestedSchema") else {}


def _value(said: TaskMessage) -> Any:
    found = next((part.data for part in said.parts if part.data is not msgspec.UNSET), msgspec.UNSET)
    return said.text if found is msgspec.UNSET else found


def _content(params: Mapping[str, Any], answer: Any) -> tuple[Any, str]:
    """Return (what fills the form, what is wrong with the answer); an address that was to be visited takes none."""
    schema = params.get("requestedSchema")
    if not schema:
        return None, ""
    properties = schema.get("properties")
    fields = properties if isinstance(properties, Mapping) else {}
    if not isinstance(answer, Mapping) and len(fields) == 1:
        answer = {name: typed(field, answer) for name, field in fields.items()}
    if not fields and not isinstance(answer, Mapping):
        answer = {}
    return answer, "; ".join(error.detail for error in misfits(schema, answer))
