"""A framework's questions to a person, as questions to the task's caller; and what its run must remember meanwhile."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline import payloads
from trunkline.adapters.running import is_on_record
from trunkline.context import Context
from trunkline.protocol.tasks import Part, TaskMessage
from trunkline.task_runs import INLINE_BYTES

_YES = re.compile(r"\s*(y|yes|ok|okay|approve|approved|allow|true|go ahead)\b", re.IGNORECASE)
_NO = re.compile(r"\s*(n|no|deny|denied|reject|rejected|refuse|false|stop)\b[\s,.:;-]*", re.IGNORECASE)


@dataclass(frozen=True)
class Decision:
    """What a person said to a tool that wants to be used."""

    approved: bool
    note: str = ""
    arguments: dict[str, Any] | None = None
    """What to call it with instead."""


class Answers:
    """The caller's answers: `used` of them are in what the framework remembers, the rest are news to it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.used = 0
        said = context.task.history if is_on_record(context) else []
        self.given = max(0, sum(message.role == "user" for message in said) - 1)

    @property
    def fresh(self) -> int:
        """How many answers the framework has not heard yet."""
        return self.given - self.used

    async def skip(self, used: int) -> None:
        """Pass over what the framework has heard."""
        while self.used < min(used, self.given):
            await self.ask([])

    async def ask(self, question: list[Part]) -> TaskMessage:
        """Return the next answer; where there is none the run ends here until there is.

        Raises:
            TaskNeededError: this is a plain call.
        """
        message: TaskMessage = await self._context.task.ask(question, TaskMessage)
        self.used += 1
        return message

    async def decide(self, tool: str, arguments: Any) -> Decision:
        """Ask whether a tool may be used."""
        shown = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        question = [
            Part(text=f"May {tool!r} be used with {shown}? Answer yes, or no and why."),
            Part(data={"tool": tool, "arguments": arguments, "answers": ["yes", "no"]}),
        ]
        while True:
            decision = _decision(await self.ask(question))
            if decision is not None:
                return decision


def answer_of(message: TaskMessage) -> Any:
    """Return an answer as a framework takes it: its data if it has any, else its text."""
    data = [part.data for part in message.parts if part.data is not msgspec.UNSET]
    return data[0] if data else message.text


def question_of(value: Any) -> list[Part]:
    """Return what a framework asks: text as text, all else as data with its words before it."""
    if isinstance(value, str):
        return [Part(text=value)]
    plain = msgspec.json.decode(payloads.encode(value))
    words = next((plain[key] for key in ("question", "message", "description") if key in plain), "") if (
        isinstance(plain, dict)) else ""  # fmt: skip
    said = [Part(text=words)] if isinstance(words, str) and words else []
    return [*said, Part(data=plain)]


async def remember(context: Context, state: Any) -> None:
    """Save a run's state with its task; a large one goes to the object store. A plain call has nowhere to save it."""
    if not is_on_record(context):
        return
    raw = payloads.encode(state)
    if len(raw) > INLINE_BYTES:
        client: Any = context.client
        stored = await client.blobs.put(raw, content_type="application/json")
        state = {"blob": stored.url}
    await context.task.save(state)


async def recall(context: Context) -> Any:
    """Return what was saved; None where this is the first run."""
    if not is_on_record(context):
        return None
    state = context.task.load()
    if isinstance(state, dict) and set(state) == {"blob"}:
        client: Any = context.client
        blob = await client.blobs.at(state["blob"])
        return msgspec.json.decode(await blob.read())
    return state


def _decision(message: TaskMessage) -> Decision | None:
    answer = answer_of(message)
    if isinstance(answer, bool):
        return Decision(answer)
    if isinstance(answer, dict) and isinstance(answer.get("approved"), bool):
        note = answer.get("reason") or answer.get("message") or ""
        return Decision(answer["approved"], str(note), answer.get("arguments"))
    if not isinstance(answer, str):
        return None
    if _YES.match(answer):
        return Decision(approved=True)
    refused = _NO.match(answer)
    return Decision(approved=False, note=answer[refused.end() :].strip()) if refused else None
