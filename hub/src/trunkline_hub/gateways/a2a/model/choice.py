"""Which skill a message is for, whether it takes what was sent, and what it is given."""

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.protocol.errors import A2AContentTypeError, SkillUnknownError, TaskInputError
from trunkline.protocol.frames import Skill
from trunkline.protocol.tasks import Part, TaskMessage
from trunkline_hub.tasks.model import input_of

DEFAULT_TAG = "default"
MESSAGE_TAG = "a2a:message"
"""On a skill without a schema: it takes the message as it is, a `TaskMessage`."""
JSON, TEXT = "application/json", "text/plain"
DEFAULT_MODES = (TEXT, JSON)
_MESSAGE_KEYS = frozenset({"id", "role", "parts"})


def choose(skills: Sequence[Skill], wanted: str) -> Skill:
    """Return the skill that a message is for: the one it names, the only one, the one tagged `default`, or the first that takes text.

    Raises:
        SkillUnknownError: there is none of that name.
        TaskInputError: the message names none, and none stands out.
    """
    if wanted:
        found = next((skill for skill in skills if skill.name == wanted), None)
        if found is None:
            raise SkillUnknownError(f"The agent has no skill {wanted!r}; it has {_names(skills)}")
        return found
    if len(skills) == 1:
        return skills[0]
    tagged = [skill for skill in skills if DEFAULT_TAG in skill.tags]
    talking = tagged or [skill for skill in skills if takes_text(skill)]
    if not talking:
        raise TaskInputError(f"Name the skill as `skill` in the message's metadata: {_names(skills)}")
    return talking[0]


def falls_back(skills: Sequence[Skill], first: Skill) -> Skill | None:
    """Return the long skill behind a plain `default` one, which may say of a message that it needs a task."""
    if first.task or DEFAULT_TAG not in first.tags:
        return None
    return next((skill for skill in skills if skill.task), None)


def takes_text(skill: Skill) -> bool:
    """Whether plain words are input for a skill."""
    if skill.input_modes and not _matches(TEXT, skill.input_modes):
        return False
    try:
        input_of([Part(text="hello")], skill.input_schema)
    except TaskInputError:
        return False
    return True


def check_modes(skill: Skill, parts: Sequence[Part]) -> None:
    """Refuse parts of a type that the skill does not take.

    Raises:
        A2AContentTypeError
    """
    taken = skill.input_modes or DEFAULT_MODES
    for part in parts:
        kind = part.media_type.split(";", 1)[0].strip().lower()
        if not kind and part.text is not None:
            kind = TEXT
        if not kind and part.data is not msgspec.UNSET:
            kind = JSON
        if kind and not _matches(kind, taken):
            raise A2AContentTypeError(f"The skill {skill.name!r} takes {', '.join(taken)}, not {kind}")


def input_for(skill: Skill, message: TaskMessage) -> Any:
    """Return what a plain skill is called with.

    Raises:
        TaskInputError
    """
    if not skill.input_schema and MESSAGE_TAG in skill.tags:
        return msgspec.to_builtins(message)
    value = input_of(message.parts, skill.input_schema)
    if value is not msgspec.UNSET:
        return value
    if all(part.text is not None for part in message.parts):
        return message.text
    return msgspec.to_builtins(message)


def reply_of(output: Any) -> TaskMessage:
    """Return what a plain skill answered as the agent's message."""
    if isinstance(output, dict) and output.keys() >= _MESSAGE_KEYS:
        try:
            return msgspec.structs.replace(msgspec.convert(output, TaskMessage), role="agent")
        except msgspec.ValidationError:
            pass
    part = Part(text=output) if isinstance(output, str) else Part(data=output, media_type=JSON)
    return TaskMessage(id=str(uuid.uuid4()), role="agent", parts=[part])


def _matches(kind: str, taken: Sequence[str]) -> bool:
    patterns = {mode.split(";", 1)[0].strip().lower() for mode in taken}
    return bool(patterns & {kind, "*/*", f"{kind.split('/', 1)[0]}/*"})


def _names(skills: Sequence[Skill]) -> str:
    return ", ".join(repr(skill.name) for skill in skills) or "none"
